//! Reads the body of a response: whole, decompressed, and no longer than the limit.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use kinde_users_core::ContentCoding;
use ureq::{Body, BodyReader};

use crate::error::{ErrorKind, UreqError};

/// The most bytes that are reserved because a header announces them.
const RESERVE: u64 = 1024 * 1024;

/// Reads the body that belongs to these headers. If the body was compressed, this removes the
/// headers that describe the compressed body.
pub(crate) fn read(headers: &mut HeaderMap, body: Body, limit: u64) -> Result<Vec<u8>, UreqError> {
    let told = body.content_length().unwrap_or_default();
    let mut wire = Wire { reader: body.into_reader(), has_data: false };
    match ContentCoding::of(headers) {
        ContentCoding::Identity if told > limit => Err(UreqError::of_body(ErrorKind::BodyTooLong(limit))),
        ContentCoding::Identity => whole(wire, told, limit),
        ContentCoding::Gzip => {
            let mut wire = BufReader::new(wire);
            // A response without a byte has an empty body, whatever its encoding is called.
            if wire.fill_buf().map_err(failed)?.is_empty() {
                return Ok(Vec::new());
            }
            let bytes = whole(MultiGzDecoder::new(wire), 0, limit)?;
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
            Ok(bytes)
        }
        ContentCoding::Other => match wire.read(&mut [0]).map_err(failed)? {
            0 => Ok(Vec::new()),
            // Returning the bytes as they came would pass encoded data off as plain data.
            _ => Err(UreqError::of_body(ErrorKind::Protocol)),
        },
    }
}

/// Reads to the end. Room for `told` bytes is reserved first, because a growing vector copies its
/// bytes again and again.
fn whole(mut reader: impl Read, told: u64, limit: u64) -> Result<Vec<u8>, UreqError> {
    let mut bytes = Vec::with_capacity(usize::try_from(told.min(RESERVE)).unwrap_or_default());
    reader.by_ref().take(limit).read_to_end(&mut bytes).map_err(failed)?;
    match reader.read(&mut [0]).map_err(failed)? {
        0 => Ok(bytes),
        _ => Err(UreqError::of_body(ErrorKind::BodyTooLong(limit))),
    }
}

/// The body as it arrives. Its errors hold a [`UreqError`], which distinguishes them from errors of
/// the decoder.
struct Wire {
    reader: BodyReader<'static>,
    has_data: bool,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Ok(read) => {
                self.has_data |= read > 0;
                Ok(read)
            }
            Err(error) => {
                let error = ureq::Error::from(error);
                match error.to_string().strip_prefix(DECOMPRESSION) {
                    Some("unexpected end of file") if !self.has_data => Ok(0),
                    Some(_) => Err(io::Error::other(UreqError::of_body(ErrorKind::Protocol))),
                    None => Err(io::Error::other(UreqError::from(error))),
                }
            }
        }
    }
}

/// The start of the text of ureq's own decompression error.
///
/// If another crate of the program enables ureq's feature `gzip`, ureq decompresses bodies with the
/// encoding `gzip` before this crate can, and fails for an empty body. The variant of that error
/// exists only with the feature, so its text is compared. In that case, a body shorter than the ten
/// bytes of the gzip header counts as empty.
const DECOMPRESSION: &str = "gzip decompression failed: ";

/// Returns the error of the connection, or an error of the decoder.
fn failed(error: io::Error) -> UreqError {
    error.downcast().unwrap_or_else(|_| UreqError::of_body(ErrorKind::Protocol))
}
