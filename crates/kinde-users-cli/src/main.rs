//! The command `kinde-users`.

mod commands;
mod confirm;
mod errors_file;
mod failure;
mod import_files;
mod journal;
mod limits;
mod look_up;
mod meter;
mod output;
mod partial;
mod private_files;
mod tenant;
mod text_file;
mod users;

use std::mem;
use std::process::ExitCode;

use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};

use commands::{
    completions, erase, export, find, import, man, refresh_claims, reset_mfa, set_properties, suspend,
};
use failure::{EXIT_CODES, Failure};
use output::Output;
use tenant::{Named, Session};

/// Work with the users of a Kinde tenant from the command line
///
/// A tenant is a Kinde business, or one of its environments. Name the tenant with the environment
/// variables `KINDE_DOMAIN`, `KINDE_MANAGEMENT_CLIENT_ID` and `KINDE_MANAGEMENT_CLIENT_SECRET`, or
/// with the options --domain, --client-id and --client-secret-file. With --rehearse, a command
/// works on a new in-memory tenant, and nothing real is changed.
///
/// A command that changes users prints receipts: lines that say what was done.
#[derive(Debug, Parser)]
#[command(name = "kinde-users", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Program {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    shared: Shared,
}

/// The options that all subcommands have.
#[derive(Debug, clap::Args)]
struct Shared {
    #[command(flatten)]
    tenant: Named,

    #[command(flatten)]
    output: Output,
}

impl Shared {
    /// Connects to the tenant. An in-memory tenant starts with this many users.
    fn connect(&self, users: usize) -> Result<Session, Failure> {
        self.tenant.connect(users, self.output)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(after_help = EXIT_CODES)]
    Import(Box<import::Arguments>),
    #[command(after_help = EXIT_CODES)]
    Export(export::Arguments),
    #[command(after_help = EXIT_CODES)]
    Find(find::Arguments),
    #[command(after_help = EXIT_CODES)]
    Erase(erase::Arguments),
    #[command(after_help = EXIT_CODES)]
    Suspend(suspend::Arguments),
    #[command(after_help = EXIT_CODES)]
    ResetMfa(reset_mfa::Arguments),
    #[command(after_help = EXIT_CODES)]
    SetProperties(set_properties::Arguments),
    #[command(after_help = EXIT_CODES)]
    RefreshClaims(refresh_claims::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Returns the command line. The shared options are not in the help of the subcommands that make no
/// call.
fn program() -> clap::Command {
    let mut program = Program::command();
    // Adds the shared options to the subcommands.
    program.build();
    let hide = |arg: Arg| if arg.is_global_set() { arg.hide(true) } else { arg };
    for command in program.get_subcommands_mut() {
        if matches!(command.get_name(), "completions" | "man") {
            *command = mem::take(command).mut_args(hide);
        }
    }
    program
}

fn main() -> ExitCode {
    let parsed = Program::from_arg_matches(&program().get_matches());
    let Program { command, shared } = parsed.unwrap_or_else(|error| error.exit());
    let result = match &command {
        Command::Import(arguments) => import::run(arguments, &shared),
        Command::Export(arguments) => export::run(arguments, &shared),
        Command::Find(arguments) => find::run(arguments, &shared),
        Command::Erase(arguments) => erase::run(arguments, &shared),
        Command::Suspend(arguments) => suspend::run(arguments, &shared),
        Command::ResetMfa(arguments) => reset_mfa::run(arguments, &shared),
        Command::SetProperties(arguments) => set_properties::run(arguments, &shared),
        Command::RefreshClaims(arguments) => refresh_claims::run(arguments, &shared),
        Command::Completions(arguments) => completions::run(arguments),
        Command::Man(arguments) => man::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The user asked to leave lines out.
            let kind = if failure.code() == 3 { "warning" } else { "error" };
            output::warn(format_args!("{kind}: {failure}"));
            failure.code().into()
        }
    }
}
