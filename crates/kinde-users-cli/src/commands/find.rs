//! Shows a user.

use clap::Args;
use serde_json::json;

use crate::Shared;
use crate::failure::Failure;

/// Show a user as JSON, on one line
///
/// The output is always JSON, with and without --json.
///
/// Example: kinde-users find ada@example.com
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Id of the user (kp_...), or an email address, phone number or user name that only this user
    /// has
    user: String,
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let user = json!(shared.connect(10)?.user(&arguments.user)?);
    shared.output.result(&user, &user)
}
