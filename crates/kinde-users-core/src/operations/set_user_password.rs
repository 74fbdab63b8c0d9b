use alloc::string::String;
use core::fmt;

use http::Method;
use serde::{Deserialize, Deserializer, Serialize};

use crate::types::open_enum::open_enum;
use crate::types::secret::Secret;
use crate::types::build_error::{BuildError, Problem};
use crate::types::ids::UserId;
use crate::models::success::Success;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;

mod hash_form;

/// Sets the password of a user from the password hash of another system.
///
/// | | |
/// |---|---|
/// | Request | `PUT /api/v1/users/{user_id}/password` |
/// | Scope | `update:user_passwords` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`Success`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path); an empty hash, salt, key or separator; a hash that does not have the form of its hashing method, or a number outside of its range (see [`Password`]) |
/// | Errors | 400 for an unknown user or a hash that the service refuses, 403 without the scope (often with no body), 429 over the rate limit |
///
/// ```
/// use kinde_users::operations::{Password, SetUserPassword};
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let hash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
/// let operation = SetUserPassword::new("kp_1", Password::bcrypt(hash)).is_temporary_password(true);
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(request.method(), "PUT");
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/password");
/// assert_eq!(
///     request.body(),
///     format!(r#"{{"hashed_password":"{hash}","hashing_method":"bcrypt","is_temporary_password":true}}"#)
///         .as_bytes()
/// );
///
/// let body = br#"{"message":"Success","code":"OK"}"#;
/// let reply = Reply::new::<SetUserPassword>(http::Response::new(body.to_vec()));
/// assert_eq!(reply.parse::<SetUserPassword>()?.code.as_deref(), Some("OK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct SetUserPassword {
    user_id: UserId,
    password: Password,
    is_temporary_password: Option<bool>,
}

impl SetUserPassword {
    /// Creates a request from the user and the hash of the password.
    pub fn new(user_id: impl Into<UserId>, password: Password) -> Self {
        Self { user_id: user_id.into(), password, is_temporary_password: None }
    }

    /// Sets whether the user must choose another password after signing in with this password.
    pub fn is_temporary_password(mut self, is_temporary: bool) -> Self {
        self.is_temporary_password = Some(is_temporary);
        self
    }
}

impl Operation for SetUserPassword {
    const META: Meta = Meta {
        name: "set_user_password",
        method: Method::PUT,
        path: PathTemplate::new("/api/v1/users/{user_id}/password"),
        scopes: &["update:user_passwords"],
        success: 200,
        replay: Replay::Idempotent,
    };
    type Output = Success;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(flatten)]
            password: &'a Fields,
            #[serde(skip_serializing_if = "Option::is_none")]
            is_temporary_password: Option<bool>,
        }
        request.path("user_id", self.user_id.as_str())?;
        self.password.check()?;
        let password = &self.password.0;
        request.json(&Body { password, is_temporary_password: self.is_temporary_password })
    }
}

/// The hash of a password, with all values that are needed to compare a password with the hash.
///
/// Each hashing method has a constructor. A method with several ways to salt a password has a
/// constructor for each way. A constructor takes the values that the service requires for the
/// method, and takes no value that the service rejects. [`salt_position`](Self::salt_position) sets
/// an optional value. The service accepts neither argon2 hashes nor plain text, so they have no
/// constructor.
///
/// If you sent a password in plain text or a truncated hash, the service would keep the text as a
/// hash, and no password would match this hash. The user could then not sign in. So a hash that
/// does not have the form of its hashing method is refused before anything is sent. The forms are:
///
/// | method | the form of its hashes |
/// |---|---|
/// | bcrypt | `$2a$`, `$2b$` or `$2y$`, a cost of `04` to `31`, `$`, and 53 characters of `./0-9A-Za-z` |
/// | crypt | a complete hash of the crypt function of a Unix system or of Apache. It begins with `$1$`, `$5$`, `$6$`, `$2a$`, `$y$` or a similar prefix, or with `_`. A hash of DES has no prefix. It has 13 characters of `./0-9A-Za-z`, and 11 more characters for each further group of 8 characters of the password |
/// | MD5 | 32 hex digits, or 16 bytes in base64 |
/// | SHA-256 | 64 hex digits |
/// | `WordPress` | `$P$` or `$H$` and 31 characters of `./0-9A-Za-z`; a bcrypt hash, with or without `$wp` before it; or 32 hex digits, as in old versions |
/// | PBKDF2 | base64 of 32 bytes for HMAC-SHA-256, and base64 of 64 bytes for the two variants whose keys have 512 bits |
/// | Firebase's scrypt | base64 of 64 bytes |
/// | ASP.NET Identity | base64 of 49 bytes, the first of which is zero. The text has 68 characters and begins with `A` |
///
/// If you pass the salt of a crypt or `WordPress` hash separately, the hash need not contain the
/// salt. Salts and keys of PBKDF2 and of Firebase's scrypt are base64. Base64 may use the URL-safe
/// alphabet. The padding may be missing, except in hashes of ASP.NET Identity and MD5.
///
/// The hash, the salt and the key are wiped from memory when the `Password` is dropped. `Debug`
/// does not show them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Password(Fields);

