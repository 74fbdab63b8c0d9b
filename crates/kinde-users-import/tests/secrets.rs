//! No secret and no personal data of a file is in `Debug`, in `Display` or in an error.

#[path = "../../kinde-users-core/tests/support/leaks.rs"]
mod leaks;

use kinde_users_core::operations::FirebaseParameters;
use kinde_users_core::{Job, UserId};
use kinde_users_import::{Import, ImportForm, PasswordParts};
use leaks::{ADDRESSES, all, bcrypt, debug_hides, error_hides};
use serde_json::json;

#[test]
fn parts_of_a_password_and_the_form_hide_their_text() {
    for hidden in all() {
        let parameters = FirebaseParameters::new(hidden, hidden, 8, 14);
        let parts = PasswordParts::new(hidden).hashing_method(hidden).salt(hidden).variant(hidden);
        debug_hides(&parts.clone().firebase(parameters.clone()), hidden, "parts of a password");
        error_hides(&parts.password().unwrap_err(), hidden, "the error of a password");
        debug_hides(&ImportForm::new().pbkdf2(hidden, None).firebase(parameters), hidden, "form");
    }
}

#[test]
fn import_and_lines_of_a_file_hide_whom_they_are_about() {
    let form = ImportForm::new();
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
            [("username", "a"), ("iterations", hidden)],
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
