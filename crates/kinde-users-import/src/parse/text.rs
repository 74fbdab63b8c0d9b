//! Recognizes what a file is by its first bytes, and returns its text as UTF-8.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use flate2::bufread::MultiGzDecoder;

use crate::io::{self, BufRead, BufReader, Cursor, Read};

/// How many of the first bytes are inspected.
const HEAD: u64 = 1024;

/// The reason why a file cannot be read as text.
#[derive(Debug)]
pub(crate) enum NotText {
    /// The file is of another kind.
    Kind {
        /// The kind of file with its article, such as `a workbook (.xlsx)`.
        name: &'static str,
        /// What to do with it.
        advice: &'static str,
    },
    /// The file could not be read.
    Io(io::Error),
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { name, advice } => write!(f, "the file is {name}: {advice}"),
            Self::Io(error) => write!(f, "the file cannot be read: {error}"),
        }
    }
}

impl core::error::Error for NotText {}

impl From<io::Error> for NotText {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

const SAVE: &str = "save its sheet of users as CSV in UTF-8";
const UNPACK: &str = "unpack it, and import the file of users in it";
const EXPORT: &str = "export the users as CSV or JSON";
const ENCODE: &str = "save it as text in UTF-8";

/// The first bytes of kinds of files, their names, and what to do with them.
const MARKS: &[(&[u8], &str, &str)] = &[
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls) or another Office document", SAVE),
    (b"PK\x05\x06", "an empty zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"BZh", "compressed with bzip2", UNPACK),
    (b"\xfd7zXZ\x00", "compressed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (b"SQLite format 3\x00", "an SQLite database", EXPORT),
    (b"PGDMP", "a PostgreSQL dump in its custom format", EXPORT),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"%PDF-", "a PDF document", EXPORT),
    (b"{\\rtf", "an RTF document", ENCODE),
    (b"\xff\xfe\x00\x00", "text in UTF-32", ENCODE),
    (b"\x00\x00\xfe\xff", "text in UTF-32", ENCODE),
];

/// Returns the text of a file: gzip is decompressed, UTF-16 with a byte order mark is decoded, and
/// the mark of UTF-8 is removed. Bytes that are not UTF-8 are kept: the reader of records reports
/// them with their line.
///
/// # Errors
///
/// [`NotText`] names what the file is if it is not text.
pub(crate) fn reader<'a, R: Read + Send + 'a>(file: R) -> Result<Box<dyn BufRead + Send + 'a>, NotText> {
    let (head, file) = peek(file)?;
    if !head.starts_with(b"\x1f\x8b") {
        return text(&head, file);
    }
    let (head, file) = peek(MultiGzDecoder::new(file))?;
    if head.starts_with(b"\x1f\x8b") {
        return Err(NotText::Kind { name: "compressed with gzip twice", advice: UNPACK });
    }
    text(&head, file)
}

/// Returns the first bytes, and a reader of the whole file.
fn peek<'a>(mut file: impl Read + Send + 'a) -> io::Result<(Vec<u8>, impl BufRead + Send + 'a)> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    Ok((head.clone(), BufReader::new(Cursor::new(head).chain(file))))
}

fn text<'a>(
    head: &[u8],
    mut file: impl BufRead + Send + 'a,
) -> Result<Box<dyn BufRead + Send + 'a>, NotText> {
    if let Some((name, advice)) = what_is(head) {
        return Err(NotText::Kind { name, advice });
    }
    let order: fn([u8; 2]) -> u16 = match head {
        [0xef, 0xbb, 0xbf, ..] => {
            file.read_exact(&mut [0; 3])?;
            return Ok(Box::new(file));
        }
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return Ok(Box::new(file)),
    };
    file.read_exact(&mut [0; 2])?;
    Ok(Box::new(BufReader::new(Utf16 { file, order, decoded: Cursor::default() })))
}

/// Returns the kind of a file that is not text, and what to do with it.
fn what_is(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let holds = |text: &[u8]| head.windows(text.len()).any(|part| part == text);
    if head.starts_with(b"PK\x03\x04") {
        let parts: [&[u8]; 4] = [b"[Content_Types].xml", b"_rels/", b"xl/", b"mimetypeapplication/vnd.oasis"];
        return Some(if parts.iter().any(|part| holds(part)) {
            ("a workbook (.xlsx, .ods) or another Office document", SAVE)
        } else {
            ("a zip archive", UNPACK)
        });
    }
    if let Some((_, name, advice)) = MARKS.iter().find(|(mark, ..)| head.starts_with(mark)) {
        return Some((name, advice));
    }
    let is_utf16_with_a_mark = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let zeros_at = |odd| head.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros_at(0), zeros_at(1));
    let zeros = even + odd;
    if zeros > 0 && !is_utf16_with_a_mark {
        // Most text of users is ASCII. Every second byte of it is 0 in UTF-16, and three of four
        // bytes are 0 in UTF-32.
        return Some(if zeros * 4 >= head.len() * 3 - 3 && head.len() >= 4 {
            ("text in UTF-32", ENCODE)
        } else if (even == 0) != (odd == 0) && zeros * 4 >= head.len() {
            ("text in UTF-16 without a byte order mark", ENCODE)
        } else {
            ("binary data, not text", EXPORT)
        });
    }
    let start: Vec<u8> = head.trim_ascii_start().iter().take(14).map(u8::to_ascii_lowercase).collect();
    [
        (&b"<!doctype html"[..], "a web page", EXPORT),
        (b"<html", "a web page", EXPORT),
        (b"<?xml", "an XML document", EXPORT),
        (b"dn: ", "an LDIF file", EXPORT),
        (b"insert into", "a file of SQL statements", EXPORT),
    ]
    .into_iter()
    .find(|(mark, ..)| start.starts_with(mark))
    .map(|(_, name, advice)| (name, advice))
}

