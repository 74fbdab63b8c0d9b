//! Recognizes texts that programs write in place of a value.

use core::fmt;

/// A text in place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StandIn {
    /// A mark for "no value", such as `\N` or `NULL`.
    Nothing {
        /// Whether a person may have this name, such as `Null`. A single one in a record then
        /// counts as a name.
        may_be_name: bool,
    },
    /// A spreadsheet error, such as `#N/A`.
    SpreadsheetError,
    /// A number that a program has rewritten, such as `1.23457E+14` or `61412345678.0`. Digits may
    /// be lost.
    Number,
    /// A spreadsheet formula, such as `="0123"`.
    Formula,
    /// A text that a spreadsheet took for a date, such as `1-Mar`.
    Date,
    /// A date that means "no date", such as `0000-00-00 00:00:00`.
    ZeroDate,
    /// The text that a program prints for an object, such as `[object Object]`.
    Object,
}

impl fmt::Display for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing { .. } => {
                "is a mark for no value: leave the field empty, or pass the mark with --null"
            }
            Self::SpreadsheetError => "is a spreadsheet error: write the value itself",
            Self::Number => "is a number that a spreadsheet or program rewrote: format the column as text",
            Self::Formula => "is a spreadsheet formula: write the value itself",
            Self::Date => "is a date that a spreadsheet made from text: format the column as text",
            Self::ZeroDate => "is a date that means no date: leave the field empty",
            Self::Object => "is the placeholder that a program prints for an object: write the value itself",
        })
    }
}

const NOTHING: &[&str] = &[
    "\\n",
    "\\\\n",
    "null",
    "(null)",
    "[null]",
    "<null>",
    "{null}",
    "nil",
    "<nil>",
    "none",
    "(none)",
    "nan",
    "n/a",
    "<na>",
    "nat",
    "undefined",
    "(undefined)",
    "(empty)",
    "(blank)",
    "<empty>",
    "<unset>",
    "dbnull",
    "-",
    "--",
    "\\0",
];
const NAMES: &[&str] =
    &["Null", "None", "Nil", "Nan", "Nat", "NULL", "NONE", "NIL", "NAN", "NAT", "null", "none", "nil", "nan"];
const ERRORS: &[&str] = &[
    "#n/a",
    "#name?",
    "#ref!",
    "#value!",
    "#div/0!",
    "#num!",
    "#null!",
    "#spill!",
    "#calc!",
    "#error!",
    "#field!",
    "#blocked!",
    "#busy!",
    "#connect!",
    "#getting_data",
    "#unknown!",
    "#nv",
    "#wert!",
    "#bezug!",
];
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Returns the kind of stand-in that a text looks like, if any.
///
/// [`StandIn::Number`] and [`StandIn::Date`] are meaningful only for fields that are no numbers and
/// no dates: ids, phone numbers, user names and hashes. A property may have such a value.
pub(crate) fn stand_in(text: &str) -> Option<StandIn> {
    let text = text.trim();
    let is_among = |list: &[&str]| list.iter().any(|item| item.eq_ignore_ascii_case(text));
    let hashes = text.strip_prefix("##").is_some_and(|rest| rest.bytes().all(|byte| byte == b'#'));
    if is_among(NOTHING) {
        Some(StandIn::Nothing { may_be_name: NAMES.contains(&text) })
    } else if hashes || is_among(ERRORS) {
        Some(StandIn::SpreadsheetError)
    } else if text.starts_with('=') && text.len() > 1 {
        Some(StandIn::Formula)
    } else if is_rewritten_number(text) {
        Some(StandIn::Number)
    } else if is_date_of_a_spreadsheet(text) {
        Some(StandIn::Date)
    } else if is_zero_date(text) {
        Some(StandIn::ZeroDate)
    } else if text.starts_with("[object ") || text.starts_with("System.") && text.ends_with("[]") {
        Some(StandIn::Object)
    } else {
        None
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Matches `1.23457E+14`, with a point or a comma, and a whole number followed by `.0`.
fn is_rewritten_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some((mantissa, exponent)) = text.split_once(['E', 'e']) {
        let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
        let exponent = exponent.strip_prefix('+').or(exponent.strip_prefix('-'));
        return whole.len() == 1
            && is_digits(whole)
            && is_digits(fraction)
            && exponent.is_some_and(|exponent| is_digits(exponent) && exponent.len() <= 3);
    }
    text.strip_suffix(".0").or(text.strip_suffix(".00")).is_some_and(is_digits)
}

/// Matches `1-Mar` and `Mar-01`, with a year or without one.
fn is_date_of_a_spreadsheet(text: &str) -> bool {
    let is_month = |part: &str| MONTHS.iter().any(|month| month.eq_ignore_ascii_case(part));
    let is_day = |part: &str| part.len() <= 2 && is_digits(part);
    let mut parts = text.split('-');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(day), Some(month), None, _) => is_day(day) && is_month(month) || is_month(day) && is_day(month),
        (Some(day), Some(month), Some(year), None) => {
            is_day(day) && is_month(month) && is_digits(year) && matches!(year.len(), 2 | 4)
        }
        _ => false,
    }
}

