//! Checks any reply to any operation.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinde_users_fuzz_bodies::reply(data));
