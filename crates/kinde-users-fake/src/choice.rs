//! Behaviour that no public source settles, and that a test may want to change.

use core::fmt;
use core::str::FromStr;

use http::StatusCode;

/// What the tenant does in cases in which no public source settles what Kinde does.
///
/// Each variant lists its text for the program (`--choose missing-scope=403`), which [`FromStr`]
/// reads, and its default. [`FakeKindeBuilder::choose`](crate::FakeKindeBuilder::choose) changes
/// the default. A refusal is a status and an optional code, such as `409:USER_EXISTS`. Without a
/// code, the body is empty.
///
/// # Examples
///
/// ```
/// use kinde_users_fake::{Choice, FakeKinde, Refusal};
///
/// let choice = Choice::DuplicateUser(Refusal::new(409, "USER_EXISTS"));
/// assert_eq!("duplicate-user=409:USER_EXISTS".parse(), Ok(choice.clone()));
/// let fake = FakeKinde::builder().choose(choice).build();
/// # let _ = fake;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// `duplicate-user`: the reply to `create_user` with an identity of another user. The default
    /// is `400:USER_ALREADY_EXISTS`.
    DuplicateUser(Refusal),
    /// `duplicate-identity`: the reply to `create_user_identity` with an identity of another user.
    /// The default is `400:IDENTITY_ALREADY_EXISTS`.
    DuplicateIdentity(Refusal),
    /// `missing-scope`: the reply to a token without the scope that the operation needs. The
    /// default is `403:SCOPE_MISSING`, with a message that names the scope.
    MissingScope(Refusal),
    /// `deleted-user`: the reply to any operation on a deleted user. By default it is the same as
    /// for a user who never existed.
    DeletedUser(Refusal),
    /// `too-many-requests`: the reply to a request over the limit, with `RateLimit-Reset`. The
    /// default is `429:TOO_MANY_REQUESTS` for one user, sessions and MFA, and `429` for the other
    /// operations and for tokens.
    TooManyRequests(Refusal),
    /// `null-in-user`: the meaning of null for a field of `update_user`. The default is `ignored`
    /// for the names and `clears` for the other fields; a flag becomes false.
    NullInUser(Null),
    /// `null-in-properties`: the meaning of null for a property in `update_user_properties`. The
    /// default is `clears`.
    NullInProperties(Null),
    /// `mfa-as-array`: whether `get_users_mfa` for a user with several factors shows all of them in
    /// an array, instead of only the first one. The default is `false`.
    MfaAsArray(bool),
    /// `null-mfa`: whether `get_users_mfa` for a user without a factor has `mfa: null`, instead of
    /// no `mfa`. The default is `false`.
    NullMfa(bool),
    /// `short-offsets`: whether a session's `updated_on` has the form `2025-04-01T13:04:20+11`. The
    /// description shows this form in all its examples, but RFC 3339 forbids it, and Kinde's own
    /// Python SDK cannot read it. The default is `true`.
    ShortOffsets(bool),
}

/// A status and an optional code for the error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: Option<String>,
}

impl Refusal {
    /// Creates a refusal with Kinde's error body. A number that is not the status of an error
    /// counts as 400.
    pub fn new(status: u16, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..Self::empty(status) }
    }

    /// Creates a refusal with an empty body.
    pub fn empty(status: u16) -> Self {
        let status = StatusCode::from_u16(status).ok().filter(is_error).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, code: None }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that `filter` asks for")]
fn is_error(status: &StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

impl FromStr for Refusal {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let (status, code) = text.split_once(':').map_or((text, None), |(status, code)| (status, Some(code)));
        let status: StatusCode = status.parse().map_err(|_| ChoiceError::Value)?;
        if !is_error(&status) || code.is_some_and(str::is_empty) {
            return Err(ChoiceError::Value);
        }
        Ok(Self { status, code: code.map(str::to_owned) })
    }
}

/// What null in the body of an update means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Null {
    /// `clears`: the value is cleared.
    #[default]
    Clears,
    /// `ignored`: the key counts as absent.
    Ignored,
    /// `refused`: null is not a valid value.
    Refused,
}

impl FromStr for Null {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text {
            "clears" => Ok(Self::Clears),
            "ignored" => Ok(Self::Ignored),
            "refused" => Ok(Self::Refused),
            _ => Err(ChoiceError::Value),
        }
    }
}

