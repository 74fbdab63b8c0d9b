//! Sets properties of all users of a list.
//!
//! `cargo run --example set_properties -- users.txt plan=gold newsletter=true`

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use kinde_users::operations::UpdateUserProperties;
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, Many, end};
use kinde_users_examples::support::connect;

/// Set properties of many users. It can be run again: twice has the effect of once.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// File of one id, e-mail address, phone number or user name a line; - is stdin
    users: PathBuf,

    /// What to set; an empty value clears the property
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,

    #[command(flatten)]
    many: Many,
}

fn property(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) =
        text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("it has to be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    end(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut keys = HashSet::new();
    if let Some((key, _)) = arguments.properties.iter().find(|(key, _)| !keys.insert(key)) {
        return Err(Failure::input(format!("{key} is to be set to two values")));
    }
    let client = connect(10)?.client;
    arguments.many.each_user(&client, &arguments.users, |id| {
        let set = |operation: UpdateUserProperties, (key, value): &(String, String)| match value.as_str() {
            "" => operation.clear_property(key),
            value => operation.property(key, value),
        };
        client.send(&arguments.properties.iter().fold(UpdateUserProperties::new(id), set)).map(drop)
    })
}
