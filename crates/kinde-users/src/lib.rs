//! Client for the Users operations of Kinde's Management API.
//!
//! ```
//! use kinde_users::operations::{CreateUser, GetUsers, NewIdentity};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "fake")] {
//! # let fake = kinde_users::fake::FakeKinde::new();
//! # let client = kinde_users::client_over(fake.clone(), fake.domain()?, fake.credentials());
//! # #[cfg(any())]
//! let client = kinde_users::client("acme".parse()?, Credentials::new(client_id, client_secret));
//!
//! let ada = client.send(
//!     &CreateUser::new().given_name("Ada").identity(NewIdentity::email("ada@example.com").is_verified(true)),
//! )?;
//! println!("created {}", ada.id);
//!
//! for user in client.send(&GetUsers::new().page_size(500))?.users {
//!     println!("{} {:?}", user.id, user.created_on);
//! }
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! - [`operations`]: a type for each of the 19 operations, with the names of Kinde's documentation.
//! - [`client`]: a blocking client over ureq (feature `ureq`, on by default); [`client_over`]: over any [`Transport`].
//! - [`Client`]: what a client does; [`Error`] and [`CallError`]: what can go wrong, and whether the operation
//!   took place all the same.
//! - [`fake`](https://docs.rs/kinde-users-fake): a tenant in memory to test against (feature `fake`).
//! - `TimestampExt`: timestamps as `jiff` instants (feature `jiff`).
//!
//! Everything else is the protocol core, `kinde-users-core`, re-exported.

mod clock;
#[cfg(feature = "jiff")]
mod timestamp;

pub use clock::SystemClock;
pub use kinde_users_core::*;
#[cfg(feature = "fake")]
pub use kinde_users_fake as fake;
#[cfg(feature = "ureq")]
pub use kinde_users_ureq::{self as ureq, UreqTransport};
#[cfg(feature = "jiff")]
pub use timestamp::TimestampExt;

/// A blocking client over ureq.
#[cfg(feature = "ureq")]
pub type UreqClient = Client<UreqTransport, SystemClock>;

/// A blocking client of the tenant at `domain`, over ureq.
///
/// ```
/// use kinde_users::{Credentials, client};
///
/// let client = client("acme".parse()?, Credentials::new("client-id", "client-secret"));
/// # Ok::<(), kinde_users::DomainError>(())
/// ```
#[cfg(feature = "ureq")]
pub fn client(domain: Domain, credentials: Credentials) -> UreqClient {
    client_over(UreqTransport::new(), domain, credentials)
}

/// A blocking client of the tenant at `domain`, over any transport, on the machine's clock.
///
/// ```
/// use kinde_users::{Credentials, client_over, transport_fn};
///
/// let transport = transport_fn(|request: http::Request<Vec<u8>>| {
///     // Your own HTTP stack here.
///     Ok::<_, std::io::Error>(http::Response::new(Vec::new()))
/// });
/// let client = client_over(transport, "acme".parse()?, Credentials::new("client-id", "client-secret"));
/// # Ok::<(), kinde_users::DomainError>(())
/// ```
pub fn client_over<T: Transport>(
    transport: T,
    domain: Domain,
    credentials: Credentials,
) -> Client<T, SystemClock> {
    Client::new(Tenant::new(domain, credentials), transport, SystemClock::new())
}