/// Parses `name=value` with the names that each variant lists.
impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let (name, value) = text.split_once('=').ok_or(ChoiceError::Form)?;
        let flag = || value.parse().map_err(|_| ChoiceError::Value);
        Ok(match name {
            "duplicate-user" => Self::DuplicateUser(value.parse()?),
            "duplicate-identity" => Self::DuplicateIdentity(value.parse()?),
            "missing-scope" => Self::MissingScope(value.parse()?),
            "deleted-user" => Self::DeletedUser(value.parse()?),
            "too-many-requests" => Self::TooManyRequests(value.parse()?),
            "null-in-user" => Self::NullInUser(value.parse()?),
            "null-in-properties" => Self::NullInProperties(value.parse()?),
            "mfa-as-array" => Self::MfaAsArray(flag()?),
            "null-mfa" => Self::NullMfa(flag()?),
            "short-offsets" => Self::ShortOffsets(flag()?),
            _ => return Err(ChoiceError::Name),
        })
    }
}

/// Why a text is not a [`Choice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceError {
    /// The text does not have the form `name=value`.
    Form,
    /// There is no choice with this name.
    Name,
    /// The choice does not accept this value.
    Value,
}

impl fmt::Display for ChoiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a choice has the form name=value",
            Self::Name => "there is no choice with this name",
            Self::Value => "the choice does not accept this value",
        })
    }
}

impl core::error::Error for ChoiceError {}

/// All choices that were made.
#[derive(Clone)]
pub(crate) struct Choices {
    pub(crate) duplicate_user: Refusal,
    pub(crate) duplicate_identity: Refusal,
    pub(crate) missing_scope: Refusal,
    pub(crate) deleted_user: Option<Refusal>,
    pub(crate) too_many_requests: Option<Refusal>,
    pub(crate) null_in_user: Option<Null>,
    pub(crate) null_in_properties: Null,
    pub(crate) mfa_as_array: bool,
    pub(crate) null_mfa: bool,
    pub(crate) short_offsets: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            duplicate_user: Refusal::new(400, "USER_ALREADY_EXISTS"),
            duplicate_identity: Refusal::new(400, "IDENTITY_ALREADY_EXISTS"),
            missing_scope: Refusal::new(403, "SCOPE_MISSING"),
            deleted_user: None,
            too_many_requests: None,
            null_in_user: None,
            null_in_properties: Null::Clears,
            mfa_as_array: false,
            null_mfa: false,
            short_offsets: true,
        }
    }
}

impl Choices {
    pub(crate) fn make(&mut self, choice: Choice) {
        match choice {
            Choice::DuplicateUser(refusal) => self.duplicate_user = refusal,
            Choice::DuplicateIdentity(refusal) => self.duplicate_identity = refusal,
            Choice::MissingScope(refusal) => self.missing_scope = refusal,
            Choice::DeletedUser(refusal) => self.deleted_user = Some(refusal),
            Choice::TooManyRequests(refusal) => self.too_many_requests = Some(refusal),
            Choice::NullInUser(null) => self.null_in_user = Some(null),
            Choice::NullInProperties(null) => self.null_in_properties = null,
            Choice::MfaAsArray(as_array) => self.mfa_as_array = as_array,
            Choice::NullMfa(is_null) => self.null_mfa = is_null,
            Choice::ShortOffsets(short) => self.short_offsets = short,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choice_is_parsed_from_name_and_value() {
        let read = |text: &str| text.parse::<Choice>();
        assert_eq!(read("missing-scope=403"), Ok(Choice::MissingScope(Refusal::empty(403))));
        assert_eq!(
            read("deleted-user=404:USER_NOT_FOUND"),
            Ok(Choice::DeletedUser(Refusal::new(404, "USER_NOT_FOUND")))
        );
        assert_eq!(read("null-in-user=ignored"), Ok(Choice::NullInUser(Null::Ignored)));
        assert_eq!(read("mfa-as-array=true"), Ok(Choice::MfaAsArray(true)));
        assert_eq!(read("null-mfa=true"), Ok(Choice::NullMfa(true)));
        assert_eq!(read("missing-scope"), Err(ChoiceError::Form));
        assert_eq!(read("missing_scope=403"), Err(ChoiceError::Name));
        for wrong in [
            "missing-scope=",
            "missing-scope=200",
            "missing-scope=403:",
            "null-in-user=no",
            "short-offsets=1",
        ] {
            assert_eq!(read(wrong), Err(ChoiceError::Value), "{wrong}");
        }
    }

    #[test]
    fn status_that_is_not_an_error_becomes_400() {
        assert_eq!(Refusal::empty(200), Refusal::empty(400));
        assert_eq!(Refusal::new(42, "X"), Refusal::new(400, "X"));
    }
}
