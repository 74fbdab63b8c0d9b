//! The traits with which files are read. They are all that the crate has of `std`.

extern crate std;

pub(crate) use self::std::io::{BufRead, BufReader, Cursor, Error, ErrorKind, Read, Result};
