//! Masks text that may be personal or secret.

use alloc::string::{String, ToString as _};
use core::fmt::{self, Write as _};

/// Writes the `Debug` form of a text that must not be shown.
pub(crate) fn write_hidden(f: &mut fmt::Formatter<'_>, name: &str, bytes: usize) -> fmt::Result {
    write!(f, "{name}({bytes} bytes)")
}

/// Whether a text that should be an id may be an e-mail address or a phone number. It may be if it
/// does not have the form of one of Kinde's ids, and [`Shown`] would mask a part of it.
pub(crate) fn looks_like_an_address(text: &str) -> bool {
    const PREFIXES: [&str; 10] =
        ["kp_", "kp:", "identity_", "mfa_", "conn_", "org_", "prop_", "session_", "customer_", "agreement_"];
    let has_form_of_id = PREFIXES.iter().any(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    });
    !has_form_of_id && Shown(text).to_string() != text
}

/// Returns a text of the service as this library shows it in errors and logs: one line of at most
/// 200 characters. `[…]` replaces words that may be personal or secret.
///
/// ```
/// use kinde_users::masked_text;
///
/// assert_eq!(masked_text("Email ada@example.com is taken"), "Email […] is taken");
/// ```
pub fn masked_text(text: &str) -> String {
    Shown(text).to_string()
}

