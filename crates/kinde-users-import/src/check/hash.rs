//! Recognizes the forms of hashes.

use alloc::string::String;
use core::fmt;

use kinde_users_core::operations::Password;

use crate::PasswordParts;

/// The form of a hash. `Display` writes it with its article, such as `an argon2 hash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HashForm {
    name: &'static str,
    method: Option<&'static str>,
}

impl HashForm {
    /// Returns whether Kinde cannot verify hashes of this form.
    pub(crate) fn is_unverifiable(&self) -> bool {
        self.name.ends_with("which Kinde cannot verify")
    }
}

impl fmt::Display for HashForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The problem of a text that is not a hash of its method. It never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HashProblem {
    method: &'static str,
    form: Option<HashForm>,
}

impl HashProblem {
    /// Creates the problem of a text that is not a hash of `method`.
    pub(crate) fn new(method: &str, text: &str) -> Self {
        let known = METHODS.iter().find(|known| **known == method);
        Self { method: known.unwrap_or(&"bcrypt"), form: looks_like(text) }
    }
}

impl fmt::Display for HashProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is not a valid {} hash", self.method)?;
        match self.form {
            None => Ok(()),
            Some(form) if form.method == Some(self.method) => {
                write!(
                    f,
                    ", but looks like {form} that was truncated or changed: correct it, or empty the field to import the user without a password"
                )
            }
            Some(form) => match form.method {
                Some(method) => write!(f, ": it looks like {form}; the hashing method of that is {method}"),
                None => write!(f, ": it looks like {form}"),
            },
        }
    }
}

impl core::error::Error for HashProblem {}

const METHODS: [&str; 8] =
    ["bcrypt", "crypt", "md5", "sha256", "wordpress", "pbkdf2", "firebase-scrypt", "aspnet-identity-v2"];

const BCRYPT: HashForm = HashForm { name: "a bcrypt hash", method: Some("bcrypt") };
const CRYPT: HashForm = HashForm { name: "a Unix crypt hash", method: Some("crypt") };
const WORDPRESS: HashForm = HashForm { name: "a WordPress or phpass hash", method: Some("wordpress") };
const ARGON2: HashForm = other("an argon2 hash, which Kinde cannot verify");
const SCRYPT: HashForm = other("a scrypt hash that is not from Firebase, which Kinde cannot verify");
const PASSLIB: HashForm = other("a passlib PBKDF2 hash");
const DJANGO: HashForm = other("a Django hash with its parts between $");
const LDAP: HashForm = other("an LDAP or Spring hash with its scheme in braces");
const LOCKED: HashForm = other("a mark for no password or a locked account");
const REDACTED: HashForm =
    other("REDACTED, which Firebase writes if the exporting account may not read hashes");
const PLAIN: HashForm = other("a password in plain text");

const fn other(name: &'static str) -> HashForm {
    HashForm { name, method: None }
}

/// The beginnings of hashes, longer ones first.
const MARKS: &[(&str, HashForm)] = &[
    ("UkVEQUNURUQ", REDACTED),
    ("REDACTED", REDACTED),
    ("$2$", BCRYPT),
    ("$2a$", BCRYPT),
    ("$2b$", BCRYPT),
    ("$2x$", BCRYPT),
    ("$2y$", BCRYPT),
    ("$P$", WORDPRESS),
    ("$H$", WORDPRESS),
    ("$wp$", WORDPRESS),
    ("$argon2", ARGON2),
    ("argon2", ARGON2),
    ("$scrypt$", SCRYPT),
    ("scrypt:", SCRYPT),
    ("scrypt$", SCRYPT),
    ("$S$", other("a Drupal 7 hash, which Kinde cannot verify")),
    ("U$S$", other("a Drupal 7 hash, which Kinde cannot verify")),
    ("$pbkdf2", PASSLIB),
    ("pbkdf2:", other("a Werkzeug PBKDF2 hash")),
    ("pbkdf2_", DJANGO),
    ("bcrypt_sha256$", DJANGO),
    ("bcrypt$", DJANGO),
    ("md5$", DJANGO),
    ("sha1$", DJANGO),
    ("sha256$", DJANGO),
    ("unsalted_", DJANGO),
    ("{\"", other("a JSON object")),
    ("{noop}", PLAIN),
    ("$1$", CRYPT),
    ("$3$", CRYPT),
    ("$5$", CRYPT),
    ("$6$", CRYPT),
    ("$7$", CRYPT),
    ("$y$", CRYPT),
    ("$gy$", CRYPT),
    ("$apr1$", CRYPT),
    ("$sha1$", CRYPT),
    ("$md5", CRYPT),
    ("!", LOCKED),
];

