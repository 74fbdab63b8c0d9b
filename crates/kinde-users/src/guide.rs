//! Pages to read.

// The first definition of a link counts. The last lines of the file have those for readers of files.
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
