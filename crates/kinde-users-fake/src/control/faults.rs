//! Scripted faults and limits.

use core::time::Duration;
use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::routes::done;
use super::seed::Text;
use super::{Answer, Call, Control, Refusal};
use crate::fault::{Ending, Fault, Wire};
use crate::limit::Limit;
use crate::routes::names;

/// How many faults can be scripted at the same time.
const MOST: usize = 1_000;

/// How many bytes the requests may have that scripted these faults. The faults hold no more.
const MOST_HELD: usize = 64 * 1024 * 1024;

/// How many requests one fault can be for, unless it is for all.
const MOST_TIMES: usize = 1_000_000;

/// How many bytes a reply can be made larger by.
const MOST_BYTES: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    operation: String,
    fault: Kind,
    #[serde(default)]
    times: Times,
    #[serde(default)]
    after_the_effect: bool,
    #[serde(default)]
    head_after_ms: u64,
    #[serde(default)]
    body_after_ms: u64,
    #[serde(default)]
    chunked: bool,
    #[serde(default)]
    gzipped: bool,
    #[serde(default)]
    ending: Ending,
}

/// For how many requests a fault is.
struct Times(usize);

impl Default for Times {
    fn default() -> Self {
        Self(1)
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(from)?;
        let number = given.as_u64().and_then(|times| usize::try_from(times).ok());
        match number.filter(|times| (1..=MOST_TIMES).contains(times)) {
            Some(times) => Ok(Self(times)),
            None if given == "always" => Ok(Self(usize::MAX)),
            None => Err(D::Error::custom(format!("it must be from 1 to {MOST_TIMES}, or \"always\""))),
        }
    }
}

/// What goes wrong: the constructors of [`Fault`]. Each variant has braces because serde would
/// accept any other fields beside a variant without them.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
    RealReply {},
    Reply {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    },
    RateLimited {
        reset_seconds: Option<u64>,
    },
    Forbidden {},
    ServerError {},
    Unavailable {},
    CutBody {},
    LargerBy {
        bytes: usize,
    },
    ContentType {
        media_type: String,
    },
    NotSent {},
    ConnectionLost {},
}

impl Kind {
    fn fault(self) -> Result<Fault, Refusal> {
        Ok(match self {
            Self::RealReply {} => Fault::real_reply(),
            Self::Reply { status, headers, body } => Fault::reply(response(status, &headers, body)?),
            Self::RateLimited { reset_seconds } => Fault::limited(reset_seconds),
            Self::Forbidden {} => Fault::forbidden(),
            Self::ServerError {} => Fault::server_error(),
            Self::Unavailable {} => Fault::unavailable(),
            Self::CutBody {} => Fault::cut_body(),
            Self::LargerBy { bytes } if bytes > MOST_BYTES => {
                return Err(Refusal::invalid(format!("at most {MOST_BYTES}")).at("fault.bytes"));
            }
            Self::LargerBy { bytes } => Fault::larger_by(bytes),
            Self::ContentType { media_type } => Fault::content_type(&media_type),
            Self::NotSent {} => Fault::not_sent(),
            Self::ConnectionLost {} => Fault::connection_lost(),
        })
    }
}

fn response(
    status: u16,
    headers: &BTreeMap<String, String>,
    body: String,
) -> Result<Response<Vec<u8>>, Refusal> {
    // A status below 200 announces another reply.
    let status = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
    let status = status.ok_or_else(|| Refusal::invalid("it must be from 200 to 999").at("fault.status"))?;
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    for (name, value) in headers {
        let (Ok(key), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) else {
            let path = format!("fault.headers.{name}");
            return Err(Refusal::invalid("the name or the value is not valid in a header").at(&path));
        };
        if response.headers_mut().try_append(key, value).is_err() {
            return Err(Refusal::invalid("there are too many").at("fault.headers"));
        }
    }
    Ok(response)
}

pub(super) fn get(control: &Control, _: &Call<'_>) -> Answer {
    let tenant = control.fake.lock();
    let describe = |(operation, times): (&str, usize)| {
        let times = if times > MOST_TIMES { json!("always") } else { json!(times) };
        json!({ "operation": operation, "times": times })
    };
    Ok(json!({ "faults": tenant.script.faults().map(describe).collect::<Vec<Value>>() }))
}

pub(super) fn add(control: &Control, call: &Call<'_>) -> Answer {
    let new: NewFault = call.body()?;
    if !names().any(|name| name == new.operation) {
        let words = format!("it must be one of {}", names().collect::<Vec<_>>().join(", "));
        return Err(Refusal::invalid(words).at("operation"));
    }
    let mut fault = new.fault.fault()?;
    if new.after_the_effect {
        fault = fault.after_the_effect();
    }
    fault.held = call.body.len();
    fault.wire = Wire {
        head_after: Duration::from_millis(new.head_after_ms),
        body_after: Duration::from_millis(new.body_after_ms),
        chunked: new.chunked,
        gzipped: new.gzipped,
        ending: new.ending,
    };
    {
        let script = &mut control.fake.lock().script;
        if script.faults().count() >= MOST {
            return Err(Refusal::conflict(format!("{MOST} faults are scripted already")));
        }
        if script.held().saturating_add(fault.held) > MOST_HELD {
            let words = format!("the scripted faults would hold more than {MOST_HELD} bytes");
            return Err(Refusal::conflict(words));
        }
        script.push(&new.operation, new.times.0, fault);
    }
    get(control, call)
}

pub(super) fn clear(control: &Control, _: &Call<'_>) -> Answer {
    control.fake.clear_faults();
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLimit {
    limit: Text<Limit>,
}

pub(super) fn set_limit(control: &Control, call: &Call<'_>) -> Answer {
    let NewLimit { limit } = call.body()?;
    control.fake.set_limit(limit.0);
    done()
}

pub(super) fn clear_limits(control: &Control, _: &Call<'_>) -> Answer {
    control.fake.clear_limits();
    done()
}
