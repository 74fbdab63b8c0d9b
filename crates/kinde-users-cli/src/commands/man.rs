//! Prints a man page.

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::Program;
use crate::failure::Failure;
use crate::output::print;

/// Print the man page of kinde-users, or of a subcommand
///
/// Example: kinde-users man import > kinde-users-import.1
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Subcommand to print the page of. Without it, the page of kinde-users is printed
    subcommand: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut program = Program::command();
    // Builds the subcommands, with the options that all of them have.
    program.build();
    let command = match &arguments.subcommand {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            found.ok_or_else(|| Failure::input(format!("there is no subcommand {name}")))?
        }
    };
    let mut text = Vec::new();
    let version = concat!("kinde-users ", env!("CARGO_PKG_VERSION"));
    let page = Man::new(command).source(version).render(&mut text);
    page.map_err(|error| Failure::new(error.to_string()))?;
    print(&text)
}
