//! The HTTP stacks by themselves with `serde_json`: what a program would write that needs two calls and no more.

use std::sync::LazyLock;

use http::HeaderValue;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kinde_users::ureq::ureq::Agent;
use serde::de::DeserializeOwned;

use super::page;

pub(crate) const ID: &str = "kp_c3143a4b50ad43c88e541d9077681782";
pub(crate) const USER: &str = "/api/v1/user?id=kp_c3143a4b50ad43c88e541d9077681782";
pub(crate) const PAGE: &str = "/api/v1/users?page_size=500";

/// The same as ours, of the same length.
static AUTHORIZATION: LazyLock<HeaderValue> =
    LazyLock::new(|| format!("Bearer {}", page::token()).try_into().expect("a good value"));

pub(crate) fn agent() -> Agent {
    Agent::config_builder().proxy(None).build().into()
}

pub(crate) fn bare_ureq<T: DeserializeOwned>(agent: &Agent, origin: &str, target: &str) -> T {
    let request = agent.get(format!("{origin}{target}"));
    let request = request.header("authorization", &*AUTHORIZATION).header("accept", "application/json");
    let bytes = request.call().expect("a reply").body_mut().read_to_vec().expect("a body");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub(crate) type Bare = Client<HttpConnector, Empty<Bytes>>;

pub(crate) fn bare() -> Bare {
    Client::builder(TokioExecutor::new()).build(HttpConnector::new())
}

pub(crate) async fn bare_hyper<T: DeserializeOwned>(client: &Bare, origin: &str, target: &str) -> T {
    let request = http::Request::get(format!("{origin}{target}"))
        .header("authorization", &*AUTHORIZATION)
        .header("accept", "application/json")
        .body(Empty::new())
        .expect("a good request");
    let bytes = client.request(request).await.expect("a reply").collect().await.expect("a body").to_bytes();
    serde_json::from_slice(&bytes).expect("JSON")
}
