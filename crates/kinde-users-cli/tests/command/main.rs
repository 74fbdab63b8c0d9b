//! The command, run as a user runs it, against a tenant behind a socket.

mod calls;
mod common;
mod export;
mod import;
mod migrate;
mod options;
mod sources;
mod undo;
mod users;
