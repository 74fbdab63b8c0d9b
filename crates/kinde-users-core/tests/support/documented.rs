//! What Kinde documents of the operations, written down by hand, and what is asked of the requests
//! that they become.
//!
//! Nothing of the crate is checked against itself: percent-encoding is decoded by a decoder of this
//! file's own.

use std::ops::RangeInclusive;

use http::Request;
use http::header::{AUTHORIZATION, HeaderMap, USER_AGENT};
use kinde_users_core::{
    AccessToken, BuildError, CallOptions, Credentials, Domain, Exchange, Input, Instant, Operation, Problem,
    Step, Tenant, build_request,
};
use serde_json::Value as Json;
use url::Url;

use super::{Visit, with_operation};

pub(crate) const ORIGIN: &str = "https://acme.kinde.example:8443";

/// The longest URI that HTTP stacks in Rust take.
const LONGEST_URI: usize = 65_534;

/// An operation, as Kinde documents it.
pub(crate) struct Documented {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: &'static [Pair],
}

/// A pair of a query.
pub(crate) enum Pair {
    /// Always there, and not empty.
    Id(&'static str),
    /// Always there, any text.
    Value(&'static str),
    /// One of these or none, and not empty.
    Cursor(&'static [&'static str]),
    /// Texts between commas, none of them empty.
    List(&'static str),
    Flag(&'static str),
    Number(&'static str, RangeInclusive<u32>),
    Time(&'static str),
}

use Pair::{Cursor, Flag, Id, List, Number, Time, Value};

/// The arguments of one call.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    /// In the order of the path template.
    pub(crate) path: Vec<String>,
    /// One for each documented pair, `None` where it is left out.
    pub(crate) query: Vec<Option<(&'static str, Json)>>,
    pub(crate) body: Option<Json>,
}

macro_rules! operations {
    ($($name:ident: $method:ident $path:literal [$($pair:expr),*];)+) => {
        /// All operations, in the order of their names.
        pub(crate) const DOCUMENTED: &[Documented] = &[$(Documented {
            name: stringify!($name),
            method: stringify!($method),
            path: $path,
            query: &[$($pair),*],
        }),+];
    };
}

operations! {
    create_user: POST "/api/v1/user" [];
    create_user_billing_customer: POST "/api/v1/users/{user_id}/billing_customer" [];
    create_user_identity: POST "/api/v1/users/{user_id}/identities" [];
    delete_user: DELETE "/api/v1/user" [Id("id"), Flag("is_delete_profile")];
    delete_user_sessions: DELETE "/api/v1/users/{user_id}/sessions" [];
    get_user_data: GET "/api/v1/user" [Id("id"), List("expand")];
    get_user_identities: GET "/api/v1/users/{user_id}/identities" [Cursor(&["starting_after", "ending_before"])];
    get_user_property_values: GET "/api/v1/users/{user_id}/properties" [];
    get_user_sessions: GET "/api/v1/users/{user_id}/sessions" [];
    get_users: GET "/api/v1/users" [
        Number("page_size", 1..=500), List("user_id"), Cursor(&["next_token"]), List("email"), List("username"),
        List("phone"), List("expand"), Flag("has_organization"), Time("active_since")
    ];
    get_users_mfa: GET "/api/v1/users/{user_id}/mfa" [];
    refresh_user_claims: POST "/api/v1/users/{user_id}/refresh_claims" [];
    reset_users_mfa: DELETE "/api/v1/users/{user_id}/mfa/{factor_id}" [];
    reset_users_mfa_all: DELETE "/api/v1/users/{user_id}/mfa" [];
    set_user_password: PUT "/api/v1/users/{user_id}/password" [];
    update_user: PATCH "/api/v1/user" [Id("id")];
    update_user_feature_flag_override: PATCH "/api/v1/users/{user_id}/feature_flags/{feature_flag_key}" [
        Value("value")
    ];
    update_user_properties: PATCH "/api/v1/users/{user_id}/properties" [];
    update_user_property: PUT "/api/v1/users/{user_id}/properties/{property_key}" [Value("value")];
}

/// The operation with this name.
pub(crate) fn documented(name: &str) -> &'static Documented {
    DOCUMENTED.iter().find(|operation| operation.name == name).unwrap()
}

impl Documented {
    /// The names of the arguments in the path.
    pub(crate) fn places(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// All arguments by name.
    fn by_name(&self, arguments: &Arguments) -> Json {
        let path = self.places().map(str::to_owned).zip(arguments.path.iter().cloned().map(Json::from));
        let query = arguments.query.iter().flatten().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let body = arguments.body.iter().filter_map(Json::as_object).flatten();
        let body = body.map(|(name, value)| (name.clone(), value.clone()));
        path.chain(query).chain(body).collect()
    }

    /// The length of the URI, everything but `A-Z a-z 0-9 - . _ ~` being encoded.
    fn uri_length(&self, arguments: &Arguments) -> usize {
        let literal: usize = self
            .path
            .split('/')
            .skip(1)
            .map(|segment| if segment.starts_with('{') { 1 } else { 1 + segment.len() })
            .sum();
        let places: usize = arguments.path.iter().map(|value| encoded_length(value)).sum();
        // With a `?` or `&` before it, and a `=` in it.
        let pairs: usize =
            arguments.pairs().map(|(name, value)| name.len() + 2 + encoded_length(&value)).sum();
        ORIGIN.len() + literal + places + pairs
    }

    /// Everything about the arguments that no request can carry.
    fn faults(&self, arguments: &Arguments) -> Vec<(&'static str, Problem)> {
        let mut faults = Vec::new();
        for (name, value) in self.places().zip(&arguments.path) {
            faults.extend(segment_faults(value).into_iter().map(|problem| (name, problem)));
        }
        for (pair, (name, value)) in
            self.query.iter().zip(&arguments.query).filter_map(|(pair, given)| Some((pair, given.as_ref()?)))
        {
            faults.extend(pair.faults(value).into_iter().map(|problem| (*name, problem)));
        }
        if let Some(body) = &arguments.body {
            faults.extend(body_faults(body));
        }
        if self.uri_length(arguments) > LONGEST_URI {
            // No argument by itself is to blame.
            faults.push(("request", Problem::TooLong { longest: LONGEST_URI }));
        }
        faults
    }
}

impl Pair {
    fn faults(&self, value: &Json) -> Vec<Problem> {
        match (self, value) {
            (Id(_), Json::String(text)) => id_faults(text),
            (Cursor(_), Json::String(text)) if text.is_empty() => vec![Problem::Empty],
            (List(_), Json::Array(values)) => values
                .iter()
                .filter_map(Json::as_str)
                .filter_map(|text| match text {
                    "" => Some(Problem::Empty),
                    text => text.contains(',').then_some(Problem::Comma),
                })
                .collect(),
            (Number(_, range), Json::Number(number)) => {
                out_of_range(number.as_u64(), range.clone()).into_iter().collect()
            }
            (Time(_), Json::String(text)) if !is_date_time(text) => vec![Problem::NotATimestamp],
            _ => vec![],
        }
    }
}

/// Why no id is this text.
fn id_faults(text: &str) -> Vec<Problem> {
    let mut faults = Vec::new();
    if text.is_empty() {
        faults.push(Problem::Empty);
    }
    if text.chars().any(char::is_control) {
        faults.push(Problem::ControlCharacter);
    }
    // What Unicode says to show as nothing, but for what chooses the form of the character before
    // it.
    let is_blank = |character: char| {
        let invisible = matches!(
            u32::from(character),
            0xad | 0x34f
                | 0x61c
                | 0x115f..=0x1160
                | 0x17b4..=0x17b5
                | 0x180b..=0x180f
                | 0x200b..=0x200f
                | 0x202a..=0x202e
                | 0x2060..=0x206f
                | 0x3164
                | 0xfeff
                | 0xffa0
                | 0xfff9..=0xfffb
                | 0xe0000..=0xe0fff
        );
        character.is_whitespace() || invisible
    };
    if text.starts_with(is_blank) || text.ends_with(is_blank) {
        faults.push(Problem::OuterBlank);
    }
    faults
}

/// Why this text is no segment of a path, after any number of decodings.
fn segment_faults(text: &str) -> Vec<Problem> {
    let mut bytes = text.as_bytes().to_vec();
    // Each pass makes it shorter, or is the last one.
    loop {
        let decoded = decode_leniently(&bytes);
        if decoded == bytes {
            break;
        }
        bytes = decoded;
    }
    let Ok(text) = String::from_utf8(bytes) else { return vec![Problem::NotASegment] };
    let mut faults = id_faults(&text);
    if text.contains(['/', '\\', '?', '#', ';']) {
        faults.push(Problem::NotASegment);
    }
    if text == "." || text == ".." {
        faults.push(Problem::DotSegment);
    }
    faults
}

/// Decodes percent-encoding once, as servers do: what is no escape is left as it is. Some also know
/// `%u002F`.
fn decode_leniently(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let number = |from: usize, to| (from..to).try_fold(0, |number, at| Some(number * 16 + digit(at)?));
        let is_wide = bytes.get(at + 1).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'u'));
        let (from, to) = if is_wide { (at + 2, at + 6) } else { (at + 1, at + 3) };
        if let Some(number) = number(from, to).filter(|_| bytes[at] == b'%') {
            let wide = || char::from_u32(number).unwrap_or('\u{fffd}').to_string().into_bytes();
            decoded.extend(u8::try_from(number).map_or_else(|_| wide(), |byte| vec![byte]));
            at = to;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    decoded
}

/// The segments that a server finds in a path behind a proxy that decodes it this many times,
/// merges slashes and folds dots. The proxy is as bad as they come: to it a backslash is a slash,
/// and what follows `?`, `#`, NUL, a line break or, within a segment, `;` is no part of the path.
fn behind_a_proxy(path: &str, decodings: usize) -> Vec<String> {
    let decoded = (0..decodings).fold(path.as_bytes().to_vec(), |path, _| decode_leniently(&path));
    let decoded = String::from_utf8_lossy(&decoded).replace('\\', "/");
    let path = decoded.split(['?', '#', '\0', '\r', '\n']).next().unwrap_or_default();
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment.split(';').next().unwrap_or_default().trim() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_owned()),
        }
    }
    segments
}

/// Whether a path reaches the route of its template, and no other one, whatever proxies are in
/// between.
pub(crate) fn reaches(template: &str, path: &str) -> bool {
    let template: Vec<_> = template.split('/').skip(1).collect();
    (0..6).all(|decodings| {
        let found = behind_a_proxy(path, decodings);
        found.len() == template.len()
            && template
                .iter()
                .zip(&found)
                .all(|(segment, found)| segment.starts_with('{') || segment == found)
    })
}

fn body_faults(body: &Json) -> Vec<(&'static str, Problem)> {
    let secrets = ["hashed_password", "salt", "signer_key", "salt_separator"].into_iter();
    let empty = secrets.filter(|name| body[name] == "").map(|name| (name, Problem::Empty));
    let numbers = [("iterations", 1..=u32::MAX), ("rounds", 1..=16), ("mem_cost", 1..=20)].into_iter();
    let numbers = numbers.filter_map(|(name, range)| Some((name, out_of_range(body[name].as_u64(), range)?)));
    let nameless = body["properties"].get("").map(|_| ("properties", Problem::Empty));
    let no_hash = is_no_hash(body).then_some(("hashed_password", Problem::WrongType));
    let no_base64 = no_base64(body).map(|name| (name, Problem::WrongType));
    let position_alone = (body.get("salt_position").is_some() && body.get("salt").is_none()).then(|| {
        match body["hashing_method"].as_str() {
            Some("bcrypt" | "aspnet-identity-v2") => Some(("salt_position", Problem::NotAllowed)),
            // Their hashes have a salt within.
            Some("crypt" | "wordpress") => None,
            _ => Some(("salt", Problem::Missing)),
        }
    });
    let position_alone = position_alone.flatten();
    empty.chain(numbers).chain(nameless).chain(no_hash).chain(no_base64).chain(position_alone).collect()
}

/// Forms of hashes that methods have: pieces between `$`. `<c22>` is 22 digits of crypt's, `<h32>`
/// 32 hex digits, `<n>` a number, `<2>` a cost, `<r>` a number of rounds, and `<s8>` a salt of at
/// most 8 characters.
const BCRYPT: &[&str] = &["$2a$<2>$<c53>", "$2b$<2>$<c53>", "$2y$<2>$<c53>"];
const CRYPT: &[&str] = &[
    "<c13>",
    "_<c19>",
    "$1$<s8>$<c22>",
    "$apr1$<s8>$<c22>",
    "$5$<s16>$<c43>",
    "$5$<r>$<s16>$<c43>",
    "$6$<s16>$<c86>",
    "$6$<r>$<s16>$<c86>",
    "$2x$<2>$<c53>",
    "$y$<s32>$<s86>$<c43>",
    "$gy$<s32>$<s86>$<c43>",
    "$7$<s128>$<c43>",
    "$sha1$<n>$<s64>$<c28>",
    "$md5$<s64>$<c22>",
    "$md5$<s64>$$<c22>",
    "$md5,<r>$<s64>$<c22>",
    "$md5,<r>$<s64>$$<c22>",
    "$3$$<h32>",
];
const WORDPRESS: &[&str] =
    &["$P$<c31>", "$H$<c31>", "$wp$2a$<2>$<c53>", "$wp$2b$<2>$<c53>", "$wp$2y$<2>$<c53>"];

fn has_a_form(hash: &str, forms: &[&str]) -> bool {
    let fits = |(form, piece): (&str, &str)| {
        let (before, form) = form.split_once('<').unwrap_or((form, ""));
        let Some(piece) = piece.strip_prefix(before) else { return false };
        let form = form.trim_end_matches('>');
        let length = |mark| form.strip_prefix(mark).and_then(|length: &str| length.parse::<usize>().ok());
        let consists_of = |is_in: fn(char) -> bool| !piece.is_empty() && piece.chars().all(is_in);
        let is_digit = |letter: char| letter.is_ascii_digit();
        match form {
            "" => piece.is_empty(),
            "n" => consists_of(is_digit),
            "2" => (4..=31).any(|cost| piece == format!("{cost:02}")),
            "r" => piece.strip_prefix("rounds=").is_some_and(|n| !n.is_empty() && n.chars().all(is_digit)),
            _ => {
                length('c') == Some(piece.len())
                    && consists_of(|l| l.is_ascii_alphanumeric() || "./".contains(l))
                    || length('h') == Some(piece.len()) && consists_of(|l| l.is_ascii_hexdigit())
                    || length('s').is_some_and(|most| piece.len() <= most)
                        && piece.chars().all(|l| ('!'..='~').contains(&l))
            }
        }
    };
    forms.iter().any(|form| {
        form.split('$').count() == hash.split('$').count() && form.split('$').zip(hash.split('$')).all(fits)
    })
}

/// The bytes of base64 of either alphabet, with its padding or without it.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(text);
    let is_padded_well = digits.len() == text.len() || text.len() % 4 == 0;
    let value = |letter: char, last: [char; 2]| {
        let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(last);
        letters.zip(0_u32..).find(|(own, _)| *own == letter).map(|(_, value)| value)
    };
    let values = |last| digits.chars().map(|letter| value(letter, last)).collect::<Option<Vec<_>>>();
    let values = values(['+', '/']).or(values(['-', '_']))?;
    let bytes = values.chunks(4).map(|group| {
        let bits = group.iter().fold(0, |bits, value| bits << 6 | value) << (6 * (4 - group.len()));
        // A digit by itself is less than a byte.
        (group.len() > 1).then(|| bits.to_be_bytes()[1..group.len()].to_vec())
    });
    bytes.collect::<Option<Vec<_>>>().filter(|_| is_padded_well).map(|bytes| bytes.concat())
}