/// Returns the form of a text, if it looks like a hash, a placeholder or a password in plain text.
pub(crate) fn looks_like(text: &str) -> Option<HashForm> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let begins = |mark: &str| text.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark));
    // The case matters in marks such as `$P$`, and does not matter in words.
    let is_marked = |mark: &str| if mark.starts_with('$') { text.starts_with(mark) } else { begins(mark) };
    if let Some((_, form)) = MARKS.iter().find(|(mark, _)| is_marked(mark)) {
        return Some(*form);
    }
    if text
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'))
        .is_some_and(|(scheme, _)| scheme.len() < 20)
    {
        return Some(LDAP);
    }
    if text.bytes().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-'))
        && (text.len() < 3 || text.starts_with('*'))
    {
        return Some(LOCKED);
    }
    if let Some(form) = in_hex(text).or_else(|| in_base64(text)) {
        return Some(form);
    }
    (text.chars().count() < 20).then_some(PLAIN)
}

fn in_hex(text: &str) -> Option<HashForm> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(digits) = text.strip_prefix('*') {
        return (digits.len() == 40 && is_hex(digits)).then_some(other("a MySQL password hash"));
    }
    let digits = text.strip_prefix("0x").or(text.strip_prefix("\\x"));
    if let Some(digits) = digits {
        return is_hex(digits).then_some(other("hex bytes of a database, which begin with 0x or \\x"));
    }
    if !is_hex(text) {
        return None;
    }
    Some(match text.len() {
        32 => HashForm { name: "32 hex digits, as MD5 has", method: Some("md5") },
        40 => other("40 hex digits, as SHA-1 has, which Kinde cannot verify"),
        64 => HashForm { name: "64 hex digits, as SHA-256 has", method: Some("sha256") },
        96 => other("96 hex digits, as SHA-384 has, which Kinde cannot verify"),
        128 => other("128 hex digits, as SHA-512 has, which Kinde cannot verify"),
        _ => return None,
    })
}

fn in_base64(text: &str) -> Option<HashForm> {
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    if !digits.bytes().all(is_digit) || digits.len() % 4 == 1 || text.len() - digits.len() > 2 {
        return None;
    }
    let bytes = digits.len() / 4 * 3 + digits.len() % 4 * 3 / 4;
    if digits.starts_with("AQAAAA") && bytes > 13 {
        return Some(other("an ASP.NET Identity version 3 hash, which Kinde cannot verify"));
    }
    Some(match bytes {
        49 if digits.starts_with("AA") => {
            HashForm { name: "an ASP.NET Identity version 2 hash", method: Some("aspnet-identity-v2") }
        }
        16 if text.len() == 24 => other("16 bytes in base64, as MD5 has"),
        20 if text.len() == 28 => other("20 bytes in base64, as SHA-1 has"),
        32 => other("32 bytes in base64, as PBKDF2 or SHA-256 has"),
        64 => other("64 bytes in base64, as Firebase's scrypt or PBKDF2 has"),
        _ => return None,
    })
}