#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize)]
struct Fields {
    hashed_password: Option<Secret>,
    hashing_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt_position: Option<SaltPosition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iterations: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<Pbkdf2Variant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer_key: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt_separator: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rounds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mem_cost: Option<u32>,
}

impl Fields {
    fn check(&self) -> Result<(), (&'static str, Problem)> {
        let secrets = [
            ("hashed_password", &self.hashed_password),
            ("salt", &self.salt),
            ("signer_key", &self.signer_key),
            ("salt_separator", &self.salt_separator),
        ];
        for (name, secret) in secrets {
            if secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
                return Err((name, Problem::Empty));
            }
        }
        let hash = self.hashed_password.as_ref().map(Secret::expose).unwrap_or_default();
        let variant = self.variant.as_ref().map(Pbkdf2Variant::as_str);
        if !hash_form::may_be_hash(self.hashing_method, hash, self.salt.is_some(), variant) {
            return Err(("hashed_password", Problem::WrongType));
        }
        if matches!(self.hashing_method, "pbkdf2" | "firebase-scrypt") {
            for (name, secret) in secrets {
                let is_base64 = |secret: &Secret| hash_form::base64_bytes(secret.expose()).is_some();
                if !secret.as_ref().is_none_or(is_base64) {
                    return Err((name, Problem::WrongType));
                }
            }
        }
        match (self.salt_position, &self.salt) {
            (Some(_), _) if !Password::takes_salt(self.hashing_method) => {
                return Err(("salt_position", Problem::NotAllowed));
            }
            // The hashes of these have a salt within.
            (Some(_), None) if !matches!(self.hashing_method, "crypt" | "wordpress") => {
                return Err(("salt", Problem::Missing));
            }
            _ => {}
        }
        let numbers = [
            ("iterations", self.iterations, 1, u32::MAX),
            ("rounds", self.rounds, 1, 16),
            ("mem_cost", self.mem_cost, 1, 20),
        ];
        for (name, number, least, most) in numbers {
            if number.is_some_and(|number| !(least..=most).contains(&number)) {
                return Err((name, Problem::OutOfRange { least, most }));
            }
        }
        Ok(())
    }
}

impl Password {
    /// Creates a password from a bcrypt hash. The hash contains the salt.
    pub fn bcrypt(hashed_password: impl Into<String>) -> Self {
        Self::of("bcrypt", hashed_password.into())
    }

    /// Creates a password from a hash of Unix crypt. The hash contains the salt.
    pub fn crypt(hashed_password: impl Into<String>) -> Self {
        Self::of("crypt", hashed_password.into())
    }

    /// Creates a password from a hash of Unix crypt and a separate salt.
    pub fn crypt_salted(hashed_password: impl Into<String>, salt: impl Into<String>) -> Self {
        Self::crypt(hashed_password).salt(salt.into())
    }

    /// Creates a password from an MD5 hash without a salt.
    pub fn md5(hashed_password: impl Into<String>) -> Self {
        Self::of("md5", hashed_password.into())
    }

    /// Creates a password from a salted MD5 hash and its salt. The position says whether the salt
    /// is before or after the password in the hashed text.
    pub fn md5_salted(
        hashed_password: impl Into<String>,
        salt: impl Into<String>,
        position: SaltPosition,
    ) -> Self {
        Self::md5(hashed_password).salt(salt.into()).salt_position(position)
    }

    /// Creates a password from a SHA-256 hash without a salt. The hash is in hex.
    pub fn sha256(hashed_password: impl Into<String>) -> Self {
        Self::of("sha256", hashed_password.into())
    }

    /// Creates a password from a salted SHA-256 hash and its salt. The hash is in hex. The position
    /// says whether the salt is before or after the password in the hashed text.
    pub fn sha256_salted(
        hashed_password: impl Into<String>,
        salt: impl Into<String>,
        position: SaltPosition,
    ) -> Self {
        Self::sha256(hashed_password).salt(salt.into()).salt_position(position)
    }

