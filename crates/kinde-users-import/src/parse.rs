//! Reads the text and the rows of files.

pub(crate) mod csv;
pub(crate) mod json_records;
pub(crate) mod text;