/// Returns the password of a hash that names its own method, if Kinde can verify it.
///
/// Such hashes are those of bcrypt, `WordPress` and crypt, hashes after `{bcrypt}` and `{crypt}`,
/// Django's `pbkdf2_sha256$`, `bcrypt$` and `md5$`, and passlib's `$pbkdf2-sha256$` and
/// `$pbkdf2-sha512$`.
pub(crate) fn named_by_itself(text: &str) -> Option<Password> {
    let strip = |scheme: &str| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| text.get(scheme.len()..)).flatten()
    };
    let parts = if let Some(hash) = strip("{bcrypt}").or(text.strip_prefix("bcrypt$")) {
        PasswordParts::new(hash).hashing_method("bcrypt")
    } else if let Some(hash) = strip("{crypt}") {
        PasswordParts::new(hash).hashing_method("crypt")
    } else if let Some(rest) = text.strip_prefix("pbkdf2_sha256$") {
        let (iterations, salt, hash) = three(rest)?;
        let parts = pbkdf2(hash, "salted-pbkdf2-hmac-sha256", iterations)?;
        parts.salt(salt).salt_format("string")
    } else if let Some(rest) = text.strip_prefix("$pbkdf2-sha256$") {
        passlib(rest, "salted-pbkdf2-hmac-sha256")?
    } else if let Some(rest) = text.strip_prefix("$pbkdf2-sha512$") {
        passlib(rest, "salted-pbkdf2-hmac-sha512-512")?
    } else if let Some(rest) = text.strip_prefix("md5$") {
        let (salt, hash) = rest.split_once('$')?;
        let parts = PasswordParts::new(hash).hashing_method("md5");
        if salt.is_empty() { parts } else { parts.salt(salt).salt_format("string").salt_position("prefix") }
    } else {
        let form = looks_like(text).filter(|form| [BCRYPT, CRYPT, WORDPRESS].contains(form))?;
        PasswordParts::new(text).hashing_method(form.method?)
    };
    parts.password().ok()
}

fn three(text: &str) -> Option<(&str, &str, &str)> {
    let (first, rest) = text.split_once('$')?;
    let (second, third) = rest.split_once('$')?;
    Some((first, second, third))
}

fn pbkdf2(hash: impl Into<String>, variant: &str, iterations: &str) -> Option<PasswordParts> {
    let iterations = iterations.parse().ok()?;
    Some(PasswordParts::new(hash).hashing_method("pbkdf2").variant(variant).iterations(iterations))
}

/// Reads a passlib hash. Its base64 has `.` for `+`, and no padding.
fn passlib(rest: &str, variant: &str) -> Option<PasswordParts> {
    let (iterations, salt, hash) = three(rest)?;
    let base64 = |text: &str| {
        let mut text = text.replace('.', "+");
        while text.len() % 4 != 0 {
            text.push('=');
        }
        text
    };
    Some(pbkdf2(base64(hash), variant, iterations)?.salt(base64(salt)).salt_format("base64"))
}