    /// Creates a password from a hash of `WordPress`. The hash contains the salt.
    pub fn wordpress(hashed_password: impl Into<String>) -> Self {
        Self::of("wordpress", hashed_password.into())
    }

    /// Creates a password from a hash of `WordPress` and a separate salt.
    pub fn wordpress_salted(hashed_password: impl Into<String>, salt: impl Into<String>) -> Self {
        Self::wordpress(hashed_password).salt(salt.into())
    }

    /// Creates a password from a PBKDF2 hash and its base64 salt. The service assumes 24,000
    /// iterations.
    pub fn pbkdf2(
        hashed_password: impl Into<String>,
        salt: impl Into<String>,
        variant: impl Into<Pbkdf2Variant>,
    ) -> Self {
        let mut password = Self::of("pbkdf2", hashed_password.into()).salt(salt.into());
        password.0.variant = Some(variant.into());
        password
    }

    /// Creates a password from a PBKDF2 hash, its base64 salt and the number of iterations. The
    /// number must be at least 1.
    pub fn pbkdf2_with_iterations(
        hashed_password: impl Into<String>,
        salt: impl Into<String>,
        variant: impl Into<Pbkdf2Variant>,
        iterations: u32,
    ) -> Self {
        let mut password = Self::pbkdf2(hashed_password, salt, variant);
        password.0.iterations = Some(iterations);
        password
    }

    /// Creates a password from a hash of Firebase's scrypt, the base64 salt of the user, and the
    /// parameters of the Firebase project.
    pub fn firebase_scrypt(
        hashed_password: impl Into<String>,
        salt: impl Into<String>,
        parameters: &FirebaseParameters,
    ) -> Self {
        let mut password = Self::of("firebase-scrypt", hashed_password.into()).salt(salt.into());
        password.0.signer_key = Some(parameters.signer_key.clone());
        password.0.salt_separator = Some(parameters.salt_separator.clone());
        password.0.rounds = Some(parameters.rounds);
        password.0.mem_cost = Some(parameters.mem_cost);
        password
    }

    /// Creates a password from the base64 `PasswordHash` of ASP.NET Identity, version 2. Pass the
    /// `PasswordHash` unchanged. The hash contains the salt.
    pub fn aspnet_identity_v2(hashed_password: impl Into<String>) -> Self {
        Self::of("aspnet-identity-v2", hashed_password.into())
    }

    /// Sets whether the salt is before or after the password in the hashed text.
    ///
    /// The constructors for MD5 and SHA-256 with a salt already set a position. The service also
    /// accepts a position for PBKDF2, Firebase's scrypt, crypt and `WordPress`. The service accepts
    /// no position for bcrypt and ASP.NET Identity, so a position for these methods is refused with
    /// [`Problem::NotAllowed`]. A position for MD5 or SHA-256 without a salt is refused with
    /// [`Problem::Missing`], because the salt is missing.
    ///
    /// ```
    /// use kinde_users::operations::{Password, SaltPosition};
    ///
    /// let password = Password::crypt_salted("1ecacw.7.cA", "rE").salt_position(SaltPosition::Prefix);
    /// # drop(password);
    /// ```
    #[must_use]
    pub fn salt_position(mut self, position: SaltPosition) -> Self {
        self.0.salt_position = Some(position);
        self
    }

    /// Returns the name that requests use for the hashing method.
    pub fn hashing_method(&self) -> &'static str {
        self.0.hashing_method
    }

    /// Returns whether the service accepts a salt and its position for the method. The hashes of
    /// the other methods contain the salt.
    fn takes_salt(hashing_method: &str) -> bool {
        !matches!(hashing_method, "bcrypt" | "aspnet-identity-v2")
    }

    /// Checks that the password can be sent. [`SetUserPassword`] makes the same check before a
    /// request is sent. With this method, a program can check each line of a file without a user or
    /// a request.
    ///
    /// # Errors
    ///
    /// Returns a [`BuildError`] that names the part that cannot be sent.
    ///
    /// ```
    /// use kinde_users::Problem;
    /// use kinde_users::operations::Password;
    ///
    /// let error = Password::bcrypt("hunter2").check().unwrap_err();
    /// assert_eq!((error.argument(), error.problem()), ("hashed_password", Problem::WrongType));
    /// ```
    pub fn check(&self) -> Result<(), BuildError> {
        let refuse = |(argument, problem)| BuildError::new(SetUserPassword::META.name, argument, problem);
        self.0.check().map_err(refuse)
    }

    fn of(hashing_method: &'static str, hashed_password: String) -> Self {
        Self(Fields {
            hashed_password: Some(Secret::from(hashed_password)),
            hashing_method,
            ..Fields::default()
        })
    }

    fn salt(mut self, salt: String) -> Self {
        self.0.salt = Some(Secret::from(salt));
        self
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Password({})", self.0.hashing_method)
    }
}

