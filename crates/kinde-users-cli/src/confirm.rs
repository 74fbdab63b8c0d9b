//! Asks before a command does something that cannot be undone.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use clap::Args;

use crate::failure::Failure;
use crate::tenant::Session;

/// Whether to ask for confirmation.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Confirm {
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

impl Confirm {
    /// Checks before the first call that the user can confirm. A rehearsal needs no confirmation.
    /// `shows` says how to see what would be done, if the command can show it.
    ///
    /// # Errors
    ///
    /// Fails if `--yes` is not given and there is no terminal to ask on.
    pub(crate) fn check(self, session: &Session, shows: &str) -> Result<(), Failure> {
        let can_ask = || io::stdin().is_terminal() && io::stderr().is_terminal();
        if self.yes || session.is_rehearsal || can_ask() {
            return Ok(());
        }
        Err(Failure::input(format!(
            "this cannot be undone, and there is no terminal to ask on: --yes confirms it{shows}"
        )))
    }

    /// Asks on the terminal. Only `y` and `yes` confirm.
    ///
    /// # Errors
    ///
    /// Fails if the answer is anything else.
    pub(crate) fn ask(self, session: &Session, question: impl fmt::Display) -> Result<(), Failure> {
        if self.yes || session.is_rehearsal {
            return Ok(());
        }
        let mut answer = String::new();
        let asked = write!(io::stderr(), "{question} This cannot be undone. [y/N] ");
        let read = asked.and_then(|()| io::stdin().read_line(&mut answer));
        match (read, answer.trim().to_lowercase().as_str()) {
            (Ok(_), "y" | "yes") => Ok(()),
            _ => Err(Failure::input("not confirmed: nothing was changed")),
        }
    }
}
