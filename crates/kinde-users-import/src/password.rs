//! Passwords from the parts of a hash.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinde_users_core::Problem;
use kinde_users_core::operations::{FirebaseParameters, Password, Pbkdf2Variant, SaltPosition};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{ImportError, ImportProblem};

/// The parts of a password hash, as files contain them. The hashing method determines which parts
/// are needed.
///
/// [`password`](Self::password) makes a [`Password`] of them.
///
/// ```
/// use kinde_users_core::Problem;
/// use kinde_users_import::PasswordParts;
///
/// let parts = PasswordParts::new("5f4dcc3b5aa765d61d8327deb882cf99").hashing_method("md5").salt("pepper");
/// // MD5 with a salt needs the position of the salt.
/// let error = parts.clone().password().unwrap_err();
/// assert_eq!((error.field(), error.problem()), ("salt_position", Problem::Missing.into()));
/// assert_eq!(parts.salt_position("suffix").password()?.hashing_method(), "md5");
/// # Ok::<(), kinde_users_import::ImportError>(())
/// ```
///
/// A part that is an empty text counts as missing. The hash and the salt are wiped from memory when
/// they are dropped, and no `Debug` form contains them. The source text of the hash and the salt,
/// such as the line of a file, is not wiped.
#[derive(Clone)]
#[must_use]
pub struct PasswordParts {
    hashed_password: SecretString,
    hashing_method: String,
    salt: Option<SecretString>,
    salt_position: String,
    salt_format: String,
    variant: String,
    iterations: Option<u32>,
    firebase: Option<FirebaseParameters>,
}

impl PasswordParts {
    /// Creates the parts with a hash. If you set no hashing method, the method is bcrypt.
    pub fn new(hashed_password: impl Into<String>) -> Self {
        Self {
            hashed_password: SecretString::from(hashed_password.into()),
            hashing_method: String::new(),
            salt: None,
            salt_position: String::new(),
            salt_format: String::new(),
            variant: String::new(),
            iterations: None,
            firebase: None,
        }
    }

    /// Sets the hashing method: `bcrypt`, `crypt`, `md5`, `sha256`, `wordpress`, `pbkdf2`,
    /// `firebase-scrypt` or `aspnet-identity-v2`.
    pub fn hashing_method(mut self, method: impl Into<String>) -> Self {
        self.hashing_method = method.into();
        self
    }

    /// Sets the salt.
    pub fn salt(mut self, salt: impl Into<String>) -> Self {
        self.salt = Some(salt.into()).filter(|salt| !salt.is_empty()).map(SecretString::from);
        self
    }

    /// Sets the position of the salt in the hashed text: `prefix` or `suffix`. MD5 and SHA-256 need
    /// the position if there is a salt. The other methods that accept a salt accept a position too.
    pub fn salt_position(mut self, position: impl Into<String>) -> Self {
        self.salt_position = position.into();
        self
    }

    /// Sets the format in which the salt is given: `string`, `hex` or `base64`.
    ///
    /// The salt is converted to the format of the hashing method before it is sent. That format is
    /// base64 for PBKDF2 and Firebase's scrypt, and text for the other methods. If you set no
    /// format, the salt must already have the format of the hashing method.
    pub fn salt_format(mut self, format: impl Into<String>) -> Self {
        self.salt_format = format.into();
        self
    }

    /// Sets the variant of PBKDF2, such as `salted-pbkdf2-hmac-sha256`.
    pub fn variant(mut self, variant: impl Into<String>) -> Self {
        self.variant = variant.into();
        self
    }