fn base64_length(text: &str) -> Option<usize> {
    from_base64(text).map(|bytes| bytes.len())
}

/// Whether what is given as a hash cannot be one of its method.
fn is_no_hash(body: &Json) -> bool {
    let Some(hash) = body["hashed_password"].as_str().filter(|hash| !hash.is_empty()) else { return false };
    let has = |forms: &[&str]| has_a_form(hash, forms);
    let is_salt_apart = body.get("salt").is_some();
    let may_be = match body["hashing_method"].as_str().unwrap() {
        "bcrypt" => has(BCRYPT),
        "crypt" => {
            let further = (2..=16).map(|pieces| format!("<c{}>", 2 + 11 * pieces));
            has(CRYPT)
                || has(BCRYPT)
                || further.into_iter().any(|form| has(&[&form]))
                || is_salt_apart && has(&["<c11>", "<c22>", "<c28>", "<c31>", "<c43>", "<c53>", "<c86>"])
        }
        "md5" => has(&["<h32>"]) || hash.len() == 24 && base64_length(hash) == Some(16),
        "sha256" => has(&["<h64>"]),
        "wordpress" => {
            has(WORDPRESS)
                || has(BCRYPT)
                || has(&["<h32>"])
                || is_salt_apart && has(&["<c22>", "<c31>", "<c53>"])
        }
        "pbkdf2" => match (base64_length(hash), body["variant"].as_str().unwrap()) {
            (length, "salted-pbkdf2-hmac-sha256") => length == Some(32),
            (length, "salted-pbkdf2-hmac-sha256-512" | "salted-pbkdf2-hmac-sha512-512") => length == Some(64),
            (length, _) => length.is_some(),
        },
        "firebase-scrypt" => base64_length(hash) == Some(64),
        // Not shorter, as it has its padding.
        "aspnet-identity-v2" => {
            let bytes = from_base64(hash).filter(|bytes| bytes.len() == 49 && hash.len() == 68);
            bytes.is_some_and(|bytes| bytes[0] == 0)
        }
        method => panic!("{method}"),
    };
    !may_be
}

