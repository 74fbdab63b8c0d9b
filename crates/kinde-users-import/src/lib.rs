//! Imports users from files into Kinde. The crate reads text and returns jobs, which a client runs.
//!
//! - [`Source`] - a system whose files can be read, such as Auth0.
//! - [`Mapping`] - defines what the fields of a file become, by the rules of the source and your
//!   own rules.
//! - [`Mapping::users`] - reads files, and returns one [`ImportUser`] at a time.
//! - [`Plan`] - describes what each field becomes, and which lines are not valid. It is complete
//!   before the first call.
//! - [`Import`] - the job that imports one user. It searches for the user, creates it, and sets the
//!   password, properties and feature flags. Any client of `kinde-users-core` can run it.
//! - [`PasswordParts`] - makes a [`Password`](kinde_users_core::operations::Password) from the
//!   columns of a file.
//!
//! Your program opens the files: this crate opens no file and no socket. It uses `std` only for the
//! traits that read files.
//!
//! # What it promises
//!
//! - **No create is doubled.** An import searches for a user before it creates the user. After a
//!   create whose outcome is unknown, the import searches again.
//! - **No value is lost in silence.** If a value of a file becomes no part of a user, the [`Plan`]
//!   reports the field ([`Plan::untaken`]), until you map or ignore the field. A duplicated or
//!   contradictory value is an error.
//! - **No secret in a log.** No `Debug` form contains hashes, salts, names or addresses, and no
//!   error shows a value of the file.

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

// The example in the README is a test too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod check;
mod draft;
mod draft_password;
mod error;
mod import;
mod io;
mod json_value;
mod mapping;
mod parse;
mod password;
mod plan;
mod rule;
mod settings;
mod shown;
mod sources;
mod table;
mod target;
mod user;
mod users;

pub use error::{ImportError, ImportErrors, ImportProblem};
pub use import::{Import, Imported};
pub use mapping::{Mapping, UnknownTarget};
pub use password::PasswordParts;
pub use plan::Plan;
pub use sources::{Source, UnknownSource};
pub use user::ImportUser;
pub use users::{FileError, RawRecord, ReadUser, Rejected, Users};
