//! What the check found.

use core::fmt;
use std::collections::BTreeMap;

/// One thing that the contract asks for: one of the duties of a [`Transport`](kinde_users_core::Transport).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Clause {
    /// Method and target go out byte for byte. Better: so does the letter case of percent-encodings.
    Target,
    /// The headers go out as they are, and nothing is added but what an HTTP stack has to add.
    RequestHeaders,
    /// The body goes out byte for byte, framed by its length; where there is none, nothing says that there is one, but
    /// for the `Content-Length: 0` that the request came with.
    RequestBody,
    /// The server sees one attempt at most, whatever the status or the failure is.
    OneAttempt,
    /// No redirect is followed.
    NoRedirect,
    /// No status is turned into an error.
    NoStatusIsAnError,
    /// The headers of the response come back as they are.
    ResponseHeaders,
    /// The response comes back whole or not at all.
    WholeResponse,
    /// A body up to the limit is read, and a longer one is an error.
    BodyLimit,
    /// A compressed body is decompressed, and the limit counts what it becomes.
    Decompression,
    /// The time limit bounds the whole, the response's body included.
    TimeLimit,
    /// What may have reached the server is never called not sent. Better: what cannot have reached it is not called
    /// unknown.
    Delivery,
    /// Each request gets its own response, never one that belongs to a request before it or beside it.
    OwnResponse,
    /// Each response comes from the server, and none from a cache.
    NoCache,
    /// A request to `https` is sent to nobody but a server with a trusted certificate of its name.
    Tls,
    /// The texts of errors hold nothing of the token, the URI or the bodies.
    QuietErrors,
    /// Better: requests in a row share a connection, and one that the server closed in between does no harm.
    Reuse,
}

impl Clause {
    /// All of them, in order.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 17] = [
        Self::Target,
        Self::RequestHeaders,
        Self::RequestBody,
        Self::OneAttempt,
        Self::NoRedirect,
        Self::NoStatusIsAnError,
        Self::ResponseHeaders,
        Self::WholeResponse,
        Self::BodyLimit,
        Self::Decompression,
        Self::TimeLimit,
        Self::Delivery,
        Self::OwnResponse,
        Self::NoCache,
        Self::Tls,
        Self::QuietErrors,
        Self::Reuse,
    ];
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Target => "method and target go out byte for byte",
            Self::RequestHeaders => "the headers go out as they are",
            Self::RequestBody => "the body goes out byte for byte, framed by its length",
            Self::OneAttempt => "the server sees one attempt at most",
            Self::NoRedirect => "no redirect is followed",
            Self::NoStatusIsAnError => "no status is turned into an error",
            Self::ResponseHeaders => "the headers of the response come back as they are",
            Self::WholeResponse => "the response comes back whole or not at all",
            Self::BodyLimit => "a body up to the limit is read, and a longer one is an error",
            Self::Decompression => "a compressed body is decompressed, and the limit counts what it becomes",
            Self::TimeLimit => "the time limit bounds the whole",
            Self::Delivery => "`NotSent` is said where nothing was sent, and nowhere else",
            Self::OwnResponse => "each request gets its own response",
            Self::NoCache => "each response comes from the server, and none from a cache",
            Self::Tls => "`https` goes to a server with a trusted certificate of its name, and nowhere else",
            Self::QuietErrors => "the texts of errors hold nothing of the token, the URI or the bodies",
            Self::Reuse => "requests in a row share a connection",
        })
    }
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
