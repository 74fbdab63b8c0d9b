//! Checks and repairs email addresses, phone numbers and user names.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A problem of an address, a phone number or a user name. It never contains the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IdentityProblem {
    /// It is empty.
    Empty,
    /// It contains an invisible character.
    Invisible(char),
    /// It contains a line break or another control character.
    Control(char),
    /// It begins or ends with a blank.
    OuterBlank,
    /// It contains a blank.
    Blank,
    /// It contains quotes.
    Quotes,
    /// It begins with `mailto:`, `tel:` or a similar scheme.
    Scheme,
    /// It consists of a name, and the value in `<` and `>`.
    AngleBrackets,
    /// It begins or ends with punctuation.
    OuterPunctuation,
    /// It consists of several values.
    Several,
    /// It contains a character that is not allowed.
    Sign(char),
    /// It does not consist of a name, one `@` and a host.
    NotAnAddress,
    /// It contains blanks, hyphens, points or parentheses between the digits.
    Separators,
    /// It contains `(0)`, which is dialled only within the country.
    TrunkZero,
    /// It does not begin with `+` and a country code.
    NoCountry,
    /// It does not consist of 7 to 15 digits.
    NotAPhone,
}

impl fmt::Display for IdentityProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::Invisible(character) => {
                return write!(f, "contains an invisible character (U+{:04X})", u32::from(*character));
            }
            Self::Control(character) => {
                return write!(f, "contains a control character (U+{:04X})", u32::from(*character));
            }
            Self::OuterBlank => "begins or ends with a blank",
            Self::Blank => "contains a blank",
            Self::Quotes => "contains quotes",
            Self::Scheme => "begins with a scheme such as mailto:",
            Self::AngleBrackets => "contains < or >",
            Self::OuterPunctuation => "begins or ends with punctuation",
            Self::Several => "contains several values: expected one",
            Self::Sign(character) => {
                return write!(
                    f,
                    "contains a character that is not allowed (U+{:04X})",
                    u32::from(*character)
                );
            }
            Self::NotAnAddress => "is not an address: expected a name, one @ and a host",
            Self::Separators => "contains separators between its digits",
            Self::TrunkZero => "contains (0), which is dialled only within the country: remove it",
            Self::NoCountry => "does not begin with + and a country code",
            Self::NotAPhone => {
                "is not a phone number: expected +, the country code and the number, 7 to 15 digits in all"
            }
        })
    }
}

/// A repaired value, and the problems that it had.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cleaned {
    /// The value, which is valid now.
    pub(crate) value: String,
    /// The problems, in the order of the repairs.
    pub(crate) changes: Vec<IdentityProblem>,
}

type Check = fn(&str) -> Result<(), IdentityProblem>;

/// Checks an email address. Only a plain address is accepted, without a name or comments.
pub(crate) fn check_email(text: &str) -> Result<(), IdentityProblem> {
    check_characters(text)?;
    if strip_scheme(text).is_some() {
        return Err(IdentityProblem::Scheme);
    }
    if text.matches('@').count() > 1 {
        // One pair of angle brackets is a name and its address; more are a list.
        let is_list = text.contains(|c: char| c.is_whitespace() || SEPARATORS.contains(&c));
        let is_doubled = text.contains('<') && text.matches('<').count() == 1;
        return Err(match (is_list, is_doubled) {
            (_, true) => IdentityProblem::AngleBrackets,
            (true, _) => IdentityProblem::Several,
            _ => IdentityProblem::NotAnAddress,
        });
    }
    if text.contains(['<', '>']) {
        return Err(IdentityProblem::AngleBrackets);
    }
    check_ends(text, |c| is_quote(c) || c == '\'', |c| PUNCTUATION.contains(&c))?;
    if text.contains(is_quote) {
        return Err(IdentityProblem::Quotes);
    }
    if text.contains(char::is_whitespace) {
        return Err(IdentityProblem::Blank);
    }
    let (name, host) = text.split_once('@').ok_or(IdentityProblem::NotAnAddress)?;
    if name.is_empty() || host.split('.').any(str::is_empty) {
        return Err(IdentityProblem::NotAnAddress);
    }
    let is_in_name = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let is_in_host = |c: char| c.is_alphanumeric() || c == '-' || c == '.' || c == '_';
    let strange = name.chars().find(|c| !is_in_name(*c)).or(host.chars().find(|c| !is_in_host(*c)));
    strange.map_or(Ok(()), |character| Err(IdentityProblem::Sign(character)))
}