/// The first salt or key that has to be base64 and is not.
fn no_base64(body: &Json) -> Option<&'static str> {
    let is_in_base64 = ["pbkdf2", "firebase-scrypt"].contains(&body["hashing_method"].as_str()?);
    let is_wrong = |name: &&str| {
        body[*name].as_str().is_some_and(|text| !text.is_empty() && base64_length(text).is_none())
    };
    ["salt", "signer_key", "salt_separator"].into_iter().find(|name| is_in_base64 && is_wrong(name))
}

fn out_of_range(number: Option<u64>, range: RangeInclusive<u32>) -> Option<Problem> {
    let (least, most) = range.into_inner();
    let fits = (u64::from(least)..=u64::from(most)).contains(&number?);
    (!fits).then_some(Problem::OutOfRange { least, most })
}

/// Whether this is a date-time of RFC 3339, or one whose offset has no minutes, as Kinde writes
/// them.
fn is_date_time(text: &str) -> bool {
    /// Whether these are numbers of two digits (a year: of four), in their ranges.
    fn numbers(text: &str, between: char, ranges: &[RangeInclusive<u32>]) -> bool {
        let numbers: Vec<&str> = text.split(between).collect();
        numbers.len() == ranges.len()
            && numbers.iter().zip(ranges).all(|(number, range)| {
                number.len() == if *range.end() > 99 { 4 } else { 2 }
                    && number.bytes().all(|byte| byte.is_ascii_digit())
                    && range.contains(&number.parse().unwrap())
            })
    }

    let parts = text.split_once('T').and_then(|(date, rest)| {
        let (clock, offset) = rest.split_at(rest.find(['Z', '+', '-'])?);
        Some((date, clock, offset))
    });
    let Some((date, clock, offset)) = parts else { return false };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    numbers(date, '-', &[0..=9999, 1..=12, 1..=31])
        && numbers(clock, ':', &[0..=23, 0..=59, 0..=60])
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && (offset == "Z"
            || offset.strip_prefix(['+', '-']).is_some_and(|offset| {
                numbers(offset, ':', &[0..=23]) || numbers(offset, ':', &[0..=23, 0..=59])
            }))
}

