//! Checks how any headers that ask to wait are read, and what the machine does then, against the
//! second reader in this file.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response};
use jiff::{Timestamp, civil, tz::TimeZone};
use kinde_users_core::operations::GetUsers;
use kinde_users_core::{
    AccessToken, CallOptions, Credentials, Domain, Exchange, Input, Instant, RetryPolicy, Step, Tenant,
};

use crate::message;

const NOW: Instant = Instant::from_start(Duration::from_secs(1_000));

/// The bytes are lines of headers. A value of `@` and a number becomes the date that many seconds
/// after 1970, in one of the three forms of HTTP.
pub fn retry_after(data: &[u8]) {
    let mut headers = message::headers(data);
    let mut written = [false; 2];
    for (name, is_written) in ["retry-after", "date"].into_iter().zip(&mut written) {
        if let Some(date) = headers.get(name).and_then(date_to_write) {
            headers.insert(name, date);
            *is_written = true;
        }
    }
    let read = read_by(429, &headers);
    let Expected { sure, with_dates } = expected(&headers);
    if written == [true; 2] {
        assert_eq!(read, sure.into_iter().chain(with_dates).max(), "{headers:?}");
    } else {
        // The core may be stricter with dates than the reader here, but not with dates that this
        // file wrote.
        assert!(read == sure || (read > sure && with_dates.into_iter().any(|wait| read == Some(wait))));
    }
    let asked = Duration::from_secs(read.unwrap_or(0).min(3600));
    check_retry(&headers, asked);
    check_gate(&headers, if read.is_some() { asked } else { Duration::from_secs(1) });
}

/// Returns the date for a value of `@`, a form and a number.
fn date_to_write(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?.strip_prefix('@')?;
    let (form, seconds) = match text.as_bytes().first()? {
        b'a' => ("%a %b %e %H:%M:%S %Y", &text[1..]),
        // This form has years of two digits.
        b'o' => ("%A, %d-%b-%y %H:%M:%S GMT", &text[1..]),
        _ => ("%a, %d %b %Y %H:%M:%S GMT", text),
    };
    let latest = if form.contains("%y") { 3_155_760_000 } else { 253_402_300_799 };
    let seconds = seconds.parse().ok().filter(|seconds| (0..latest).contains(seconds))?;
    let date = Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC);
    HeaderValue::try_from(date.strftime(form).to_string()).ok()
}

// ---- A second reader of the headers

/// What the headers ask for.
struct Expected {
    /// The longest wait that is given as a number.
    sure: Option<u64>,
    /// The waits that are given as dates, if they count as dates.
    with_dates: Vec<u64>,
}

fn expected(headers: &HeaderMap) -> Expected {
    let lists = |name| -> Vec<Vec<&str>> {
        let texts =
            headers.get_all(name).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
        texts.map(|text| text.split(',').map(str::trim).collect()).collect()
    };
    let numbers = |name| lists(name).concat().into_iter().filter_map(number);
    let sure = numbers("ratelimit-reset").chain(numbers("retry-after")).max();
    // A date is one item, or two, because it contains a comma.
    let dates = |name| -> Vec<i64> {
        let lists = lists(name);
        let alone = lists.iter().flatten().filter_map(|item| date(item));
        let pairs = lists.iter().flat_map(|list| list.windows(2)).filter_map(|pair| date(&pair.join(", ")));
        alone.chain(pairs).collect()
    };
    let nows = dates("date");
    let waits =
        |until: i64| nows.iter().map(move |now| u64::try_from(until - now).unwrap_or(0)).collect::<Vec<_>>();
    Expected { sure, with_dates: dates("retry-after").into_iter().flat_map(waits).collect() }
}

/// Reads digits, perhaps with a point and more digits, and rounds up. A number of more than a day
/// counts as a time.
fn number(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let more = fraction.contains(|digit| digit != '0');
    let seconds = whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(more.into());
    Some(seconds).filter(|seconds| *seconds <= 86_400)
}

