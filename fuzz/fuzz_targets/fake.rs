//! Sends any requests to the in-memory tenant.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinde_users_fuzz_bodies::fake(data));