impl Arguments {
    /// The query as it is to arrive.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.query.iter().flatten().filter_map(|(name, value)| {
            let value = match value {
                Json::String(text) => text.clone(),
                Json::Array(list) if list.is_empty() => return None,
                Json::Array(list) => list.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            Some((*name, value))
        })
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

pub(crate) fn encoded_length(text: &str) -> usize {
    text.bytes().map(|byte| if is_unreserved(byte) { 1 } else { 3 }).sum()
}

/// Decodes percent-encoding; `None` where anything is encoded that need not be, or is not that must
/// be.
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || {
                let digit = bytes.next().filter(|digit| !digit.is_ascii_lowercase())?;
                char::from(digit).to_digit(16)
            };
            let encoded = u8::try_from(digit()? * 16 + digit()?).ok()?;
            decoded.push(Some(encoded).filter(|encoded| !is_unreserved(*encoded))?);
        } else {
            decoded.push(Some(byte).filter(|byte| is_unreserved(*byte))?);
        }
    }
    String::from_utf8(decoded).ok()
}

type Built = Result<Request<Vec<u8>>, BuildError>;

/// Builds an operation's request by itself, and by way of an exchange.
struct Build<'a>(&'a str);

impl Visit for Build<'_> {
    type Out = (Built, Built);

    fn visit<O: Operation>(self, operation: &O) -> Self::Out {
        let domain = Domain::parse(ORIGIN).unwrap();
        let token = AccessToken::new(self.0).unwrap();
        let built = build_request(operation, &domain, &token);
        let mut tenant = Tenant::new(domain, Credentials::access_token(token));
        let exchange = Exchange::new(operation, &tenant, CallOptions::new());
        let sent =
            exchange.map(|mut exchange| match exchange.advance(&mut tenant, Instant::START, Input::Start) {
                Step::Send(request) => request,
                step => panic!("{step:?}"),
            });
        (built, sent)
    }
}

