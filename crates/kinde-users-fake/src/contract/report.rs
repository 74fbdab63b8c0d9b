//! What the check found.

use core::fmt;
use std::collections::BTreeMap;

/// Makes the clauses, and the text that a report has for each.
macro_rules! clauses {
    ($($(#[$doc:meta])+ $clause:ident = $text:literal,)+) => {
        /// One thing that the contract asks for: one of the duties of a [`Transport`](kinde_users_core::Transport).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Clause {
            $($(#[$doc])+ $clause,)+
        }

        impl fmt::Display for Clause {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$clause => $text,)+
                })
            }
        }

        #[cfg(test)]
        static TEXTS: &[&str] = &[$($text),+];
    };
}

clauses! {
    /// Method and target go out byte for byte. Better: so does the letter case of percent-encodings.
    Target = "method and target go out byte for byte",
    /// The headers go out as they are, and nothing is added but what an HTTP stack has to add.
    RequestHeaders = "the headers go out as they are",
    /// The body goes out byte for byte, framed by its length; where there is none, nothing says that there is one, but
    /// for the `Content-Length: 0` that the request came with.
    RequestBody = "the body goes out byte for byte, framed by its length",
    /// The server sees one attempt at most, whatever the status or the failure is.
    OneAttempt = "the server sees one attempt at most",
    /// No redirect is followed.
    NoRedirect = "no redirect is followed",
    /// No status is turned into an error.
    NoStatusIsAnError = "no status is turned into an error",
    /// The headers of the response come back as they are.
    ResponseHeaders = "the headers of the response come back as they are",
    /// The response comes back whole or not at all.
    WholeResponse = "the response comes back whole or not at all",
    /// A body up to the limit is read, and a longer one is an error.
    BodyLimit = "a body up to the limit is read, and a longer one is an error",
    /// A compressed body is decompressed, and the limit counts what it becomes.
    Decompression = "a compressed body is decompressed, and the limit counts what it becomes",
    /// The time limit bounds the whole, the response's body included.
    TimeLimit = "the time limit bounds the whole",
    /// What may have reached the server is never called not sent. Better: what cannot have reached it is not called
    /// unknown.
    Delivery = "`NotSent` is said where nothing was sent, and nowhere else",
    /// Each request gets its own response, never one that belongs to a request before it or beside it.
    OwnResponse = "each request gets its own response",
    /// Each response comes from the server, and none from a cache.
    NoCache = "each response comes from the server, and none from a cache",
    /// A request to `https` is sent to nobody but a server with a trusted certificate of its name.
    Tls = "`https` goes to a server with a trusted certificate of its name, and nowhere else",
    /// The texts of errors hold nothing of the token, the URI or the bodies.
    QuietErrors = "the texts of errors hold nothing of the token, the URI or the bodies",
    /// Better: requests in a row share a connection, and one that the server closed in between does no harm.
    Reuse = "requests in a row share a connection",
    /// Better: where the head of a response came and its body cannot be read, the head is handed over. Without it, a
    /// 429 makes no other call wait. A head that is handed over is the one that came, and says why there is no body.
    Head = "a head without a body that can be read is handed over",
}

/// A clause, the case that it was tried in, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What the contract asks for.
    pub clause: Clause,
    /// What the transport was asked, and what the server did.
    pub case: String,
    /// What came of it.
    pub seen: String,
}

/// What the check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub(crate) cases: usize,
    pub(crate) broken: Vec<Finding>,
    pub(crate) weak: Vec<Finding>,
    pub(crate) skipped: Vec<String>,
}

impl Report {
    /// How many cases were tried.
    pub fn cases(&self) -> usize {
        self.cases
    }

    /// What the contract does not allow.
    pub fn broken(&self) -> &[Finding] {
        &self.broken
    }

    /// What the contract allows and a good transport does better.
    pub fn weak(&self) -> &[Finding] {
        &self.weak
    }

    /// Cases that say nothing about this transport: of compression, where it asks for none, and of certificates, where
    /// no authority is [trusted](super::Options::trusted).
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The clauses that are broken, in order and once each.
    pub fn broken_clauses(&self) -> Vec<Clause> {
        by_clause(&self.broken).into_keys().collect()
    }

    /// The clauses that are weak, in order and once each.
    pub fn weak_clauses(&self) -> Vec<Clause> {
        by_clause(&self.weak).into_keys().collect()
    }

    /// Whether nothing is broken.
    pub fn is_kept(&self) -> bool {
        self.broken.is_empty()
    }

    /// Ends a test that the transport did not pass. Weaknesses pass.
    ///
    /// # Panics
    ///
    /// With the report, if a clause is broken.
    #[track_caller]
    pub fn assert_kept(&self) {
        assert!(self.is_kept(), "{self}");
    }
}

fn by_clause(findings: &[Finding]) -> BTreeMap<Clause, Vec<&Finding>> {
    let mut clauses = BTreeMap::<_, Vec<_>>::new();
    for finding in findings {
        clauses.entry(finding.clause).or_default().push(finding);
    }
    clauses
}

/// The clauses with what was seen, a few cases each.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let (cases, broken, weak) = (self.cases, self.broken_clauses().len(), self.weak_clauses().len());
        let clauses = if broken == 1 { "clause" } else { "clauses" };
        write!(f, "the contract of transports in {cases} cases: {broken} {clauses} broken, {weak} weak")?;
        for (grade, findings) in [("broken", &self.broken), ("weak", &self.weak)] {
            for (clause, findings) in by_clause(findings) {
                write!(f, "\n{grade}: {clause} ({clause:?})")?;
                for finding in findings.iter().take(SHOWN) {
                    write!(f, "\n  {}: {}", finding.case, finding.seen)?;
                }
                if let Some(more) = findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                    write!(f, "\n  and {more} more")?;
                }
            }
        }
        for case in &self.skipped {
            write!(f, "\nnot applicable: {case}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transport_lists_each_clause_as_a_duty() {
        let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../kinde-users-core/src/client/transport.rs");
        let source = std::fs::read_to_string(core).unwrap();
        let (docs, _) = source.split_once("pub trait Transport").unwrap();
        let duties = docs.lines().filter_map(|line| line.strip_prefix("/// - "));
        let duties: Vec<_> = duties.collect();
        assert_eq!(duties.len(), TEXTS.len());
        for (duty, text) in duties.iter().zip(TEXTS) {
            assert!(duty.starts_with(text), "{text}\n{duty}");
        }
    }
}
