//! What a mapping sets for all users, and what the source sets for their passwords.

use alloc::string::String;

use kinde_users_core::OrganizationCode;
use kinde_users_core::operations::FirebaseParameters;

/// The settings for all users of a file; see [`Mapping`](crate::Mapping) for what they mean.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) now: Option<String>,
    pub(crate) cleans: bool,
    pub(crate) drops_unverifiable: bool,
    /// The hashing method of a hash, if neither the file nor the hash names one.
    pub(crate) method: &'static str,
    /// Whether a contradiction in a record is a mistake, as in Kinde's own form.
    pub(crate) is_strict: bool,
    pub(crate) variant: String,
    pub(crate) iterations: Option<u32>,
    pub(crate) salt_format: String,
    pub(crate) salt_position: String,
    pub(crate) firebase: Option<FirebaseParameters>,
    pub(crate) is_suspended: Option<bool>,
    pub(crate) organization: Option<OrganizationCode>,
}

impl Settings {
    /// Returns whether a time is, or may be, later than now.
    pub(crate) fn is_later(&self, time: &str) -> bool {
        // Only times in UTC are compared, to the second. Any other time may be later.
        let seconds = |text: &str| text.get(..19).map(|text| text.replace('T', " "));
        let is_utc = time.get(19..).is_none_or(|rest| {
            let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).trim();
            matches!(zone, "" | "Z" | "+00" | "+00:00" | "+0000" | "+0" | "UTC")
        });
        let is_time = time.len() >= 19 && time.starts_with(|c: char| c.is_ascii_digit()) && is_utc;
        match (is_time, &self.now) {
            (true, Some(now)) => seconds(time) > seconds(now),
            _ => true,
        }
    }
}

/// Returns whether a text begins with a date in digits, in any order, or is a time without an end.
pub(crate) fn is_time(text: &str) -> bool {
    let mut lengths = text.split(|c: char| !c.is_ascii_digit()).map(str::len);
    let date = [(); 3].map(|()| lengths.next().unwrap_or(0));
    // Years may have two digits, or more than four.
    let is_date = matches!(date, [4..=6, 1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4]);
    let is_of_time = |byte: u8| byte.is_ascii_digit() || b"-/.:+ TZUCGAPM".contains(&byte);
    is_date && text.bytes().all(is_of_time) || text == "infinity"
}
