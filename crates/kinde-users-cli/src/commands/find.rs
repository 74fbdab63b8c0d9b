//! Shows a user.

use clap::Args;
use serde_json::json;

use crate::Shared;
use crate::failure::Failure;

/// Show a user as JSON, on one line
///
/// Example: kinde-users find ada@example.com
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Kinde's id (kp_...), or the e-mail address, phone number or user name of one user
    user: String,
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let user = json!(shared.connect(10)?.user(&arguments.user)?);
    shared.output.result(&user, &user)
}