/// A text of the server for a log line. It is one line of at most 200 characters, without words
/// that may be personal or secret.
///
/// The message of a server may quote the request in any encoding. So only words on a list of
/// allowed forms are shown, and every other word is masked. Allowed are:
///
/// - words of ASCII letters that are in lower case, in upper case or capitalised, of at most 20
///   letters;
/// - several of them with `_`, `:`, `-`, `/`, `=`, `,` or an apostrophe between them: codes,
///   scopes, routes;
/// - numbers, as long as the text has no more than five digits in all, so that no phone number
///   passes in pieces;
/// - some [terms](Self::TERMS) of the documentation, and punctuation around all of these.
///
/// Some of these are masked nevertheless, because a value stands in their place. Only
/// [known words](Self::KNOWN) are shown there:
///
/// - a single word in quotes, or behind `=` or `:` in the same word, unless it is a scope;
/// - the word after `salt`, `hash`, `key`, `secret` or `password`;
/// - several words with `at` or `dot` between them, as in `ada_at_example_com`.
///
/// An address in separate words may be made of plain words and a sign, such as `@`, `&#64;`, `(at)`
/// or `dot`. If such a sign is a separate word, nothing of the text is shown.
///
/// A name, secret or address that is written like plain words is shown, as in `ada at example`:
/// nothing tells it from other words.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl<'a> Shown<'a> {
    const MOST: usize = 200;
    const LONGEST_WORD: usize = 40;
    const LONGEST_PART: usize = 20;
    const MOST_DIGITS: usize = 5;
    /// The maximum length of a word of punctuation, such as three dots. A longer one may be a
    /// secret.
    const LONGEST_PUNCTUATION: usize = 3;
    const MASK: &'static str = "[…]";
    /// Terms that have mixed case or digits and are allowed.
    const TERMS: [&'static str; 9] = ["OAuth", "OAuth2", "OpenID", "IDs", "URLs", "v1", "v2", "e.g", "i.e"];
    /// What stands before the first letter of a word, or behind the last.
    const PUNCTUATION: [char; 22] = [
        '(', ')', '[', ']', '{', '}', '<', '>', '"', '\'', '`', '.', ',', ';', ':', '!', '?', '…', '“', '”',
        '‘', '’',
    ];
    const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];
    /// What the word after such a word may be.
    const SECRETS: [&'static str; 5] = ["salt", "hash", "key", "secret", "password"];
    /// What a scope begins with.
    const VERBS: [&'static str; 5] = ["create", "delete", "impersonate", "read", "update"];
    /// Words that are shown in the place of a value, because they are not values: names of fields,
    /// of types and of hashing methods, and words that describe them.
    const KNOWN: [&'static str; 63] = [
        "a",
        "already",
        "an",
        "and",
        "are",
        "array",
        "at",
        "bcrypt",
        "be",
        "boolean",
        "cannot",
        "code",
        "crypt",
        "details",
        "does",
        "email",
        "exists",
        "expand",
        "false",
        "for",
        "format",
        "from",
        "has",
        "hash",
        "id",
        "identities",
        "identity",
        "in",
        "integer",
        "invalid",
        "is",
        "key",
        "length",
        "message",
        "method",
        "missing",
        "must",
        "not",
        "null",
        "number",
        "object",
        "of",
        "ok",
        "or",
        "organizations",
        "password",
        "phone",
        "prefix",
        "profile",
        "required",
        "salt",
        "secret",
        "string",
        "suffix",
        "too",
        "true",
        "type",
        "user",
        "username",
        "value",
        "was",
        "wordpress",
        "wrong",
    ];
    /// What an `@` is written as, and what escapes of it and of a dot begin with.
    const SIGNS: [&'static str; 10] = ["@", "＠", "﹫", "%", "&", "\\", "=40", "=2e", "u+", "0x"];

    fn words(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.0.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty())
    }
}

/// Whether a text has so many digits that a phone number or an id may be among them.
pub(crate) fn has_long_number(text: &str) -> bool {
    count_digits(text) > Shown::MOST_DIGITS
}

fn count_digits(text: &str) -> usize {
    text.chars().filter(|character| character.is_numeric()).count()
}

/// Whether a word may be shown, as [`Shown`] says.
fn is_plain(word: &str) -> bool {
    if !word.contains(char::is_alphanumeric) {
        return word.chars().count() <= Shown::LONGEST_PUNCTUATION;
    }
    let whole = word;
    let word = word.trim_matches(Shown::PUNCTUATION);
    if has_inner_sign(word) || is_value(whole, word) {
        return false;
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    word.len() <= Shown::LONGEST_WORD
        && (is_number(word)
            || word.split_once('.').is_some_and(|(whole, rest)| is_number(whole) && is_number(rest))
            || word.split(['_', ':', '-', '/', '=', ',', '\'', '’']).all(is_plain_part))
}

/// Whether a word has `at` or `dot` between others, as in `ada_at_example_com`.
fn has_inner_sign(word: &str) -> bool {
    let mut parts =
        word.split(['_', '-', '.', ':', '/', '=', ',']).filter(|part| !part.is_empty()).skip(1).peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() && ["at", "dot"].iter().any(|sign| part.eq_ignore_ascii_case(sign)) {
            return true;
        }
    }
    false
}

/// Whether a word is or ends in what may be a value: in quotes, or after `=` or `:`. `inner` is
/// without punctuation.
fn is_value(word: &str, inner: &str) -> bool {
    let (before, after) = word.split_once(inner).unwrap_or_default();
    let is_quoted = before.ends_with(Shown::QUOTES) && after.starts_with(Shown::QUOTES);
    let is_unknown = |value: &str| {
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphabetic()) && !is_known(value)
    };
    match inner.rsplit_once(['=', ':']) {
        Some((name, _)) if names_secret(name.split(['=', ':']).next().unwrap_or_default()) => true,
        Some((verb, _)) if Shown::VERBS.contains(&verb) => false,
        Some((_, value)) => is_unknown(value.trim_matches(Shown::PUNCTUATION)),
        None => is_quoted && is_unknown(inner),
    }
}