/// The hash parameters of a Firebase project. All users of the project share them.
///
/// The parameters can be read from JSON. The fields have the names that the Firebase console shows,
/// as in this example, or the names `signer_key`, `salt_separator`, `rounds` and `mem_cost`:
///
/// ```
/// use kinde_users::operations::FirebaseParameters;
///
/// let shown = r#"{"base64_signer_key":"jxspr8Ki","base64_salt_separator":"Bw==","rounds":8,"mem_cost":14}"#;
/// let parameters: FirebaseParameters = serde_json::from_str(shown)?;
/// assert_eq!(parameters, FirebaseParameters::new("jxspr8Ki", "Bw==", 8, 14));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FirebaseParameters {
    signer_key: Secret,
    salt_separator: Secret,
    rounds: u32,
    mem_cost: u32,
}

impl FirebaseParameters {
    /// Creates the parameters from the base64 signer key, the base64 salt separator, the number of
    /// rounds (1 to 16) and the memory cost (1 to 20). The Firebase console shows these values.
    pub fn new(
        signer_key: impl Into<String>,
        salt_separator: impl Into<String>,
        rounds: u32,
        mem_cost: u32,
    ) -> Self {
        let (signer_key, salt_separator) = (signer_key.into().into(), salt_separator.into().into());
        Self { signer_key, salt_separator, rounds, mem_cost }
    }
}

impl<'de> Deserialize<'de> for FirebaseParameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parameters {
            #[serde(alias = "base64_signer_key")]
            signer_key: String,
            #[serde(alias = "base64_salt_separator")]
            salt_separator: String,
            rounds: u32,
            mem_cost: u32,
        }
        let Parameters { signer_key, salt_separator, rounds, mem_cost } = Parameters::deserialize(deserializer)?;
        Ok(Self::new(signer_key, salt_separator, rounds, mem_cost))
    }
}

impl fmt::Debug for FirebaseParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirebaseParameters(rounds {}, mem_cost {})", self.rounds, self.mem_cost)
    }
}

/// The position of the salt in the hashed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SaltPosition {
    /// The salt is before the password.
    Prefix,
    /// The salt is after the password.
    Suffix,
}

open_enum! {
    /// The variant of PBKDF2.
    Pbkdf2Variant {
        /// PBKDF2 with HMAC-SHA-256.
        HmacSha256 = "salted-pbkdf2-hmac-sha256",
        /// PBKDF2 with HMAC-SHA-256 and a key of 512 bits.
        HmacSha256With512 = "salted-pbkdf2-hmac-sha256-512",
        /// PBKDF2 with HMAC-SHA-512 and a key of 512 bits.
        HmacSha512With512 = "salted-pbkdf2-hmac-sha512-512",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::secret::tests::are_wiped;

    #[test]
    fn firebase_parameters_are_read_under_both_names() {
        for text in [
            r#"{"base64_signer_key":"key","base64_salt_separator":"Bw==","rounds":8,"mem_cost":14}"#,
            r#"{"signer_key":"key","salt_separator":"Bw==","rounds":8,"mem_cost":14}"#,
        ] {
            let parameters: FirebaseParameters = serde_json::from_str(text).unwrap();
            assert!(parameters == FirebaseParameters::new("key", "Bw==", 8, 14));
            let password = Password::firebase_scrypt("hash", "salt", &parameters);
            assert_eq!(password.hashing_method(), "firebase-scrypt");
        }
    }

    #[test]
    fn dropped_password_is_wiped() {
        let parameters = FirebaseParameters::new("key", "separator", 8, 14);
        let FirebaseParameters { signer_key, salt_separator, rounds: _, mem_cost: _ } = &parameters;
        are_wiped([signer_key, salt_separator]);
        // All fields, so that a new one is thought of.
        let Fields {
            hashed_password: Some(hash),
            hashing_method: _,
            salt: Some(salt),
            salt_position: _,
            iterations: _,
            variant: _,
            signer_key: Some(signer_key),
            salt_separator: Some(salt_separator),
            rounds: _,
            mem_cost: _,
        } = Password::firebase_scrypt("hash", "salt", &parameters).0
        else {
            panic!("it has all of them")
        };
        are_wiped([&hash, &salt, &signer_key, &salt_separator]);
    }
}
