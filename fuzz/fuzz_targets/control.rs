//! Steers the in-memory tenant by any control requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinde_users_fuzz_bodies::control(data));
