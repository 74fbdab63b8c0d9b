//! What the tenant does, and how we know that Kinde does it. `docs/what-it-does.md` is generated
//! from this table.
//!
//! Each row names the test that shows the fact. After a change, run `WRITE=1 cargo test -p
//! kinde-users-fake --lib facts` to write the page again.

use core::fmt::Write as _;
use std::{env, fs};

use Standing::{Chosen, Corroborated, Settled};

/// How certain it is that the service does the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Settled,
    Corroborated,
    Chosen,
}

struct Fact {
    what: &'static str,
    standing: Standing,
    source: &'static str,
    /// The choice, or the method of the builder, that changes the fact, if there is one.
    changed_by: &'static str,
    /// The name of the test.
    shown_by: &'static str,
}

const fn fact(
    what: &'static str,
    standing: Standing,
    source: &'static str,
    changed_by: &'static str,
    shown_by: &'static str,
) -> Fact {
    Fact { what, standing, source, changed_by, shown_by }
}

/// Kinde's OpenAPI description of the Management API.
const DESCRIPTION: &str = "description";
/// Test data of the Elixir client, recorded from the live service.
const ELIXIR: &str = "recorded by the Elixir client of starfish-codes";
const NXT_FWD: &str = "tests of the Go client of nxt-fwd against the live service";
const TERRAFORM: &str = "Kinde's Terraform provider";
const M2M: &str = "documentation of M2M applications (July 2026)";
const NOTHING: &str = "nothing public";

