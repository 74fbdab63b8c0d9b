use kinde_users_core::UserId;
use kinde_users_fake::{FakeKinde, NewFakeUser};
use proptest::prelude::*;
use serde_json::Value;

use crate::{ask, get};

/// Returns the ids of a page, and the token of the next one, encoded for a query.
fn page(fake: &FakeKinde, size: usize, token: Option<&str>) -> (Vec<UserId>, Option<String>) {
    let token = token.map_or(String::new(), |token| format!("&next_token={token}"));
    let (status, body) = get(fake, &format!("/api/v1/users?page_size={size}{token}"));
    assert_eq!(status, 200, "{body}");
    let users = body["users"].as_array().cloned().unwrap_or_default();
    let ids = users.iter().map(|user| user["id"].as_str().unwrap().into()).collect();
    (ids, body["next_token"].as_str().map(|token| token.replace('=', "%3D").replace('+', "%2B")))
}

#[test]
fn default_page_has_ten_users_and_padded_token() {
    let fake = FakeKinde::new();
    let ids = fake.seed_users(25);
    let (_, body) = get(&fake, "/api/v1/users");
    assert_eq!(body["users"].as_array().unwrap().len(), 10);
    assert!(body["next_token"].as_str().unwrap().ends_with("=="));
    let (first, token) = page(&fake, 15, None);
    let (second, end) = page(&fake, 10, token.as_deref());
    assert_eq!(ids, [first, second].concat());
    assert_eq!(end, None);
}

#[test]
fn filters_hold_over_the_pages() {
    let fake = FakeKinde::new();
    fake.seed_users(100);
    let mut seen = 0;
    let mut token = String::new();
    loop {
        let (_, body) = get(&fake, &format!("/api/v1/users?page_size=7&has_organization=true{token}"));
        seen += body["users"].as_array().unwrap().len();
        let Some(next) = body["next_token"].as_str() else { break };
        token = format!("&next_token={}", next.replace('=', "%3D"));
    }
    assert_eq!(seen, 50);
}

proptest! {
    /// Between two pages some users are deleted and others are added. A user who existed throughout
    /// is seen exactly once, no user is seen twice, and the order is that of creation.
    #[test]
    fn paging_neither_loses_nor_repeats_a_user(
        count in 0_usize..40,
        size in 1_usize..8,
        changes in proptest::collection::vec((0_usize..40, 0_usize..3), 0..40),
    ) {
        let fake = FakeKinde::new();
        let mut created = fake.seed_users(count);
        let mut stayed = created.clone();
        let mut seen = Vec::new();
        let mut token = None;
        let mut changes = changes.into_iter();
        loop {
            let (ids, next) = page(&fake, size, token.as_deref());
            seen.extend(ids);
            let Some(next) = next else { break };
            token = Some(next);
            if let Some((victim, births)) = changes.next() {
                if victim < created.len() {
                    let id = created[victim].clone();
                    ask(&fake, "DELETE", &format!("/api/v1/user?id={id}"), &Value::Null);
                    stayed.retain(|other| *other != id);
                }
                created.extend((0..births).map(|_| fake.add_user(NewFakeUser::new())));
            }
        }
        let places: Vec<_> = seen.iter().map(|id| created.iter().position(|other| other == id)).collect();
        prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
        prop_assert!(stayed.iter().all(|id| seen.contains(id)));
    }
}