    /// Sets the number of iterations of PBKDF2. If you set no number, the service assumes 24,000
    /// iterations.
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = Some(iterations);
        self
    }

    /// Sets the parameters of the Firebase project.
    pub fn firebase(mut self, parameters: FirebaseParameters) -> Self {
        self.firebase = Some(parameters);
        self
    }

    /// Returns the password. Its hash has a form that the method accepts; see [`Password`].
    ///
    /// # Errors
    ///
    /// Returns an [`ImportError`] that names the part of the password. The part is missing, is not
    /// valid, or is not accepted by the hashing method.
    pub fn password(self) -> Result<Password, ImportError> {
        let hash = self.hashed_password.expose_secret();
        let method = if self.hashing_method.is_empty() { "bcrypt" } else { self.hashing_method.as_str() };
        if hash.is_empty() {
            return Err(ImportError::new("hashed_password", Problem::Missing));
        }
        self.refuse_what_is_not_for(method)?;
        let password = match method {
            "bcrypt" => Password::bcrypt(hash),
            "aspnet-identity-v2" => Password::aspnet_identity_v2(hash),
            "crypt" => match self.text_salt()? {
                Some(salt) => Password::crypt_salted(hash, salt),
                None => Password::crypt(hash),
            },
            "wordpress" => match self.text_salt()? {
                Some(salt) => Password::wordpress_salted(hash, salt),
                None => Password::wordpress(hash),
            },
            "md5" => match self.text_salt()? {
                Some(salt) => Password::md5_salted(hash, salt, self.required_position()?),
                None => Password::md5(hash),
            },
            "sha256" => match self.text_salt()? {
                Some(salt) => Password::sha256_salted(hash, salt, self.required_position()?),
                None => Password::sha256(hash),
            },
            "pbkdf2" => {
                let (salt, variant) = (self.base64_salt()?, self.known_variant()?);
                match self.iterations {
                    Some(iterations) => Password::pbkdf2_with_iterations(hash, salt, variant, iterations),
                    None => Password::pbkdf2(hash, salt, variant),
                }
            }
            "firebase-scrypt" => {
                let parameters =
                    self.firebase.as_ref().ok_or(ImportError::new("signer_key", Problem::Missing))?;
                Password::firebase_scrypt(hash, self.base64_salt()?, parameters)
            }
            _ => return Err(ImportError::new("hashing_method", ImportProblem::Unknown)),
        };
        let password = match self.position()? {
            Some(position) => password.salt_position(position),
            None => password,
        };
        password.check().map_err(|error| ImportError::new(error.argument(), error.problem()))?;
        Ok(password)
    }

    /// Refuses parts that the method does not use: either the part or the method is a mistake. The
    /// parameters of Firebase are not refused, as they are those of a whole file.
    fn refuse_what_is_not_for(&self, method: &str) -> Result<(), ImportError> {
        // The hashes of these methods contain their salt.
        let takes_salt = !matches!(method, "bcrypt" | "aspnet-identity-v2");
        let parts = [
            ("salt", takes_salt, self.salt.is_some()),
            ("salt_position", takes_salt, !self.salt_position.is_empty()),
            ("salt_format", takes_salt, !self.salt_format.is_empty()),
            ("variant", method == "pbkdf2", !self.variant.is_empty()),
            ("iterations", method == "pbkdf2", self.iterations.is_some()),
        ];
        match parts.into_iter().find(|(_, is_taken, is_given)| *is_given && !is_taken) {
            Some((part, ..)) => Err(ImportError::new(part, Problem::NotAllowed)),
            None => Ok(()),
        }
    }

    fn known_variant(&self) -> Result<Pbkdf2Variant, ImportError> {
        match Pbkdf2Variant::from(self.variant.as_str()) {
            Pbkdf2Variant::Other(text) if text.is_empty() => {
                Err(ImportError::new("variant", Problem::Missing))
            }
            Pbkdf2Variant::Other(_) => Err(ImportError::new("variant", ImportProblem::Unknown)),
            known => Ok(known),
        }
    }

    fn position(&self) -> Result<Option<SaltPosition>, ImportError> {
        match self.salt_position.to_ascii_lowercase().as_str() {
            "prefix" => Ok(Some(SaltPosition::Prefix)),
            "suffix" => Ok(Some(SaltPosition::Suffix)),
            "" => Ok(None),
            _ => Err(ImportError::new("salt_position", ImportProblem::Unknown)),
        }
    }

    fn required_position(&self) -> Result<SaltPosition, ImportError> {
        self.position()?.ok_or(ImportError::new("salt_position", Problem::Missing))
    }

    fn text_salt(&self) -> Result<Option<String>, ImportError> {
        let Some(salt) = &self.salt else { return Ok(None) };
        let bytes = match self.salt_bytes(salt.expose_secret())? {
            None => salt.expose_secret().into(),
            // The operation has no parameter for the format, and cannot send bytes that are not
            // text.
            Some(bytes) => {
                String::from_utf8(bytes).map_err(|_| ImportError::new("salt", Problem::WrongType))?
            }
        };
        Ok(Some(bytes))
    }

    fn base64_salt(&self) -> Result<String, ImportError> {
        let salt = self.salt.as_ref().ok_or(ImportError::new("salt", Problem::Missing))?.expose_secret();
        match self.salt_bytes(salt)? {
            Some(bytes) => Ok(STANDARD.encode(bytes)),
            None if STANDARD.decode(salt).is_ok() => Ok(salt.into()),
            None => Err(ImportError::new("salt", Problem::WrongType)),
        }
    }

    /// Returns the bytes of the salt, or `None` if it has the format of the method.
    fn salt_bytes(&self, salt: &str) -> Result<Option<Vec<u8>>, ImportError> {
        let bytes = match self.salt_format.to_ascii_lowercase().as_str() {
            "" => return Ok(None),
            "string" => Some(salt.as_bytes().to_vec()),
            "hex" => from_hex(salt),
            "base64" => STANDARD.decode(salt).ok(),
            _ => return Err(ImportError::new("salt_format", ImportProblem::Unknown)),
        };
        bytes.map(Some).ok_or(ImportError::new("salt", Problem::WrongType))
    }
}

