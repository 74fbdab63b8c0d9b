//! Checks that ids and secrets have no control characters and no outer blanks.

use crate::types::build_error::Problem;

/// Returns what is wrong with an id or a secret, if anything. Valid ones have no control character,
/// and no blank at an end. A file, a terminal or a form may leave one there, and the service would
/// not know such an id.
pub(crate) fn check_id(text: &str) -> Result<(), Problem> {
    let is_blank = |character: char| character.is_whitespace() || is_invisible(character);
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    // Nearly all ids are printable ASCII and need no further check.
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::ControlCharacter);
    }
    if text.starts_with(is_blank) || text.ends_with(is_blank) {
        return Err(Problem::OuterBlank);
    }
    Ok(())
}

/// Whether a character is invisible: soft hyphens, fillers, joiners, direction and byte order
/// marks, tags.
fn is_invisible(character: char) -> bool {
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
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_character_at_an_end_is_refused() {
        for character in [
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200f}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2063}',
            '\u{2066}',
            '\u{3164}',
            '\u{feff}',
            '\u{e0001}',
            '\u{a0}',
            '\u{2028}',
        ] {
            for id in [format!("{character}kp_1"), format!("kp_1{character}")] {
                assert_eq!(check_id(&id), Err(Problem::OuterBlank), "{id:?}");
            }
            assert_eq!(check_id(&format!("a{character}b")), Ok(()));
        }
        for id in ["kp_1", "漢字", "e\u{301}", "❤\u{fe0f}", "😀"] {
            assert_eq!(check_id(id), Ok(()), "{id:?}");
        }
    }
}
