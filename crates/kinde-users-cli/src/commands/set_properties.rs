//! Sets properties for every user in a list.

use std::collections::HashSet;

use clap::Args;
use kinde_users::operations::UpdateUserProperties;

use crate::Shared;
use crate::failure::Failure;
use crate::users::List;

/// Set properties for every user in a list
///
/// The command looks up the users of the list together: one call asks for many users. Users that
/// are given by id are not looked up. It is safe to run the command again: the result is the same.
///
/// Example: kinde-users set-properties users.txt plan=gold newsletter=true
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    list: List,

    /// Properties to set. An empty value clears the property
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
}

fn property(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) =
        text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("it has to be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let mut keys = HashSet::new();
    if let Some((key, _)) = arguments.properties.iter().find(|(key, _)| !keys.insert(key)) {
        return Err(Failure::input(format!("{key} is given two values")));
    }
    let session = shared.connect(10)?;
    arguments.list.each_user(&session, |id| {
        let set = |operation: UpdateUserProperties, (key, value): &(String, String)| match value.as_str() {
            "" => operation.clear_property(key),
            value => operation.property(key, value),
        };
        let operation = arguments.properties.iter().fold(UpdateUserProperties::new(id), set);
        session.client.send(&operation).map(drop)
    })
}