/// Decodes UTF-16.
struct Utf16<R> {
    file: R,
    order: fn([u8; 2]) -> u16,
    decoded: Cursor<Vec<u8>>,
}

impl<R: BufRead> Utf16<R> {
    /// Returns the next units, and does not split a pair of surrogates.
    fn units(&mut self) -> io::Result<Vec<u16>> {
        let mut bytes = Vec::new();
        self.file.by_ref().take(8192).read_to_end(&mut bytes)?;
        let decode = |bytes: &[u8]| -> Vec<u16> {
            bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(self.order)).collect()
        };
        let mut units = decode(&bytes);
        if units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            let mut low = Vec::new();
            self.file.by_ref().take(2).read_to_end(&mut low)?;
            units.extend(decode(&low));
            bytes.extend(low);
        }
        if bytes.len() % 2 == 1 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the text in UTF-16 ends within a character",
            ));
        }
        Ok(units)
    }
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoded.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        let text: String = char::decode_utf16(self.units()?)
            .collect::<Result<_, _>>()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the text is not valid UTF-16"))?;
        self.decoded = Cursor::new(text.into_bytes());
        self.decoded.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write as _;
    use std::string::ToString as _;
    use std::vec;

    fn read(bytes: &[u8]) -> Result<String, String> {
        let mut text = String::new();
        let mut reader = reader(bytes).map_err(|error| error.to_string())?;
        reader.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn text_is_read_in_every_encoding() {
        const TEXT: &str = "email,first_name\r\nada@example.com,J\u{f6}rg \u{1f600}\r\n";
        let marked = std::format!("\u{feff}{TEXT}");
        let (little, big) = (utf16(&marked, u16::to_le_bytes), utf16(&marked, u16::to_be_bytes));
        for bytes in [TEXT.as_bytes().to_vec(), marked.clone().into_bytes(), little, big] {
            assert_eq!(read(&bytes).unwrap(), TEXT);
            assert_eq!(read(&gzip(&bytes)).unwrap(), TEXT);
            let (first, second) = bytes.split_at(bytes.len() / 2);
            assert_eq!(read(&[gzip(first), gzip(second)].concat()).unwrap(), TEXT);
        }
        assert_eq!(read(b"").unwrap(), "");
        assert_eq!(read(b"\xef\xbb\xbf").unwrap(), "");
        assert_eq!(read(b"\xff\xfea\0").unwrap(), "a");
    }

    #[test]
    fn files_that_are_not_text_are_named() {
        let text = "email,first_name\nada@example.com,Ada\n";
        let utf32: Vec<u8> = text.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
        for (bytes, name) in [
            (&b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml"[..], "a workbook (.xlsx"),
            (
                b"PK\x03\x04\x14\0\0\0\0\0mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
                "a workbook (.xlsx",
            ),
            (b"PK\x03\x04\x14\0\0\0\x08\0users.csv", "a zip archive"),
            (b"PK\x05\x06\0\0", "an empty zip"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an old Excel workbook (.xls)"),
            (&utf16(text, u16::to_le_bytes), "text in UTF-16 without a byte order mark"),
            (&utf16(text, u16::to_be_bytes), "text in UTF-16 without a byte order mark"),
            (&utf32, "text in UTF-32"),
            (b"\xff\xfe\0\0a\0\0\0", "text in UTF-32"),
            (b"\0\0\xfe\xff\0\0\0a", "text in UTF-32"),
            (b"BZh91AY", "compressed with bzip2"),
            (b"\x28\xb5\x2f\xfd\0", "compressed with zstd"),
            (b"\xfd7zXZ\0\0", "compressed with xz"),
            (b"7z\xbc\xaf\x27\x1c\0", "a 7z archive"),
            (b"SQLite format 3\0", "an SQLite database"),
            (b"PAR1\x15", "a Parquet file"),
            (b"PGDMP\x01", "a PostgreSQL dump"),
            (b"%PDF-1.7", "a PDF document"),
            (b"\n<!DOCTYPE html><html>", "a web page"),
            (b"<?xml version=\"1.0\"?>", "an XML document"),
            (b"{\\rtf1\\ansi", "an RTF document"),
            (b"dn: uid=ada,dc=example", "an LDIF file"),
            (b"INSERT INTO users VALUES", "a file of SQL statements"),
            (b"email\0\x01\x02\xff\xfe\x7f,", "binary data"),
            (&gzip(&gzip(text.as_bytes())), "compressed with gzip twice"),
            (&gzip(b"PK\x03\x04\x14\0users.csv"), "a zip archive"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn broken_gzip_and_utf16_are_errors() {
        let packed = gzip(&vec![b'a'; 10_000]);
        assert!(read(&packed[..packed.len() - 9]).is_err());
        assert!(read(b"\x1f\x8b").is_err());
        let error = read(b"\xff\xfea\0b").unwrap_err();
        assert!(error.contains("ends within a character"), "{error}");
        let error = read(b"\xff\xfe\x00\xd8a\0").unwrap_err();
        assert!(error.contains("not valid UTF-16"), "{error}");
    }

    proptest! {
        #[test]
        fn utf16_of_any_text_is_decoded(text in "\\PC{0,40}", copies in 1..400_usize) {
            let text = text.repeat(copies);
            let marked = std::format!("\u{feff}{text}");
            prop_assert_eq!(read(&utf16(&marked, u16::to_le_bytes)).unwrap(), text.clone());
            prop_assert_eq!(read(&utf16(&marked, u16::to_be_bytes)).unwrap(), text);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read(&gzip(&bytes));
        }
    }
}
