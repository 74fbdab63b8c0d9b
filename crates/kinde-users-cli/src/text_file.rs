//! Reads text files, and recognizes files of another kind before their lines are read: they get one
//! error instead of one for each line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::failure::Failure;

/// The columns of which a file of users has at least one.
const IDENTIFYING: [&str; 4] = ["email", "phone", "username", "id"];

/// Checks that a file that begins with these bytes can be text in UTF-8.
///
/// # Errors
///
/// Fails where it is in UTF-16: a later error would not say so.
fn utf8(path: &Path, start: &[u8]) -> Result<(), Failure> {
    let what = match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "in UTF-16",
        _ if start.contains(&0) => "NUL bytes, as UTF-16 has them",
        _ => return Ok(()),
    };
    Err(Failure::file(path, format_args!("{what}; save it as UTF-8")))
}

/// Reads all of a text file, or of standard input for `-`.
///
/// # Errors
///
/// Fails where it cannot be read, or is not text in UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::file(path, &error))?;
    utf8(path, &bytes)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        Failure::file(path, format_args!("line {line} is not in UTF-8; save it as UTF-8"))
    })?;
    // Some programs begin a file with a byte order mark.
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Returns the users of a list with the numbers of their lines. Each line has an id, e-mail
/// address, phone number or user name.
///
/// # Errors
///
/// Fails where the list is empty, or is a file of another kind.
pub(crate) fn list<'a>(path: &Path, text: &'a str) -> Result<Vec<(u64, &'a str)>, Failure> {
    let users: Vec<_> = (1..).zip(text.lines().map(str::trim)).filter(|(_, user)| !user.is_empty()).collect();
    let Some((number, first)) = users.first() else {
        return Err(Failure::file(path, "there is no user in the list"));
    };
    let separators = [',', ';', '\t'];
    let name = |column: &str| column.trim().trim_matches('"').to_lowercase();
    let what = if first.starts_with(['{', '[']) {
        "JSON".to_owned()
    } else if first.split(separators).any(|column| IDENTIFYING.contains(&name(column).as_str())) {
        format!("line {number} names columns")
    } else if users.iter().all(|(_, user)| user.contains(separators)) {
        "there are columns".to_owned()
    } else {
        return Ok(users);
    };
    let form = "a list has one id, email address, phone number or user name a line, and nothing else";
    Err(Failure::file(path, format_args!("{what}; {form}")))
}
