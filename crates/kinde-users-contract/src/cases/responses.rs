//! Cases about what comes back: the headers and the body of a response.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, Method, Response, header};
use kinde_users_core::BodyFailure;

use crate::case::{
    Attempt, Case, Expected, PERSON, Twist, always, answer, answering, append, broken, in_a_row, response,
    sized, takes_gzip, to_server, too_large,
};
use crate::report::Clause;
use crate::script::{Answer, Pace, Script, Then};

pub(super) fn responses() -> Vec<Case> {
    let mut many = response(
        200,
        &[
            ("set-cookie", "a=1"),
            ("x-list", "a, b"),
            ("x-empty", ""),
            ("set-cookie", "b=2"),
            ("x-list", "c"),
            ("ratelimit-reset", "7"),
            ("set-cookie", "a=1"),
        ],
        b"{}",
    );
    many.headers_mut().extend(HeaderValue::from_bytes(b"caf\xe9").map(|value| (header::SERVER, value)));
    let long = response(200, &[], &b"0123456789abcdef".repeat(2000));
    let empty = response(200, &[], b"");
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(1024).collect();
    let latin = response(200, &[("content-type", "text/plain; charset=iso-8859-1")], &every_byte);
    let blanks = response(200, &[("content-type", "text/plain")], b"\xef\xbb\xbf \r\n{\"a\":\"\0\"}\n\r\n ");
    let extended = |reply: &Response<Vec<u8>>| {
        let mut answer = Answer::chunked(reply, usize::MAX);
        let end = b"0;last\r\nx-trailer: 1\r\nset-cookie: c=3\r\n\r\n";
        answer.bytes.truncate(answer.bytes.len().saturating_sub(b"0\r\n\r\n".len()));
        answer.bytes.extend_from_slice(end);
        answer
    };
    let bytewise = |answer: Answer| Answer { pace: Pace::ByteByByte, ..answer };
    let chunks = |reply: &_, size| Answer::chunked(reply, size);
    let rows = [
        (Clause::ResponseHeaders, "headers that come twice", Answer::of(&many), &many),
        (Clause::WholeResponse, "a body in chunks", chunks(&long, 999), &long),
        (Clause::WholeResponse, "a body in chunks of one byte", chunks(&latin, 1), &latin),
        (Clause::WholeResponse, "no chunk but the last", chunks(&empty, 1), &empty),
        (Clause::WholeResponse, "an empty body", Answer::of(&empty), &empty),
        (Clause::WholeResponse, "a body of an announced length", Answer::of(&long), &long),
        (Clause::WholeResponse, "a body of every byte in another charset", Answer::of(&latin), &latin),
        (Clause::WholeResponse, "a body with blanks around it", Answer::of(&blanks), &blanks),
        (Clause::WholeResponse, "a response byte by byte", bytewise(Answer::of(&blanks)), &blanks),
        (Clause::WholeResponse, "chunks byte by byte", bytewise(chunks(&blanks, 3)), &blanks),
    ];
    let case = |clause, name, given, expected| {
        to_server(clause, name, always(given), Attempt::new(&Method::GET, "/response", b"", expected))
    };
    let rows =
        rows.into_iter().map(|(clause, name, given, reply)| case(clause, name, given, answer(reply.clone())));
    let after = |interim: &str| {
        let mut answer = Answer::of(&many);
        answer.bytes.splice(..0, format!("HTTP/1.1 {interim}\r\n\r\n").into_bytes());
        answer
    };
    let two_framings = || {
        let mut answer = chunks(&long, 999);
        let end_of_line = answer.bytes.windows(2).position(|end| end == b"\r\n").unwrap_or_default();
        answer.bytes.splice(end_of_line..end_of_line, *b"\r\ncontent-length: 5");
        answer
    };
    let mut crowd = response(200, &[], b"{}");
    for number in 0..120_u16 {
        crowd.headers_mut().append("x-crowd", number.into());
    }
    // Few servers send these, and an error does not lose anything silently.
    let rare = [
        ("120 headers", Answer::of(&crowd), &crowd),
        ("a body that ends with the connection", Answer::until_close(&long), &long),
        ("a body in chunks, and a length that is wrong", two_framings(), &long),
        ("a body in a chunk, and trailers", extended(&long), &long),
        ("a response after `100 Continue`", after("100 Continue"), &many),
        ("a response after `100 Continue` with headers", after("100 Continue\r\nx-a: 1"), &many),
        ("a response after early hints", after("103 Early Hints\r\nlink: </>; rel=preload"), &many),
    ];
    let rare = rare.map(|(name, given, reply)| {
        case(Clause::WholeResponse, name, given, Expected::Rather(reply.clone()))
    });
    rows.chain(rare).collect()
}