/// Returns whether a salt without a format can be read in more than one format.
///
/// PBKDF2 takes its salt in base64. A salt without a character that only base64 has may be text or
/// hex, too. The other methods that have a salt take it as text. A salt that looks like long hex or
/// padded base64 may be meant as bytes. Firebase's salts are always base64.
pub(crate) fn is_ambiguous_salt(method: &str, salt: &str) -> bool {
    let is_base64 =
        salt.len() % 4 == 0 && salt.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    let is_hex = salt.len() % 2 == 0 && salt.bytes().all(|byte| byte.is_ascii_hexdigit());
    match method {
        "pbkdf2" => is_base64 && !salt.contains(['+', '/', '=']),
        "md5" | "sha256" | "crypt" | "wordpress" => {
            (is_hex && salt.len() >= 16) || (is_base64 && salt.len() >= 8 && salt.ends_with('='))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinde_users_core::DynOperation;
    use kinde_users_core::operations::{FirebaseParameters, Password, SaltPosition, SetUserPassword};
    use proptest::prelude::*;
    use std::string::ToString as _;

    /// Checks a hash by the rules of [`Password`].
    fn check(password: &Password, hash: &str) -> Result<(), HashProblem> {
        // The check of the password does not depend on the user.
        let operation = DynOperation::new(SetUserPassword::new("kp_1", password.clone()));
        match operation.check() {
            Err(error) if error.argument() == "hashed_password" => {
                Err(HashProblem::new(password.hashing_method(), hash))
            }
            _ => Ok(()),
        }
    }

    const REST: &str = "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    const V2: &str = "AAABAgMEBQYHCAkKCwwNDg8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==";
    const V3: &str = "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==";
    const B32: &str = "XNiu6uE/v5CPOf5Et9bjfQmV/oYCX4QSKXW85qKCdII=";
    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
    const ARGON: &str =
        "$argon2id$v=19$m=65536,t=3,p=4$tr13ZB4DdtMqY15IPod2Ng$/JED7vzDXcgwHYBoLfXMadiltdzyZ3hOooHooMxE9Qo";

    /// Returns a password of each method.
    fn passwords(hash: &str) -> [Password; 8] {
        let parameters = FirebaseParameters::new("a2V5", "Bw==", 8, 14);
        [
            Password::bcrypt(hash),
            Password::crypt(hash),
            Password::md5(hash),
            Password::sha256_salted(hash, "s", SaltPosition::Prefix),
            Password::wordpress(hash),
            Password::pbkdf2(hash, "c2FsdA==", "salted-pbkdf2-hmac-sha256"),
            Password::firebase_scrypt(hash, "c2FsdA==", &parameters),
            Password::aspnet_identity_v2(hash),
        ]
    }

    #[test]
    fn hashes_are_valid_only_for_their_methods() {
        let bcrypt = std::format!("$2b$10${REST}");
        let scrypt = std::format!("{:A<86}==", "");
        for (hash, methods) in [
            (bcrypt.as_str(), &["bcrypt", "crypt", "wordpress"][..]),
            (MD5, &["md5", "wordpress"]),
            (&MD5.repeat(2), &["sha256"]),
            (B32, &["pbkdf2"]),
            (&scrypt, &["firebase-scrypt"]),
            (V2, &["aspnet-identity-v2"]),
            ("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", &["wordpress"]),
            ("$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81", &["crypt"]),
            ("rEK1ecacw.7.c", &["crypt"]),
            // Kinde can verify none of these.
            (bcrypt.get(..50).unwrap(), &[]),
            ("$2y$12$", &[]),
            (&bcrypt.replace("MRZ", "M Z"), &[]),
            (&std::format!("{{bcrypt}}{bcrypt}"), &[]),
            (ARGON, &[]),
            ("$S$DypA/K0gA9QaR6lmnCcj40CVmYdg8n1qtaPPfNtJ8GGeKC9KmIKJ", &[]),
            ("$scrypt$ln=16,r=8,p=1$O0OevoUaXZ/PrLjDz33Rxg$9mRc29FlSB18f+z8/syq5ED+gFDOy9neF3pba80Mruc", &[]),
            ("pbkdf2_sha256$36000$kT7mQz2LpX9a$XNiu6uE/v5CPOf5Et9bjfQmV/oYCX4QSKXW85qKCdII=", &[]),
            ("{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", &[]),
            ("UkVEQUNURUQ=", &[]),
            (V3, &[]),
            (V2.get(..64).unwrap(), &[]),
            ("da39a3ee5e6b4b0d3255bfef95601890afd80709", &[]),
            (MD5.get(1..).unwrap(), &[]),
            ("hunter2", &[]),
            ("correct horse battery staple", &[]),
            ("*", &[]),
            ("NULL", &[]),
        ] {
            for password in passwords(hash) {
                let is_one = methods.contains(&password.hashing_method());
                assert_eq!(check(&password, hash).is_ok(), is_one, "{hash} {password:?}");
            }
        }
    }

    #[test]
    fn form_of_a_hash_is_recognized() {
        for (text, name) in [
            ("$2a$10$abc", "a bcrypt hash"),
            ("$P$9IQ", "WordPress"),
            ("$H$9IQ", "WordPress"),
            ("$wp$2y$10$abc", "WordPress"),
            (ARGON, "argon2"),
            ("argon2$argon2id$v=19$m=1", "argon2"),
            ("$scrypt$ln=16", "scrypt"),
            ("scrypt:32768:8:1$salt$00", "scrypt"),
            ("$S$DypA", "Drupal"),
            ("U$S$DypA", "Drupal"),
            ("$pbkdf2-sha256$29000$a$b", "passlib"),
            ("pbkdf2:sha256:260000$a$b", "Werkzeug"),
            ("pbkdf2_sha256$1$a$b", "Django"),
            ("bcrypt_sha256$$2b$12$a", "Django"),
            ("sha1$a$b", "Django"),
            ("{SSHA}abc=", "LDAP"),
            ("{bcrypt}$2a$10$", "LDAP or Spring"),
            ("{a-scheme-of-19-sign}$", "LDAP or Spring"),
            ("{noop}hunter2", "plain text"),
            ("{\"value\":\"a\"}", "JSON"),
            ("$1$a$b", "crypt"),
            ("$6$a$b", "crypt"),
            ("$y$a$b$c", "crypt"),
            ("$apr1$a$b", "crypt"),
            (V3, "ASP.NET Identity version 3"),
            (V2, "ASP.NET Identity version 2"),
            ("UkVEQUNURUQ=", "REDACTED"),
            ("redacted", "REDACTED"),
            ("!", "locked"),
            ("!!", "locked"),
            ("*", "locked"),
            ("x", "locked"),
            ("xx", "locked"),
            ("xxx", "plain text"),
            (".-.", "plain text"),
            ("******", "locked"),
            (MD5, "MD5"),
            (&MD5.repeat(2), "SHA-256"),
            (&MD5.repeat(3), "SHA-384"),
            (&MD5.repeat(4), "SHA-512"),
            ("da39a3ee5e6b4b0d3255bfef95601890afd80709", "SHA-1"),
            ("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "MySQL"),
            ("*2470C0C0", "plain text"),
            ("0x0200DEADBEEF", "0x"),
            ("\\x24326124", "\\x"),
            ("kAFQmDzST7DWlj99KOF/cg==", "MD5"),
            ("qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "20 bytes in base64, as SHA-1"),
            (B32, "32 bytes"),
            (B32.trim_end_matches('='), "32 bytes"),
            (&std::format!("{:A<86}==", ""), "64 bytes"),
            // Of 13 bytes, none is left for the hash.
            (V3.get(..18).unwrap(), "plain text"),
            (V3.get(..19).unwrap(), "ASP.NET Identity version 3"),
            ("hunter2", "plain text"),
            ("nineteen characters", "plain text"),
        ] {
            let found = looks_like(text).unwrap().to_string();
            assert!(found.contains(name), "{text}: {found}");
        }
        for text in [
            "",
            " ",
            "a text of some length that is no hash of any system",
            "a text of 20 letters",
            "{a scheme of 20 signs}$",
            "*a text that has 40 signs, but not in hex",
            // Base64 does not have these signs, this padding or this length.
            "a text of 43 signs, as 32 bytes have it too",
            &std::format!("{B32}=="),
            V3.get(..21).unwrap(),
            // As many bytes as a hash has, but not in the form of its system.
            &std::format!("{:B<66}==", ""),
            "kAFQmDzST7DWlj99KOF/cg",
            "qZk+NkcGgWq6PiVxeFDCbJzQ2J0",
        ] {
            assert_eq!(looks_like(text), None, "{text}");
        }
    }

    #[test]
    fn problem_names_the_form_of_the_hash() {
        let error_of = |password: Password, hash| check(&password, hash).unwrap_err().to_string();
        assert_eq!(
            error_of(Password::bcrypt("$2a$10$abc"), "$2a$10$abc"),
            "is not a valid bcrypt hash, but looks like a bcrypt hash that was truncated or changed: \
                correct it, or empty the field to import the user without a password"
        );
        assert_eq!(
            error_of(Password::crypt(ARGON), ARGON),
            "is not a valid crypt hash: it looks like an argon2 hash, which Kinde cannot verify"
        );
        assert_eq!(
            error_of(Password::sha256(MD5), MD5),
            "is not a valid sha256 hash: it looks like 32 hex digits, as MD5 has; the hashing method of that is md5"
        );
        let long = "a text of some length that is no hash";
        assert_eq!(error_of(Password::bcrypt(long), long), "is not a valid bcrypt hash");
    }

    #[test]
    fn hashes_that_name_their_method_become_passwords() {
        let bcrypt = std::format!("$2b$10${REST}");
        for (text, method) in [
            (bcrypt.as_str(), "bcrypt"),
            (&std::format!("{{bcrypt}}{bcrypt}"), "bcrypt"),
            (&std::format!("bcrypt${bcrypt}"), "bcrypt"),
            ("{CRYPT}$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81", "crypt"),
            ("$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81", "crypt"),
            ("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "wordpress"),
            (&std::format!("$wp{bcrypt}"), "wordpress"),
            ("pbkdf2_sha256$36000$kT7mQz2LpX9a$XNiu6uE/v5CPOf5Et9bjfQmV/oYCX4QSKXW85qKCdII=", "pbkdf2"),
            (
                "$pbkdf2-sha256$29000$.DnMxlI3rFEFYzQzVH8nnQ$HboYwVwzVVIuO6M6WgCzLqBq39VVE6XzJlzBVPIf2r4",
                "pbkdf2",
            ),
            (&std::format!("md5$salt${MD5}"), "md5"),
            (&std::format!("md5$${MD5}"), "md5"),
        ] {
            let password = named_by_itself(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(password.hashing_method(), method, "{text}");
        }
        for text in [
            "$2a$10$abc",
            "{bcrypt}$2a$10$abc",
            "pbkdf2_sha256$many$a$b",
            "pbkdf2_sha1$1$a$b",
            "$pbkdf2-sha256$1$a",
            ARGON,
            MD5,
            "{SSHA}a",
            "md5$a$b",
            "bcrypt_sha256$$2b$12$abc",
            "",
            "hunter2",
        ] {
            assert!(named_by_itself(text).is_none(), "{text}");
        }
    }

    #[test]
    fn ambiguous_salts_are_recognized() {
        for (method, salt, expected) in [
            ("pbkdf2", "kT7mQz2LpX9a", true),
            ("pbkdf2", "73616c74", true),
            ("pbkdf2", "salt", true),
            ("pbkdf2", "c2FsdA==", false),
            ("pbkdf2", "c2Fs/A+b", false),
            ("pbkdf2", "no base64", false),
            ("pbkdf2", "a b.", false),
            ("pbkdf2", "salty", false),
            ("md5", "pepper", false),
            ("md5", "s", false),
            ("md5", "0123456789abcdef", true),
            ("md5", "0123456789abcdef0", false),
            ("md5", "sixteen letters!", false),
            ("md5", "abcd", false),
            ("md5", "saltsalt", false),
            ("md5", "abc=", false),
            ("md5", "pepper:pepper==", false),
            ("sha256", "c2FsdHNhbHQ=", true),
            ("sha256", "c2FsdHM=", true),
            ("crypt", "rE", false),
            ("firebase-scrypt", "kT7mQz2LpX9a", false),
            ("bcrypt", "c2FsdHNhbHQ=", false),
        ] {
            assert_eq!(is_ambiguous_salt(method, salt), expected, "{method} {salt}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}|[$a-z{}0-9=*!.]{0,40}|(\\$|bcrypt|pbkdf2_sha256|md5|\\{crypt\\}|é){0,6}") {
            let _ = looks_like(&text);
            let _ = named_by_itself(&text);
            for password in passwords(&text) {
                let _ = check(&password, &text);
            }
        }
    }
}
