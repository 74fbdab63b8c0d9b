//! Finds users that come twice.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use kinde_users_core::Problem;

use crate::error::{ImportError, Place};
use crate::user::ImportUser;

/// The keys of the users that were read, in a packed form.
pub(super) struct Seen {
    /// Several tables, so that they do not all grow at once.
    parts: Vec<HashTable<Mark>>,
}

/// A hash of an address, number, name or id, its line, and a part of the digest of its user.
struct Mark {
    key: u64,
    line: u32,
    /// The highest byte is the file. The lowest bit is whether the user has a password.
    digest: u32,
}

impl Mark {
    fn has_password(&self) -> bool {
        self.digest & 1 == 1
    }
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { parts: (0..256).map(|_| HashTable::new()).collect() }
    }

    /// Adds a user. Returns `false` if an earlier line has the same user with the same values.
    pub(super) fn add(
        &mut self,
        user: &ImportUser,
        place: Place,
        digest: u64,
    ) -> Result<bool, Vec<ImportError>> {
        let file = u32::try_from(place.file).unwrap_or(u32::MAX).min(255) << 24;
        let mark = Mark {
            key: 0,
            line: u32::try_from(place.line).unwrap_or(u32::MAX),
            digest: file | (digest & 0x00ff_fffe) as u32 | u32::from(user.password.is_some()),
        };
        let (mut errors, mut is_known) = (Vec::new(), false);
        let keys: Vec<(&str, u64)> =
            user.keys().map(|(kind, value)| (kind, FixedState::default().hash_one((kind, value)))).collect();
        for (kind, key) in &keys {
            let table = self.table(*key);
            let Some(before) = table.and_then(|table| table.find(*key, |mark| mark.key == *key)) else {
                continue;
            };
            if before.digest & 0x00ff_ffff == mark.digest & 0x00ff_ffff {
                is_known = true;
                continue;
            }
            let of_file = if before.digest >> 24 == mark.digest >> 24 {
                String::new()
            } else {
                format!(" of file {}", before.digest >> 24)
            };
            let line = format!("line {}{of_file}", before.line);
            let password = match (before.has_password(), mark.has_password()) {
                (true, false) => format!(" ({line} has a password, this line has none)"),
                (false, true) => format!(" (this line has a password, {line} has none)"),
                _ => String::new(),
            };
            let because =
                format!("is that of {line} too, with different data{password}: change or remove one line");
            errors.push(ImportError::new(format!("the {kind}"), Problem::NotAllowed).because(because));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if is_known {
            return Ok(false);
        }
        for (_, key) in keys {
            if let Some(table) = self.table(key) {
                table.insert_unique(key, Mark { key, ..mark }, |mark| mark.key);
            }
        }
        Ok(true)
    }

    fn table(&mut self, key: u64) -> Option<&mut HashTable<Mark>> {
        // The lowest and highest bits choose the place within a table, so others choose the table.
        let [_, _, at, ..] = key.to_be_bytes();
        self.parts.get_mut(usize::from(at))
    }
}
