//! Checks any operation with any arguments.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinde_users_fuzz_bodies::request(data));
