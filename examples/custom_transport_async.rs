//! A transport of a type of your own for async code. Here it logs what another transport carries.
//!
//! `cargo run --example custom_transport_async` works on an in-memory tenant. For a real one, wrap
//! `kinde_users::HyperTransport` (feature `hyper`), or put your HTTP stack into `send`.

use std::error::Error;
use std::time::Instant;

use kinde_users::fake::{FakeKinde, Fault};
use kinde_users::http::{Request, Response};
use kinde_users::operations::GetUsers;
use kinde_users::{AsyncTransport, BodyFailure, Delivery, TokioClock, async_client_over};

struct Logged<T>(T);

impl<T: AsyncTransport + Sync> AsyncTransport for Logged<T> {
    type Error = T::Error;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Self::Error> {
        // The path names no user by address; the query may, and the headers have the token.
        let what = format!("{} {}", request.method(), request.uri().path());
        let started = Instant::now();
        let result = self.0.send(request).await;
        let answer = match &result {
            Ok(response) => response.status().to_string(),
            Err(error) => error.to_string(),
        };
        println!("{what}: {answer} after {} ms", started.elapsed().as_millis());
        result
    }

    // Only the transport that sends knows whether something was sent and whether a head came.
    fn delivery(&self, error: &Self::Error) -> Delivery {
        self.0.delivery(error)
    }

    fn head<'e>(&self, error: &'e Self::Error) -> Option<&'e Response<BodyFailure>> {
        self.0.head(error)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let fake = FakeKinde::new();
    fake.seed_users(3);
    fake.next("get_users", Fault::unavailable());

    let transport = Logged(fake.clone());
    let client = async_client_over(transport, TokioClock::new(), fake.domain()?, fake.credentials());
    println!("{} users", client.send(&GetUsers::new()).await?.users.len());
    Ok(())
}
