//! Where nothing public tells what the service does, and a test may want it the other way.

use core::fmt;
use core::str::FromStr;

use http::StatusCode;

/// What the tenant does where nothing public settles what Kinde does. Each has a default, which is named with it;
/// [`FakeKindeBuilder::choose`](crate::FakeKindeBuilder::choose) takes another.
///
/// The texts that the program takes (`--choose missing-scope=403`) are read by [`FromStr`]; they are named here
/// too. A refusal is a status and perhaps a code, as `409:USER_EXISTS`; without a code the body is empty.
///
/// ```
/// use kinde_users_fake::{Choice, FakeKinde, Refusal};
///
/// let fake = FakeKinde::builder().choose(Choice::DuplicateUser(Refusal::new(409, "USER_EXISTS"))).build();
/// assert_eq!("duplicate-user=409:USER_EXISTS".parse(), Ok(Choice::DuplicateUser(Refusal::new(409, "USER_EXISTS"))));
/// # let _ = fake;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// `duplicate-user`: `create_user` with an identity that another user holds. `400:USER_ALREADY_EXISTS`.
    DuplicateUser(Refusal),
    /// `duplicate-identity`: the same for `create_user_identity`. `400:IDENTITY_ALREADY_EXISTS`.
    DuplicateIdentity(Refusal),
    /// `missing-scope`: a token without the scope that the operation needs. `403:SCOPE_MISSING`, with a message
    /// that names the scope.
    MissingScope(Refusal),
    /// `deleted-user`: any operation on a user who was deleted. As if there had never been one.
    DeletedUser(Refusal),
    /// `too-many-requests`: what is answered over the limit, with `RateLimit-Reset`. `429:TOO_MANY_REQUESTS` for one
    /// user, sessions and MFA; `429` for the other operations and for tokens.
    TooManyRequests(Refusal),
    /// `null-in-user`: null for any field of `update_user`. `ignored` for the names and `clears` for the others;
    /// a flag becomes false.
    NullInUser(Null),
    /// `null-in-properties`: null for a property in `update_user_properties`. `clears`.
    NullInProperties(Null),
    /// `mfa-as-array`: `get_users_mfa` of a user with several factors shows all in an array, and not the first
    /// one. `false`.
    MfaAsArray(bool),
    /// `null-mfa`: `get_users_mfa` of a user without a factor has `mfa: null`, and not no `mfa`. `false`.
    NullMfa(bool),
    /// `short-offsets`: a session's `updated_on` as `2025-04-01T13:04:20+11`, which the description shows in all
    /// its examples, and which RFC 3339 forbids: Kinde's own Python SDK cannot read it. `true`.
    ShortOffsets(bool),
}

/// A status, and perhaps a code of an error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: Option<String>,
}

impl Refusal {
    /// With Kinde's error body. A number that is no status of an error is taken for 400.
    pub fn new(status: u16, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..Self::empty(status) }
    }

    /// With an empty body.
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
    /// The value is cleared: `clears`.
    #[default]
    Clears,
    /// As if the key were not there: `ignored`.
    Ignored,
    /// The value is wrong: `refused`.
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

/// `name=value`, by the names at each variant.
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

/// Why a text is no [`Choice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceError {
    /// It is not `name=value`.
    Form,
    /// There is no choice of that name.
    Name,
    /// The choice does not take that value.
    Value,
}

impl fmt::Display for ChoiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a choice is name=value",
            Self::Name => "there is no choice of that name",
            Self::Value => "the choice does not take that value",
        })
    }
}

impl core::error::Error for ChoiceError {}

/// All choices as they were made.
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
    fn a_choice_is_read_from_its_name_and_its_value() {
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
    fn a_status_that_is_none_of_an_error_is_taken_for_400() {
        assert_eq!(Refusal::empty(200), Refusal::empty(400));
        assert_eq!(Refusal::new(42, "X"), Refusal::new(400, "X"));
    }
}
