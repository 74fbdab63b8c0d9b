//! Refreshes the claims of the users of a list.

use clap::Args;
use kinde_users::operations::RefreshUserClaims;

use crate::Shared;
use crate::failure::Failure;
use crate::users::List;

/// Refresh the claims of the users of a list
///
/// The next tokens of these users tell of changed roles and properties. The command can be run
/// again: twice has the effect of once.
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
