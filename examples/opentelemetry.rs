//! Exports the spans of calls to OpenTelemetry. The exporter of this example prints them. To send
//! them to a collector, use the one of the crate `opentelemetry-otlp` instead.

use kinde_users::fake::{FakeKinde, Fault, NewFakeUser};
use kinde_users::operations::{GetUserData, GetUserSessions};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exporter = opentelemetry_stdout::SpanExporter::default();
    let resource = Resource::builder().with_service_name("my-sync").build();
    let provider =
        SdkTracerProvider::builder().with_simple_exporter(exporter).with_resource(resource).build();
    // Only the spans of this library. At level `trace`, ureq logs tokens.
    let targets = Targets::new().with_target("kinde_users", LevelFilter::DEBUG);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("my-sync"));
    tracing_subscriber::registry().with(layer.with_filter(targets)).init();

    let fake = FakeKinde::new();
    let id = fake.add_user(NewFakeUser::new().email("ada@example.com"));
    let client = fake.client()?;

    // The first request meets a limit, and the call sends it again.
    fake.next("get_user_sessions", Fault::rate_limited(7));
    client.send(&GetUserSessions::new(&id))?;
    // This user does not exist.
    if let Err(error) = client.send(&GetUserData::new("kp_unknown")) {
        println!("{error}");
    }
    // Exports what is left.
    provider.shutdown()?;
    Ok(())
}
