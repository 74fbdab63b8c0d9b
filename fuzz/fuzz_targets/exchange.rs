//! Runs any sequence of events over a few calls.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinde_users_fuzz_bodies::exchange(data));