/// Builds the operation, and checks that it becomes the documented request, which comes back, or
/// that it is refused for a reason.
pub(crate) fn check(operation: &Documented, arguments: &Arguments, token: &str) -> Option<Request<Vec<u8>>> {
    let (built, sent) = with_operation(operation.name, &operation.by_name(arguments), Build(token));
    let faults = operation.faults(arguments);
    let request = match built {
        Ok(request) => request,
        Err(error) => {
            assert_eq!(error.operation(), operation.name);
            assert!(faults.contains(&(error.argument(), error.problem())), "{error}, not {faults:?}");
            assert_eq!(sent.unwrap_err(), error);
            return None;
        }
    };
    assert!(faults.is_empty(), "built in spite of {faults:?}");
    assert_eq!(request.method(), operation.method);
    check_uri(operation, arguments, request.uri());
    check_headers(operation, arguments, token, request.headers());
    check_body(arguments, request.body());

    let mut sent = sent.unwrap();
    let ours = concat!("kinde-users/", env!("CARGO_PKG_VERSION"));
    assert_eq!(sent.headers_mut().remove(USER_AGENT).unwrap(), ours);
    assert_eq!(sent.method(), request.method());
    assert_eq!(sent.uri(), request.uri());
    assert_eq!(sent.headers(), request.headers());
    assert!(sent.headers()[AUTHORIZATION].is_sensitive());
    assert_eq!(sent.body(), request.body());
    Some(request)
}

