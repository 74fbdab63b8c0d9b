#![doc = include_str!("../docs/guide.md")]

use std::hash::{BuildHasher, Hasher, RandomState};

// The example in the README is a test too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod clock;
#[cfg(doc)]
pub mod guide;
mod parallel;
#[cfg(feature = "record")]
pub mod record;
#[cfg(feature = "stream")]
mod stream;
#[cfg(feature = "jiff")]
mod timestamp;

pub use clock::SystemClock;
pub use http;
#[cfg(feature = "contract")]
pub use kinde_users_contract as contract;
pub use kinde_users_core::*;
#[cfg(feature = "fake")]
pub use kinde_users_fake as fake;
#[cfg(feature = "hyper")]
pub use kinde_users_hyper::{self as hyper, HyperTransport, TokioClock};
#[cfg(feature = "import")]
pub use kinde_users_import as import;
#[cfg(feature = "ureq")]
pub use kinde_users_ureq::{self as ureq, UreqTransport};
pub use parallel::in_parallel;
#[cfg(feature = "stream")]
pub use stream::IntoStream;
#[cfg(feature = "jiff")]
pub use timestamp::TimestampExt;

/// A blocking client over ureq.
#[cfg(feature = "ureq")]
pub type UreqClient = Client<UreqTransport, SystemClock>;

/// Creates a blocking client of the tenant at `domain`, over ureq.
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

/// Creates a blocking client of the tenant at `domain`, over any transport. The client uses the
/// clock of the system.
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
    Client::new(tenant(domain, credentials), transport, SystemClock::new())
}

/// An async client over hyper. It uses the clock of tokio.
#[cfg(feature = "hyper")]
pub type HyperClient = AsyncClient<HyperTransport, TokioClock>;

/// Creates an async client of the tenant at `domain`, over hyper. Use the client in a tokio
/// runtime.
///
/// ```
/// use kinde_users::operations::GetUsers;
/// use kinde_users::{Credentials, async_client};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = async_client("acme".parse()?, Credentials::new("client-id", "client-secret"));
/// let mut users = client.pages(GetUsers::new().page_size(500)).items();
/// while let Some(user) = users.next_item().await {
///     println!("{}", user?.id);
/// }
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "hyper")]
pub fn async_client(domain: Domain, credentials: Credentials) -> HyperClient {
    async_client_over(HyperTransport::new(), TokioClock::new(), domain, credentials)
}

/// Creates an async client of the tenant at `domain`, over any transport and with any clock.
///
/// ```
/// use kinde_users::{AsyncClient, AsyncClock, AsyncTransport, Credentials, DomainError, async_client_over};
///
/// fn acme<T: AsyncTransport, C: AsyncClock>(transport: T, clock: C) -> Result<AsyncClient<T, C>, DomainError> {
///     let credentials = Credentials::new("client-id", "client-secret");
///     Ok(async_client_over(transport, clock, "acme".parse()?, credentials))
/// }
/// ```
pub fn async_client_over<T: AsyncTransport, C: AsyncClock>(
    transport: T,
    clock: C,
    domain: Domain,
    credentials: Credentials,
) -> AsyncClient<T, C> {
    AsyncClient::new(tenant(domain, credentials), transport, clock)
}

/// Creates a tenant with a random seed. If several processes use the same tenant, their random
/// seeds make them wait for different times before they retry. On `wasm32-unknown-unknown` the seed
/// is not random, so set one with [`Tenant::with_seed`].
///
/// Use this function to create a [`Client`] with your own clock or with other settings of the
/// tenant. The functions of this crate that create clients already call `tenant`.
///
/// ```
/// use kinde_users::{Client, Credentials, SystemClock, tenant, transport_fn};
///
/// let transport = transport_fn(|_| Ok::<_, std::io::Error>(http::Response::new(Vec::new())));
/// let tenant = tenant("acme".parse()?, Credentials::new("client-id", "client-secret")).with_rate_limit(10);
/// let client = Client::new(tenant, transport, SystemClock::new());
/// # drop(client);
/// # Ok::<(), kinde_users::DomainError>(())
/// ```
pub fn tenant(domain: Domain, credentials: Credentials) -> Tenant {
    // The hashing keys of the standard library are random, so no dependency is needed.
    Tenant::new(domain, credentials).with_seed(RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tenants_wait_alike() {
        let acme = || tenant(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"));
        assert_ne!(acme(), acme());
    }
}