pub(super) fn body_limit(limit: usize) -> Vec<Case> {
    let case = |name: &str, size, is_chunked: bool, expected| {
        let script = Script::answers(move |_, _| {
            let reply = sized(size);
            if is_chunked { Answer::chunked(&reply, 64 * 1024) } else { Answer::of(&reply) }
        });
        to_server(Clause::BodyLimit, name, script, Attempt::simple(&Method::GET, PERSON, expected))
    };
    let over = limit.saturating_add(1);
    vec![
        case("a body of the limit", limit, false, answer(sized(limit))),
        case("a body of the limit in chunks", limit, true, answer(sized(limit))),
        case("a body of one byte more", over, false, too_large(&sized(0))),
        case("a body of one byte more in chunks", over, true, too_large(&sized(0))),
    ]
}

pub(super) fn compression(limit: usize) -> io::Result<Vec<Case>> {
    let unknown = response(200, &[("content-encoding", "penelope")], b"{}");
    let small = response(200, &[("content-type", "application/json")], b"{\"id\":\"penelope\"}");
    let coded = |name: &str, coding, plain: &Response<Vec<u8>>, compressed: Vec<u8>, expected| {
        let plain = plain.clone();
        let mut compressed = plain.clone().map(|_| compressed);
        append(compressed.headers_mut(), &[("content-encoding", coding)]);
        let script = Script::answers(move |_, request| match request.uri().query() {
            _ if !takes_gzip(request) => Answer::of(&plain),
            Some("chunked") => Answer::chunked(&compressed, 7),
            _ => Answer::of(&compressed),
        });
        let attempts = ["/users/sally", "/users/sally?chunked"]
            .map(|target| Attempt::simple(&Method::GET, target, Expected::clone(&expected)));
        in_a_row(Clause::Decompression, name, script, attempts).with(Twist::Compressed)
    };
    let case = |name: &str, plain: &_, compressed, expected| coded(name, "gzip", plain, compressed, expected);
    let whole = gzip(small.body())?;
    let (start, end) = small.body().split_at(5);
    let members = [gzip(start)?, gzip(end)?].concat();
    let cut = |missing| whole.get(..whole.len().saturating_sub(missing)).unwrap_or_default().to_vec();
    let mut wrong = whole.clone();
    // The check sum is before the length, which has four bytes.
    wrong.iter_mut().rev().skip(4).take(4).for_each(|byte| *byte ^= 1);
    let (full, over) = (sized(limit), sized(limit.saturating_add(1)));
    Ok(vec![
        case("a compressed body", &small, whole.clone(), answer(small.clone())),
        coded("a body compressed by `GZIP`", "GZIP", &small, whole.clone(), answer(small.clone())),
        coded("a body compressed by `x-gzip`", "x-gzip", &small, whole.clone(), answer(small.clone())),
        case("an empty body that is said to be compressed", &sized(0), Vec::new(), answer(sized(0))),
        case("a compressed body in two members", &small, members, answer(small.clone())),
        case("a compressed body that becomes the limit", &full, gzip(full.body())?, answer(full.clone())),
        case("a compressed body that becomes one byte more", &over, gzip(over.body())?, too_large(&sized(0))),
        case("a compressed body that was cut off", &small, cut(12), broken(&small)),
        to_server(
            Clause::Decompression,
            "a compressed body that was cut off before its first byte",
            always(Answer::short(&response(200, &[("content-encoding", "gzip")], b""), 1000, Then::Close)),
            Attempt::simple(&Method::GET, PERSON, broken(&sized(0))),
        )
        .with(Twist::Compressed),
        case("a compressed body without its check sum", &small, cut(8), broken(&small)),
        case("a compressed body with a wrong check sum", &small, wrong, broken(&small)),
        case("a plain body that is said to be compressed", &small, small.body().clone(), broken(&small)),
        to_server(
            Clause::Decompression,
            "a body in an encoding that does not exist",
            answering(&unknown),
            Attempt::simple(&Method::GET, PERSON, Expected::RatherUnread(unknown, BodyFailure::Broken)),
        ),
    ])
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Returns the cases in which the body of a response breaks off after the head.
pub(super) fn heads() -> impl Iterator<Item = Case> {
    [201, 401, 404, 429, 503].into_iter().map(|status| {
        let headers = [
            ("retry-after", "7"),
            ("x-request-id", "1"),
            ("ratelimit-reset", "7"),
            ("ratelimit-reset", "30"),
        ];
        let reply = response(status, &headers, b"{\"errors\":");
        let attempt = Attempt::simple(&Method::POST, PERSON, broken(&reply));
        let script = always(Answer::short(&reply, 1000, Then::Close));
        to_server(Clause::Head, format!("{status}, and the body is cut off"), script, attempt)
    })
}
