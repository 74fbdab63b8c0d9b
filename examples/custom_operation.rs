//! An endpoint of Kinde's that the crate does not have, with its paging.
//!
//! It gets tokens, retries, errors and paging from the same machinery as all other operations.
//! `cargo run --example custom_operation` needs no tenant: canned replies stand in for the network.

use std::error::Error;

use kinde_users::http::{Method, Request, Response};
use kinde_users::models::User;
use kinde_users::{BuildError, Cursor, Meta, Operation, Paginated, PathTemplate, Replay, RequestWriter};
use kinde_users::{Credentials, client_over, transport_fn};
use serde::Deserialize;

/// Searches users by a part of the address or the name.
#[derive(Clone)]
struct SearchUsers {
    query: String,
    starting_after: Option<Cursor>,
}

#[derive(Deserialize)]
struct Found {
    results: Vec<User>,
}

impl Operation for SearchUsers {
    const META: Meta = Meta::new(
        "search_users",
        Method::GET,
        PathTemplate::new("/api/v1/search/users"),
        &["read:users"],
        Replay::Safe,
    );
    type Output = Found;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.required_query("query", &self.query)?;
        self.starting_after.iter().for_each(|id| request.query("starting_after", id.as_str()));
        Ok(())
    }
}

impl Paginated for SearchUsers {
    type Item = User;

    fn at(self, cursor: Cursor) -> Self {
        Self { starting_after: Some(cursor), ..self }
    }

    // The list goes on after the last user of a page. A page without users is its end.
    fn next(&self, page: &Found) -> Option<Cursor> {
        page.results.last().map(|user| Cursor::from(user.id.as_str()))
    }

    fn items(page: Found) -> Vec<User> {
        page.results
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let transport = transport_fn(|request: Request<Vec<u8>>| {
        println!("{} {}", request.method(), request.uri());
        let body = match (request.uri().path(), request.uri().query()) {
            ("/oauth2/token", _) => r#"{"access_token":"t","token_type":"bearer","expires_in":86399}"#,
            (_, Some("query=ada")) => r#"{"results":[{"id":"kp_1"},{"id":"kp_2"}]}"#,
            _ => r#"{"results":[]}"#,
        };
        Ok::<_, std::io::Error>(Response::new(body.into()))
    });
    let client = client_over(transport, "acme".parse()?, Credentials::new("client-id", "client-secret"));
    for user in client.pages(SearchUsers { query: "ada".into(), starting_after: None }).items() {
        println!("{}", user?.id);
    }
    Ok(())
}