/// Checks a user name: it has no invisible character, and none from the syntax of the file.
pub(crate) fn check_username(text: &str) -> Result<(), IdentityProblem> {
    check_characters(text)?;
    check_ends(text, |c| is_quote(c) || c == '\'', |c| matches!(c, ',' | ';'))?;
    if text.contains(is_quote) {
        return Err(IdentityProblem::Quotes);
    }
    if text.contains(['<', '>']) {
        return Err(IdentityProblem::AngleBrackets);
    }
    if text.contains([',', ';']) {
        return Err(IdentityProblem::Several);
    }
    Ok(())
}

/// Checks a phone number in the form of E.164.
pub(crate) fn check_phone(text: &str) -> Result<(), IdentityProblem> {
    // Most are right.
    let is_right = |digits: &[u8]| {
        matches!(digits, [b'1'..=b'9', ..])
            && (7..=15).contains(&digits.len())
            && digits.iter().all(u8::is_ascii_digit)
    };
    if text.as_bytes().strip_prefix(b"+").is_some_and(is_right) {
        return Ok(());
    }
    check_characters(text)?;
    if strip_scheme(text).is_some() {
        return Err(IdentityProblem::Scheme);
    }
    check_ends(text, |c| is_quote(c) || c == '\'', |c| matches!(c, ',' | ';' | '.' | ':'))?;
    let is_list = text.matches('+').count() > 1 || text.contains([',', ';', '|']);
    if is_list {
        return Err(IdentityProblem::Several);
    }
    if text.contains("(0)") {
        return Err(IdentityProblem::TrunkZero);
    }
    let is_separator = |c: char| is_phone_separator(c);
    let digits = text.chars().filter(|c| !is_separator(*c) && *c != '+').count();
    if let Some(strange) = text
        .chars()
        .find(|c| !c.is_ascii_digit() && !is_separator(*c) && *c != '+' && !c.is_ascii_alphabetic())
    {
        return Err(IdentityProblem::Sign(strange));
    }
    if text.contains(|c: char| c.is_ascii_alphabetic()) || !(7..=15).contains(&digits) {
        return Err(IdentityProblem::NotAPhone);
    }
    let first = text.trim_start_matches(is_separator);
    if !first.starts_with('+') || first.trim_start_matches(|c| c == '+' || is_separator(c)).starts_with('0') {
        return Err(IdentityProblem::NoCountry);
    }
    if text.contains(is_separator) {
        return Err(IdentityProblem::Separators);
    }
    Ok(())
}

/// Repairs an address if it is clear what it should be.
pub(crate) fn clean_email(text: &str) -> Option<Cleaned> {
    clean(text, check_email)
}

/// Repairs a user name if it is clear what it should be.
pub(crate) fn clean_username(text: &str) -> Option<Cleaned> {
    clean(text, check_username)
}

/// Repairs a phone number if it is clear what it should be. It adds no country code.
pub(crate) fn clean_phone(text: &str) -> Option<Cleaned> {
    clean(text, check_phone)
}

/// The separators of the values of a list.
const SEPARATORS: &[char] = &[',', ';', '|', '/'];
const PUNCTUATION: &[char] = &['.', ',', ';', ':', '!', '?', '(', ')', '[', ']', '{', '}', '|'];

/// Repairs one problem after another.
fn clean(text: &str, check: Check) -> Option<Cleaned> {
    let mut cleaned = Cleaned { value: text.to_owned(), changes: Vec::new() };
    while let Err(problem) = check(&cleaned.value) {
        let repaired = repair(&cleaned.value, problem)?;
        // No real value needs so many changes. This ends the loop, whatever the repairs do.
        if cleaned.changes.len() == 16 {
            return None;
        }
        cleaned.value = repaired;
        cleaned.changes.push(problem);
    }
    (!cleaned.changes.is_empty()).then_some(cleaned)
}

