//! What a run prints: results and receipts on standard output, everything else on standard error.
//!
//! - **result** - what the user asked for, such as the record of a user;
//! - **receipt** - a line that says what was done;
//! - **note** - a line that only informs.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde_json::{Value, json};

use crate::failure::Failure;

/// How a run reports what it does.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Print receipts (what was done) and results as JSON, one object on each line
    #[arg(long, global = true)]
    json: bool,

    /// Print no progress bar and no notes. Print receipts only if --json is given. Errors and
    /// results, such as the output of `find`, are still printed
    #[arg(short, long, global = true)]
    quiet: bool,
}

impl Output {
    /// Writes a note to standard error.
    pub(crate) fn note(self, line: impl fmt::Display) {
        if !self.quiet {
            warn(line);
        }
    }

    /// Writes a line to standard output, as JSON or in words. `--quiet` without `--json` omits it.
    ///
    /// # Errors
    ///
    /// Fails if standard output cannot be written.
    pub(crate) fn tell(self, json: &Value, words: impl fmt::Display) -> Result<(), Failure> {
        if self.quiet && !self.json { Ok(()) } else { self.result(json, words) }
    }

    /// Writes a line of JSON to standard output if JSON is asked for.
    ///
    /// # Errors
    ///
    /// Fails if standard output cannot be written.
    pub(crate) fn json(self, json: &Value) -> Result<(), Failure> {
        if self.json { tell(json) } else { Ok(()) }
    }

    /// Writes a result to standard output, as JSON or in words, even with `--quiet`.
    ///
    /// # Errors
    ///
    /// Fails if standard output cannot be written.
    pub(crate) fn result(self, json: &Value, words: impl fmt::Display) -> Result<(), Failure> {
        if self.json { tell(json) } else { tell(words) }
    }

    /// Writes a receipt to standard output. If that fails, writes the receipt to standard error,
    /// because the record of what was done must not be lost.
    ///
    /// # Errors
    ///
    /// Fails if standard output cannot be written.
    pub(crate) fn receipt(self, json: &Value, words: impl fmt::Display) -> Result<(), Failure> {
        let line = if self.json { json.to_string() } else { words.to_string() };
        self.tell(json, words).inspect_err(|_| warn(line))
    }

    /// Reports the failure of one line of a list. The run continues with the other lines.
    pub(crate) fn failed(self, failure: &Failure) {
        warn(failure);
        if self.json {
            // If standard output cannot be written, the last receipt fails.
            drop(tell(json!({ "line": failure.line(), "error": failure.text() })));
        }
    }

    /// Returns a progress bar with the rate and the remaining time. It is shown only on a terminal.
    /// Without a total, the bar only counts.
    pub(crate) fn progress(self, total: Option<u64>) -> ProgressBar {
        let (bar, template) = match total {
            _ if self.quiet => return ProgressBar::hidden(),
            Some(total) => {
                (ProgressBar::new(total), "{wide_bar} {human_pos}/{human_len}  {rate}  {msg}  {eta} left")
            }
            None => (ProgressBar::no_length(), "{spinner} {human_pos}  {rate}  {msg}  {elapsed}"),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
            write!(text, "{:.0}/s", state.per_sec()).unwrap_or_default();
        };
        bar.enable_steady_tick(Duration::from_millis(200));
        bar.with_style(style.with_key("rate", rate))
    }
}

/// Writes a line to standard error. A failure to write is ignored: there is no place to report it.
pub(crate) fn warn(line: impl fmt::Display) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// Writes a line to standard output.
///
/// # Errors
///
/// Fails if standard output cannot be written.
pub(crate) fn tell(line: impl fmt::Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| unwritten(&error))
}

/// Writes a text to standard output without changing it.
///
/// # Errors
///
/// Fails if standard output cannot be written.
pub(crate) fn print(text: &[u8]) -> Result<(), Failure> {
    io::stdout().write_all(text).map_err(|error| unwritten(&error))
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::new(format!("stdout: {error}"))
}

/// Returns a number with its noun: `1 user`, `2 users`, `3 identities`.
pub(crate) fn counted(number: impl fmt::Display, one: &str) -> String {
    let number = number.to_string();
    match one.strip_suffix('y') {
        _ if number == "1" => format!("1 {one}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {one}s"),
    }
}
