//! The outcome of a request.

use core::error::Error as StdError;
use core::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::{HeaderMap, Response, StatusCode};
use kinde_users_core::{BodyFailure, Delivery};

/// The outcome of a request.
pub type Outcome = Result<Response<Vec<u8>>, Failure>;

/// Why no response came, as far as the check needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub(crate) delivery: Delivery,
    pub(crate) display: String,
    /// Everything that the error and its sources print, without blanks.
    texts: String,
    pub(crate) head: Option<Box<(StatusCode, HeaderMap, BodyFailure)>>,
}

impl Failure {
    /// Creates a failure from a transport's error and what the transport reports as its delivery.
    pub fn new(delivery: Delivery, error: &dyn StdError) -> Self {
        let mut texts = String::new();
        let mut next = Some(error);
        while let Some(error) = next {
            // Writing to a string does not fail.
            let _ = write!(texts, "{error} {error:?} {error:#?} ");
            next = error.source();
        }
        texts.retain(|letter| !letter.is_whitespace());
        texts.make_ascii_lowercase();
        Self { delivery, display: error.to_string(), texts, head: None }
    }

    /// Adds the head that the transport returns for the error.
    #[must_use]
    pub fn with_head(self, head: Option<&Response<BodyFailure>>) -> Self {
        let head = head.map(|head| Box::new((head.status(), head.headers().clone(), *head.body())));
        Self { head, ..self }
    }

    /// Returns whether the texts contain the first letters of the word: as letters, as the bytes
    /// that a `Vec` of them prints, in hex or in base64. This finds every longer prefix of the word
    /// as well.
    pub(crate) fn prints(&self, word: &str) -> bool {
        const LETTERS: usize = 5;
        let start: Vec<u8> = word.bytes().take(LETTERS).collect();
        let decimal: Vec<_> = start.iter().map(u8::to_string).collect();
        let hex: Vec<_> = start.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![String::from_utf8_lossy(&start).into_owned(), decimal.join(",")];
        forms.extend(["", ",", ":", ",0x", "\\x", "%"].map(|between| hex.join(between)));
        // The base64 form of the word depends on the number of bytes before it, modulo 3.
        forms.extend((0..3).map(|before| base64_within(before, &start)));
        forms.iter().any(|form| self.texts.contains(form))
    }
}

/// Returns the base64 letters, in lower case, that depend only on these bytes if others come
/// before.
fn base64_within(before: usize, bytes: &[u8]) -> String {
    let text = STANDARD_NO_PAD.encode([&vec![0; before], bytes].concat());
    let first = (before * 8).div_ceil(6);
    let end = (before + bytes.len()) * 8 / 6;
    text.chars().take(end).skip(first).map(|letter| letter.to_ascii_lowercase()).collect()
}