/// Returns the seconds since 1970 for any text that may be a date of HTTP.
fn date(text: &str) -> Option<i64> {
    let words: Vec<&str> = text.split([' ', ',', '-', ':']).filter(|word| !word.is_empty()).collect();
    let ([_, day, month, year, hour, minute, second, "GMT"] | [_, month, day, hour, minute, second, year]) =
        words[..]
    else {
        return None;
    };
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = i8::try_from(1 + names.iter().position(|name| *name == month)?).ok()?;
    // No part of a date has more than four digits.
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number < 10_000);
    let year = match number(year)? {
        short @ 0..70 if year.len() == 2 => 2000 + short,
        short if year.len() == 2 => 1900 + short,
        whole => whole,
    };
    let first = civil::Date::new(year.try_into().ok()?, month, 1).ok()?;
    let days = civil::date(1970, 1, 1).until(first).ok()?.get_days();
    let hours = 24 * (i64::from(days) + number(day)? - 1) + number(hour)?;
    Some(60 * (60 * hours + number(minute)?) + number(second)?)
}

// ---- The machine

fn tenant() -> Tenant {
    let token = AccessToken::new("t").expect("a token");
    Tenant::new(Domain::parse("acme").expect("a domain"), Credentials::access_token(token))
}

/// Answers the first attempt of a call with this reply, and returns the next step.
fn answered(tenant: &mut Tenant, status: u16, headers: &HeaderMap, policy: RetryPolicy) -> (Exchange, Step) {
    let mut call = begun(tenant, policy);
    assert!(matches!(call.advance(tenant, NOW, Input::Start), Step::Send(_)));
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status.try_into().expect("a status");
    *response.headers_mut() = headers.clone();
    let step = call.advance(tenant, NOW, Input::Response(response));
    (call, step)
}

fn begun(tenant: &Tenant, policy: RetryPolicy) -> Exchange {
    let options = CallOptions::new().total_timeout(Duration::MAX).retry(policy.backoff(Duration::ZERO));
    Exchange::new(&GetUsers::new(), tenant, options).expect("no arguments")
}

fn read_by(status: u16, headers: &HeaderMap) -> Option<u64> {
    let (_, step) = answered(&mut tenant(), status, headers, RetryPolicy::never());
    let Step::Done(Err(error)) = step else { panic!("the call must end after one attempt: {step:?}") };
    let reset = error.as_api().expect("an error of the service").reset();
    let shown = error.to_string();
    match reset {
        Some(reset) => assert!(shown.contains(&format!(" (retry in {} s)", reset.as_secs())), "{shown}"),
        None => assert!(!shown.contains("retry in"), "{shown}"),
    }
    assert!(reset.is_none_or(|reset| reset.subsec_nanos() == 0));
    reset.map(|reset| reset.as_secs())
}

/// Checks that after a 503 a call waits for the requested time and no longer, because its own
/// back-off is zero.
fn check_retry(headers: &HeaderMap, asked: Duration) {
    match answered(&mut tenant(), 503, headers, RetryPolicy::new()).1 {
        Step::Send(_) => assert!(asked.is_zero()),
        Step::Wait(wait) => assert_eq!(wait.until, NOW.saturating_add(asked)),
        step @ Step::Done(_) => panic!("{step:?}"),
    }
}

/// Checks that after a 429 no call is sent before this time, and every call soon after it.
fn check_gate(headers: &HeaderMap, closed: Duration) {
    let mut tenant = tenant();
    let (_, step) = answered(&mut tenant, 429, headers, RetryPolicy::new());
    let opens = NOW.saturating_add(closed);
    let spread = opens..=opens.saturating_add(Duration::from_secs(1));
    match step {
        Step::Wait(wait) => assert!(spread.contains(&wait.until), "{wait:?}"),
        step => assert!(matches!(step, Step::Send(_)) && closed.is_zero(), "{step:?}"),
    }
    let mut another = |at| begun(&tenant, RetryPolicy::new()).advance(&mut tenant, at, Input::Start);
    assert!(matches!(another(opens), Step::Send(_)));
    if !closed.is_zero() {
        let before = NOW.saturating_add(closed.saturating_sub(Duration::from_nanos(1)));
        let step = another(before);
        assert!(matches!(&step, Step::Wait(wait) if spread.contains(&wait.until)), "{step:?}");
    }
}
