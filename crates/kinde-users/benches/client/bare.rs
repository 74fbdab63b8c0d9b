//! The HTTP stacks by themselves with `serde_json`: what a program would write that needs two calls
//! and no more.

use std::sync::LazyLock;

use http::HeaderValue;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Bytes};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kinde_users::ureq::ureq::Agent;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{page, plain};

pub(crate) const ID: &str = "kp_c3143a4b50ad43c88e541d9077681782";
pub(crate) const USER: &str = "/api/v1/user?id=kp_c3143a4b50ad43c88e541d9077681782";
pub(crate) const PROPERTIES: &str = "/api/v1/users/kp_c3143a4b50ad43c88e541d9077681782/properties";
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

pub(crate) fn write_ureq(agent: &Agent, origin: &str, body: &impl Serialize) -> plain::Success {
    let request = agent.patch(format!("{origin}{PROPERTIES}"));
    let request = request.header("authorization", &*AUTHORIZATION).header("accept", "application/json");
    let request = request.header("content-type", "application/json");
    let body = serde_json::to_vec(body).expect("JSON");
    let bytes = request.send(body).expect("a reply").body_mut().read_to_vec().expect("a body");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub(crate) type Bare<B = Empty<Bytes>> = Client<HttpConnector, B>;

pub(crate) fn bare<B: Body<Data: Send> + Send>() -> Bare<B> {
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

pub(crate) async fn write_hyper(
    client: &Bare<Full<Bytes>>,
    origin: &str,
    body: &impl Serialize,
) -> plain::Success {
    let request = http::Request::patch(format!("{origin}{PROPERTIES}"))
        .header("authorization", &*AUTHORIZATION)
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .body(Full::from(serde_json::to_vec(body).expect("JSON")))
        .expect("a good request");
    let bytes = client.request(request).await.expect("a reply").collect().await.expect("a body").to_bytes();
    serde_json::from_slice(&bytes).expect("JSON")
}
