use http::Method;
use serde::{Deserialize, Serialize};

use crate::types::build_error::BuildError;
use crate::types::ids::{BillingAgreementId, BillingCustomerId, OrganizationCode, UserId};
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::redacted::Redacted;

/// Creates a billing customer for a user.
///
/// | | |
/// |---|---|
/// | Request | `POST /api/v1/users/{user_id}/billing_customer` |
/// | Scope | `create:user_billing_customers` |
/// | Replay | `RefusesRepeat { code: "BILLING_CUSTOMER_EXISTS" }` |
/// | Reply | 200, [`CreatedBillingCustomer`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path) |
/// | Errors | 400 with `BILLING_CUSTOMER_EXISTS` if the user already is a customer, 403 without the scope, 429 over the rate limit |
///
/// A user has at most one billing customer in an organization, and Kinde's documentation says that
/// a repeated request is harmless. So the client sends the request again if the outcome of an
/// attempt is unknown. If the repeated request fails with `BILLING_CUSTOMER_EXISTS`, the error has
/// the effect [`Happened`](crate::Effect::Happened). In this case the customer exists, but the
/// reply does not contain the ids of the customer.
///
/// ```
/// use kinde_users::operations::CreateUserBillingCustomer;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let operation = CreateUserBillingCustomer::new("kp_1", "org_1", "ada@example.com").billing_plan_code("pro");
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/billing_customer");
/// assert_eq!(
///     request.body(),
///     br#"{"org_code":"org_1","billing_email":"ada@example.com","billing_plan_code":"pro"}"#
/// );
///
/// let body = br#"{"message":"Success","code":"OK","billing_customer":{"id":"customer_1","agreement_id":"agreement_1"}}"#;
/// let reply = Reply::new::<CreateUserBillingCustomer>(http::Response::new(body.to_vec()));
/// let created = reply.parse::<CreateUserBillingCustomer>()?;
/// assert_eq!(created.billing_customer.unwrap().id.unwrap(), "customer_1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct CreateUserBillingCustomer {
    user_id: UserId,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct Body {
    org_code: OrganizationCode,
    billing_email: Redacted,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_plan_code: Option<Redacted>,
}

impl CreateUserBillingCustomer {
    /// Creates a request from the user, the organization that owns the plans, and the e-mail
    /// address for bills.
    pub fn new(
        user_id: impl Into<UserId>,
        org_code: impl Into<OrganizationCode>,
        billing_email: impl Into<Redacted>,
    ) -> Self {
        let body = Body {
            org_code: org_code.into(),
            billing_email: billing_email.into(),
            billing_plan_code: None,
        };
        Self { user_id: user_id.into(), body }
    }

    /// Sets the plan of the customer.
    pub fn billing_plan_code(mut self, code: impl Into<Redacted>) -> Self {
        self.body.billing_plan_code = Some(code.into());
        self
    }
}

impl Operation for CreateUserBillingCustomer {
    const META: Meta = Meta {
        name: "create_user_billing_customer",
        method: Method::POST,
        path: PathTemplate::new("/api/v1/users/{user_id}/billing_customer"),
        scopes: &["create:user_billing_customers"],
        success: 200,
        replay: Replay::RefusesRepeat { code: "BILLING_CUSTOMER_EXISTS" },
    };
    type Output = CreatedBillingCustomer;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())?;
        request.json(&self.body)
    }
}

/// The reply to [`CreateUserBillingCustomer`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CreatedBillingCustomer {
    /// `OK`.
    pub code: Option<Redacted>,
    /// `Success`.
    pub message: Option<Redacted>,
    /// The new customer.
    pub billing_customer: Option<BillingCustomer>,
}

/// A billing customer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct BillingCustomer {
    /// The customer's id.
    pub id: Option<BillingCustomerId>,
    /// The id of the agreement for the plan.
    pub agreement_id: Option<BillingAgreementId>,
}
