//! Reads the text and the rows of files.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod text;
