//! The clock of the tenant.

use core::num::NonZeroU32;
use core::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{Answer, Call, Control, Refusal};
use crate::time;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    #[serde(default)]
    advance_seconds: u64,
    speed: Option<NonZeroU32>,
}

pub(super) fn get(control: &Control, _: &Call<'_>) -> Answer {
    let tenant = control.fake.lock();
    let speed = tenant.running.map_or(0, |(_, speed)| speed);
    Ok(json!({ "now": time::timestamp(tenant.now).to_string(), "speed": speed }))
}

pub(super) fn set(control: &Control, call: &Call<'_>) -> Answer {
    let change: ClockChange = call.body()?;
    {
        let mut tenant = control.fake.lock();
        if let Some(speed) = change.speed {
            let Some((_, runs)) = &mut tenant.running else {
                return Err(Refusal::conflict("the clock does not run by itself").at("speed"));
            };
            *runs = speed.get();
        }
        tenant.now = tenant.now.saturating_add(Duration::from_secs(change.advance_seconds));
    }
    get(control, call)
}