fn check_uri(operation: &Documented, arguments: &Arguments, uri: &http::Uri) {
    let text = uri.to_string();
    let target = text.strip_prefix(ORIGIN);
    assert!(target.is_some(), "{text}");
    let (path, query) = match target.unwrap().split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target.unwrap(), None),
    };

    // A segment for each one of the template: the literal ones as they are, and the arguments.
    let mut values = arguments.path.iter();
    let mut expected = Vec::new();
    let mut found = Vec::new();
    let mut segments = path.split('/');
    for documented in operation.path.split('/') {
        let segment = segments.next();
        if documented.starts_with('{') {
            expected.push(values.next().cloned());
            found.push(segment.and_then(decode));
        } else {
            expected.push(Some(documented.to_owned()));
            found.push(segment.map(str::to_owned));
        }
    }
    assert_eq!(found, expected);
    assert_eq!(segments.next(), None);
    assert!(reaches(operation.path, path), "{path} reaches another route behind a proxy");

    let pairs: Option<Vec<_>> = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((decode(name)?, decode(value)?))
        })
        .collect();
    let expected: Vec<_> = arguments.pairs().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(query.is_some(), !expected.is_empty());
    assert_eq!(pairs, Some(expected));

    // Two parsers read it in this way too, and find nothing to fold.
    assert_eq!((uri.path(), uri.query()), (path, query));
    let parsed = Url::parse(&text).unwrap();
    assert_eq!(parsed.as_str(), &text);
    assert_eq!(text.len(), operation.uri_length(arguments));
}

fn check_headers(operation: &Documented, arguments: &Arguments, token: &str, headers: &HeaderMap) {
    let authorization = format!("Bearer {token}");
    let mut expected = vec![("accept", "application/json"), ("authorization", &authorization)];
    if arguments.body.is_some() {
        expected.push(("content-type", "application/json"));
    } else if ["POST", "PUT", "PATCH"].contains(&operation.method) {
        expected.push(("content-length", "0"));
    }
    let mut found: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert!(headers[AUTHORIZATION].is_sensitive());
}

fn check_body(arguments: &Arguments, body: &[u8]) {
    let Some(expected) = &arguments.body else { return assert!(body.is_empty()) };
    assert_eq!(&serde_json::from_slice::<Json>(body).unwrap(), expected);
    // No space in between, and no key twice.
    assert_eq!(body.len(), expected.to_string().len());
}
