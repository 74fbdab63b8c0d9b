//! Pages to read.

// These links are for rustdoc, which takes the first definition of a link. The definitions at the
// end of the file are for those who read it as a file.
/// [observing]: crate::guide::observing
/// [security]: crate::guide::security
#[doc = ""]
#[doc = include_str!("../docs/deployment.md")]
pub mod deployment {}

#[doc = include_str!("../docs/from-the-sdks.md")]
pub mod from_the_sdks {}

#[doc = include_str!("../docs/how-we-know.md")]
pub mod how_we_know {}

#[doc = include_str!("../docs/observing.md")]
pub mod observing {}

#[doc = include_str!("../docs/performance.md")]
pub mod performance {}

#[doc = include_str!("../docs/security.md")]
pub mod security {}
