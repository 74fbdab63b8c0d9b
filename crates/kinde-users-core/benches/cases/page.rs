//! Replies and tokens as the service writes them.

/// A token of the length of Kinde's for one scope: a JWT whose header has 111 characters and whose
/// claims have 366. The signature by RS256, with a key of 2,048 bits, always has 342.
pub(crate) fn token() -> String {
    [111, 366, 342].map(|length| "eyJhbGciOiJS".chars().cycle().take(length).collect::<String>()).join(".")
}

/// A page of 500 users with everything expanded, as the service writes it: some 350 kB.
pub(crate) fn page() -> Vec<u8> {
    let users: Vec<_> = (0..500).map(|n| user(n, "email", SIGN_INS)).collect();
    format!(
        r#"{{"code":"OK","message":"Success","users":[{}],"next_token":"MTo6OmlkX2FzYw=="}}"#,
        users.join(",")
    )
    .into_bytes()
}

/// The reply of `get_user_data`, with everything expanded.
pub(crate) fn user_data() -> Vec<u8> {
    user(42, "preferred_email", "").into_bytes()
}

/// What only a list tells.
const SIGN_INS: &str = r#""last_organization_sign_ins":[{"org_code":"org_1ccfb819462","last_signed_in":"2025-02-12T18:02:23.614638+00:00"}],"#;

fn user(n: u32, email: &str, sign_ins: &str) -> String {
    let (phone, username) = match n % 3 {
        0 => (format!("\"+6140000{n:04}\""), "null".to_owned()),
        1 => ("null".to_owned(), format!("\"user{n}\"")),
        _ => ("null".to_owned(), "null".to_owned()),
    };
    format!(
        r#"{{"id":"kp_c3143a4b50ad43c88e541d907768{n:04}","provided_id":null,"{email}":"user{n}@example.com","phone":{phone},"username":{username},"last_name":"Lovelace","first_name":"Ada","is_suspended":false,"picture":"https://gravatar.example.com/avatar/{n:032x}?d=blank&size=200","total_sign_ins":{n},"failed_sign_ins":0,"last_signed_in":"2025-02-12T18:02:23.614638+00:00","created_on":"2025-02-12T18:02:23.614638+00:00",{sign_ins}"organizations":["org_1ccfb819462"],"identities":[{{"type":"email","identity":"user{n}@example.com","connection_id":null}}],"billing":{{"customer_id":"customer_0195ac80a14e8d71f42b98e75d3c{n:04}"}}}}"#
    )
}
