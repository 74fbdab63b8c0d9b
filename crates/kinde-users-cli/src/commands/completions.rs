//! Prints what a shell completes.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Program;
use crate::failure::Failure;
use crate::output::print;

/// Print the completions of this command for a shell
///
/// Example: kinde-users completions bash > ~/.local/share/bash-completion/completions/kinde-users
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // By way of memory, as it panics where it cannot write.
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Program::command(), "kinde-users", &mut text);
    print(&text)
}
