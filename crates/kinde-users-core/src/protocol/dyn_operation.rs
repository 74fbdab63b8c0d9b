//! An operation whose type is not known where it is called.

use alloc::boxed::Box;
use core::fmt;

use crate::api::meta::Meta;
use crate::api::operation::{MetaRef, Operation};
use crate::api::prepared::Prepared;
use crate::api::reply::Reply;
use crate::api::request_writer::RequestWriter;
use crate::error::call::Error;
use crate::protocol::call_options::CallOptions;
use crate::protocol::exchange::Exchange;
use crate::protocol::tenant::Tenant;
use crate::types::build_error::BuildError;
use crate::types::domain::Domain;

/// An operation of any type: what a [`Job`](crate::Job) says is to be called next.
///
/// [`Client::call`](crate::Client::call) calls it, and leaves the reply as it came, as nobody knows what to read it as;
/// [`accept`](Self::accept) tells whether it is one of the operation's own.
///
/// ```
/// use kinde_users_core::DynOperation;
/// use kinde_users_core::operations::{DeleteUser, RefreshUserClaims};
///
/// let plan = [DynOperation::new(RefreshUserClaims::new("kp_1")), DynOperation::new(DeleteUser::new("kp_2"))];
/// assert!(plan[1].is::<DeleteUser>());
/// assert_eq!(plan[1].meta().scopes, ["delete:users"]);
/// assert!(plan.iter().all(|operation| operation.check().is_ok()));
/// ```
pub struct DynOperation(Box<dyn Written + Send + Sync>);

/// What is left of an operation without its type.
trait Written {
    fn meta(&self) -> &'static Meta;
    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError>;
    fn accept(&self, reply: Reply) -> Result<Reply, Error>;
}

impl<O: Operation> Written for O {
    fn meta(&self) -> &'static Meta {
        O::META_REF
    }

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        Operation::write(self, request)
    }

    fn accept(&self, reply: Reply) -> Result<Reply, Error> {
        let reply = reply.into_result()?;
        match reply.parse::<O>() {
            Ok(_) => Ok(reply),
            Err(error) => Err(Error::Decode { error: Box::new(error), reply: Box::new(reply) }),
        }
    }
}

impl DynOperation {
    /// Forgets the type.
    pub fn new<O: Operation + Send + Sync + 'static>(operation: O) -> Self {
        Self(Box::new(operation))
    }

    /// Everything about the operation that does not depend on its arguments.
    pub fn meta(&self) -> &'static Meta {
        self.0.meta()
    }

    /// Whether it is the operation `O`.
    pub fn is<O: Operation>(&self) -> bool {
        *self.meta() == O::META
    }

    /// Whether it can be sent, by any tenant: for a plan that is to be looked through before its first call.
    ///
    /// # Errors
    ///
    /// A [`BuildError`] names the argument that cannot be sent.
    pub fn check(&self) -> Result<(), BuildError> {
        // Of the length of the longest domain that there is, as a URI may be too long.
        const ORIGIN: &str =
            "https://a-subdomain-has-up-to-sixty-three-characters-such-as-these-here.kinde.com";
        self.prepare(ORIGIN).map(drop)
    }

    /// The call of it, for a loop of your own.
    ///
    /// # Errors
    ///
    /// A [`BuildError`] names the argument that cannot be sent.
    pub fn exchange(&self, tenant: &Tenant, options: CallOptions) -> Result<Exchange, BuildError> {
        self.exchange_at(tenant.domain(), options)
    }

    /// This reply, if it is one that the operation gives on success, and not the page of a proxy that says 200 to all.
    ///
    /// ```
    /// use kinde_users_core::operations::DeleteUser;
    /// use kinde_users_core::{DynOperation, Reply};
    ///
    /// let delete = DynOperation::new(DeleteUser::new("kp_1"));
    /// let reply = |body: &str| Reply::new::<DeleteUser>(http::Response::new(body.into()));
    /// assert!(delete.accept(reply(r#"{"code":"OK"}"#)).is_ok());
    /// assert!(delete.accept(reply("<html>Please sign in</html>")).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Decode`], or [`Error::Api`] if the status is none of success.
    pub fn accept(&self, reply: Reply) -> Result<Reply, Error> {
        self.0.accept(reply)
    }

    pub(crate) fn exchange_at(&self, domain: &Domain, options: CallOptions) -> Result<Exchange, BuildError> {
        Ok(Exchange::prepared(self.prepare(domain.origin())?, options))
    }

    fn prepare(&self, origin: &str) -> Result<Prepared, BuildError> {
        Prepared::written(self.meta(), origin, |request| self.0.write(request))
    }
}

impl fmt::Debug for DynOperation {
    /// The name, as the arguments may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynOperation({})", self.meta().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::delete_user::DeleteUser;
    use crate::operations::get_user_data::GetUserData;
    use crate::operations::get_users::GetUsers;
    use crate::protocol::credentials::Credentials;
    use crate::types::build_error::Problem;

    #[test]
    fn the_call_is_that_of_the_operation_itself() {
        let tenant = Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"));
        let (operation, options) = (GetUserData::new("kp_1"), CallOptions::new());
        let exchange = DynOperation::new(operation.clone()).exchange(&tenant, options).unwrap();
        assert!(exchange == Exchange::new(&operation, &tenant, options).unwrap());
    }

    #[test]
    fn what_cannot_be_sent_is_found_without_a_tenant() {
        let error = DynOperation::new(GetUsers::new().page_size(501)).check().unwrap_err();
        assert_eq!((error.operation(), error.argument()), ("get_users", "page_size"));
        assert_eq!(DynOperation::new(DeleteUser::new("")).check().unwrap_err().problem(), Problem::Empty);
    }

    #[test]
    fn its_debug_form_is_a_name() {
        let operation = DynOperation::new(GetUsers::new().email("ada@example.com"));
        assert_eq!(format!("{operation:?}"), "DynOperation(get_users)");
    }
}