#[rustfmt::skip] // a table
const FACTS: &[(&str, &[Fact])] = &[
    ("Tokens and keys", &[
        fact("A token reply has `expires_in` 86399, `token_type` `bearer` and, unless the request names scopes, an empty `scope`.",
            Settled, ELIXIR, "`token_lifetime`", "client_credentials_get_a_token_for_the_api"),
        fact("A wrong client secret gets 401 `invalid_client`.",
            Settled, ELIXIR, "", "wrong_secret_gets_the_recorded_message"),
        fact("A wrong client id, or a token request to another host, gets 404 without a body.",
            Settled, M2M, "`credentials`, `host`", "unknown_client_or_domain_gets_an_empty_404"),
        fact("A missing audience, or one that the application may not use, gets 403 `invalid_request`.",
            Settled, M2M, "`audience`", "token_requests_are_refused_with_oauth_errors"),
        fact("A token request for a scope that was not granted gets 403 `invalid_scope`.",
            Settled, M2M, "`scopes`", "token_requests_are_refused_with_oauth_errors"),
        fact("A scope that a token request repeats is granted once.",
            Chosen, NOTHING, "", "any_requests_are_answered_as_by_the_model"),
        fact("Another content type or grant type gets 400 `invalid_request`.",
            Chosen, "documentation, for the code only", "", "token_requests_are_refused_with_oauth_errors"),
        fact("A new secret leaves issued tokens valid. The signature of a token is random.",
            Chosen, NOTHING, "", "only_the_rotated_secret_works"),
        fact("An environment API key (`k_live_…`) is used like a token. It has its own scopes and does not expire.",
            Settled, "documentation of API keys (August 2026)", "`issue_api_key`", "api_key_works_for_its_scopes_until_revoked"),
        fact("A key is refused like a token, with 401 or 403. A revoked key is refused at once.",
            Chosen, NOTHING, "`revoke_api_key`", "api_key_works_for_its_scopes_until_revoked"),
        fact("A token without the scope gets 403 with `SCOPE_MISSING` and `Scope is missing: read:users`.",
            Settled, M2M, "`Choice::MissingScope`", "every_operation_needs_its_scope_and_says_so"),
        fact("A request without a token, or with one that is expired, revoked or unknown, gets 401.",
            Settled, M2M, "", "missing_foreign_and_revoked_tokens_are_401"),
        fact("The code of a 401 is `UNAUTHORIZED`.",
            Chosen, NOTHING, "", "token_expires_by_the_clock"),
    ]),
    ("Errors", &[
        fact("`errors` is a list of everything that is wrong with the query or the body.",
            Settled, ELIXIR, "", "bad_id_in_query_is_refused_as_recorded"),
        fact("Of more than 100 errors the first 100 are listed. After them, `MORE_ERRORS` says how many more there are.",
            Chosen, NOTHING, "", "first_100_problems_are_listed_and_the_others_counted"),
        fact("An unknown id in the query gets 400 `USER_INVALID`. A missing id gets `ID_REQUIRED` as well.",
            Settled, ELIXIR, "", "bad_id_in_query_is_refused_as_recorded"),
        fact("An unknown id in the path gets 404 `USER_NOT_FOUND` for sessions and MFA, 404 `MFA_NOT_FOUND` for a factor, and \
              400 `USER_INVALID` elsewhere. A deleted user counts as unknown.",
            Chosen, "description, which lists a 404 only for sessions and MFA", "`Choice::DeletedUser`",
            "unknown_user_in_path_is_404_or_400"),
        fact("An unknown route gets 404, and its `errors` is an object with `ROUTE_NOT_FOUND`.",
            Settled, "description; kinde-python-sdk issue 89", "", "unknown_route_is_404_with_an_object"),
        fact("A wrong method, and an empty or dot segment in a path, get the same 404.",
            Chosen, NOTHING, "", "unknown_route_is_404_with_an_object"),
        fact("The code for an argument is its name in upper case with `_REQUIRED`, `_INVALID` or `_NOT_ALLOWED`. The code for a body that is not a \
              JSON object is `BODY_INVALID`.",
            Chosen, NOTHING, "", "get_users_refuses_invalid_arguments"),
        fact("The token is checked before the arguments, and the user is looked up before the body is read. A refusal changes nothing.",
            Chosen, NOTHING, "", "create_user_refuses_taken_or_invalid_values"),
        fact("Unknown keys of a body and unknown query arguments are ignored.",
            Corroborated, "clients that send misspelt keys and get no error", "`strict`", "strict_tenant_refuses_unknown_arguments"),
        fact("The content type of a JSON body does not matter, and a body is ignored if the operation has none.",
            Chosen, NOTHING, "`strict`", "strict_tenant_refuses_unknown_arguments"),
        fact("If a query argument is repeated, the first value counts.",
            Chosen, NOTHING, "", "any_requests_are_answered_as_by_the_model"),
    ]),
    ("Limits", &[
        fact("A request over the limit gets 429, with the seconds to wait in `RateLimit-Reset`.",
            Settled, "documentation of rate limits", "`limit`, `rate_limit`, `in_flight_limit`", "requests_over_the_rate_limit_get_429"),
        fact("The 429 of an operation on one user (`/api/v1/user`), on sessions or on MFA has an error body.",
            Settled, DESCRIPTION, "`Choice::TooManyRequests`", "only_described_operations_have_a_429_body"),
        fact("The 429 of identities, properties, feature flags, `set_user_password` and `refresh_user_claims` has no body.",
            Settled, DESCRIPTION, "`Choice::TooManyRequests`", "only_described_operations_have_a_429_body"),
        fact("The 429 of `get_users`, `create_user_billing_customer` and the token endpoint has no body.",
            Chosen, "sources on `get_users` disagree; nothing public on the others", "`Choice::TooManyRequests`",
            "only_described_operations_have_a_429_body"),
        fact("The code of a 429 is `TOO_MANY_REQUESTS`.",
            Chosen, NOTHING, "`Choice::TooManyRequests`", "only_described_operations_have_a_429_body"),
        fact("The rate counts every request the same. In flight, a list weighs 2, each expanded part 1 more, and any other request 1.",
            Chosen, "documentation of rate limits, without numbers", "`limit`", "lists_and_expansions_weigh_more_in_flight"),
    ]),
    ("Replies", &[
        fact("`users` is null if the list is empty, and `next_token` is null on the last page.",
            Settled, ELIXIR, "", "empty_tenant_has_null_users_and_no_next_page"),
        fact("A user without a name, phone number, user name, picture, provided id or sign-in has null in that field.",
            Settled, "recorded in Kinde's documentation of the user search", "", "replies_have_only_described_or_recorded_nulls"),
        fact("`is_confirmed` and `last_login_on` of an identity may be null.",
            Corroborated, NXT_FWD, "", "replies_have_only_described_or_recorded_nulls"),
        fact("Any other field without a value is null if the description allows it, and left out otherwise.",
            Chosen, "description; no recording shows null", "", "replies_have_only_described_or_recorded_nulls"),
        fact("`get_user_data`, `create_user` and `update_user` have no `code` and `message`, and use other names: `preferred_email`, \
              `given_name`, `family_name`.",
            Settled, "description; management-api-js issue 21", "", "get_user_data_has_no_envelope"),
        fact("`create_user` answers with 200, `create_user_identity` with 201.",
            Settled, "description; kinde-python-sdk issue 131", "", "identity_is_created_with_201_and_listed"),
        fact("The identities of a listed user have a `connection_id`, but those of `get_user_data` do not.",
            Settled, DESCRIPTION, "", "get_user_data_has_no_envelope"),
        fact("Ids of users are `kp_` and 32 hex digits. Other ids have the forms of the description's examples.",
            Settled, DESCRIPTION, "", "any_requests_are_answered_as_by_the_model"),
    ]),
    ("Lists", &[
        fact("A page has 10 users unless `page_size` says otherwise, and at most 500. A page token is base64 with padding.",
            Settled, "documentation; tokens in the documentation of the Python SDK", "",
            "default_page_has_ten_users_and_padded_token"),
        fact("A larger `page_size`, and an unknown part of `expand`, are refused with 400.",
            Chosen, NOTHING, "", "get_users_refuses_invalid_arguments"),
        fact("`organizations`, `identities` and `billing` are shown only with `expand`.",
            Settled, DESCRIPTION, "", "parts_of_a_user_need_expand"),
        fact("A filter accepts several values, separated by commas.",
            Settled, DESCRIPTION, "", "all_filters_match_one_of_their_values"),
        fact("Several filters must all match, any identity of the kind counts, and `active_since` looks at the last sign-in. An empty \
              filter is ignored.",
            Chosen, NOTHING, "", "all_filters_match_one_of_their_values"),
        fact("Users are listed in the order of their creation, and a page token marks a place among them.",
            Chosen, NOTHING, "", "changing_lists_show_each_user_once"),
        fact("Identities are paged by `starting_after`, `ending_before` and `has_more`.",
            Settled, DESCRIPTION, "", "identities_page_in_both_directions"),
        fact("A page has 10 identities. An unknown cursor, and both cursors at once, are refused with 400.",
            Chosen, NOTHING, "`identities_page`", "identities_page_in_both_directions"),
    ]),
    ("Changes", &[
        fact("An e-mail address, a user name (in any letter case) or a phone number belongs to one user. A second user with it gets 400.",
            Corroborated, "third-party clients", "`Choice::DuplicateUser`, `Choice::DuplicateIdentity`",
            "create_user_refuses_taken_or_invalid_values"),
        fact("The codes of duplicates are `USER_ALREADY_EXISTS` and `IDENTITY_ALREADY_EXISTS`.",
            Chosen, NOTHING, "`Choice::DuplicateUser`, `Choice::DuplicateIdentity`", "taken_or_incomplete_identity_is_refused"),
        fact("The addresses of a deleted user are free again, with or without `is_delete_profile`. A `provided_id` may occur twice.",
            Chosen, NOTHING, "", "deleted_user_leaves_the_address_free"),
        fact("An e-mail address in the profile of `create_user` does not create an identity.",
            Corroborated, NXT_FWD, "", "create_user_accepts_identities_or_no_body"),
        fact("Null for `given_name` or `family_name` leaves the name as it is.",
            Corroborated, TERRAFORM, "`Choice::NullInUser`", "update_user_sets_given_and_clears_null_fields"),
        fact("Null for another field of `update_user` clears it; a flag becomes false.",
            Chosen, NOTHING, "`Choice::NullInUser`", "update_reply_leaves_out_missing_values"),
        fact("Null for a property in `update_user_properties` clears it.",
            Chosen, NOTHING, "`Choice::NullInProperties`", "properties_are_set_and_cleared_with_null"),
        fact("Null anywhere else in a body counts as an absent key, and an empty text counts as missing if a value is required.",
            Chosen, NOTHING, "", "any_requests_are_answered_as_by_the_model"),
        fact("A phone number is shown in E.164, as `name`.",
            Corroborated, NXT_FWD, "", "identity_is_created_with_201_and_listed"),
        fact("A phone number must be E.164 with 7 to 15 digits, and an address needs an `@` with text before and after it.",
            Chosen, NOTHING, "", "create_user_refuses_taken_or_invalid_values"),
        fact("A social identity is listed with the prefix `oauth2:`.",
            Corroborated, TERRAFORM, "", "identity_is_created_with_201_and_listed"),
        fact("A social identity is `oauth2:google` whatever its connection, and the first e-mail address is the preferred one.",
            Chosen, NOTHING, "", "identity_is_created_with_201_and_listed"),
        fact("Values of properties and feature flags are text. A single value is sent in the query.",
            Settled, DESCRIPTION, "", "properties_and_flags_need_text_values"),
        fact("Any organisation code, property key and feature flag key is accepted, except an empty property key. A property that was ever \
              set is listed for all users, in the order of the keys.",
            Chosen, NOTHING, "", "properties_are_set_and_cleared_with_null"),
    ]),
    ("Sessions, MFA, passwords and billing", &[
        fact("`updated_on` of a session has an offset without minutes (`+11`), which RFC 3339 does not allow.",
            Settled, "examples of the description", "`Choice::ShortOffsets`", "session_can_have_full_offsets"),
        fact("A session lasts 24 hours.",
            Chosen, "examples of the description", "", "ended_and_expired_sessions_are_not_listed"),
        fact("`mfa` is one object.",
            Settled, DESCRIPTION, "", "factors_are_reset_one_by_one_or_together"),
        fact("`mfa` is the first of several factors, and is left out if there is none.",
            Chosen, NOTHING, "`Choice::MfaAsArray`, `Choice::NullMfa`", "factors_are_reset_one_by_one_or_together"),
        fact("Each hashing method requires, accepts and refuses the fields that the description lists for it. SHA-256 is 64 hex digits.",
            Settled, DESCRIPTION, "", "firebase_fields_are_for_firebase_only"),
        fact("`iterations`, `variant` and `salt_position` are kept if a method neither requires nor refuses them.",
            Chosen, NOTHING, "", "hash_is_kept_as_given"),
        fact("A user can be a billing customer only once for each organisation. A second request gets `BILLING_CUSTOMER_EXISTS`.",
            Settled, "documentation of billing", "", "organization_has_one_billing_customer"),
        fact("`BILLING_CUSTOMER_EXISTS` comes with 400, any `org_code` and plan are accepted, and `agreement_id` is present only with a plan.",
            Chosen, NOTHING, "", "organization_has_one_billing_customer"),
    ]),
];

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/what-it-does.md");

