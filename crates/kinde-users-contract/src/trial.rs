//! A running case.

use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use http::{Request, Uri};
use kinde_users_core::set_request_timeout;

use crate::case::{Attempt, Case, Place, Twist};
use crate::failure::Outcome;
use crate::options::Options;
use crate::report::Clause;
use crate::script::Script;
use crate::server::{Server, Tls, listen};

/// How many times a limited request is sent while it ends too late.
const LIMITED_TRIES: usize = 3;

/// A [`Case`] whose server is running.
#[derive(Debug)]
#[must_use = "a trial reports nothing before `judge`"]
pub struct Trial {
    pub(crate) clause: Clause,
    pub(crate) name: String,
    pub(crate) twist: Twist,
    pub(crate) is_tls: bool,
    pub(crate) authority: String,
    pub(crate) request_timeout: Duration,
    pub(crate) patience: Duration,
    pub(crate) server: Option<Server>,
    pub(crate) bystander: Option<Arc<Server>>,
    /// Reserves the port that refuses connections.
    _taken: Option<TcpStream>,
    /// The requests that are still to be sent.
    pub(crate) rounds: VecDeque<Vec<Request<Vec<u8>>>>,
    pub(crate) attempts: Vec<Attempt>,
    /// The outcomes, and how long each took.
    pub(crate) outcomes: Vec<(Outcome, Duration)>,
    pub(crate) sent_at: Instant,
    /// The requests of the only round, if each of them is limited.
    pub(crate) limited: Vec<Request<Vec<u8>>>,
}

impl Case {
    /// Starts the server of the case.
    ///
    /// # Errors
    ///
    /// If a server on the loopback interface cannot be started.
    pub fn start(self, options: &Options) -> io::Result<Trial> {
        let mut taken = None;
        let patience = options.patience;
        let start = |listener, script, tls| Server::start(listener, script, tls, patience).map(Some);
        let start_any = |listener, script| {
            let config = match script {
                Script::Answers(_) | Script::Reset(_) => options.server_tls()?,
                Script::Deaf | Script::Raw(_) => None,
            };
            let scheme = if config.is_some() { "https" } else { "http" };
            let tls = config.map(|config| Tls { config, notifies: true });
            io::Result::Ok((scheme, start(listener, script, tls)?))
        };
        let (scheme, server) = match self.place {
            Place::Plain(script) => start_any(listen()?, script)?,
            Place::Bound(listener, script) => start_any(listener, script)?,
            Place::Tls(config, script) => {
                let tls = config.map(|config| Tls { config, notifies: false });
                ("https", start(listen()?, script, tls)?)
            }
            Place::RefusedPort => {
                // The local port of a connection is taken, and connections to it are refused.
                let listener = TcpListener::bind(("127.0.0.1", 0))?;
                taken = Some(TcpStream::connect(listener.local_addr()?)?);
                ("http", None)
            }
            Place::NoSuchHost => ("http", None),
        };
        let authority = match (&server, &taken) {
            (Some(server), _) => server.address().to_string(),
            (None, Some(stream)) => stream.local_addr()?.to_string(),
            // A label has at most 63 characters, so this name is refused without a lookup.
            (None, None) => format!("{}.example", "a".repeat(64)),
        };
        let mut rounds = VecDeque::new();
        let mut attempts = Vec::new();
        for round in self.rounds {
            let mut requests = Vec::new();
            for attempt in round {
                let mut request = attempt.request.clone();
                let uri = format!("{scheme}://{authority}{}", request.uri());
                *request.uri_mut() = Uri::try_from(uri).map_err(io::Error::other)?;
                let limit = if attempt.is_limited { options.request_timeout } else { patience };
                set_request_timeout(&mut request, limit);
                requests.push(request);
                attempts.push(attempt);
            }
            rounds.push_back(requests);
        }
        Ok(Trial {
            clause: self.clause,
            name: self.name,
            twist: self.twist,
            is_tls: scheme == "https",
            authority,
            request_timeout: options.request_timeout,
            patience,
            server,
            bystander: self.bystander,
            _taken: taken,
            rounds,
            attempts,
            outcomes: Vec::new(),
            sent_at: Instant::now(),
            limited: Vec::new(),
        })
    }
}

impl Trial {
    /// Returns the requests to send next, all at once; in most cases there is only one. Report
    /// their outcomes by [`came`](Self::came) before you ask for the next ones. This method may
    /// wait for the server, but no longer than the patience.
    pub fn next_requests(&mut self) -> Option<Vec<Request<Vec<u8>>>> {
        let requests = self.rounds.pop_front()?;
        if let (Some(server), 1) = (&self.server, self.outcomes.len()) {
            match self.twist {
                Twist::ClosedInBetween => server.wait_for_close(),
                Twist::LateReply => server.release(),
                Twist::Nothing | Twist::OneConnection | Twist::Compressed | Twist::Unread => {}
            }
        }
        self.sent_at = Instant::now();
        let is_whole = self.outcomes.is_empty() && self.rounds.is_empty();
        if is_whole && self.attempts.iter().all(|attempt| attempt.is_limited) {
            self.limited.clone_from(&requests);
        }
        Some(requests)
    }

    /// Takes the outcome of the next request, in the order in which the requests were returned.
    pub fn came(&mut self, outcome: Outcome) {
        let time = self.sent_at.elapsed();
        self.outcomes.push((outcome, time));
        let (came, size) = (self.outcomes.len(), self.limited.len());
        let is_round = size > 0 && came == self.attempts.len();
        let is_late = self.is_late(time) && time < self.patience;
        if is_round && is_late && came < LIMITED_TRIES * size {
            // A busy machine is late once or twice; a transport that raises the limit is late each
            // time.
            let again: Vec<_> = self.attempts.iter().take(size).cloned().collect();
            self.attempts.extend(again);
            self.rounds.push_back(self.limited.clone());
        }
    }

    pub(crate) fn is_late(&self, time: Duration) -> bool {
        time >= self.request_timeout + (self.request_timeout * 3 / 4).max(Duration::from_millis(150))
    }
}