/// Returns what is expected of a part of a password. Empty if the problem says it.
pub(crate) fn expected(part: &str, problem: ImportProblem, method: &str) -> &'static str {
    match (part, problem) {
        ("hashed_password", ImportProblem::Argument(Problem::WrongType)) => match method {
            "" | "bcrypt" => "a bcrypt hash: 60 characters that begin with $2a$, $2b$ or $2y$",
            "crypt" => "a crypt hash that begins with $1$, $5$, $6$ or $y$, or the 13 characters of DES",
            "md5" => "an MD5 hash: 32 hex digits, or 16 bytes in base64",
            "sha256" => "a SHA-256 hash: 64 hex digits",
            "wordpress" => "a WordPress hash that begins with $P$, $H$, $wp$ or $2, or 32 hex digits",
            "aspnet-identity-v2" => {
                "an ASP.NET Identity version 2 hash: 68 characters of base64 for 49 bytes, the first of them 0"
            }
            "pbkdf2" => "a PBKDF2 hash in base64, of as many bytes as the variant has",
            "firebase-scrypt" => "a hash of Firebase's scrypt: 64 bytes in base64",
            _ => "",
        },
        ("hashing_method", ImportProblem::Unknown) => {
            "bcrypt, crypt, md5, sha256, wordpress, pbkdf2, firebase-scrypt or aspnet-identity-v2"
        }
        ("salt", ImportProblem::Argument(Problem::WrongType)) => match method {
            "pbkdf2" | "firebase-scrypt" => "base64, or the format that salt_format names",
            _ => "the format that salt_format names, with UTF-8 text in it",
        },
        ("salt_position", ImportProblem::Unknown | ImportProblem::Argument(Problem::Missing)) => {
            "prefix or suffix"
        }
        ("salt_format", ImportProblem::Unknown) => "string, hex or base64",
        ("variant", ImportProblem::Unknown | ImportProblem::Argument(Problem::Missing)) => {
            "salted-pbkdf2-hmac-sha256, salted-pbkdf2-hmac-sha256-512 or salted-pbkdf2-hmac-sha512-512"
        }
        ("signer_key", ImportProblem::Argument(Problem::Missing)) => {
            "base64_signer_key and the other parameters of the Firebase project (--firebase FILE)"
        }
        _ => "",
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let digits: Vec<u8> = digits.collect::<Option<_>>()?;
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(high * 16 + low),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}

