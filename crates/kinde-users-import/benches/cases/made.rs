//! Exports of users who are made up: of one number always the same, and each in the form in which
//! the system writes it.

use std::io::{self, Cursor, Read};
use std::iter::once;

/// A file that is made as it is read.
pub(crate) struct Made {
    parts: Box<dyn Iterator<Item = String> + Send>,
    rest: Cursor<String>,
}

impl Made {
    fn new(parts: impl Iterator<Item = String> + Send + 'static) -> Self {
        Self { parts: Box::new(parts), rest: Cursor::default() }
    }
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.rest.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            let Some(part) = self.parts.next() else { return Ok(0) };
            self.rest = Cursor::new(part);
        }
    }
}

pub(crate) const SIGNER_KEY: &str =
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// The digits of bcrypt.
const CRYPT64: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const GIVEN: [&str; 8] = ["Ada", "Grace", "Mary", "Jean", "Emmy", "Sofia", "Zoë", "Hedy"];
const FAMILY: [&str; 8] =
    ["Lovelace", "Hopper", "Somerville", "Bartik", "Noether", "Kowalewska", "Łoś", "Lamarr"];

/// So many digits of 6 bits that look random, of a seed. The steps are those of `SplitMix64`.
fn digits(alphabet: &[u8; 64], seed: u64, count: usize) -> String {
    let mut state = seed;
    let digit = |_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        char::from(alphabet[(mixed >> 58) as usize])
    };
    (0..count).map(digit).collect()
}

fn names(user: u64) -> (&'static str, &'static str) {
    let at = |all: [&'static str; 8], number: u64| all[(number % 8) as usize];
    (at(GIVEN, user), at(FAMILY, user / 8))
}

/// An object with the blanks that the tool of Firebase writes. Most users have a password, some
/// have signed in with Google.
pub(crate) fn firebase(users: u64) -> Made {
    let user = move |number: u64| {
        let (given, family) = names(number);
        let id = digits(BASE64, number, 28).replace(['+', '/'], "x");
        let provider = if number % 10 == 0 {
            format!(
                r#"{{
      "providerId": "google.com",
      "rawId": "1{number:020}",
      "email": "user{number}@example.com",
      "displayName": "{given} {family}"
    }}"#
            )
        } else {
            format!(
                r#"{{
      "providerId": "password",
      "email": "user{number}@example.com"
    }}"#
            )
        };
        let (hash, salt) = (digits(BASE64, number ^ 1 << 40, 85), digits(BASE64, number ^ 1 << 41, 13));
        let end = if number + 1 == users { "\n" } else { ",\n" };
        format!(
            r#"{{
  "localId": "{id}",
  "email": "user{number}@example.com",
  "emailVerified": {},
  "passwordHash": "{hash}A==",
  "salt": "{salt}A==",
  "displayName": "{given} {family}",
  "photoUrl": "https://example.com/{number}.png",
  "lastSignedInAt": "17{number:011}",
  "createdAt": "16{number:011}",
  "phoneNumber": "+61{number:09}",
  "disabled": false,
  "providerUserInfo": [
    {provider}
  ]
}}{end}"#,
            number % 3 == 0
        )
    };
    let begin = once("{\"users\": [\n".to_owned());
    Made::new(begin.chain((0..users).map(user)).chain(once("]}".to_owned())))
}

pub(crate) fn auth0(users: u64) -> Made {
    Made::new((0..users).map(|number| {
        let (given, family) = names(number);
        format!(
            r#"{{"user_id":"auth0|65f0{number:020x}","email":"user{number}@example.com","email_verified":{},"given_name":"{given}","family_name":"{family}","name":"{given} {family}","nickname":"user{number}","picture":"https://example.com/{number}.png","identities":[{{"connection":"Username-Password-Authentication","provider":"auth0","user_id":"65f0{number:020x}","isSocial":false}}],"app_metadata":{{"plan":"gold"}},"user_metadata":{{}},"created_at":"2023-01-01T00:00:00.000Z","updated_at":"2024-01-01T00:00:00.000Z","last_login":"2024-01-01T00:00:00.000Z","last_ip":"192.0.2.1","logins_count":{},"blocked":false}}
"#,
            number % 3 == 0,
            number % 100
        )
    }))
}

/// The hashes in another order than the users.
pub(crate) fn auth0_hashes(users: u64) -> Made {
    Made::new((0..users).rev().map(|number| {
        let hash = digits(CRYPT64, number, 53);
        format!(
            r#"{{"_id":{{"$oid":"65f0{number:020x}"}},"email_verified":{},"email":"user{number}@example.com","passwordHash":"$2b$10${hash}","password_set_date":{{"$date":"2024-03-01T00:00:00.000Z"}},"tenant":"acme","connection":"Username-Password-Authentication","_tmp_is_unique":true}}
"#,
            number % 3 == 0
        )
    }))
}
