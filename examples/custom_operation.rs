//! An endpoint of Kinde's that this crate does not ship, in a few lines: it gets tokens, retries and errors from the same
//! machinery as all others.
//!
//! `cargo run --example custom_operation -- user7`

use std::process::ExitCode;

use clap::Parser;
use http::{Method, Request, Response};
use kinde_users::fake::FakeKinde;
use kinde_users::models::User;
use kinde_users::{BuildError, Meta, Operation, PathTemplate, Replay, RequestWriter, Transport};
use kinde_users::{client_over, transport_fn};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, end, tell};
use kinde_users_examples::support::{EnvironmentError, connect};
use serde::Deserialize;

/// Searches users by a part of their e-mail address or name.
struct SearchUsers<'a>(&'a str);

#[derive(Deserialize)]
struct Found {
    results: Vec<User>,
}

impl Operation for SearchUsers<'_> {
    const META: Meta = Meta::new(
        "search_users",
        Method::GET,
        PathTemplate::new("/api/v1/search/users"),
        &["read:users"],
        Replay::Safe,
    );
    type Output = Found;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.required_query("query", self.0)
    }
}

/// Search users, with an operation that the library does not have.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// A part of the e-mail address or name
    #[arg(default_value = "user7")]
    query: String,
}

fn main() -> ExitCode {
    end(run(&Arguments::parse().query))
}

fn run(query: &str) -> Result<(), Failure> {
    let tenant = connect(0)?;
    let found = match tenant.fake {
        None => tenant.client.send(&SearchUsers(query))?,
        Some(_) => in_memory(query)?,
    };
    for user in found.results {
        tell(format_args!("{} {}", user.id, user.email().unwrap_or("?")))?;
    }
    Ok(())
}

/// The tenant in memory has the Users operations only, so that somebody else answers this one in front of it.
fn in_memory(query: &str) -> Result<Found, Failure> {
    let fake = FakeKinde::new();
    fake.seed_users(80);
    let behind = fake.clone();
    let in_front = transport_fn(move |request: Request<Vec<u8>>| {
        if request.uri().path() != SearchUsers::META.path.as_str() {
            return Transport::send(&behind, request);
        }
        let query = request.uri().query().and_then(|pairs| pairs.strip_prefix("query=")).unwrap_or_default();
        let emails = behind.users().into_iter().filter_map(|user| Some((user.email()?.to_owned(), user.id)));
        let results: Vec<_> = emails
            .filter(|(email, _)| email.contains(query))
            .map(|(email, id)| format!(r#"{{"id":"{id}","email":"{email}"}}"#))
            .collect();
        Ok(Response::new(format!(r#"{{"results":[{}]}}"#, results.join(",")).into_bytes()))
    });
    let domain = fake.domain().map_err(EnvironmentError::Domain)?;
    Ok(client_over(in_front, domain, fake.credentials()).send(&SearchUsers(query))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinde_users::DynOperation;

    #[test]
    fn it_is_called_as_all_others_are() {
        let found = in_memory("user7").unwrap().results;
        let emails: Vec<_> = found.iter().filter_map(User::email).collect();
        assert_eq!(emails.len(), 11);
        assert!(emails.iter().all(|email| email.starts_with("user7")), "{emails:?}");
    }

    #[test]
    fn an_argument_that_cannot_be_sent_is_found_before_any_call() {
        let error = DynOperation::new(SearchUsers("")).check().unwrap_err();
        assert_eq!(error.to_string(), "search_users: query must not be empty");
    }

    #[test]
    fn it_has_help_and_refuses_what_it_does_not_know() {
        use clap::error::ErrorKind;

        let parse = |argument| Arguments::try_parse_from(["custom_operation", argument]).err().unwrap();
        let help = parse("--help");
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        let help = help.to_string();
        assert!(help.contains("Exit codes: 0") && help.contains("Usage: "), "{help}");
        assert_eq!(parse("--no-such-thing").kind(), ErrorKind::UnknownArgument);
    }

    #[test]
    fn where_it_is_not_there_the_error_tells() {
        let error = FakeKinde::new().client().unwrap().send(&SearchUsers("ada")).err().unwrap();
        assert!(error.to_string().starts_with("search_users: HTTP 404: ROUTE_NOT_FOUND"), "{error}");
    }
}
