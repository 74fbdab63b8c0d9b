//! Cases about what goes out: the target, the headers and the body of a request.

use http::Method;

use crate::case::{Attempt, Case, METHODS, answer, answering, append, ok, to_server};
use crate::report::Clause;

pub(super) fn targets() -> impl Iterator<Item = Case> {
    let targets = [
        "/",
        "/api/v1/users/a%2Fb%2fc/mfa",
        "/api/v1/users/a%20b%2C%252F%2e%2E",
        "/api/v1/users/kp_1%3Ax%40y/sessions",
        "/api//v1/users//",
        "/api/v1/users/a;b=c,d~e!f$g&h(i)*j+k:l@m",
        "/api/v1/users/%E2%82%AC%00%7F%7E%41%2D",
        "/api/v1/users?email=a%2Bb%40example.com&expand=a%2Cb&empty=&plus=+&bare",
        "/api/v1/users?next_token=MTA6OmlkX2FzYw%3D%3D",
        "/api/v1/users?b=2&a=1&b=1&&c=%7e/?:@",
    ];
    let get = targets.into_iter().map(|target| {
        let attempt = Attempt::new(&Method::GET, target, b"", answer(ok()));
        to_server(Clause::Target, format!("GET {target}"), answering(&ok()), attempt)
    });
    get.chain(METHODS.into_iter().map(|method| {
        let name = format!("{method} without a body");
        let attempt = Attempt::new(&method, "/user", b"", answer(ok()));
        to_server(Clause::Target, name, answering(&ok()), attempt)
    }))
}

pub(super) fn request_headers() -> impl Iterator<Item = Case> {
    let every_kind: &[_] = &[
        ("x-custom", "a, b;c=\"d e\""),
        ("x-empty", ""),
        ("accept-language", "en"),
        ("user-agent", "contract/1"),
    ];
    let twice: &[_] = &[("x-twice", "a"), ("x-other", "c"), ("x-twice", "b, c"), ("x-twice", "a")];
    let of_the_stack: &[_] = &[("accept", "text/plain;q=0.5"), ("accept-encoding", "identity")];
    let own = [
        ("headers of your own", every_kind),
        ("headers that come twice", twice),
        ("headers that the HTTP stack has values for", of_the_stack),
    ];
    own.into_iter().flat_map(|(name, headers)| {
        [Method::GET, Method::POST].map(|method| {
            let mut attempt = Attempt::simple(&method, "/headers", answer(ok()));
            let map = attempt.request.headers_mut();
            for (name, _) in headers {
                map.remove(*name);
            }
            append(map, headers);
            to_server(Clause::RequestHeaders, format!("{method} with {name}"), answering(&ok()), attempt)
        })
    })
}

pub(super) fn request_bodies() -> impl Iterator<Item = Case> {
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    let bodies: [&[u8]; 4] =
        [b"{\"given_name\":\"Zo\xc3\xab\"}", b"\0", b"\xef\xbb\xbf {}\r\n\r\n", &every_byte];
    let bodies = bodies.map(<[u8]>::to_vec);
    [Method::POST, Method::PUT, Method::PATCH].into_iter().flat_map(move |method| {
        bodies.clone().map(|body| {
            let name = format!("{method} of {} bytes", body.len());
            let attempt = Attempt::new(&method, "/body", &body, answer(ok()));
            to_server(Clause::RequestBody, name, answering(&ok()), attempt)
        })
    })
}
