//! Writes the spans of calls, one line for each when it ends. The example `opentelemetry` exports
//! them.

use kinde_users::fake::{FakeKinde, Fault, NewFakeUser};
use kinde_users::operations::{GetUserData, GetUserSessions};
use tracing_subscriber::fmt::format::FmtSpan;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_span_events(FmtSpan::CLOSE).with_ansi(false).without_time().init();

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
    Ok(())
}
