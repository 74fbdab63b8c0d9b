//! No `Debug` form, text or error contains a secret or personal data of a file.

#[path = "../../kinde-users-core/tests/support/leaks.rs"]
mod leaks;

use kinde_users_core::operations::FirebaseParameters;
use kinde_users_core::{Job, UserId};
use kinde_users_import::{Import, Mapping, PasswordParts, Source};
use leaks::{ADDRESSES, all, bcrypt, debug_hides, error_hides};
use serde_json::json;

#[test]
fn password_parts_and_mapping_hide_their_text() {
    for hidden in all() {
        let parameters = FirebaseParameters::new(hidden, hidden, 8, 14);
        let parts = PasswordParts::new(hidden).hashing_method(hidden).salt(hidden).variant(hidden);
        debug_hides(&parts.clone().firebase(parameters.clone()), hidden, "parts of a password");
        error_hides(&parts.password().unwrap_err(), hidden, "the error of a password");
        debug_hides(
            &Mapping::new(Source::Kinde).pbkdf2(hidden, None).firebase(parameters),
            hidden,
            "mapping",
        );
    }
}

#[test]
fn import_and_errors_hide_personal_data() {
    let form = Mapping::new(Source::Kinde);
    for hidden in all() {
        let name = hidden.replace([',', ' '], "-");
        let hash = bcrypt(hidden);
        let columns = [("username", name.as_str()), ("first_name", hidden), ("hashed_password", &hash)];
        let user = form.row(columns).unwrap();
        debug_hides(&user, hidden, "user of a file");
        debug_hides(&user, &name, "user of a file");
        let mut import = Import::new(user);
        debug_hides(&import.next_call().unwrap(), &name, "operation");
        debug_hides(&import, hidden, "import");
        for columns in [
            [("username", "a"), ("is_suspended", hidden)],
            [("username", "a"), ("phone_verified", hidden)],
            [("username", "a"), ("hashed_password", hidden)],
            [("email", name.split('@').next().unwrap()), ("phone", hidden)],
        ] {
            error_hides(&form.row(columns).unwrap_err(), hidden, "the error of a row");
        }
        for line in [json!({"id": [hidden]}), json!([hidden]), json!({"identities": [hidden]})] {
            error_hides(&form.line(&line.to_string()).unwrap_err(), hidden, "the error of a line");
        }
    }
    for hidden in ADDRESSES {
        let user = form.row([("username", "a")]).unwrap();
        let found = Import::new(user).found([UserId::from(*hidden)]);
        debug_hides(&found.output(), hidden, "imported");
    }
}

#[test]
fn plan_and_rejected_lines_of_each_source_hide_values() {
    const FIELDS: [&str; 24] = [
        "id",
        "email",
        "username",
        "phone",
        "first_name",
        "name",
        "password",
        "passwordHash",
        "salt",
        "credentials",
        "identities",
        "hashed_password",
        "hashing_method",
        "password_digest",
        "password_hasher",
        "encrypted_password",
        "raw_user_meta_data",
        "encryption_scheme",
        "user_pass",
        "providerUserInfo",
        "userPrincipalName",
        "unknown",
        "_id",
        "status",
    ];
    for source in Source::ALL {
        let mapping = Mapping::new(source);
        for hidden in all() {
            let text = json!(
                FIELDS.map(|name| (name, hidden)).into_iter().collect::<std::collections::BTreeMap<_, _>>()
            );
            let list = |name: &str| {
                json!({"id": "1", "email": "a@example.com", name: [{
                    "type": hidden, "provider": hidden, "identity": hidden, "signInType": hidden, "providerId": hidden,
                    "secretData": hidden, "credentialData": json!({"algorithm": hidden}).to_string(),
                }]})
            };
            let lists = ["identities", "credentials", "providerUserInfo", "identifiers"].map(list);
            let file = std::iter::once(text)
                .chain(lists)
                .fold(String::new(), |file, line| format!("{file}{line}\n"));
            let mut users = mapping.users([file.as_bytes()]).unwrap();
            for read in &mut users {
                if let Err(rejected) = read {
                    error_hides(&rejected, hidden, "a rejected line");
                }
            }
            error_hides(&Shown(users.plan()), hidden, "the plan");
        }
    }
}

/// A plan as an error, so that `error_hides` inspects it.
#[derive(Debug)]
struct Shown<'a>(&'a kinde_users_import::Plan);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shown<'_> {}