fn is_zero_date(text: &str) -> bool {
    (text.starts_with("0000-00-00") || text.starts_with("0001-01-01"))
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ+ ".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stand_ins_are_recognized() {
        let nothing = StandIn::Nothing { may_be_name: false };
        let name = StandIn::Nothing { may_be_name: true };
        for (texts, expected) in [
            (
                &[
                    "\\N",
                    "\\n",
                    "(null)",
                    "[NULL]",
                    "<null>",
                    "N/A",
                    "n/a",
                    "<NA>",
                    "NaT",
                    "undefined",
                    "-",
                    " \\N ",
                ][..],
                nothing,
            ),
            (&["NULL", "null", "Null", "None", "none", "nan", "nil", "Nan"], name),
            (
                &[
                    "#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!",
                    "########", "##", "#NV",
                ],
                StandIn::SpreadsheetError,
            ),
            (
                &[
                    "1.23457E+14",
                    "1,23457E+14",
                    "4.12346e+11",
                    "6E+10",
                    "-1.5E-07",
                    "61412345678.0",
                    "42.0",
                    "1.0e+05",
                    "+6.1E+10",
                    "7.00",
                ],
                StandIn::Number,
            ),
            (
                &[
                    "=\"0123\"",
                    "=HYPERLINK(\"mailto:a@b.example\")",
                    "=A2&B2",
                    "=1+1",
                    "=+61412345678",
                    "=-1",
                    "=\"\"",
                    "=@x",
                    "=TRUE()",
                    "= 5",
                ],
                StandIn::Formula,
            ),
            (
                &[
                    "1-Mar",
                    "Mar-01",
                    "02-Sep",
                    "Sep-2",
                    "1-Mar-24",
                    "01-MAR-2024",
                    "31-dec",
                    "dec-31",
                    "1-May",
                    "MAY-1",
                ],
                StandIn::Date,
            ),
            (
                &["0000-00-00", "0000-00-00 00:00:00", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z"],
                StandIn::ZeroDate,
            ),
            (&["[object Object]", "[object Promise]", "System.String[]", "System.Object[]"], StandIn::Object),
        ] {
            for text in texts {
                assert_eq!(stand_in(text), Some(expected), "{text}");
            }
        }
    }

    #[test]
    fn values_are_not_stand_ins() {
        for text in [
            "",
            " ",
            "Ada",
            "Nulla",
            "Nonesuch",
            "N",
            "na",
            "+61412345678",
            "42",
            "1E5",
            "12e4",
            "1.5",
            "v1.0",
            "5.05",
            "e+1",
            "-5",
            "#1",
            "#",
            "2024-03-01",
            "mar",
            "mar-100",
            "anne-marie",
            "a-1",
            "1-2",
            "0000",
            "ada=",
            "System.out",
            "1.2.0",
            ".0",
            "12.3E+4",
            "1E+1234",
            "1E+ab",
            "=",
            "1-2-24",
            "x-Mar-24",
            "1-Mar-x",
            "1-Mar-240",
        ] {
            assert_eq!(stand_in(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,30}|[-+.,0-9eE#=NULA/\\\\]{0,12}") {
            let _ = stand_in(&text);
        }
    }
}
