//! The forms that the hashes of each method have.
//!
//! A form is a length and an alphabet. Only what no hash of the method can have is refused.

use alloc::vec::Vec;

/// The bytes of a base64 hash of PBKDF2, for the variants whose names say it.
const PBKDF2_BYTES: [(&str, usize); 3] = [
    ("salted-pbkdf2-hmac-sha256", 32),
    ("salted-pbkdf2-hmac-sha256-512", 64),
    ("salted-pbkdf2-hmac-sha512-512", 64),
];

/// Returns whether a text can be a hash of the method, as the table at
/// [`Password`](super::Password) says. `variant` is that of PBKDF2.
pub(super) fn may_be_hash(method: &str, hash: &str, is_salt_apart: bool, variant: Option<&str>) -> bool {
    // What is left of a hash if its salt is in a field of its own.
    let is_rest = |lengths: &[usize]| is_salt_apart && lengths.iter().any(|length| is_crypt64(hash, *length));
    match method {
        "bcrypt" => is_bcrypt(hash),
        "crypt" => is_crypt(hash) || is_rest(&[11, 22, 28, 31, 43, 53, 86]),
        "md5" => is_hex(hash, 32) || (hash.len() == 24 && base64_bytes(hash) == Some(16)),
        "sha256" => is_hex(hash, 64),
        "wordpress" => {
            let is_phpass = hash.strip_prefix("$P$").or(hash.strip_prefix("$H$"));
            is_phpass.is_some_and(|rest| is_crypt64(rest, 31))
                || is_bcrypt(hash.strip_prefix("$wp").unwrap_or(hash))
                || is_hex(hash, 32)
                || is_rest(&[22, 31, 53])
        }
        "pbkdf2" => base64_bytes(hash).is_some_and(|bytes| {
            PBKDF2_BYTES.iter().all(|(name, expected)| variant != Some(name) || bytes == *expected)
        }),
        "firebase-scrypt" => base64_bytes(hash) == Some(64),
        // The first 12 bits are `A` and a letter up to `P` if the first byte is 0.
        "aspnet-identity-v2" => {
            hash.len() == 68
                && base64_bytes(hash) == Some(49)
                && matches!(hash.as_bytes(), [b'A', b'A'..=b'P', ..])
        }
        _ => true,
    }
}

/// Returns how many bytes a text in base64 stands for. The alphabet of URLs is accepted too, and
/// padding may be missing, as in what Firebase exports.
pub(super) fn base64_bytes(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let is_padded_well = padding == 0 || (padding <= 2 && text.len() % 4 == 0);
    let is_in = |[one, other]: [u8; 2]| {
        all_bytes(digits.as_bytes(), |byte| byte.is_ascii_alphanumeric() || byte == one || byte == other)
    };
    (is_padded_well && digits.len() % 4 != 1 && (is_in(*b"+/") || is_in(*b"-_")))
        .then_some(digits.len() / 4 * 3 + digits.len() % 4 * 3 / 4)
}

fn is_bcrypt(hash: &str) -> bool {
    match hash.as_bytes() {
        [b'$', b'2', b'a' | b'b' | b'y', b'$', tens, ones, b'$', rest @ ..] => {
            (*b"04"..=*b"31").contains(&[*tens, *ones])
                && ones.is_ascii_digit()
                && rest.len() == 53
                && are_crypt64(rest)
        }
        _ => false,
    }
}

/// Returns whether crypt(3) of some system, or Apache, writes such a hash.
fn is_crypt(hash: &str) -> bool {
    let is_salt = |salt: &str, most| salt.len() <= most && salt.bytes().all(|byte| byte.is_ascii_graphic());
    let is_rounds = |text: &str| text.strip_prefix("rounds=").is_some_and(is_number);
    match *hash.split('$').collect::<Vec<_>>() {
        ["", "1" | "apr1", salt, sum] => is_salt(salt, 8) && is_crypt64(sum, 22),
        ["", "5", salt, sum] => is_salt(salt, 16) && is_crypt64(sum, 43),
        ["", "5", rounds, salt, sum] => is_rounds(rounds) && is_salt(salt, 16) && is_crypt64(sum, 43),
        ["", "6", salt, sum] => is_salt(salt, 16) && is_crypt64(sum, 86),
        ["", "6", rounds, salt, sum] => is_rounds(rounds) && is_salt(salt, 16) && is_crypt64(sum, 86),
        ["", "2a" | "2b" | "2x" | "2y", cost, rest] => is_cost(cost) && is_crypt64(rest, 53),
        ["", "y" | "gy", settings, salt, sum] => is_salt(settings, 32) && is_salt(salt, 86) && is_crypt64(sum, 43),
        ["", "7", settings, sum] => is_salt(settings, 128) && is_crypt64(sum, 43),
        ["", "sha1", rounds, salt, sum] => is_number(rounds) && is_salt(salt, 64) && is_crypt64(sum, 28),
        ["", "3", "", sum] => is_hex(sum, 32),
        ["", md5, salt, sum] | ["", md5, salt, "", sum] => {
            let rounds = md5.strip_prefix("md5");
            rounds.is_some_and(|rounds| rounds.is_empty() || rounds.strip_prefix(',').is_some_and(is_rounds))
                && is_salt(salt, 64)
                && is_crypt64(sum, 22)
        }
        // BSDi's, or DES with a further piece for each 8 characters of a long password.
        [text] => match text.strip_prefix('_') {
            Some(rest) => is_crypt64(rest, 19),
            None => (13..=178).contains(&text.len()) && text.len() % 11 == 2 && is_crypt64(text, text.len()),
        },
        _ => false,
    }
}

fn is_cost(text: &str) -> bool {
    text.len() == 2 && is_number(text) && ("04"..="31").contains(&text)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_crypt64(text: &str, length: usize) -> bool {
    text.len() == length && are_crypt64(text.as_bytes())
}

fn are_crypt64(bytes: &[u8]) -> bool {
    // The digits follow `.` and `/` in ASCII.
    all_bytes(bytes, |byte| matches!(byte, b'.'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'))
}

fn all_bytes(bytes: &[u8], is_right: impl Fn(u8) -> bool) -> bool {
    // It always reads to the end, because compilers then check many bytes at once.
    bytes.iter().fold(true, |all, byte| all & is_right(*byte))
}