fn repair(text: &str, problem: IdentityProblem) -> Option<String> {
    let without = |is_wrong: fn(char) -> bool| Some(text.replace(is_wrong, ""));
    match problem {
        IdentityProblem::Invisible(_) => without(is_invisible),
        IdentityProblem::OuterBlank => Some(text.trim().to_owned()),
        IdentityProblem::Scheme => strip_scheme(text).map(String::from),
        IdentityProblem::AngleBrackets => {
            let (_, rest) = text.split_once('<')?;
            let (inner, after) = rest.split_once('>')?;
            // Of two addresses, it is not clear which one is meant.
            (!after.contains(['<', '@'])).then(|| inner.to_owned())
        }
        IdentityProblem::Quotes => {
            let inner = text.trim_matches(|c| is_quote(c) || c == '\'');
            (!inner.contains(is_quote)).then(|| inner.to_owned())
        }
        IdentityProblem::OuterPunctuation => Some(text.trim_matches(PUNCTUATION).to_owned()),
        IdentityProblem::Separators => without(is_phone_separator),
        _ => None,
    }
}

fn check_characters(text: &str) -> Result<(), IdentityProblem> {
    if text.is_empty() {
        return Err(IdentityProblem::Empty);
    }
    // Most values have no other characters.
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let find = |is_wrong: fn(char) -> bool| text.chars().find(|character| is_wrong(*character));
    if let Some(character) = find(is_invisible) {
        return Err(IdentityProblem::Invisible(character));
    }
    if text.trim().is_empty() {
        return Err(IdentityProblem::Empty);
    }
    if text.trim().len() < text.len() {
        return Err(IdentityProblem::OuterBlank);
    }
    if let Some(character) = find(char::is_control) {
        return Err(IdentityProblem::Control(character));
    }
    // Decoders write this character for bytes of another encoding.
    find(|character| character == '\u{fffd}')
        .map_or(Ok(()), |character| Err(IdentityProblem::Sign(character)))
}

/// Checks the first and the last character.
fn check_ends(
    text: &str,
    is_quote: fn(char) -> bool,
    is_punctuation: fn(char) -> bool,
) -> Result<(), IdentityProblem> {
    if text.starts_with(is_quote) || text.ends_with(is_quote) {
        return Err(IdentityProblem::Quotes);
    }
    if text.starts_with(is_punctuation) || text.ends_with(is_punctuation) {
        return Err(IdentityProblem::OuterPunctuation);
    }
    Ok(())
}

fn strip_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    ["mailto", "smtp", "sip", "tel", "callto", "sms"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scheme))
        .then(|| rest.split_once('?').map_or(rest, |(address, _)| address))
}

fn is_quote(character: char) -> bool {
    matches!(
        character,
        '"' | '\u{ab}' | '\u{bb}' | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}' | '\u{ff02}'
    )
}

fn is_phone_separator(character: char) -> bool {
    character.is_whitespace() || "-.()/".contains(character) || ('\u{2010}'..='\u{2015}').contains(&character)
}

