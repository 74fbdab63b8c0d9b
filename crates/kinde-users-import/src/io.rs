//! The traits of `std` that read files. The crate uses nothing else of `std`.

extern crate std;

pub(crate) use self::std::io::{BufRead, BufReader, Cursor, Error, ErrorKind, Read, Result};
