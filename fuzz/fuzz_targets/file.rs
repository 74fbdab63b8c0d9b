//! Checks how files of users in any form are read.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinde_users_fuzz_bodies::file(data));
