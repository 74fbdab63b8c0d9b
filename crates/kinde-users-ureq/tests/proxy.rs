//! A proxy that the environment names, in a process of its own: the environment of this one is for all tests.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use http::Request;
use kinde_users_core::Transport;
use kinde_users_ureq::UreqTransport;

const CHILD: &str = "KINDE_USERS_TEST_BEHIND_A_PROXY";

#[test]
fn a_proxy_of_the_environment_gets_a_name_that_only_it_knows() {
    if env::var_os(CHILD).is_some() {
        // Names that end so have no address, anywhere.
        let request = Request::get("http://acme.invalid/api/v1/users").body(Vec::new()).unwrap();
        let response = UreqTransport::new().send(request).unwrap();
        assert_eq!(response.body(), b"there");
        return;
    }

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let connect = lines.next().unwrap();
        lines.find(String::is_empty).unwrap();
        (&stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        lines.find(String::is_empty).unwrap();
        (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthere").unwrap();
        connect
    });
    let mut child = Command::new(env::current_exe().unwrap());
    for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "NO_PROXY", "no_proxy"]
    {
        child.env_remove(name);
    }
    let run = child.args(["--exact", "a_proxy_of_the_environment_gets_a_name_that_only_it_knows"]);
    let output = run.env(CHILD, "1").env("http_proxy", proxy).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(asked.join().unwrap(), "CONNECT acme.invalid:80 HTTP/1.1");
}
