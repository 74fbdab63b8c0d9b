//! Prints a shell completion script.

use clap::Args;
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::print;
use crate::program;

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
    clap_complete::generate(arguments.shell, &mut program(), "kinde-users", &mut text);
    print(&text)
}
