//! The findings of the check.

use core::fmt;
use std::collections::BTreeMap;

/// Defines the clauses and the text that a report has for each of them.
macro_rules! clauses {
    ($($(#[$doc:meta])+ $clause:ident = $text:literal,)+) => {
        /// One duty of a [`Transport`](kinde_users_core::Transport) in its contract.
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
    /// The method and the target are sent byte for byte. A good transport also keeps the letter
    /// case of percent-encodings.
    Target = "the method and the target are sent byte for byte",
    /// The headers are sent unchanged, and only those are added that an HTTP stack has to add.
    RequestHeaders = "the headers are sent unchanged",
    /// The body is sent byte for byte with its length. If there is no body, no header announces
    /// one, except for a `Content-Length: 0` that the request came with.
    RequestBody = "the body is sent byte for byte with its length",
    /// The server sees at most one attempt, whatever the status or the failure is.
    OneAttempt = "the server receives at most one attempt",
    /// No redirect is followed.
    NoRedirect = "a redirect is not followed",
    /// No status becomes an error.
    NoStatusIsAnError = "a response with any status is returned as a response",
    /// The headers of the response are returned unchanged.
    ResponseHeaders = "the headers of the response are returned unchanged",
    /// The response is returned whole or not at all.
    WholeResponse = "only a complete response is returned",
    /// A body up to a limit is read, and a longer one is an error.
    BodyLimit = "the transport limits the length of a body",
    /// A compressed body is decompressed, and the limit counts the decompressed bytes.
    Decompression = "a compressed body is decompressed. The limit counts the decompressed bytes",
    /// The time limit bounds everything, including the body of the response. A good transport also
    /// keeps it while the server does not read the body of the request. It is a weakness to take
    /// the limit twice then, as a transport does that only limits each write.
    TimeLimit = "the `request_timeout` of the request limits the whole attempt",
    /// `NotSent` is reported only if nothing was sent. A good transport does not report `Unknown`
    /// if nothing can have been sent.
    Delivery = "`delivery` returns `NotSent` only if nothing was sent",
    /// Each request gets its own response, never that of an earlier or concurrent request.
    OwnResponse = "each request gets its own response",
    /// Each response comes from the server, never from a cache.
    NoCache = "each response comes from the server, not from a cache",
    /// A request to `https` is sent only to a server with a trusted certificate for its name.
    Tls = "`https` requires a trusted certificate for the name of the server",
    /// The messages of errors, and of their sources, contain nothing of the token, the URI or the
    /// bodies.
    QuietErrors = "the messages of errors, and of the sources of errors, do not contain the token, the URI, the bodies, or parts of them",
    /// In a good transport, consecutive requests share a connection, and a connection that the
    /// server closed in between does no harm.
    Reuse = "consecutive requests share a connection",
    /// If the head of a response arrived but its body cannot be read, a good transport returns the
    /// head. Without the head, a 429 makes no other call wait. The head must be the one that came,
    /// with the reason why there is no body.
    Head = "if the status and the headers (the head) of a response arrived, but its body cannot be read, `head` returns the head",
}

/// A clause, the case that tested it, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The clause of the contract.
    pub clause: Clause,
    /// The name of the case: what was sent, and what the server did.
    pub case: String,
    /// What was seen.
    pub seen: String,
}

/// The findings of the check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub(crate) cases: usize,
    pub(crate) broken: Vec<Finding>,
    pub(crate) weak: Vec<Finding>,
    pub(crate) skipped: Vec<String>,
}

impl Report {
    /// Returns the number of cases that were checked.
    pub fn cases(&self) -> usize {
        self.cases
    }

    /// Returns the violations of the contract.
    pub fn broken(&self) -> &[Finding] {
        &self.broken
    }

    /// Returns the findings that the contract allows, but that a good transport avoids.
    pub fn weak(&self) -> &[Finding] {
        &self.weak
    }

    /// Returns the cases that do not apply to this transport: those of compression if it does not
    /// request any, and those of certificates if no authority is
    /// [trusted](crate::Options::trusted).
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Returns the broken clauses, in order and once each.
    pub fn broken_clauses(&self) -> Vec<Clause> {
        by_clause(&self.broken).into_keys().collect()
    }

    /// Returns the weak clauses, in order and once each.
    pub fn weak_clauses(&self) -> Vec<Clause> {
        by_clause(&self.weak).into_keys().collect()
    }

    /// Returns whether no clause is broken.
    pub fn is_kept(&self) -> bool {
        self.broken.is_empty()
    }

    /// Fails a test if a clause is broken. Weak clauses pass.
    ///
    /// # Panics
    ///
    /// Panics with the report if a clause is broken.
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

/// Prints each clause with a few cases and what was seen in them.
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
        let docs = docs.replace("\n///  ", "");
        let duties: Vec<_> = docs.lines().filter_map(|line| line.strip_prefix("/// - ")).collect();
        assert_eq!(duties.len(), TEXTS.len());
        for (duty, text) in duties.iter().zip(TEXTS) {
            // The texts have no links.
            let duty: String = duty
                .split('[')
                .map(|part| match part.split_once("](") {
                    Some((name, rest)) => name.to_owned() + rest.split_once(')').map_or("", |(_, rest)| rest),
                    None => part.to_owned(),
                })
                .collect();
            assert!(duty.to_lowercase().starts_with(&text.to_lowercase()), "{text}\n{duty}");
        }
    }
}
