//! Prints a man page.

use clap::Args;
use clap_mangen::Man;

use crate::failure::Failure;
use crate::output::print;
use crate::program;

/// Print the man page of kinde-users, or of a subcommand
///
/// Example: kinde-users man import > kinde-users-import.1
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Subcommand to print the page of. Without it, the page of kinde-users is printed
    subcommand: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let program = program();
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