fn is_known(word: &str) -> bool {
    let word = word.trim_matches(Shown::PUNCTUATION);
    Shown::KNOWN.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether a word names a secret, as `salt` and `client_secret`.
fn names_secret(word: &str) -> bool {
    let is_mark = |character: char| character == '=' || Shown::PUNCTUATION.contains(&character);
    let last = word.trim_matches(is_mark).rsplit(['_', '-']).next().unwrap_or_default();
    Shown::SECRETS.iter().any(|secret| last.eq_ignore_ascii_case(secret))
}

/// Whether what follows a word belongs to what is before it: `is`, `was` and punctuation.
fn is_link(word: &str) -> bool {
    let word = word.trim_matches(Shown::PUNCTUATION);
    ["is", "was"].iter().any(|link| word.eq_ignore_ascii_case(link)) || !word.contains(char::is_alphanumeric)
}

fn is_plain_part(part: &str) -> bool {
    // As in a route: `/users/{user_id}`.
    let part = part.trim_matches(['{', '}']);
    let is_cased = |is_case: fn(&u8) -> bool, part: &str| part.bytes().all(|byte| is_case(&byte));
    let after_first = part.get(1..).unwrap_or_default();
    let is_word = is_cased(u8::is_ascii_alphabetic, part)
        && (is_cased(u8::is_ascii_uppercase, part) || is_cased(u8::is_ascii_lowercase, after_first));
    // Hex digits may be letters alone, and no word that matters is made of them.
    let is_hex = part.len() > 5 && is_cased(u8::is_ascii_hexdigit, part);
    Shown::TERMS.contains(&part) || (is_word && !is_hex && part.len() <= Shown::LONGEST_PART)
}

/// Whether a word stands for a sign of an address, which is in the words around it then.
fn is_sign(word: &str) -> bool {
    let inner = word.trim_start_matches(Shown::PUNCTUATION);
    let has_prefix =
        |prefix: &&str| inner.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is_marked = !word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !word.ends_with(|c: char| c.is_ascii_alphanumeric());
    let letters = word.chars().filter(|character| character.is_alphabetic());
    let letters = letters.map(|letter| letter.to_ascii_lowercase());
    let is_at = letters.clone().eq("at".chars());
    // A sign alone may be meant as it is: `terms & conditions`.
    (!matches!(inner, "&" | "%") && Shown::SIGNS.iter().any(has_prefix))
        || word.ends_with(['@', '＠', '﹫'])
        || (is_marked && is_at)
        || matches!(word, "." | "．" | "。" | "｡" | "․")
        || letters.eq("dot".chars())
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.words().any(is_sign) {
            return f.write_str(Self::MASK);
        }
        let has_long_number = has_long_number(self.0);
        let is_masked = |word: &str| !is_plain(word) || (has_long_number && count_digits(word) > 0);
        let mut words = self.words().peekable();
        let mut room = Self::MOST;
        let mut is_after_secret = false;
        while let Some(word) = words.next() {
            let mut after = words.clone();
            // As in `ada at example.com`.
            let is_at = |next: &str| next.trim_matches(Self::PUNCTUATION).eq_ignore_ascii_case("at");
            let is_before_host = after.next().is_some_and(is_at) && after.next().is_some_and(is_masked);
            let is_secret = is_after_secret && word.contains(char::is_alphanumeric) && !is_known(word);
            is_after_secret = names_secret(word) || (is_after_secret && is_link(word));
            let word = if is_masked(word) || is_before_host || is_secret { Self::MASK } else { word };
            let Some(left) = room.checked_sub(word.chars().count() + 1) else {
                return f.write_char('…');
            };
            room = left;
            f.write_str(word)?;
            if words.peek().is_some() {
                f.write_char(' ')?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{looks_like_an_address, masked_text as shown};

    #[test]
    fn messages_that_help_are_shown_as_they_are() {
        for message in [
            "User invalid",
            "Scope is missing: read:users",
            "The requested API route does not exist",
            "ID is required",
            "at most 500 of 25",
            "No such route: /api/v1/users/{user_id}/feature_flags.",
            "USER_NOT_IN_ORGANIZATION: the user isn't a member (yet); add them first!",
            "'page_size' must be between 1 and 500",
            "code=ROUTE_NOT_FOUND",
            "page_size must be a dotted number",
            "'email' is required, and \"type\" must be 'string' (or null)",
            "salt is missing",
            "Users were added",
            "no route for 'users of a business' there",
            "The hashed_password is invalid. The password is too",
            "expand=identities, type:email",
            "terms & conditions, 5 % off – or more…",
            "The user’s identity doesn't exist",
            "Client authentication failed (e.g., unknown client, no client authentication included, or unsupported \
             authentication method).",
            "The requested scope is invalid, unknown, or malformed. The OAuth 2.0 Client is not allowed to request \
             scope 'read:users'.",
            "The request is missing a required parameter, includes an invalid parameter value, includes a parameter \
             more than once, or is otherwise malformed.",
        ] {
            let whole = shown(message);
            let expected = if whole.ends_with(" …") { whole.trim_end_matches(" …") } else { message };
            assert_eq!(whole.trim_end_matches(" …"), expected);
            assert!(message.starts_with(expected) && (expected == message || whole.chars().count() > 180));
        }
    }

    #[test]
    fn addresses_are_masked_in_whatever_form() {
        for (message, says) in [
            ("Email sally@example.com is taken", "Email […] is taken"),
            ("'sally@example.com', <sally@example.com>", "[…] […]"),
            ("value=sally@example.com", "[…]"),
            ("mailto:sally@example.com", "[…]"),
            ("sally%40example.com", "[…]"),
            ("email sally%2540example.com", "email […]"),
            ("sally%252540example%25252ecom", "[…]"),
            ("no user sally＠example.com", "no user […]"),
            ("no user sally﹫example．com", "no user […]"),
            ("no user sally&#64;example.com", "no user […]"),
            ("no user sally&#x40;example&#46;com", "no user […]"),
            ("no user sally&commat;example&period;com", "no user […]"),
            (r"no user sally\u0040example.com", "no user […]"),
            (r"no user sally\x40example.com", "no user […]"),
            ("no user sally=40example=2Ecom", "no user […]"),
            ("no user sally(at)example(dot)com", "no user […]"),
            ("no user sally[at]example.com", "no user […]"),
            ("no user sally_at_example.com", "no user […]"),
            ("no user sallyATexampleDOTcom", "no user […]"),
            ("no user sally_at_example_com", "no user […]"),
            ("no user sally-at-example-com", "no user […]"),
            ("no user SALLY-AT-EXAMPLE", "no user […]"),
            ("email=sally_at_example", "[…]"),
            ("no user sally_dot_smith", "no user […]"),
            ("no user sally dot smith", "[…]"),
            ("no user sally -dot- smith", "[…]"),
            ("no user 'Sally'", "no user […]"),
            ("name=Sally, (\"Smith\")", "[…] […]"),
            ("name:sally is taken", "[…] is taken"),
            // Nothing tells it from plain words.
            ("no user sally at example", "no user sally at example"),
            ("no user sally at example.com", "no user […] at […]"),
            ("no user sally, at: example.com", "no user […] at: […]"),
            ("no user sally AT example dot com", "[…]"),
            ("no user sally (at) example", "[…]"),
            ("no user sally [at] example.com", "[…]"),
            ("no user sally @ example.com", "[…]"),
            ("no user sally @example", "[…]"),
            ("no user sally@ example", "[…]"),
            ("no user sally &#64; example . com", "[…]"),
            ("no user sally %40 example", "[…]"),
            ("no user sally U+0040 example", "[…]"),
            ("no user sally.smith", "no user […]"),
            ("no user sally.5 or 5.sally", "no user […] or […]"),
            ("no user süß", "no user […]"),
            ("xn--slly-7na", "[…]"),
            ("at 192.0.2.1 and 1.2.3.4", "at […] and […]"),
        ] {
            assert_eq!(shown(message), says);
        }
    }

    #[test]
    fn phone_numbers_are_masked_in_whatever_form() {
        let masked = |words: usize| ["[…]"; 9].get(..words).unwrap().join(" ");
        for (number, words) in [
            ("+61412345678", 1),
            ("0061412345678", 1),
            ("+61 412 345 678", 4),
            ("+61.412.345.678", 1),
            ("+61/412/345/678", 1),
            ("+61-412-345-678", 1),
            ("(04)12345678", 1),
            ("+61\u{a0}412\u{a0}345\u{a0}678", 4),
            ("＋６１ ４１２ ３４５ ６７８", 4),
            ("٠٤١٢ ٣٤٥ ٦٧٨", 3),
            ("%2B61412345678", 0),
            ("tel:+61412345678", 1),
            ("&#43;61412345678", 0),
            ("1-800-FLOWERS", 1),
        ] {
            let expected = if words == 0 { masked(1) } else { format!("phone {} is taken", masked(words)) };
            assert_eq!(shown(&format!("phone {number} is taken")), expected);
        }
        assert_eq!(shown("phone +61 - 412 - 345 - 678 is taken"), "phone […] - […] - […] - […] is taken");
        assert_eq!(shown("phone (+61) / 412 / 345 / 678"), "phone […] / […] / […] / […]");
        assert_eq!(shown("phone 61 area 412 then 345"), "phone […] area […] then […]");
        assert_eq!(shown("phone=412 34 567 is taken"), "[…] […] […] is taken");
    }

    #[test]
    fn ids_salts_hashes_and_tokens_are_masked() {
        for secret in [
            "aB3dEf",
            "x9",
            "s4lt",
            "NaCl",
            "QmFzZQ==",
            "c2FsdA==",
            "deadbeef",
            "DEADBEEF",
            "aBcDeF",
            "kp_1",
            "org_1ccfb819462",
            "kp_c3143a4b50ad43c88e541d9077681782",
            "$2a$10$abcdefgh",
            "$P$Babcdefgh",
            "eyJhbGciOi.eyJzdWIi.sig",
            "+/+/",
            "a+b",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "JBSWY3DPEHPK3PXP",
            "a~b",
            "a*b",
            "pass#word",
            "hunter2",
            "!?;:",
            "++--",
            "(((([",
        ] {
            assert_eq!(shown(&format!("salt {secret} is wrong")), "salt […] is wrong");
        }
        for (message, says) in [
            ("salt 'abcd'", "salt […]"),
            ("salt=xyz", "[…]"),
            ("salt=12345", "[…]"),
            ("client_secret:correct-horse", "[…]"),
            ("salt \"QQ\"", "salt […]"),
            ("salt 12345", "salt […]"),
            ("the salt: abcd.", "the salt: […]"),
            ("the salt = abcd", "the salt = […]"),
            ("password was swordfish here", "password was […] here"),
            ("signer_key correct-horse", "signer_key […]"),
            ("HASH abcd", "HASH […]"),
        ] {
            assert_eq!(shown(message), says);
        }
        assert_eq!(shown("code deadbeef"), "code […]");
        assert_eq!(shown(&format!("a {} b", "x".repeat(21))), "a […] b");
        assert_eq!(shown(&"x".repeat(20)), "x".repeat(20));
        assert_eq!(shown(&"read:users_".repeat(4)), "[…]");
    }

    #[test]
    fn it_is_one_line_of_bounded_length() {
        assert_eq!(shown("a\nb\r\n\tc\u{0}d\u{1b}[mred"), "a b c d [mred");
        let long = shown(&"word ".repeat(1000));
        assert!(long.chars().count() <= 202, "{}", long.chars().count());
        assert!(long.ends_with(" …"));
        assert_eq!(shown(""), "");
    }

    #[test]
    fn address_is_told_from_an_id() {
        for address in [
            "ada@example.com",
            "ada%40example.com",
            "+61 400 000",
            "kp_ada@example.com",
            "kp_1%40",
            "ada at example.com",
        ] {
            assert!(looks_like_an_address(address), "{address}");
        }
        for id in
            ["kp_123456", "kp:c314_3a4b", "org_1ccfb819462", "12345", "ada", "new-checkout", "kp_usr_city"]
        {
            assert!(!looks_like_an_address(id), "{id}");
        }
    }
}
