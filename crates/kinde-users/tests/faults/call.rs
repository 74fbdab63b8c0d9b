//! The calls: each of some operation, on a user of its own.

use core::time::Duration;

use kinde_users::models::Success;
use kinde_users::operations::*;
use kinde_users::{
    AsyncClient, AsyncClock, AsyncTransport, CallOptions, Client, Clock, Effect, Error, FactorId, Operation,
    Transport,
};
use kinde_users_fake::{FakeKinde, FakeUser, NewFakeUser};

use crate::clock::SPEED;

const HASH: &str = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// A call to be made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) operation: &'static str,
    /// The user, or for `create_user` the provided id.
    pub(crate) id: String,
    /// The user's second factor.
    pub(crate) factor: FactorId,
    pub(crate) options: CallOptions,
    /// When it is dropped, if it is not over by then and can be.
    pub(crate) dropped_after: Option<Duration>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) result: Ended,
    pub(crate) took: Duration,
}

#[derive(Debug)]
pub(crate) enum Ended {
    Ok(Answer),
    Failed(Error),
    Dropped,
}

/// What is kept of a result.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whether it says what it is to say.
    pub(crate) is_right: bool,
    /// The user who was created.
    pub(crate) created: Option<String>,
}

/// The user that a call is made on.
pub(crate) fn user(id: &str) -> NewFakeUser {
    NewFakeUser::new()
        .id(id)
        .name("Ada", "Lovelace")
        .email(format!("{id}@example.com"))
        .property("note", "before")
        .session()
        .mfa("email", "ada@example.com")
}

/// A client of either kind.
pub(crate) trait Caller: Sync {
    fn send<O: Operation + Sync>(
        &self,
        operation: &O,
        options: CallOptions,
    ) -> impl Future<Output = Result<O::Output, Error>> + Send;
}

/// Its futures are ready at once.
impl<T, C> Caller for Client<T, C>
where
    T: Transport + Send + Sync,
    C: Clock + Send + Sync,
{
    async fn send<O: Operation + Sync>(
        &self,
        operation: &O,
        options: CallOptions,
    ) -> Result<O::Output, Error> {
        self.with_options(options).send(operation).map_err(Error::from)
    }
}

impl<T, C> Caller for AsyncClient<T, C>
where
    T: AsyncTransport + Send + Sync,
    C: AsyncClock + Send + Sync,
{
    async fn send<O: Operation + Sync>(
        &self,
        operation: &O,
        options: CallOptions,
    ) -> Result<O::Output, Error> {
        self.with_options(options).send(operation).await.map_err(Error::from)
    }
}

