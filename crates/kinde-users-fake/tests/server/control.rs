//! Tests the control routes over a socket, and tenants on ports of their own.

use std::net::TcpStream;

use kinde_users_fake::FakeKinde;
use kinde_users_fake::server::{Options, Server};
use serde_json::{Value, json};

use super::{Raw, https};

fn started() -> (FakeKinde, Server) {
    let fake = FakeKinde::new();
    let server = Server::start(&fake, &Options::new().control()).unwrap();
    (fake, server)
}

/// Sends a request without a body, or with one.
fn send(agent: &ureq::Agent, method: &str, url: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = http::Request::builder().method(method).uri(url).body(body).unwrap();
    let request = agent.configure_request(request).http_status_as_error(false).build();
    let mut response = agent.run(request).unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap())
}

fn control(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    send(&https(server.ca_pem()), method, &format!("{}/_fake{path}", server.origin()), body)
}

#[test]
fn tenants_have_ports_users_and_clocks_of_their_own() {
    let fake = FakeKinde::builder().seed(7).build();
    fake.seed_users(2);
    let server = Server::start(&fake, &Options::new().tls().control()).unwrap();
    // All have the same authority, so a client trusts the others as well.
    let agent = https(server.ca_pem());
    let open = |seed: &Value| control(&server, "POST", "/tenants", seed).1;
    let (copy, own) = (open(&Value::Null), open(&json!({ "users": [{ "id": "kp_1" }] })));
    let at = |tenant: &Value, path: &str| format!("{}/_fake{path}", tenant["origin"].as_str().unwrap());
    let users = |tenant: &Value| {
        let (_, users) = send(&agent, "GET", &at(tenant, "/users"), &Value::Null);
        users["users"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(users(&copy), fake.users().iter().map(|user| json!(user.id)).collect::<Vec<_>>());
    assert_eq!(users(&own), ["kp_1"]);

    send(&agent, "POST", &at(&own, "/clock"), &json!({ "advance_seconds": 1_000_000, "speed": 3 }));
    send(&agent, "POST", &at(&own, "/users"), &json!({ "users": [{ "id": "kp_2" }] }));
    let (_, clock) = send(&agent, "GET", &at(&copy, "/clock"), &Value::Null);
    assert_eq!((&clock["speed"], users(&copy).len(), fake.users().len()), (&json!(1), 2, 2));
    // A reset takes back the clock and its speed, and leaves the tenant where it listens.
    send(&agent, "POST", &at(&own, "/reset"), &Value::Null);
    let (_, reset) = send(&agent, "GET", &at(&own, "/clock"), &Value::Null);
    assert_eq!((&reset["speed"], users(&own)), (&json!(1), vec![json!("kp_1")]));
    let time = |clock: &Value| clock["now"].as_str().unwrap()[..13].to_owned();
    assert!(time(&reset) <= time(&control(&server, "GET", "/clock", &Value::Null).1));
    let (_, credentials) = send(&agent, "GET", &at(&own, "/credentials"), &Value::Null);
    assert_eq!((&credentials["origin"], &credentials["audience"]), (&own["origin"], &own["audience"]));

    // A tenant opens no others.
    assert_eq!(send(&agent, "POST", &at(&own, "/tenants"), &Value::Null).0, 404);
    let (_, list) = control(&server, "GET", "/tenants", &Value::Null);
    assert_eq!(list, json!({ "tenants": [copy, own] }));
}

#[test]
fn closed_tenant_leaves_its_port() {
    let (_, server) = started();
    let opened = control(&server, "POST", "/tenants", &Value::Null).1;
    let address = opened["origin"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    let close = || control(&server, "DELETE", "/tenants/1", &Value::Null).0;
    assert_eq!([close(), close()], [200, 404]);
    assert!(TcpStream::connect(&address).is_err());
    // An id is not given twice, so a late request cannot meet another tenant.
    let next = control(&server, "POST", "/tenants", &Value::Null).1;
    assert_eq!(next["id"], "2");
    // The others close with the first one.
    let address = next["origin"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    server.shutdown();
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn number_of_tenants_is_bounded() {
    let (_, server) = started();
    let open = || control(&server, "POST", "/tenants", &json!({})).0;
    assert!((0..64).all(|_| open() == 201));
    assert_eq!(open(), 409);
    assert_eq!(control(&server, "DELETE", "/tenants/7", &Value::Null).0, 200);
    assert_eq!([open(), open()], [201, 409]);
}

#[test]
fn control_request_meets_no_fault_and_is_not_recorded() {
    let fake = FakeKinde::builder().chaos(1.0).rate_limit(1).build();
    let server = Server::start(&fake, &Options::new().control()).unwrap();
    for _ in 0..20 {
        assert_eq!(control(&server, "GET", "/health", &Value::Null).0, 200);
    }
    assert!(fake.requests().is_empty());
}

#[test]
fn page_and_huge_body_are_refused() {
    let (_, server) = started();
    let mut raw = Raw::connect(server.address());
    raw.write("GET /_fake/health HTTP/1.1\r\nhost: rebound.example\r\n\r\n");
    assert_eq!(raw.read().unwrap().0, 403);
    raw.write("POST /_fake/reset HTTP/1.1\r\nhost: localhost\r\ncontent-length: 33554433\r\n\r\n");
    let (status, _, body) = raw.read().unwrap();
    let reply: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, reply["error"]["message"].is_string()), (413, true));
}

#[test]
fn requests_in_flight_still_count_after_a_reset() {
    let fake = FakeKinde::builder().in_flight_limit(1).build();
    let server = Server::start(&fake, &Options::new().control()).unwrap();
    let fault =
        json!({ "operation": "get_users", "fault": { "kind": "real_reply" }, "head_after_ms": 86_400_000 });
    control(&server, "POST", "/faults", &fault);
    let mut waiting = Raw::connect(server.address());
    waiting.write("GET /api/v1/users HTTP/1.1\r\nhost: x\r\n\r\n");
    while fake.requests().is_empty() {
        std::thread::yield_now();
    }
    let mut other = Raw::connect(server.address());
    assert_eq!(other.get("/api/v1/users", "none").unwrap().0, 429);
    control(&server, "POST", "/reset", &Value::Null);
    assert_eq!(other.get("/api/v1/users", "none").unwrap().0, 429);
}

#[test]
fn without_control_there_are_only_routes_of_kinde() {
    let fake = FakeKinde::new();
    let server = Server::start(&fake, &Options::new()).unwrap();
    let (status, reply) = control(&server, "POST", "/reset", &Value::Null);
    assert_eq!((status, &reply["errors"]["code"]), (404, &json!("ROUTE_NOT_FOUND")));
    assert_eq!(fake.requests().len(), 1);
}

#[cfg(unix)]
mod program {
    use std::fs;
    use std::process::Command;

    use super::super::program::{Ending as _, Folder, Running, run};
    use super::*;

    #[test]
    fn program_starts_from_a_seed_and_says_its_port() {
        let folder = Folder::new("seed");
        let (seed, port) = (folder.file("seed.json"), folder.file("port"));
        fs::write(&seed, r#"{"client_id": "app", "users": [{"id": "kp_ada", "email": "ada@example.com"}]}"#)
            .unwrap();
        fs::write(&port, "1").unwrap();
        let program = Running::start(&["--users", "1", "--seed-file", &seed, "--port-file", &port]);
        let agent = https(None);
        let origin = format!("http://127.0.0.1:{}", fs::read_to_string(&port).unwrap().trim());
        assert_eq!((program.text("origin"), program.text("client_id")), (origin.as_str(), "app"));
        let users = program.users(&agent, &program.token(&agent)).unwrap();
        assert_eq!((users.as_array().unwrap().len(), &users[1]["id"]), (2, &json!("kp_ada")));
        let (_, log) = send(&agent, "GET", &format!("{origin}/_fake/requests"), &Value::Null);
        assert_eq!(log["count"], 2);
        assert!(program.end("TERM").is_clean());
        assert!(!fs::exists(&port).unwrap());

        fs::write(&seed, "{\"users\": [{}, {\"emial\": 7}]}").unwrap();
        let (code, _, stderr) = run(&["--seed-file", &seed]);
        assert_eq!(code, Some(1));
        assert!(stderr.contains("seed.json: users[1]: emial is unknown at line 1"), "{stderr}");
        let (code, _, stderr) = run(&["--port-file", &folder.file("nowhere/port")]);
        assert!(code == Some(1) && stderr.contains("nowhere/port: "), "{stderr}");
    }

    #[test]
    fn program_without_control_has_no_control_routes() {
        let program = Running::start(&["--no-control"]);
        let (status, _) =
            send(&https(None), "GET", &format!("{}/_fake/health", program.text("origin")), &Value::Null);
        assert_eq!(status, 404);
        assert!(program.end("TERM").is_clean());
    }

    #[test]
    fn program_ends_cleanly_with_open_tenants() {
        let program = Running::start(&[]);
        let tenants = format!("{}/_fake/tenants", program.text("origin"));
        for _ in 0..5 {
            assert_eq!(send(&https(None), "POST", &tenants, &Value::Null).0, 201);
        }
        assert!(program.end("TERM").is_clean());
    }

    /// Runs the session of the page, if the machine has curl.
    #[test]
    fn documented_session_runs() {
        if Command::new("curl").arg("--version").output().is_err() {
            return;
        }
        let page = include_str!("../../docs/control.md");
        let (_, session) = page.split_once("```sh\n").unwrap();
        let (session, _) = session.split_once("```").unwrap();
        let folder = Folder::new("session");
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_kinde-users-fake")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        // The program also ends if the session fails.
        let session = format!("trap 'kill $! 2>/dev/null || true' EXIT\n{session}");
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &session]).current_dir(&folder.0).env("PATH", path);
        let output = command.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
        assert!(
            printed.contains(r#""is_suspended":true"#) && printed.contains(r#""requests":[]"#),
            "{printed}"
        );
    }
}
