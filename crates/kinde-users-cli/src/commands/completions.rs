//! Prints a shell completion script.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Program;
use crate::failure::Failure;
use crate::output::print;

/// Print a shell completion script for kinde-users
///
/// Example: kinde-users completions bash > ~/.local/share/bash-completion/completions/kinde-users
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Shell that the script is for
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // The script is written to memory first, because `generate` panics if it cannot write.
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Program::command(), "kinde-users", &mut text);
    print(&text)
}
