//! The 19 requests by hand: one string with enough room, percent-encoded where it has to be, static
//! header names, a shared `Authorization`. This is the floor of building a request.

use std::hint::black_box;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use kinde_users_core::operations::{
    CreateUser, CreateUserBillingCustomer, CreateUserIdentity, DeleteUser, DeleteUserSessions, GetUserData,
    GetUserIdentities, GetUserPropertyValues, GetUserSessions, GetUsers, GetUsersMfa, NewIdentity, Password,
    RefreshUserClaims, ResetUsersMfa, ResetUsersMfaAll, SetUserPassword, UpdateUser,
    UpdateUserFeatureFlagOverride, UpdateUserProperties, UpdateUserProperty,
};
use kinde_users_core::{AccessToken, Patch};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{Case, ID, request};

const BCRYPT: &str = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes a target: what stands for itself, and in parentheses what is an argument.
macro_rules! target {
    ($($part:tt),+) => {{
        let mut target = String::with_capacity(256);
        $(target!(@part target $part);)+
        target
    }};
    (@part $target:ident ($argument:expr)) => {
        $target.extend(utf8_percent_encode(black_box($argument), RESERVED))
    };
    (@part $target:ident $plain:literal) => {
        $target.push_str($plain)
    };
}

fn assemble(method: Method, target: String, body: Option<Vec<u8>>, token: &AccessToken) -> Request<Vec<u8>> {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(AUTHORIZATION, token.authorization().clone());
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    } else if method != Method::GET && method != Method::DELETE {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut request = Request::new(body.unwrap_or_default());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(target).expect("a good target");
    *request.headers_mut() = headers;
    request
}

#[expect(clippy::unnecessary_wraps, reason = "it is what `assemble` takes")]
fn json(body: &impl Serialize) -> Option<Vec<u8>> {
    Some(serde_json::to_vec(black_box(body)).expect("it has a form in JSON"))
}

