//! Records what a client sends and receives, and answers from a recording.
//!
//! A [`Recorder`] is a transport around another transport. The recorder keeps each request and its
//! answer in a [`Recording`], which you can save to a file. A [`Replayer`] is a transport that
//! answers from a recording. So a test can run offline with the answers of a real tenant.
//!
//! ```
//! use kinde_users::fake::{FakeKinde, NewFakeUser};
//! use kinde_users::operations::GetUsers;
//! use kinde_users::record::{Recorder, Recording, Replayer};
//! use kinde_users::{Client, Tenant};
//!
//! # let fake = FakeKinde::new();
//! # fake.add_user(NewFakeUser::new().email("ada@example.com"));
//! # let (tenant, clock) = (|| Ok::<_, Box<dyn std::error::Error>>(Tenant::new(fake.domain()?, fake.credentials())), fake.clone());
//! # let transport = fake.clone();
//! let search = GetUsers::new().email("ada@example.com");
//!
//! // Once, with a real transport and tenant:
//! let recorder = Recorder::new(transport);
//! let client = Client::new(tenant()?, &recorder, clock.clone());
//! assert_eq!(client.send(&search)?.users.len(), 1);
//! let file = recorder.recording().to_string();
//! assert!(!file.contains("ada"));
//!
//! // In each run of the test:
//! let replayer = Replayer::new(file.parse::<Recording>()?);
//! let client = Client::new(tenant()?, &replayer, clock);
//! assert_eq!(client.send(&search)?.users[0].email(), Some("ada@example.com"));
//! assert_eq!(replayer.unused(), [""; 0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a recording contains
//!
//! A recording is a JSON array of exchanges. Each exchange has a request and a response. A
//! recording does not contain the host, the headers of requests, or most headers of responses.
//!
//! Texts are masked, unless they are words of the API such as types and scopes. The first text
//! that is masked becomes `masked-1`, the next one `masked-2`, and so on. An address becomes
//! `masked-1@example.com`, and an id keeps its prefix: `kp_masked-1`. The same text always gets
//! the same mask. Each time becomes the first second of the year 2000, and each number of more
//! than five digits becomes 0. So two recordings of the same calls differ only in what the service
//! did.
//!
//! Secrets and tokens are always masked. A message of the service is shown as far as the library
//! would show it in a log, and without the texts that were masked before. A name that the program
//! did not send may remain in a message, and property keys are not masked. Read a recording before
//! you publish it.
//!
//! A reply of a recording is JSON that was read and written again. A body that is not JSON is
//! replayed as text with its words masked.

mod compare;
mod exchange;
mod mask;
mod recorder;
mod recording;
mod replayer;

pub use recorder::Recorder;
pub use recording::{Recording, RecordingError};
pub use replayer::{ReplayError, Replayer};
