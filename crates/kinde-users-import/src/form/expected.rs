//! What is expected where a value is wrong, because no error shows the value itself.

use kinde_users_core::Problem;

use crate::error::ImportProblem::{self, Argument, Unknown};

pub(super) const ADDRESS: &str = "an address with one @ and no blanks";
pub(super) const PHONE: &str = "+ and 7 to 15 digits, those of the country first";
pub(super) const TEXT: &str = "a text in quotes";
pub(super) const FLAG: &str = "true or false";
pub(super) const WHOLE: &str = "a whole number";
pub(super) const OBJECT: &str = "an object in braces";
pub(super) const LIST: &str = "a list in brackets";
pub(super) const VALUE: &str = "a text, a number, true or false, or what is made of those";
/// More would not be the same when they are sent.
pub(super) const DIGITS: &str = "at most 15 digits, or a text in quotes";
pub(super) const LINE: &str = "a JSON object";

/// Of a part of a password; nothing where the problem says it all.
pub(super) fn of_password(part: &str, problem: ImportProblem, method: &str) -> &'static str {
    match (part, problem) {
        ("hashed_password", Argument(Problem::WrongType)) => match method {
            "" | "bcrypt" => "a whole hash of bcrypt, 60 characters that begin with $2a$, $2b$ or $2y$",
            "crypt" => {
                "a whole hash of crypt, as those that begin with $1$, $5$, $6$ or $y$, or the 13 characters of DES"
            }
            "md5" => "a hash of MD5, 32 hex digits or 16 bytes in base64",
            "sha256" => "a hash of SHA-256, 64 hex digits",
            "wordpress" => {
                "a whole hash of WordPress, which begins with $P$, $H$, $wp$ or $2, or is 32 hex digits"
            }
            "aspnet-identity-v2" => {
                "a hash of ASP.NET Identity version 2, 68 characters of base64 for 49 bytes, the first of them 0"
            }
            "pbkdf2" => "a hash of PBKDF2 in base64, of as many bytes as the variant has",
            "firebase-scrypt" => "a hash of Firebase's scrypt, 64 bytes in base64",
            _ => "",
        },
        ("hashing_method", Unknown) => {
            "bcrypt, crypt, md5, sha256, wordpress, pbkdf2, firebase-scrypt or aspnet-identity-v2"
        }
        ("salt", Argument(Problem::WrongType)) => match method {
            "pbkdf2" | "firebase-scrypt" => "base64, or what salt_format names",
            _ => "what salt_format names, and text when it is read",
        },
        ("salt_position", Unknown | Argument(Problem::Missing)) => "prefix or suffix",
        ("salt_format", Unknown) => "string, hex or base64",
        ("variant", Unknown | Argument(Problem::Missing)) => {
            "salted-pbkdf2-hmac-sha256, salted-pbkdf2-hmac-sha256-512 or salted-pbkdf2-hmac-sha512-512"
        }
        ("signer_key", Argument(Problem::Missing)) => {
            "the hash parameters of the Firebase project, beside the file"
        }
        _ => "",
    }
}
