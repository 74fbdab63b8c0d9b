//! Checks that any operation with any arguments becomes the documented request, or is refused with
//! a reason.

use serde_json::{Map, Value as Json, json};

use crate::support::documented::{Arguments, DOCUMENTED, Pair, check};

/// The first byte is the operation, `a` for the first. The rest are its arguments, separated by
/// `0xff`.
pub fn request(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let operation = &DOCUMENTED[usize::from(first.wrapping_sub(b'a')) % DOCUMENTED.len()];
    let mut texts = Texts::new(rest);
    let arguments = Arguments {
        path: operation.places().map(|_| texts.text()).collect(),
        query: operation.query.iter().map(|pair| value_of(pair, &mut texts)).collect(),
        body: body_of(operation.name, &mut texts),
    };
    check(operation, &arguments, "t");
}

/// Texts, separated by a byte that none of them contains.
struct Texts<'a>(std::slice::Split<'a, u8, fn(&u8) -> bool>);

impl<'a> Texts<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self(data.split(|byte| *byte == 0xff))
    }

    /// Returns the next text, or an empty one at the end.
    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.0.next().unwrap_or_default()).into_owned()
    }

    /// Returns the next text if it begins with `=`.
    fn maybe(&mut self) -> Option<Json> {
        self.text().strip_prefix('=').map(Json::from)
    }

    /// Returns the next text as `true` or `false`.
    fn flag(&mut self) -> Option<Json> {
        self.text().parse().ok().map(Json::Bool)
    }

    fn number(&mut self) -> Option<u32> {
        self.text().parse().ok()
    }
}

/// Returns the name and the value of a query pair, if it is present.
fn value_of(pair: &Pair, texts: &mut Texts<'_>) -> Option<(&'static str, Json)> {
    match *pair {
        Pair::Id(name) | Pair::Value(name) => Some((name, texts.text().into())),
        // After a `<` the text is the first of the names, and after a `=` the last one.
        Pair::Cursor(names) => match texts.text().split_at_checked(1)? {
            ("<", text) => Some((*names.first()?, text.into())),
            ("=", text) => Some((*names.last()?, text.into())),
            _ => None,
        },
        Pair::List(name) => {
            let list: Vec<Json> = std::iter::from_fn(|| texts.maybe()).collect();
            Some((name, list.into()))
        }
        Pair::Flag(name) => Some((name, texts.flag()?)),
        Pair::Number(name, _) => Some((name, texts.number()?.into())),
        Pair::Time(name) => Some((name, texts.maybe()?)),
    }
}

/// Returns an object of the fields that have a value.
fn object<const N: usize>(fields: [(&str, Option<Json>); N]) -> Json {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn body_of(operation: &str, texts: &mut Texts<'_>) -> Option<Json> {
    match operation {
        "create_user" => Some(new_user(texts)),
        "create_user_billing_customer" => Some(new_customer(texts)),
        "create_user_identity" => Some(new_identity(texts)),
        "set_user_password" => Some(password(texts)),
        "update_user" => Some(changes(texts)),
        "update_user_properties" => Some(properties(texts)),
        _ => None,
    }
}

fn set(object: &mut Json, name: &str, value: Option<impl Into<Json>>) {
    if let Some(value) = value {
        object[name] = value.into();
    }
}

fn new_user(texts: &mut Texts<'_>) -> Json {
    let profile = object(["given_name", "family_name", "picture"].map(|name| (name, texts.maybe())));
    let mut user = object([
        ("profile", Some(profile).filter(|profile| *profile != json!({}))),
        ("organization_code", texts.maybe()),
        ("provided_id", texts.maybe()),
    ]);
    let mut identities = Vec::new();
    while let kind @ ("email" | "phone" | "username") = texts.text().as_str() {
        let mut details = json!({kind: texts.text()});
        if kind == "phone" {
            set(&mut details, "phone_country_id", texts.maybe());
        }
        let is_verified = texts.flag();
        identities.push(object([
            ("type", Some(kind.into())),
            ("is_verified", is_verified),
            ("details", Some(details)),
        ]));
    }
    if !identities.is_empty() {
        user["identities"] = identities.into();
    }
    user
}

fn new_customer(texts: &mut Texts<'_>) -> Json {
    object([
        ("org_code", Some(texts.text().into())),
        ("billing_email", Some(texts.text().into())),
        ("billing_plan_code", texts.maybe()),
    ])
}

fn new_identity(texts: &mut Texts<'_>) -> Json {
    let (kind, value) = (texts.text(), texts.text());
    match kind.as_str() {
        "phone" => json!({"type": kind, "value": value, "phone_country_id": texts.text()}),
        "social" | "enterprise" => json!({"type": kind, "value": value, "connection_id": texts.text()}),
        "username" => json!({"type": kind, "value": value}),
        _ => json!({"type": "email", "value": value}),
    }
}

fn password(texts: &mut Texts<'_>) -> Json {
    let (method, hash) = (texts.text(), texts.text());
    let mut body = json!({"hashed_password": hash, "hashing_method": method});
    set(&mut body, "is_temporary_password", texts.flag());
    match method.as_str() {
        "aspnet-identity-v2" => {}
        "pbkdf2" => {
            body["salt"] = texts.text().into();
            body["variant"] = texts.text().into();
            set(&mut body, "iterations", texts.number());
        }
        "firebase-scrypt" => {
            for name in ["salt", "signer_key", "salt_separator"] {
                body[name] = texts.text().into();
            }
            for name in ["rounds", "mem_cost"] {
                body[name] = texts.number().unwrap_or(8).into();
            }
        }
        "crypt" | "wordpress" | "md5" | "sha256" => {
            if let Some(salt) = texts.maybe() {
                body["salt"] = salt;
                body["salt_position"] = if texts.text() == "suffix" { "suffix" } else { "prefix" }.into();
            }
        }
        _ => body["hashing_method"] = "bcrypt".into(),
    }
    body
}

fn changes(texts: &mut Texts<'_>) -> Json {
    // A field is set after a `=`, cleared, or left alone.
    let mut change = |name| {
        let text = texts.text();
        let value = match text.strip_prefix('=') {
            Some(flag @ ("true" | "false")) if str::starts_with(name, "is_") => {
                Some(Json::Bool(flag == "true"))
            }
            Some(_) if str::starts_with(name, "is_") => None,
            Some(value) => Some(value.into()),
            None => (text == "null").then_some(Json::Null),
        };
        (name, value)
    };
    object([
        change("given_name"),
        change("family_name"),
        change("picture"),
        change("is_suspended"),
        change("is_password_reset_requested"),
        change("provided_id"),
    ])
}

fn properties(texts: &mut Texts<'_>) -> Json {
    let mut properties = Map::new();
    while let Some(Json::String(key)) = texts.maybe() {
        properties.insert(key, texts.maybe().unwrap_or_default());
    }
    json!({"properties": properties})
}
