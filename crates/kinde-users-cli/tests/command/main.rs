//! The programs for jobs, run as anybody runs them, against a tenant behind a socket.

mod common;
mod export;
mod import;
mod users;