/// Returns whether a character is invisible: soft hyphens, fillers, joiners, variation selectors,
/// direction marks, byte order marks and tags.
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::IdentityProblem::*;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrong_addresses_are_reported_and_repaired() {
        for (text, problem, cleaned) in [
            ("a\u{200b}da@example.com", Invisible('\u{200b}'), Some("ada@example.com")),
            ("\u{feff}ada@example.com", Invisible('\u{feff}'), Some("ada@example.com")),
            ("ada\u{ad}@example.com", Invisible('\u{ad}'), Some("ada@example.com")),
            ("\u{202a}ada@example.com\u{202c}", Invisible('\u{202a}'), Some("ada@example.com")),
            ("ada@exam\u{2060}ple.com", Invisible('\u{2060}'), Some("ada@example.com")),
            ("ada@example.com\u{fe0f}", Invisible('\u{fe0f}'), Some("ada@example.com")),
            ("ada@example.com\u{e0020}", Invisible('\u{e0020}'), Some("ada@example.com")),
            (" ada@example.com\u{a0}", OuterBlank, Some("ada@example.com")),
            ("ada@example.com\r", OuterBlank, Some("ada@example.com")),
            ("ada@exam\u{7}ple.com", Control('\u{7}'), None),
            ("ada@exam ple.com", Blank, None),
            ("\"ada@example.com\"", Quotes, Some("ada@example.com")),
            ("'ada@example.com'", Quotes, Some("ada@example.com")),
            ("\u{201c}ada@example.com\u{201d}", Quotes, Some("ada@example.com")),
            ("o\u{2019}brien@example.com", Quotes, None),
            ("mailto:ada@example.com", Scheme, Some("ada@example.com")),
            ("MAILTO:ada@example.com?subject=hi", Scheme, Some("ada@example.com")),
            ("SMTP:ada@example.com", Scheme, Some("ada@example.com")),
            ("Ada <ada@example.com>", AngleBrackets, Some("ada@example.com")),
            ("\"Ada L.\" <mailto:ada@example.com>,", AngleBrackets, Some("ada@example.com")),
            ("ada@example.com <ada@example.com>", AngleBrackets, Some("ada@example.com")),
            ("<ada@example.com", AngleBrackets, None),
            ("ada@example.com.", OuterPunctuation, Some("ada@example.com")),
            ("ada@example.com,", OuterPunctuation, Some("ada@example.com")),
            ("(ada@example.com);", OuterPunctuation, Some("ada@example.com")),
            ("ada@example.com,bob@example.com", Several, None),
            ("ada@example.com; bob@example.com", Several, None),
            ("ada@example.com|bob@example.com", Several, None),
            ("ada@example.com / bob@example.com", Several, None),
            ("ada@example.com bob@example.com", Several, None),
            ("A <ada@example.com>, B <bob@example.com>", Several, None),
            ("ada@@example.com", NotAnAddress, None),
            ("ada", NotAnAddress, None),
            ("@example.com", NotAnAddress, None),
            ("ada@", NotAnAddress, None),
            ("ada@example..com", NotAnAddress, None),
            ("ada\u{ff20}example.com", NotAnAddress, None),
            ("ada@example\u{3002}com", Sign('\u{3002}'), None),
            ("ada\u{fffd}@example.com", Sign('\u{fffd}'), None),
            ("ada@exam\u{2013}ple.com", Sign('\u{2013}'), None),
            ("ada@example.com\\", Sign('\\'), None),
            ("ada,l@example.com", Sign(','), None),
            ("", Empty, None),
            (" ", Empty, None),
            ("\u{200b}", Invisible('\u{200b}'), None),
        ] {
            assert_eq!(check_email(text), Err(problem), "{text}");
            let repaired = clean_email(text);
            assert_eq!(repaired.as_ref().map(|repaired| repaired.value.as_str()), cleaned, "{text}");
            assert!(repaired.is_none_or(|repaired| repaired.changes.first() == Some(&problem)), "{text}");
        }
    }

    #[test]
    fn value_that_needs_more_than_16_repairs_is_left_alone() {
        let wrapped = |times| clean_email(&("mailto:".repeat(times) + "ada@example.com"));
        assert_eq!(wrapped(16).unwrap().value, "ada@example.com");
        assert!(wrapped(17).is_none());
    }

    #[test]
    fn plain_addresses_are_valid() {
        for text in [
            "ada@example.com",
            "a@b",
            "ada+tag@example.com",
            "o'brien@example.com",
            "a..b@example.jp",
            "ada.@example.jp",
            "j\u{f6}rg@m\u{fc}ller.example",
            "\u{7528}\u{6237}@\u{4f8b}.example",
            "a=b@x_y.example",
            "1@1.example",
            "-@example.com",
            "ada/it@example.com",
        ] {
            assert_eq!(check_email(text), Ok(()), "{text}");
            assert!(clean_email(text).is_none());
        }
    }

    #[test]
    fn wrong_user_names_are_reported_and_repaired() {
        for (text, problem, cleaned) in [
            ("gus\u{200d}", Invisible('\u{200d}'), Some("gus")),
            ("\u{200e}gus", Invisible('\u{200e}'), Some("gus")),
            (" gus ", OuterBlank, Some("gus")),
            ("gu\ns", Control('\n'), None),
            ("\"gus\"", Quotes, Some("gus")),
            ("'gus'", Quotes, Some("gus")),
            ("g\"us", Quotes, None),
            ("<gus>", AngleBrackets, Some("gus")),
            ("gus,", OuterPunctuation, Some("gus")),
            ("gus;bob", Several, None),
            ("gus,bob", Several, None),
            ("g\u{fffd}s", Sign('\u{fffd}'), None),
        ] {
            assert_eq!(check_username(text), Err(problem), "{text}");
            assert_eq!(clean_username(text).map(|repaired| repaired.value).as_deref(), cleaned, "{text}");
        }
        for text in [
            "gus",
            "gus.l",
            "Gus L",
            "gus@example.com",
            "j\u{f6}rg",
            "\u{928}\u{92e}\u{938}\u{94d}",
            "x_1-2",
            "gus!",
        ] {
            assert_eq!(check_username(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn wrong_phone_numbers_are_reported_and_repaired() {
        for (text, problem, cleaned) in [
            ("+61 412 345 678", Separators, Some("+61412345678")),
            ("+61-412-345-678", Separators, Some("+61412345678")),
            ("+1 (555) 010.9999", Separators, Some("+15550109999")),
            ("+61\u{a0}412\u{2011}345678", Separators, Some("+61412345678")),
            ("\u{202d}+61412345678\u{202c}", Invisible('\u{202d}'), Some("+61412345678")),
            (" +61412345678", OuterBlank, Some("+61412345678")),
            ("tel:+61412345678", Scheme, Some("+61412345678")),
            ("'+61412345678", Quotes, Some("+61412345678")),
            ("\"+61 412 345 678\"", Quotes, Some("+61412345678")),
            ("+61412345678;", OuterPunctuation, Some("+61412345678")),
            ("+44 (0)20 7946 0000", TrunkZero, None),
            ("0412345678", NoCountry, None),
            ("0061412345678", NoCountry, None),
            ("+0412345678", NoCountry, None),
            ("61412345678", NoCountry, None),
            ("+61412345678,+61412345679", Several, None),
            ("+61412345678 +61412345679", Several, None),
            ("+61412345678 ext 9", NotAPhone, None),
            ("+614", NotAPhone, None),
            ("+6141234567890123", NotAPhone, None),
            ("\u{ff0b}61412345678", Sign('\u{ff0b}'), None),
            ("+\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}", Sign('\u{661}'), None),
            ("", Empty, None),
        ] {
            assert_eq!(check_phone(text), Err(problem), "{text}");
            assert_eq!(clean_phone(text).map(|repaired| repaired.value).as_deref(), cleaned, "{text}");
        }
        assert_eq!(check_phone("+61412345678"), Ok(()));
        assert_eq!(check_phone("+1234567"), Ok(()));
    }

    proptest! {
        #[test]
        fn repaired_value_is_valid_and_no_text_panics(
            text in "[a@. <>\"'(),;:\\u{200b}\\u{feff}\\u{ad}+0-9-]{0,24}|\\PC{0,24}",
        ) {
            for (check, clean) in [
                (check_email as Check, clean_email as fn(&str) -> Option<Cleaned>),
                (check_username, clean_username),
                (check_phone, clean_phone),
            ] {
                if let Some(cleaned) = clean(&text) {
                    prop_assert!(check(&text).is_err());
                    prop_assert_eq!(check(&cleaned.value), Ok(()));
                    prop_assert!(cleaned.value.len() < text.len());
                }
            }
        }
    }
}
