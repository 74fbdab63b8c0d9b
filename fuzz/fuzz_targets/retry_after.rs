//! Checks any headers that ask to wait.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinde_users_fuzz_bodies::retry_after(data));