const INTRODUCTION: &str = "\
# What it does, and how we know

- **Settled**: Kinde's description or documentation says so, or a reply of the live service was recorded.
- **Corroborated**: Kinde's own tools or third-party clients depend on it.
- **Chosen**: no public source settles it. A program should not rely on it.

The last column names the `Choice`, or the method of the tenant or its builder, that changes the fact.
";

/// Renders the table as a page. The page has no date and no count, so that it changes only if a
/// fact does.
fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (topic, facts) in FACTS {
        write!(page, "\n## {topic}\n\n| What it does | Standing | Source | Set by |\n|---|---|---|---|\n")
            .unwrap();
        for Fact { what, standing, source, changed_by, .. } in *facts {
            let standing = match standing {
                Settled => "settled",
                Corroborated => "corroborated",
                Chosen => "chosen",
            };
            writeln!(page, "| {what} | {standing} | {source} | {changed_by} |").unwrap();
        }
    }
    page
}

#[test]
fn page_is_generated_from_the_table() {
    let page = page();
    if env::var_os("WRITE").is_some() {
        fs::write(PAGE, &page).unwrap();
    }
    assert!(fs::read_to_string(PAGE).unwrap() == page, "set WRITE=1 to write {PAGE}");
}

/// Returns the code of all tests.
fn tests() -> String {
    let folders = ["tests/tenant", "tests/tenant/model"]
        .map(|folder| format!("{}/{folder}", env!("CARGO_MANIFEST_DIR")));
    let files =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn each_fact_has_a_source_and_a_test() {
    let tests = tests();
    for fact in FACTS.iter().flat_map(|(_, facts)| *facts) {
        assert!(tests.contains(&format!("fn {}(", fact.shown_by)), "no test {}", fact.shown_by);
        assert!(fact.standing == Chosen || ![NOTHING, ""].contains(&fact.source), "no source: {}", fact.what);
        assert!(fact.what.ends_with('.') && !fact.what.contains('|'), "{}", fact.what);
    }
}

#[test]
fn each_choice_belongs_to_a_fact() {
    let code = include_str!("choice.rs");
    let (_, variants) = code.split_once("pub enum Choice {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let variants = variants.lines().filter_map(|line| line.trim().split_once('(')).map(|(name, _)| name);
    let variants: Vec<_> = variants.filter(|name| name.chars().all(char::is_alphanumeric)).collect();
    assert!(variants.len() > 5);
    let facts: String = FACTS.iter().flat_map(|(_, facts)| *facts).map(|fact| fact.changed_by).collect();
    for variant in variants {
        assert!(facts.contains(&format!("`Choice::{variant}`")), "no fact for {variant}");
    }
}
