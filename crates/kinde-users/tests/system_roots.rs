//! Tests that the roots of the system are those that the environment names, for both transports.

use std::process::Command;
use std::{env, fs, process};

use kinde_users::contract::Authority;
use kinde_users::ureq::ureq::tls::RootCerts;
use kinde_users::{hyper, ureq};

const CHILD: &str = "KINDE_USERS_TEST_ROOTS";

#[test]
fn variable_names_the_roots() {
    if let Ok(expected) = env::var(CHILD) {
        let of_ureq = match ureq::system_roots() {
            Ok(RootCerts::Specific(roots)) => roots.len().to_string(),
            Ok(other) => format!("{other:?}"),
            Err(_) => "error".to_owned(),
        };
        let of_hyper = hyper::system_roots().map_or("error".to_owned(), |roots| roots.len().to_string());
        assert_eq!([of_ureq, of_hyper], [expected.as_str(); 2]);
        return;
    }
    let file = env::temp_dir().join(format!("kinde-users-roots-{}.pem", process::id()));
    let roots = [Authority::new().unwrap().pem(), Authority::new().unwrap().pem()].concat();
    for (text, expected) in [(roots.as_str(), "2"), ("no certificate", "error")] {
        fs::write(&file, text).unwrap();
        let mut child = Command::new(env::current_exe().unwrap());
        child.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR").env(CHILD, expected);
        let output = child.args(["--exact", "variable_names_the_roots"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
    }
    fs::remove_file(&file).unwrap();
}
