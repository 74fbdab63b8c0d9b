//! Transports whose errors reveal something.

use http::header::AUTHORIZATION;
use kinde_users_contract::Clause;
use kinde_users_core::Transport;

use crate::{Failed, Message, Row, assert_found, base64, row};

#[test]
fn errors_that_print_secrets_are_detected() {
    fn token(request: &Message) -> &[u8] {
        request.headers()[AUTHORIZATION].as_bytes().strip_prefix(b"Bearer ").unwrap()
    }
    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
    }
    fn prints(does: &str, text: fn(&Message) -> String) -> Row {
        row(does, "server closes the connection", Clause::QuietErrors, move |ureq, request| {
            let text = text(&request);
            ureq.send(request).map_err(|error| Failed { text: format!("{error} {text}"), ..error.into() })
        })
    }
    assert_found([
        prints("prints the token", |request| request.headers()[AUTHORIZATION].to_str().unwrap().to_owned()),
        prints("prints the headers", |request| format!("{:?}", request.headers())),
        prints("prints the body", |request| String::from_utf8_lossy(request.body()).into_owned()),
        prints("prints the bytes of the body", |request| format!("{:#?}", request.body())),
        prints("prints the URI", |request| request.uri().to_string()),
        prints("prints the query", |request| request.uri().query().unwrap_or_default().to_uppercase()),
        prints("prints the path", |request| request.uri().path().to_owned()),
    ]);
    assert_found([
        prints("prints the start of the token", |request| {
            String::from_utf8_lossy(&token(request)[..6]).into_owned()
        }),
        prints("prints the end of the token", |request| {
            let token = String::from_utf8_lossy(token(request)).into_owned();
            format!("...{}", &token[token.len() - 6..])
        }),
        prints("prints the token in hex", |request| hex(token(request))),
        prints("prints the token in base64", |request| base64(token(request))),
        prints("prints the header of the token in base64", |request| {
            base64(request.headers()[AUTHORIZATION].as_bytes())
        }),
        prints("prints the body in hex", |request| hex(request.body())),
        prints("prints a list of the body in hex", |request| format!("{:#x?}", request.body())),
        prints("prints the body in base64", |request| base64(request.body())),
    ]);
    let prints_response =
        row("prints the response", "within the body", Clause::QuietErrors, |ureq, request| {
            ureq.send(request).map_err(|_| Failed::new("cut off: {\"email\":\"penelope@example.com\"}"))
        });
    assert_found([prints_response]);
}
