//! Unit tests of requests and replies, with no client and no network.
//!
//! `cargo test --example request_tests` runs the tests.

use kinde_users::operations::{Expand, GetUsers};

/// The operation that this application makes of what its user typed.
fn search(typed: &str) -> GetUsers {
    GetUsers::new().page_size(50).email(typed.trim()).expand(Expand::Identities)
}

fn main() {
    println!("{:?}", search(" ada@example.com "));
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinde_users::http::{Method, Request, Response, header};
    use kinde_users::operations::{GetUserData, UpdateUser};
    use kinde_users::{AccessToken, BuildError, Domain, Operation, Reply, build_request};

    fn request<O: Operation>(operation: &O) -> Result<Request<Vec<u8>>, BuildError> {
        let domain = Domain::parse("acme").unwrap();
        build_request(operation, &domain, &AccessToken::new("my-token").unwrap())
    }

    #[test]
    fn search_is_a_get_with_an_encoded_query() {
        let request = request(&search(" ada+test@example.com ")).unwrap();
        assert_eq!(request.method(), Method::GET);
        let uri = "https://acme.kinde.com/api/v1/users\
            ?page_size=50&email=ada%2Btest%40example.com&expand=identities";
        assert_eq!(request.uri(), uri);
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer my-token");
        assert!(request.body().is_empty());
    }

    #[test]
    fn update_has_a_json_body() {
        let request = request(&UpdateUser::new("kp_1").is_suspended(true)).unwrap();
        assert_eq!((request.method(), request.uri().query()), (&Method::PATCH, Some("id=kp_1")));
        assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(request.body(), br#"{"is_suspended":true}"#);
    }

    #[test]
    fn empty_id_is_refused() {
        let error = request(&GetUserData::new("")).unwrap_err();
        assert_eq!(error.to_string(), "get_user_data: id must not be empty");
    }

    #[test]
    fn reply_is_read_as_the_type_of_the_operation() {
        let response = Response::new(br#"{"id":"kp_1","preferred_email":"ada@example.com"}"#.to_vec());
        let user = Reply::new::<GetUserData>(response).into_output::<GetUserData>().unwrap();
        assert_eq!(user.email(), Some("ada@example.com"));
    }
}
