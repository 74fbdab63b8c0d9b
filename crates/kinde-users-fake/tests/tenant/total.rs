use http::{Method, Request, Uri};
use kinde_users_fake::{FakeKinde, NewFakeUser, ROUTES};
use proptest::prelude::*;

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "[a-z_=&%+,/.:{}\\[\\]\"0-9]{0,30}",
        prop::sample::select(vec![
            "id=kp_1",
            "id=",
            "value=%00",
            "page_size=500",
            "next_token=MDAwMDAwMDAwMTo6OmlkX2FzYw==",
            "expand=billing",
            "active_since=9999-12-31T23:59:59.999Z",
            "active_since=-009999-01-01",
            "starting_after=%F0%9F",
            "{\"identities\":[{\"type\":\"email\",\"details\":{\"email\":\"@\"}}]}",
            "{\"properties\":{\"\":\"\"}}",
            "{\"hashed_password\":\"é\",\"hashing_method\":\"sha256\"}",
            "%2e%2e",
            "%",
            "%ff",
            "kp_1",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Any request gets a reply in JSON, is recorded, and has a status that fits its shape.
    #[test]
    fn any_request_gets_a_reply(
        route in prop::option::of(prop::sample::select((0..ROUTES.len()).collect::<Vec<_>>())),
        method in "[A-Z]{1,7}",
        parts in prop::collection::vec(words(), 4),
        headers in prop::collection::vec((prop::sample::select(vec!["authorization", "content-type", "x"]), words()), 0..3),
        body in prop_oneof![words().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..40)],
        has_token in any::<bool>(),
    ) {
        let fake = FakeKinde::new();
        fake.add_user(NewFakeUser::new().id("kp_1").email("a@example.com").session().mfa("sms", "1"));
        let (method, path) = match route.map(|route| &ROUTES[route]) {
            Some(route) => {
                let path = route.path.replace("{user_id}", if parts[1].len() % 2 == 0 { "kp_1" } else { &parts[1] });
                (route.method.clone(), path.replace("{factor_id}", &parts[2]).replace("{property_key}", &parts[2]))
            }
            None => (Method::from_bytes(method.as_bytes()).unwrap(), parts[0].clone()),
        };
        let target = format!("{path}?{}&{}", parts[3], parts[2]);
        let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            if let Ok(value) = http::HeaderValue::from_bytes(value.as_bytes()) {
                request = request.header(name, value);
            }
        }
        if has_token {
            let token = format!("Bearer {}", fake.issue_token());
            request.headers_mut().unwrap().insert("authorization", token.parse().unwrap());
        }
        let response = fake.handle(request.body(body).unwrap()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        match response.status().as_u16() {
            200 | 201 => prop_assert!(json.get("errors").is_none()),
            404 => prop_assert!(json["errors"]["code"].is_string()),
            400 | 401 => prop_assert!(json["errors"].is_array() || json["error"].is_string()),
            other => prop_assert!(false, "{}", other),
        }
        prop_assert_eq!(fake.requests().len(), 1);
        prop_assert_eq!(fake.requests()[0].took_effect, response.status().is_success());
    }
}
