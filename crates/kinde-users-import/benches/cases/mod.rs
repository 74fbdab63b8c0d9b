//! Exports of made-up users, the plan of their import, and the floor: `serde_json` reads the same
//! bytes into plain derived structs.
#![allow(dead_code, reason = "each bench uses a part of it")]

#[path = "../../../kinde-users-core/benches/cases/callgrind.rs"]
pub(crate) mod callgrind;
mod made;
mod plain;
#[path = "../../../kinde-users/benches/client/process.rs"]
pub(crate) mod process;
#[path = "../../../kinde-users-core/benches/cases/row.rs"]
pub(crate) mod row;

use std::io::Read;

use kinde_users_core::operations::FirebaseParameters;
use kinde_users_import::{Mapping, Source};

pub(crate) type Work = Box<dyn Fn()>;

/// An export of so many users.
#[derive(Clone, Copy)]
pub(crate) enum Export {
    /// One JSON object, as `firebase auth:export` writes it.
    Firebase,
    /// The export of users and the one of hashes, both of lines.
    Auth0,
}

impl Export {
    pub(crate) const ALL: [Self; 2] = [Self::Firebase, Self::Auth0];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Firebase => "Firebase JSON",
            Self::Auth0 => "Auth0 with hashes",
        }
    }

    /// Returns files that are made as they are read, so that they take no memory.
    fn made(self, users: u64) -> Vec<made::Made> {
        match self {
            Self::Firebase => vec![made::firebase(users)],
            Self::Auth0 => vec![made::auth0(users), made::auth0_hashes(users)],
        }
    }

    pub(crate) fn files(self, users: u64) -> Vec<Vec<u8>> {
        let whole = |mut file: made::Made| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map(|_| bytes).expect("no I/O")
        };
        self.made(users).into_iter().map(whole).collect()
    }

    pub(crate) fn plan_made(self, users: u64) {
        self.plan(self.made(users), users);
    }

    /// Plans the import, as `kinde-users import --dry-run` does.
    pub(crate) fn plan<R: Read + Send>(self, files: impl IntoIterator<Item = R>, users: u64) {
        let mapping = match self {
            Self::Firebase => Mapping::new(Source::Firebase).firebase(FirebaseParameters::new(
                made::SIGNER_KEY,
                "Bw==",
                8,
                14,
            )),
            Self::Auth0 => {
                let mapping = Mapping::new(Source::Auth0);
                mapping.map("app_metadata.plan", "property:plan").expect("a good target")
            }
        };
        let mut read = mapping.users(files).expect("files of users");
        read.by_ref().for_each(drop);
        assert_eq!((read.plan().users(), read.plan().rejected()), (users, 0), "{}", read.plan());
    }

    /// Reads the same bytes into plain derived structs.
    pub(crate) fn read_plain(self, files: &[Vec<u8>], users: u64) {
        let read = match (self, files) {
            (Self::Firebase, [file]) => plain::firebase(file),
            (Self::Auth0, [file, hashes]) => plain::auth0(file).min(plain::auth0_hashes(hashes)),
            _ => 0,
        };
        assert_eq!(read, users);
    }
}
