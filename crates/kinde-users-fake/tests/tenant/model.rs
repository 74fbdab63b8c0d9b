//! Tests that the tenant answers any requests in any order as a naive model of its documentation
//! does.
//!
//! The model is in `naive`, with `passwords` and `shown`. The scripts and their generators are in
//! `script`. `world` runs a script on both, and compares replies and users after each step.

mod naive;
mod names;
mod passwords;
mod script;
mod shown;
mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use script::{crowds, scripts};
use world::World;

/// Without optimisation, the standard algorithm would take a third of the time of the test.
const RNG: RngAlgorithm = RngAlgorithm::XorShift;

fn config() -> ProptestConfig {
    let standard = ProptestConfig::default();
    // The variable `PROPTEST_CASES` can increase this number.
    let cases = standard.cases.max(256);
    ProptestConfig { cases, failure_persistence: None, rng_algorithm: RNG, ..standard }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_requests_are_answered_as_by_the_model(script in scripts()) {
        World::play(&script)?;
    }

    /// A user who exists throughout is listed exactly once, whatever the page sizes.
    #[test]
    fn changing_lists_show_each_user_once(script in crowds()) {
        World::play(&script)?;
    }
}

/// What the scripts have to reach, so that the properties mean anything: the answers of each
/// operation,
const ANSWERS: &[(&str, &str)] = &[
    (
        "create_user",
        "OK BODY_INVALID DETAILS_INVALID DETAILS_REQUIRED EMAIL_INVALID EMAIL_REQUIRED FAMILY_NAME_INVALID \
         GIVEN_NAME_INVALID IDENTITIES_INVALID IS_VERIFIED_INVALID ORGANIZATION_CODE_INVALID PHONE_INVALID \
         PHONE_REQUIRED PICTURE_INVALID PROFILE_INVALID PROVIDED_ID_INVALID SCOPE_MISSING TYPE_INVALID \
         TYPE_REQUIRED UNAUTHORIZED USERNAME_INVALID USERNAME_REQUIRED USER_ALREADY_EXISTS",
    ),
    (
        "create_user_billing_customer",
        "OK BILLING_CUSTOMER_EXISTS BILLING_EMAIL_INVALID BILLING_EMAIL_REQUIRED BILLING_PLAN_CODE_INVALID \
         BODY_INVALID ORG_CODE_INVALID ORG_CODE_REQUIRED SCOPE_MISSING UNAUTHORIZED USER_INVALID",
    ),
    (
        "create_user_identity",
        "OK BODY_INVALID CONNECTION_ID_INVALID CONNECTION_ID_REQUIRED IDENTITY_ALREADY_EXISTS \
         PHONE_COUNTRY_ID_INVALID PHONE_COUNTRY_ID_REQUIRED SCOPE_MISSING TYPE_INVALID TYPE_REQUIRED \
         UNAUTHORIZED USER_INVALID VALUE_INVALID VALUE_REQUIRED",
    ),
    ("delete_user", "OK ID_REQUIRED IS_DELETE_PROFILE_INVALID SCOPE_MISSING UNAUTHORIZED USER_INVALID"),
    ("delete_user_sessions", "OK SCOPE_MISSING UNAUTHORIZED USER_NOT_FOUND"),
    ("get_user_data", "OK EXPAND_INVALID ID_REQUIRED SCOPE_MISSING UNAUTHORIZED USER_INVALID"),
    (
        "get_user_identities",
        "OK ENDING_BEFORE_INVALID ENDING_BEFORE_NOT_ALLOWED SCOPE_MISSING STARTING_AFTER_INVALID \
         UNAUTHORIZED USER_INVALID",
    ),
    ("get_user_property_values", "OK SCOPE_MISSING UNAUTHORIZED USER_INVALID"),
    ("get_user_sessions", "OK SCOPE_MISSING UNAUTHORIZED USER_NOT_FOUND"),
    (
        "get_users",
        "OK ACTIVE_SINCE_INVALID EXPAND_INVALID HAS_ORGANIZATION_INVALID NEXT_TOKEN_INVALID \
         PAGE_SIZE_INVALID SCOPE_MISSING UNAUTHORIZED",
    ),
    ("get_users_mfa", "OK SCOPE_MISSING UNAUTHORIZED USER_NOT_FOUND"),
    ("none", "ROUTE_NOT_FOUND"),
    ("refresh_user_claims", "OK SCOPE_MISSING UNAUTHORIZED USER_INVALID"),
    ("reset_users_mfa", "OK MFA_NOT_FOUND SCOPE_MISSING UNAUTHORIZED USER_NOT_FOUND"),
    ("reset_users_mfa_all", "OK SCOPE_MISSING UNAUTHORIZED USER_NOT_FOUND"),
    (
        "set_user_password",
        "OK BODY_INVALID HASHED_PASSWORD_INVALID HASHED_PASSWORD_REQUIRED HASHING_METHOD_INVALID \
         IS_TEMPORARY_PASSWORD_INVALID ITERATIONS_INVALID ITERATIONS_NOT_ALLOWED MEM_COST_INVALID \
         MEM_COST_NOT_ALLOWED MEM_COST_REQUIRED ROUNDS_INVALID ROUNDS_NOT_ALLOWED ROUNDS_REQUIRED \
         SALT_INVALID SALT_NOT_ALLOWED SALT_POSITION_INVALID SALT_POSITION_NOT_ALLOWED \
         SALT_POSITION_REQUIRED SALT_REQUIRED SALT_SEPARATOR_INVALID SALT_SEPARATOR_NOT_ALLOWED \
         SALT_SEPARATOR_REQUIRED SCOPE_MISSING SIGNER_KEY_INVALID SIGNER_KEY_NOT_ALLOWED \
         SIGNER_KEY_REQUIRED UNAUTHORIZED USER_INVALID VARIANT_INVALID VARIANT_NOT_ALLOWED VARIANT_REQUIRED",
    ),
    ("token", "OK invalid_client invalid_request invalid_scope none"),
    (
        "update_user",
        "OK BODY_INVALID FAMILY_NAME_INVALID GIVEN_NAME_INVALID ID_REQUIRED \
         IS_PASSWORD_RESET_REQUESTED_INVALID IS_SUSPENDED_INVALID PICTURE_INVALID PROVIDED_ID_INVALID \
         SCOPE_MISSING UNAUTHORIZED USER_INVALID",
    ),
    ("update_user_feature_flag_override", "OK SCOPE_MISSING UNAUTHORIZED USER_INVALID VALUE_REQUIRED"),
    (
        "update_user_properties",
        "OK BODY_INVALID PROPERTIES_INVALID PROPERTIES_REQUIRED SCOPE_MISSING UNAUTHORIZED USER_INVALID",
    ),
    ("update_user_property", "OK SCOPE_MISSING UNAUTHORIZED USER_INVALID VALUE_REQUIRED"),
];

