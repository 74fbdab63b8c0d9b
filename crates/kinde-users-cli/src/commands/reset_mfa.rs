//! Resets the second factors of a user.

use clap::Args;
use kinde_users::models::Success;
use kinde_users::operations::{GetUsersMfa, ResetUsersMfa, ResetUsersMfaAll};
use kinde_users::{CallError, UserId};
use serde_json::json;

use crate::Shared;
use crate::confirm::Confirm;
use crate::failure::Failure;
use crate::tenant::{Session, WayError};

/// Reset the second factors of a user
///
/// The user sets up new factors at the next sign-in. The receipt says whether the user had a
/// factor. To say so, the command needs the scope `read:user_mfa`. Without the scope, the factors
/// are still reset, but the receipt does not say whether there were any.
///
/// Example: kinde-users reset-mfa ada@example.com
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Id of the user (kp_...), or an email address, phone number or user name that only this user
    /// has
    user: String,

    /// Reset only this factor. Without this option, all factors are reset
    #[arg(long, value_name = "ID")]
    factor: Option<String>,

    /// List the factors of the user, and change nothing
    #[arg(long, visible_alias = "dry-run", conflicts_with = "factor")]
    list: bool,

    #[command(flatten)]
    confirm: Confirm,
}

const UNLISTED: &str = "reset; no factor was listed before";
const UNSEEN: &str = "reset; it is not known whether there was a factor (needs scope read:user_mfa)";

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let session = shared.connect(10)?;
    if !arguments.list {
        arguments.confirm.check(&session, ", and --list shows the factors")?;
    }
    let (client, id) = (&session.client, session.find(&arguments.user)?);
    if arguments.list {
        let factors = client.send(&GetUsersMfa::new(&id))?.mfa;
        if factors.is_empty() {
            shared.output.note("The user has no factor.");
        }
        for factor in factors {
            let (id, kind) = (factor.id.as_ref().map(kinde_users::FactorId::as_str), factor.kind.as_deref());
            let words = format!("{} {}", id.unwrap_or("?"), kind.unwrap_or("?"));
            shared.output.result(&json!({ "id": id, "type": kind }), words)?;
        }
        return Ok(());
    }
    let which = arguments
        .factor
        .as_ref()
        .map_or_else(|| "all second factors".to_owned(), |id| format!("the factor {id}"));
    arguments.confirm.ask(&session, format_args!("Reset {which} of {id} on {}?", session.name()))?;
    if let Some(factor) = &arguments.factor {
        let reset = client.send(&ResetUsersMfa::new(&id, factor));
        return ended(&session, &id, Some(factor), reset, Some(true));
    }
    // The factors are listed first, because the reply to the reset is the same if there were none.
    // The reset is sent in any case, because the list may lack a factor.
    let found = match client.send(&GetUsersMfa::new(&id)) {
        Ok(listed) => Some(!listed.mfa.is_empty()),
        // An application may have the scope to reset factors without the scope to list them.
        Err(error) if error.error().as_api().is_some_and(|refused| refused.status() == 403) => None,
        Err(error) => return Err(error.into()),
    };
    ended(&session, &id, None, client.send(&ResetUsersMfaAll::new(&id)), found)
}

fn ended(
    session: &Session,
    id: &UserId,
    factor: Option<&String>,
    reset: Result<Success, CallError<WayError>>,
    found: Option<bool>,
) -> Result<(), Failure> {
    match reset {
        // If the factor is already gone, an attempt whose reply was lost most likely removed it.
        Err(error) if !error.error().is_already_gone() => Err(error.into()),
        _ => session.output.receipt(
            &json!({
                "tenant": session.name(), "user_id": id, "factor": factor, "reset": true, "had_factor": found,
            }),
            format_args!(
                "{id}: {}",
                match found {
                    Some(true) => "reset",
                    Some(false) => UNLISTED,
                    None => UNSEEN,
                }
            ),
        ),
    }
}