pub(crate) fn requests() -> Vec<Case> {
    let mut cases = with_path_alone();
    cases.extend(with_query());
    cases.extend(with_body());
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn with_path_alone() -> Vec<Case> {
    vec![
        request(DeleteUserSessions::new(ID), |token| {
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/sessions");
            assemble(Method::DELETE, target, None, token)
        }),
        request(GetUserIdentities::new(ID), |token| {
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/identities");
            assemble(Method::GET, target, None, token)
        }),
        request(GetUserPropertyValues::new(ID), |token| {
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/properties");
            assemble(Method::GET, target, None, token)
        }),
        request(GetUserSessions::new(ID), |token| {
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/sessions");
            assemble(Method::GET, target, None, token)
        }),
        request(GetUsersMfa::new(ID), |token| {
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/mfa");
            assemble(Method::GET, target, None, token)
        }),
        request(RefreshUserClaims::new(ID), |token| {
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/refresh_claims");
            assemble(Method::POST, target, None, token)
        }),
        request(ResetUsersMfa::new(ID, "mfa_0193278a00ac29b3f6d4e4d462d55c47"), |token| {
            let factor = "mfa_0193278a00ac29b3f6d4e4d462d55c47";
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/mfa/", (factor));
            assemble(Method::DELETE, target, None, token)
        }),
        request(ResetUsersMfaAll::new(ID), |token| {
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/mfa");
            assemble(Method::DELETE, target, None, token)
        }),
    ]
}

fn with_query() -> Vec<Case> {
    vec![
        request(DeleteUser::new(ID).is_delete_profile(true), |token| {
            let target = target!("https://acme.kinde.com/api/v1/user?id=", (ID), "&is_delete_profile=true");
            assemble(Method::DELETE, target, None, token)
        }),
        request(GetUserData::new(ID), |token| {
            let target = target!("https://acme.kinde.com/api/v1/user?id=", (ID));
            assemble(Method::GET, target, None, token)
        }),
        next_page(),
        request(UpdateUserFeatureFlagOverride::new(ID, "dark_mode", "true"), |token| {
            let target = target!(
                "https://acme.kinde.com/api/v1/users/",
                (ID),
                "/feature_flags/",
                ("dark_mode"),
                "?value=",
                ("true")
            );
            assemble(Method::PATCH, target, None, token)
        }),
        request(UpdateUserProperty::new(ID, "kp_usr_city", "Bendigo"), |token| {
            let target = target!(
                "https://acme.kinde.com/api/v1/users/",
                (ID),
                "/properties/",
                ("kp_usr_city"),
                "?value=",
                ("Bendigo")
            );
            assemble(Method::PUT, target, None, token)
        }),
    ]
}

/// The second page of those with an e-mail address.
fn next_page() -> Case {
    let (cursor, email) = ("MTo6OmlkX2FzYw==", "ada@example.com");
    request(GetUsers::new().page_size(500).next_token(cursor).email(email), move |token| {
        let size = black_box(500).to_string();
        let size = size.as_str();
        let target = target!(
            "https://acme.kinde.com/api/v1/users?page_size=",
            (size),
            "&next_token=",
            (cursor),
            "&email=",
            (email)
        );
        assemble(Method::GET, target, None, token)
    })
}

fn with_body() -> Vec<Case> {
    vec![
        create_user(),
        request(CreateUserBillingCustomer::new(ID, "org_1ccfb819462", "billing@example.com"), |token| {
            #[derive(Serialize)]
            struct Body {
                org_code: &'static str,
                billing_email: &'static str,
            }
            let body = json(&Body { org_code: "org_1ccfb819462", billing_email: "billing@example.com" });
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/billing_customer");
            assemble(Method::POST, target, body, token)
        }),
        request(CreateUserIdentity::email(ID, "ada@example.com"), |token| {
            #[derive(Serialize)]
            struct Body {
                value: &'static str,
                r#type: &'static str,
            }
            let body = json(&Body { value: "ada@example.com", r#type: "email" });
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/identities");
            assemble(Method::POST, target, body, token)
        }),
        request(SetUserPassword::new(ID, Password::bcrypt(BCRYPT)), |token| {
            #[derive(Serialize)]
            struct Body {
                hashed_password: &'static str,
                hashing_method: &'static str,
            }
            let body = json(&Body { hashed_password: BCRYPT, hashing_method: "bcrypt" });
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/password");
            assemble(Method::PUT, target, body, token)
        }),
        request(UpdateUser::new(ID).given_name("Ada").is_suspended(Patch::Set(false)), |token| {
            #[derive(Serialize)]
            struct Body {
                given_name: &'static str,
                is_suspended: bool,
            }
            let body = json(&Body { given_name: "Ada", is_suspended: false });
            let target = target!("https://acme.kinde.com/api/v1/user?id=", (ID));
            assemble(Method::PATCH, target, body, token)
        }),
        request(UpdateUserProperties::new(ID).property("kp_usr_city", "Bendigo"), |token| {
            #[derive(Serialize)]
            struct Body {
                properties: Properties,
            }
            #[derive(Serialize)]
            struct Properties {
                kp_usr_city: &'static str,
            }
            let body = json(&Body { properties: Properties { kp_usr_city: "Bendigo" } });
            let target = target!("https://acme.kinde.com/api/v1/users/", (ID), "/properties");
            assemble(Method::PATCH, target, body, token)
        }),
    ]
}

fn create_user() -> Case {
    #[derive(Serialize)]
    struct Body {
        profile: Profile,
        identities: [Identity; 1],
    }
    #[derive(Serialize)]
    struct Profile {
        given_name: &'static str,
        family_name: &'static str,
    }
    #[derive(Serialize)]
    struct Identity {
        r#type: &'static str,
        is_verified: bool,
        details: Details,
    }
    #[derive(Serialize)]
    struct Details {
        email: &'static str,
    }

    let identity = NewIdentity::email("ada@example.com").is_verified(true);
    request(CreateUser::new().given_name("Ada").family_name("Lovelace").identity(identity), |token| {
        let details = Details { email: "ada@example.com" };
        let body = json(&Body {
            profile: Profile { given_name: "Ada", family_name: "Lovelace" },
            identities: [Identity { r#type: "email", is_verified: true, details }],
        });
        assemble(Method::POST, target!("https://acme.kinde.com/api/v1/user"), body, token)
    })
}
