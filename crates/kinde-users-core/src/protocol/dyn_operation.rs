//! An operation of any type, as one type.

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

/// An operation of any type. A [`Job`](crate::Job) returns its calls as values of this type.
///
/// [`Client::call`](crate::Client::call) calls an operation of this type and returns the raw reply.
/// [`accept`](Self::accept) checks that the reply fits the operation.
///
/// ```
/// use kinde_users::DynOperation;
/// use kinde_users::operations::{DeleteUser, RefreshUserClaims};
///
/// let plan = [DynOperation::new(RefreshUserClaims::new("kp_1")), DynOperation::new(DeleteUser::new("kp_2"))];
/// assert!(plan[1].is::<DeleteUser>());
/// assert_eq!(plan[1].meta().scopes, ["delete:users"]);
/// assert!(plan.iter().all(|operation| operation.check().is_ok()));
/// ```
pub struct DynOperation(Box<dyn Written + Send + Sync>);

/// The parts of an operation that do not depend on its type.
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
    /// Wraps an operation of any type.
    pub fn new<O: Operation + Send + Sync + 'static>(operation: O) -> Self {
        Self(Box::new(operation))
    }

    /// Returns everything about the operation that does not depend on its arguments.
    pub fn meta(&self) -> &'static Meta {
        self.0.meta()
    }

    /// Returns whether the operation has the type `O`.
    pub fn is<O: Operation>(&self) -> bool {
        *self.meta() == O::META
    }

    /// Checks that the operation can be sent to any tenant. A program can check all its operations
    /// before it makes the first call.
    ///
    /// # Errors
    ///
    /// Returns a [`BuildError`] that names the argument that cannot be sent.
    pub fn check(&self) -> Result<(), BuildError> {
        // The longest possible domain, because a URI may be too long.
        const ORIGIN: &str =
            "https://a-subdomain-has-up-to-sixty-three-characters-such-as-these-here.kinde.com";
        self.prepare(ORIGIN).map(drop)
    }

    /// Starts a call of the operation. Use this method in your own loop.
    ///
    /// # Errors
    ///
    /// Returns a [`BuildError`] that names the argument that cannot be sent.
    pub fn exchange(&self, tenant: &Tenant, options: CallOptions) -> Result<Exchange, BuildError> {
        self.exchange_at(tenant.domain(), options)
    }

    /// Returns the reply if it has the form that the operation returns on success. If a proxy
    /// answers every request with 200 and a page of its own, the reply is an error.
    ///
    /// ```
    /// use kinde_users::operations::DeleteUser;
    /// use kinde_users::{DynOperation, Reply};
    ///
    /// let delete = DynOperation::new(DeleteUser::new("kp_1"));
    /// let reply = |body: &str| Reply::new::<DeleteUser>(http::Response::new(body.into()));
    /// assert!(delete.accept(reply(r#"{"code":"OK"}"#)).is_ok());
    /// assert!(delete.accept(reply("<html>Please sign in</html>")).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Decode`], or [`Error::Api`] if the status is not a success.
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
    /// Shows the name only, because the arguments may be personal data.
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
    fn call_is_that_of_the_operation_itself() {
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
