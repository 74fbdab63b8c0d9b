//! Texts that differ only in the case of letters.

use alloc::string::String;

/// Returns the text with one form of each letter, so that texts that differ only in the case of
/// letters become equal.
///
/// An ASCII letter equals only an ASCII letter. For instance, the lower case of the Kelvin sign is
/// `k`, but an address with the Kelvin sign does not equal the address with `k`. If the other case
/// of a letter consists of several letters, the letter equals only itself.
///
/// ```
/// use kinde_users::fold_case;
///
/// assert_eq!(fold_case("Ada@Example.com"), "ada@example.com");
/// // Greek has two forms of the small sigma.
/// assert_eq!(fold_case("νίκος"), fold_case("νίκοσ"));
/// assert_ne!(fold_case("straße"), fold_case("strasse"));
/// ```
pub fn fold_case(text: &str) -> String {
    text.chars().map(folded).collect()
}

/// Whether two texts are equal if the case of letters is ignored; see [`fold_case`].
pub(crate) fn is_same_text(one: &str, other: &str) -> bool {
    one.chars().map(folded).eq(other.chars().map(folded))
}

fn folded(letter: char) -> char {
    let Some(lower) = only(letter.to_lowercase()) else { return letter };
    if letter.is_ascii() || lower.is_ascii() {
        return if letter.is_ascii() { lower } else { letter };
    }
    // Letters may have the same upper case and different lower cases.
    let folded = only(lower.to_uppercase()).and_then(|upper| only(upper.to_lowercase()));
    folded.filter(|folded| !folded.is_ascii()).unwrap_or(lower)
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_a_letter_become_equal() {
        for letter in ('\0'..=char::MAX).filter(|letter| letter.is_alphabetic()) {
            for other in [only(letter.to_lowercase()), only(letter.to_uppercase())].into_iter().flatten() {
                let is_same = other.is_ascii() == letter.is_ascii();
                assert_eq!(folded(letter) == folded(other), is_same, "{letter:?} {other:?}");
            }
            assert_eq!(folded(letter).is_ascii(), letter.is_ascii(), "{letter:?}");
            assert_eq!(folded(folded(letter)), folded(letter), "{letter:?}");
        }
    }

    #[test]
    fn other_letters_stay_different() {
        for (one, other) in [("\u{212a}", "k"), ("ı", "i"), ("İ", "i"), ("ß", "ss"), ("ſ", "s"), ("ﬁ", "fi")]
        {
            assert!(!is_same_text(one, other) && fold_case(one) != fold_case(other), "{one} {other}");
        }
        for (one, other) in [("νίκος", "ΝΊΚΟΣ"), ("Straße", "STRAẞE"), ("\u{212b}", "å"), ("µ", "μ")]
        {
            assert!(is_same_text(one, other) && fold_case(one) == fold_case(other), "{one} {other}");
        }
        assert_eq!(fold_case("Ada@Example.com"), "ada@example.com");
    }
}