/// Makes the call, to its end.
pub(crate) async fn make(caller: &impl Caller, plan: &Plan) -> Result<Answer, Error> {
    let Plan { operation, id, factor, options, .. } = plan;
    let (id, options) = (id.as_str(), *options);
    let mut created = None;
    let is_ok = |success: Success| success.code.as_deref() == Some("OK");
    let is_right = match *operation {
        "create_user" => {
            let user = caller.send(&CreateUser::new().given_name("Ada").provided_id(id), options).await?;
            created = Some(user.id.as_str().to_owned());
            user.created == Some(true)
        }
        "create_user_billing_customer" => {
            let operation = CreateUserBillingCustomer::new(id, "org_1", "pay@example.com");
            caller.send(&operation, options).await?.billing_customer.is_some()
        }
        "create_user_identity" => {
            caller.send(&CreateUserIdentity::username(id, id), options).await?.identity.is_some()
        }
        "delete_user" => is_ok(caller.send(&DeleteUser::new(id), options).await?),
        "delete_user_sessions" => is_ok(caller.send(&DeleteUserSessions::new(id), options).await?),
        "get_user_data" => caller.send(&GetUserData::new(id), options).await?.id == id,
        "get_user_identities" => {
            let page = caller.send(&GetUserIdentities::new(id), options).await?;
            page.identities.len() == 1 && page.identities[0].email.is_some()
        }
        "get_user_property_values" => {
            let values = caller.send(&GetUserPropertyValues::new(id), options).await?;
            values.value_of("note") == Some("before")
        }
        "get_user_sessions" => caller.send(&GetUserSessions::new(id), options).await?.sessions.len() == 1,
        "get_users" => {
            let page = caller.send(&GetUsers::new().user_id(id), options).await?;
            page.users.len() == 1 && page.users[0].id == id
        }
        "get_users_mfa" => {
            let mfa = caller.send(&GetUsersMfa::new(id), options).await?.mfa;
            mfa.len() == 1 && mfa[0].id.as_ref().is_some_and(|id| id == factor)
        }
        "refresh_user_claims" => is_ok(caller.send(&RefreshUserClaims::new(id), options).await?),
        "reset_users_mfa" => is_ok(caller.send(&ResetUsersMfa::new(id, factor), options).await?),
        "reset_users_mfa_all" => is_ok(caller.send(&ResetUsersMfaAll::new(id), options).await?),
        "set_user_password" => {
            let operation = SetUserPassword::new(id, Password::bcrypt(HASH));
            is_ok(caller.send(&operation, options).await?)
        }
        "update_user" => {
            let user = caller.send(&UpdateUser::new(id).given_name("Grace"), options).await?;
            user.id == id && user.given_name.as_deref() == Some("Grace")
        }
        "update_user_feature_flag_override" => {
            let operation = UpdateUserFeatureFlagOverride::new(id, "dark", "on");
            is_ok(caller.send(&operation, options).await?)
        }
        "update_user_properties" => {
            let operation = UpdateUserProperties::new(id).property("note", "after");
            is_ok(caller.send(&operation, options).await?)
        }
        "update_user_property" => {
            let operation = UpdateUserProperty::new(id, "note", "after");
            is_ok(caller.send(&operation, options).await?)
        }
        unknown => panic!("{unknown} is no operation"),
    };
    Ok(Answer { is_right, created })
}

/// Returns whether the call took effect in the tenant. `None` if its effect leaves no trace, or if
/// the id of the created user is not known.
pub(crate) fn is_done(fake: &FakeKinde, Outcome { plan, result, .. }: &Outcome) -> Option<bool> {
    let user = || fake.user(&plan.id);
    let of_user = |is_done: fn(&FakeUser) -> bool| Some(user().is_some_and(|user| is_done(&user)));
    match plan.operation {
        "create_user" => {
            let Ended::Ok(Answer { created: Some(id), .. }) = result else { return None };
            Some(fake.user(id).is_some_and(|user| user.provided_id.as_ref() == Some(&plan.id)))
        }
        "create_user_billing_customer" => of_user(|user| user.billing_customer.is_some()),
        "create_user_identity" => of_user(|user| user.username() == Some(user.id.as_str())),
        "delete_user" => Some(user().is_none()),
        "delete_user_sessions" => of_user(|user| user.sessions.is_empty()),
        "refresh_user_claims" => of_user(|user| user.claims_refreshed > 0),
        "reset_users_mfa" | "reset_users_mfa_all" => of_user(|user| user.factors.is_empty()),
        "set_user_password" => {
            of_user(|user| user.password.as_ref().is_some_and(|password| password.hashed_password == HASH))
        }
        "update_user" => of_user(|user| user.given_name.as_deref() == Some("Grace")),
        "update_user_feature_flag_override" => {
            of_user(|user| user.feature_flags.get("dark").is_some_and(|value| value == "on"))
        }
        "update_user_properties" | "update_user_property" => {
            of_user(|user| user.properties.get("note").is_some_and(|value| value == "after"))
        }
        _ => None,
    }
}

/// What the client says about whether it took place.
pub(crate) fn claim(result: &Ended) -> Effect {
    match result {
        Ended::Ok(_) => Effect::Happened,
        Ended::Failed(error) => error.effect(),
        Ended::Dropped => Effect::Possible,
    }
}

/// How long a call may take in all, in the machine's time.
pub(crate) fn deadline(options: CallOptions) -> Duration {
    options.total_timeout.unwrap_or(CallOptions::TOTAL_TIMEOUT) / SPEED
}
