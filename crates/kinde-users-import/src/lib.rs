//! Imports users from files into Kinde: text in, jobs out, with no I/O.
//!
//! [`ImportForm`] reads a row of CSV or a line of NDJSON in the forms of Kinde's own importer, as
//! an [`ImportUser`]. [`Import`] is a [`Job`](kinde_users_core::Job) that looks the user up,
//! creates the user and sets the password, the properties and the feature flags; any client of
//! `kinde-users-core` runs it. [`PasswordParts`] makes a
//! [`Password`](kinde_users_core::operations::Password) of the columns of a file.
//!
//! Your program reads the file. This crate opens no file and no socket.
//!
//! # What it promises
//!
//! - **No create is doubled.** An import looks for the user before it creates one, and it never
//!   creates again after a create whose outcome is unknown.
//! - **Nothing is lost in silence.** A value that no operation can carry out is named
//!   ([`ImportUser::left_out`]); a duplicated or contradictory value is an error.
//! - **No secret in a log.** Hashes, salts, names and addresses are in no `Debug` form, and no
//!   error has a value of the file.

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

mod error;
mod form;
mod import;
mod password;

pub use error::{ImportError, ImportProblem};
pub use form::{ImportForm, ImportUser};
pub use import::{Import, Imported};
pub use password::PasswordParts;