/// and other events.
const EVENTS: &[&str] = &[
    "a hash of aspnet-identity-v2",
    "a hash of bcrypt",
    "a hash of crypt",
    "a hash of firebase-scrypt",
    "a hash of md5",
    "a hash of pbkdf2",
    "a hash of sha256",
    "a hash of wordpress",
    "a list was read undisturbed",
    "a list was read while users came and went",
    "a page began after a deleted user",
    "a session was over",
    "a token had expired",
    "a token was unknown",
    "a token was revoked",
    "a user was replaced",
    "get_user_identities: something for ending_before",
    "get_user_identities: something for starting_after",
    "get_user_identities: something for unknown",
    "get_users: something for active_since",
    "get_users: something for email",
    "get_users: something for expand",
    "get_users: something for has_organization",
    "get_users: something for next_token",
    "get_users: something for page_size",
    "get_users: something for phone",
    "get_users: something for unknown",
    "get_users: something for user_id",
    "get_users: something for username",
    "what a deleted user had was taken again",
];

#[test]
fn scripts_reach_every_operation_and_refusal() {
    let rng = TestRng::deterministic_rng(RNG);
    let mut runner = TestRunner::new_with_rng(config(), rng);
    let (scripts, mut events) = (scripts(), BTreeMap::new());
    for _ in 0..1_200 {
        let script = scripts.new_tree(&mut runner).unwrap().current();
        for (event, times) in World::play(&script).unwrap().events {
            *events.entry(event).or_insert(0) += times;
        }
    }
    let answers = ANSWERS.iter().flat_map(|(operation, codes)| {
        codes.split_whitespace().map(move |code| format!("{operation}: {code}"))
    });
    let expected: Vec<String> = answers.chain(EVENTS.iter().map(|event| (*event).to_owned())).collect();
    let rare: Vec<_> =
        expected.iter().filter(|event| events.get(*event).is_none_or(|times| *times < 3)).collect();
    assert!(rare.is_empty(), "too rare are {rare:?} of {events:#?}");
    let unlisted: Vec<_> = events.keys().filter(|event| !expected.contains(event)).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
}