impl fmt::Debug for PasswordParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordParts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ImportProblem::{Argument, Unknown};
    use kinde_users_core::operations::SetUserPassword;
    use kinde_users_core::{AccessToken, Domain, DynOperation, build_request};
    use secrecy::zeroize::ZeroizeOnDrop;

    fn parts(method: &str) -> PasswordParts {
        let hash = match method {
            "md5" => "900150983cd24fb0d6963f7d28e17f72",
            "sha256" => "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
            "pbkdf2" => "0EuY9I6Pi8wVxq5awFCAHNbc/UKPtfnmXE4W54BzQPo=",
            "firebase-scrypt" => {
                "MBY5NcAC/E4SAJBsPTCpxJVrSvn23K7x60sfy4+6aeenrNxJHqWx8oZOqMAbAVgO8J3vw7EbPxg8sh0jb38aaw=="
            }
            "aspnet-identity-v2" => "AOjShoQMSoRpdt7Dtf1UtxLckGV63Cd4gjCNobd2uPKjl6/PZMFT6NAjV7rhxFdEHw==",
            // A bcrypt hash is also valid for crypt and WordPress.
            _ => "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        };
        PasswordParts::new(hash).hashing_method(method)
    }

    /// Returns what is sent, without the hash and the method.
    fn sent(parts: PasswordParts) -> serde_json::Value {
        let operation = SetUserPassword::new("kp_1", parts.password().unwrap());
        let (domain, token) = (Domain::parse("acme").unwrap(), AccessToken::new("t").unwrap());
        let request = build_request(&operation, &domain, &token).unwrap();
        let mut body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let body_of = body.as_object_mut().unwrap();
        body_of.remove("hashed_password").unwrap();
        body_of.remove("hashing_method").unwrap();
        assert!(DynOperation::new(operation).check().is_ok());
        body
    }

    #[track_caller]
    fn refuses(parts: PasswordParts, expected: (&str, ImportProblem)) {
        let error = parts.password().unwrap_err();
        assert_eq!((error.field(), error.problem()), expected);
    }

    #[test]
    fn hash_and_salt_are_wiped_when_dropped() {
        // Compiles only if the type is wiped when it is dropped.
        fn is_wiped(_: &impl ZeroizeOnDrop) {}

        let PasswordParts {
            hashed_password,
            hashing_method: _,
            salt: Some(salt),
            salt_position: _,
            salt_format: _,
            variant: _,
            iterations: _,
            firebase: _,
        } = PasswordParts::new("hash").salt("salt")
        else {
            panic!("it has a salt")
        };
        is_wiped(&hashed_password);
        is_wiped(&salt);
    }

    #[test]
    fn each_method_accepts_its_parts() {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        for method in ["", "bcrypt", "crypt", "md5", "sha256", "wordpress", "aspnet-identity-v2"] {
            assert_eq!(sent(parts(method)), json("{}"), "{method}");
        }
        for method in ["crypt", "wordpress"] {
            assert_eq!(sent(parts(method).salt("s")), json(r#"{"salt":"s"}"#), "{method}");
        }
        for method in ["crypt", "wordpress"] {
            let within = parts(method).salt_position("suffix");
            assert_eq!(sent(within), json(r#"{"salt_position":"suffix"}"#), "{method}");
        }
        for method in ["crypt", "wordpress", "md5", "sha256"] {
            let salted = parts(method).salt("s").salt_position("Prefix");
            assert_eq!(sent(salted), json(r#"{"salt":"s","salt_position":"prefix"}"#), "{method}");
        }
        let pbkdf2 = parts("pbkdf2").salt("c2FsdA==").variant("salted-pbkdf2-hmac-sha256");
        let expected = r#"{"salt":"c2FsdA==","variant":"salted-pbkdf2-hmac-sha256"}"#;
        assert_eq!(sent(pbkdf2.clone()), json(expected));
        assert_eq!(sent(pbkdf2.clone().salt_position("suffix"))["salt_position"], "suffix");
        assert_eq!(sent(pbkdf2.iterations(7))["iterations"], 7);
        let firebase = parts("firebase-scrypt").salt("c2FsdA==");
        refuses(firebase.clone(), ("signer_key", Argument(Problem::Missing)));
        let firebase = firebase.firebase(FirebaseParameters::new("a2V5", "Bw==", 8, 14));
        assert_eq!(sent(firebase.clone())["signer_key"], "a2V5");
        assert_eq!(sent(firebase.salt_position("prefix"))["salt_position"], "prefix");
    }

    #[test]
    fn missing_and_unused_parts_are_refused_by_name() {
        let wrong_hash = ("hashed_password", Argument(Problem::WrongType));
        for (refused_parts, expected) in [
            (parts("argon2"), ("hashing_method", Unknown)),
            (PasswordParts::new(""), ("hashed_password", Argument(Problem::Missing))),
            (PasswordParts::new("hunter2").hashing_method("aspnet-identity-v2"), wrong_hash),
            (PasswordParts::new("hunter2"), wrong_hash),
            (PasswordParts::new("hunter2").hashing_method("crypt"), wrong_hash),
            (PasswordParts::new("hunter2").hashing_method("sha256"), wrong_hash),
            (PasswordParts::new("hunter2").hashing_method("wordpress"), wrong_hash),
            (
                PasswordParts::new("hunter2").hashing_method("md5").salt("s").salt_position("prefix"),
                wrong_hash,
            ),
            (parts("bcrypt").salt("s"), ("salt", Argument(Problem::NotAllowed))),
            (parts("bcrypt").salt_position("prefix"), ("salt_position", Argument(Problem::NotAllowed))),
            (
                parts("aspnet-identity-v2").salt_position("prefix"),
                ("salt_position", Argument(Problem::NotAllowed)),
            ),
            (parts("crypt").salt("s").salt_position("middle"), ("salt_position", Unknown)),
            (parts("md5").salt("s").salt_position("middle"), ("salt_position", Unknown)),
            (parts("md5").salt_position("prefix"), ("salt", Argument(Problem::Missing))),
            (parts("md5").iterations(1), ("iterations", Argument(Problem::NotAllowed))),
            (parts("pbkdf2").variant("salted-pbkdf2-hmac-sha256"), ("salt", Argument(Problem::Missing))),
            (parts("pbkdf2").salt("c2FsdA=="), ("variant", Argument(Problem::Missing))),
            (parts("pbkdf2").salt("c2FsdA==").variant("sha1"), ("variant", Unknown)),
            (
                parts("pbkdf2").salt("no base64").variant("salted-pbkdf2-hmac-sha256"),
                ("salt", Argument(Problem::WrongType)),
            ),
            (parts("aspnet-identity-v2").salt("s"), ("salt", Argument(Problem::NotAllowed))),
        ] {
            refuses(refused_parts, expected);
        }
    }

    #[test]
    fn salt_is_sent_in_the_format_of_the_method() {
        let md5 =
            |salt: &str, format: &str| parts("md5").salt(salt).salt_position("suffix").salt_format(format);
        for (salt, format) in [("salt", "string"), ("73616c74", "hex"), ("c2FsdA==", "base64"), ("salt", "")]
        {
            assert_eq!(sent(md5(salt, format))["salt"], "salt", "{format}");
        }
        let pbkdf2 = |salt: &str, format: &str| {
            parts("pbkdf2").salt(salt).variant("salted-pbkdf2-hmac-sha256").salt_format(format)
        };
        for (salt, format) in
            [("salt", "string"), ("73616C74", "HEX"), ("c2FsdA==", "base64"), ("c2FsdA==", "")]
        {
            assert_eq!(sent(pbkdf2(salt, format))["salt"], "c2FsdA==", "{format}");
        }
        refuses(md5("7361f", "hex"), ("salt", Argument(Problem::WrongType)));
        refuses(md5("ff", "hex"), ("salt", Argument(Problem::WrongType)));
        refuses(md5("s", "octal"), ("salt_format", Unknown));
    }
}
