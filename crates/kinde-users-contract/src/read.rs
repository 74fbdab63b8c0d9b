//! Reads requests from a connection as they came, without correcting anything.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

use http::{HeaderName, HeaderValue, Request, header};

/// A socket, or TLS over one.
pub(crate) trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

pub(crate) fn text<'a, B>(request: &'a Request<B>, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

pub(crate) fn read_request(stream: &mut dyn Stream) -> io::Result<Option<Request<Vec<u8>>>> {
    let Some(head) = read_head(stream)? else { return Ok(None) };
    let mut request = head.map(|()| Vec::new());
    if request.headers().contains_key(header::EXPECT) {
        // The client sends the body only after this.
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        stream.flush()?;
    }
    let is_chunked = text(&request, &header::TRANSFER_ENCODING).is_some_and(|text| text.contains("chunked"));
    let length = text(&request, &header::CONTENT_LENGTH).and_then(|text| text.parse().ok()).unwrap_or(0);
    let body = request.body_mut();
    if is_chunked {
        loop {
            let size = read_line(stream)?.ok_or(ErrorKind::UnexpectedEof)?;
            let size = size.split(|byte| *byte == b';').next().and_then(|hex| std::str::from_utf8(hex).ok());
            let size =
                size.and_then(|hex| u64::from_str_radix(hex, 16).ok()).ok_or(ErrorKind::InvalidData)?;
            read_exactly(stream, size, body)?;
            // The empty line after the last chunk; there are no trailers.
            read_line(stream)?;
            if size == 0 {
                break;
            }
        }
    } else {
        read_exactly(stream, length, body)?;
    }
    Ok(Some(request))
}

pub(crate) fn read_head(stream: &mut (impl Read + ?Sized)) -> io::Result<Option<Request<()>>> {
    let malformed = || io::Error::from(ErrorKind::InvalidData);
    let Some(line) = read_line(stream)? else { return Ok(None) };
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(b"HTTP/1.1"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed());
    };
    let mut request = Request::builder().method(method).uri(target);
    loop {
        let line = read_line(stream)?.ok_or(ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            break;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return Err(malformed()) };
        let name = HeaderName::from_bytes(name).map_err(io::Error::other)?;
        let value = HeaderValue::from_bytes(value.trim_ascii()).map_err(io::Error::other)?;
        request = request.header(name, value);
    }
    request.body(()).map(Some).map_err(io::Error::other)
}

fn read_exactly(stream: &mut dyn Stream, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let read = stream.take(length).read_to_end(into)?;
    if u64::try_from(read).is_ok_and(|read| read == length) {
        Ok(())
    } else {
        Err(ErrorKind::UnexpectedEof.into())
    }
}

/// Reads a line without its end, or returns `None` at the end of the stream.
fn read_line(stream: &mut (impl Read + ?Sized)) -> io::Result<Option<Vec<u8>>> {
    const LONGEST: u64 = 64 * 1024;
    let mut line = Vec::new();
    // A larger buffer would also read what comes after the line.
    BufReader::with_capacity(1, stream).take(LONGEST).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => {
            line.truncate(line.trim_ascii_end().len());
            Ok(Some(line))
        }
        Some(_) => Err(ErrorKind::UnexpectedEof.into()),
    }
}
