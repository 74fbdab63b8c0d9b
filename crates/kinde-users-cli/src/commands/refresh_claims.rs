//! Refreshes the claims of every user in a list.

use clap::Args;
use kinde_users::operations::RefreshUserClaims;

use crate::Shared;
use crate::failure::Failure;
use crate::users::List;

/// Refresh the claims of every user in a list
///
/// The claims of a user are the data in the tokens of the user. Refresh them after you change the
/// roles or properties of a user: then the next tokens contain the changes. It is safe to run the
/// command again: the result is the same.
///
/// The command looks up the users of the list together: one call asks for many users. Users that
/// are given by id are not looked up.
///
/// Example: kinde-users refresh-claims members.txt
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    list: List,
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let session = shared.connect(10)?;
    let refresh = |id: &_| session.client.send(&RefreshUserClaims::new(id)).map(drop);
    arguments.list.each_user(&session, refresh)
}
