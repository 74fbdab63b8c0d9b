//! Any requests to the tenant in memory.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinde_users_fuzz_bodies::fake(data));
