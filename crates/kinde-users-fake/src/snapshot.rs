//! Writes users as lines of JSON, and reads them.
//!
//! A line has the form of Kinde's own export, `users.ndjson`, with additional fields for what that
//! form lacks.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, HashSet};

use kinde_users_core::OrganizationCode;
use serde_json::{Value, json};

use crate::args::{Fields, Given};
use crate::failure::{Problem, Problems};
use crate::fake_kinde::FakeKinde;
use crate::time;
use crate::user::{FakeFactor, FakeIdentity, FakePassword, FakeSession, FakeUser, NewFakeUser};

/// Why users could not be imported. No user was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportError {
    /// The number of the line, starting at 1.
    pub line: usize,
    /// What is wrong with the line, as codes of the API. `LINE_INVALID` means that it is not a JSON
    /// object. `ID_INVALID` also means that the id is repeated.
    pub codes: Vec<String>,
}

impl ImportError {
    fn new(line: usize, problems: Problems) -> Self {
        Self { line, codes: problems.into_codes() }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.codes.join(", "))
    }
}

impl core::error::Error for ImportError {}

impl FakeKinde {
    /// Returns all users as NDJSON, one user a line in the order of their creation.
    /// [`import`](Self::import) and programs that read Kinde's export can read it.
    ///
    /// A line has the fields of Kinde's export (`id`, `email`, `phone`, `username`, `first_name`,
    /// `last_name`, `created_on`, `identities`, `external_id`, `business_code`, `organizations`,
    /// `email_verified`, `password`), and additionally everything else that the tenant knows of the
    /// user. Tokens, faults and requests are not exported.
    pub fn export(&self) -> String {
        let tenant = self.lock();
        let mut lines = String::new();
        for (_, user) in tenant.users.after(0) {
            lines.push_str(&write(user).to_string());
            lines.push('\n');
        }
        lines
    }

    /// Adds the users of an [`export`](Self::export), or of Kinde's own, and returns their number.
    ///
    /// Instants are read to the microsecond. An absent field and null mean that there is no value.
    /// Unknown fields are ignored. An existing user with the same id is replaced. The tenant then
    /// assigns other ids than the one that was exported, even if both have the same seed.
    ///
    /// # Errors
    ///
    /// Returns an [`ImportError`] for the first line that is not valid. No user is added then.
    pub fn import(&self, ndjson: &str) -> Result<usize, ImportError> {
        let mut users = Vec::new();
        let mut ids = HashSet::new();
        for (line, text) in (1..).zip(ndjson.lines()).filter(|(_, text)| !text.trim().is_empty()) {
            let fields = Fields::parse(text.as_bytes());
            let mut fields =
                fields.ok_or_else(|| ImportError::new(line, [Problem::invalid("line")].into()))?;
            let user = read(&mut fields);
            if !user.user.id.as_str().is_empty() && !ids.insert(user.user.id.clone()) {
                fields.problems.push(Problem::invalid("id"));
            }
            if !fields.problems.is_empty() {
                return Err(ImportError::new(line, fields.problems));
            }
            users.push(user);
        }
        let mut tenant = self.lock();
        let count = users.len();
        for user in &users {
            tenant.ids.avoid(user.user.id.as_str());
        }
        for user in users {
            tenant.add(user);
        }
        Ok(count)
    }
}

/// Writes a user as a line of an export.
pub(crate) fn write(user: &FakeUser) -> Value {
    let at = |at: Duration| time::timestamp(at).to_string();
    let verified = user.identities.iter().find(|identity| identity.kind == "email");
    let identity = |identity: &FakeIdentity| {
        json!({
            "type": identity.kind,
            "identity": identity.value,
            "provider": identity.kind.strip_prefix("oauth2:"),
            "id": identity.id,
            "is_verified": identity.is_confirmed,
            "connection_id": identity.connection_id,
            "created_on": at(identity.created_on),
        })
    };
    let password = |password: &FakePassword| {
        json!({
            "hashed_password": password.hashed_password,
            "hashing_algorithm": password.hashing_method,
            "hashing_config": {
                "salt": password.salt,
                "salt_position": password.salt_position,
                "iterations": password.iterations,
                "variant": password.variant,
                "signer_key": password.signer_key,
                "salt_separator": password.salt_separator,
                "rounds": password.rounds,
                "mem_cost": password.mem_cost,
            },
            "is_temporary": password.is_temporary_password,
        })
    };
    let session = |session: &FakeSession| {
        json!({
            "id": session.id,
            "client_id": session.client_id,
            "org_code": session.org_code,
            "connection_id": session.connection_id,
            "started_on": at(session.started_on),
        })
    };
    let factor = |factor: &FakeFactor| {
        json!({
            "id": factor.id,
            "type": factor.kind,
            "name": factor.name,
            "created_on": at(factor.created_on),
        })
    };
    let sign_in = |(code, last): &(OrganizationCode, Duration)| json!({ "org_code": code, "last_signed_in": at(*last) });
    json!({
        "id": user.id,
        "email": user.email(),
        "phone": user.phone(),
        "username": user.username(),
        "first_name": user.given_name,
        "last_name": user.family_name,
        "created_on": at(user.created_on),
        "identities": user.identities.iter().map(identity).collect::<Value>(),
        "external_id": user.provided_id,
        "business_code": null,
        "organizations": user.organizations,
        "email_verified": verified.and_then(|identity| identity.is_confirmed),
        "password": user.password.as_deref().map(password),
        "picture": user.picture,
        "is_suspended": user.is_suspended,
        "is_password_reset_requested": user.is_password_reset_requested,
        "total_sign_ins": user.total_sign_ins,
        "failed_sign_ins": user.failed_sign_ins,
        "last_signed_in": user.last_signed_in.map(at),
        "last_organization_sign_ins": user.organization_sign_ins.iter().map(sign_in).collect::<Value>(),
        "properties": user.properties,
        "feature_flags": user.feature_flags,
        "sessions": user.sessions.iter().map(session).collect::<Value>(),
        "mfa": user.factors.iter().map(factor).collect::<Value>(),
        "billing_customer_id": user.billing_customer,
        "billing_organizations": user.billing_organizations,
        "claims_refreshed": user.claims_refreshed,
    })
}

/// Reads a user from a line of an export.
pub(crate) fn read(fields: &mut Fields) -> NewFakeUser {
    // An empty text is not an identity, and could not be read back.
    let named = ["email", "phone", "username"]
        .map(|kind| (kind, fields.text(kind).option().filter(|value| !value.is_empty())));
    let verified = fields.flag("email_verified").option();
    let mut user = FakeUser {
        id: id(fields, "id"),
        provided_id: fields.text("external_id").option(),
        given_name: fields.text("first_name").option(),
        family_name: fields.text("last_name").option(),
        picture: fields.text("picture").option(),
        billing_customer: fields.text("billing_customer_id").option().map(Into::into),
        is_suspended: flag(fields, "is_suspended"),
        is_password_reset_requested: flag(fields, "is_password_reset_requested"),
        total_sign_ins: count(fields, "total_sign_ins"),
        failed_sign_ins: count(fields, "failed_sign_ins"),
        claims_refreshed: count(fields, "claims_refreshed"),
        last_signed_in: instant(fields, "last_signed_in"),
        created_on: beginning(fields, "created_on"),
        organizations: organizations(fields, "organizations"),
        billing_organizations: organizations(fields, "billing_organizations"),
        organization_sign_ins: fields.each("last_organization_sign_ins", |item| {
            (item.required("org_code").into(), instant(item, "last_signed_in").unwrap_or_default())
        }),
        identities: fields.each("identities", identity),
        properties: texts(fields, "properties"),
        feature_flags: texts(fields, "feature_flags"),
        sessions: fields.each("sessions", session),
        factors: fields.each("mfa", |item| FakeFactor {
            id: id(item, "id"),
            kind: item.required("type"),
            name: item.text("name").option().unwrap_or_default(),
            created_on: beginning(item, "created_on"),
        }),
        password: password(fields).map(Box::new),
    };
    // An export names these values besides the identities. An export without an identity of the
    // kind means the same.
    for (kind, value) in named {
        let Some(value) = value.filter(|_| !user.identities.iter().any(|identity| identity.kind == kind))
        else {
            continue;
        };
        let is_confirmed = verified.filter(|_| kind == "email");
        user.identities.push(FakeIdentity {
            kind: kind.to_owned(),
            value,
            is_confirmed,
            ..FakeIdentity::default()
        });
    }
    NewFakeUser { user }
}

fn flag(fields: &mut Fields, key: &str) -> bool {
    fields.flag(key).option().unwrap_or_default()
}

fn count(fields: &mut Fields, key: &str) -> u64 {
    fields.number(key).option().unwrap_or_default()
}

/// Reads an instant. No user of Kinde has an instant before 1970.
fn instant(fields: &mut Fields, key: &str) -> Option<Duration> {
    fields.take(key, |value| Duration::try_from(time::parse(value.as_str()?)?.as_duration()).ok()).option()
}

/// Reads when something began. The tenant replaces zero with its present time, so a given zero
/// becomes a nanosecond. It is written as zero, because what is written has microseconds.
fn beginning(fields: &mut Fields, key: &str) -> Duration {
    instant(fields, key).map(|at| at.max(Duration::from_nanos(1))).unwrap_or_default()
}

/// Reads an id that may be missing.
fn id<Id: From<String>>(fields: &mut Fields, key: &str) -> Id {
    fields.text(key).option().unwrap_or_default().into()
}

/// Reads codes, or objects with a code.
fn organizations(fields: &mut Fields, key: &str) -> Vec<OrganizationCode> {
    let code = |item: &Value| {
        let code = item
            .as_str()
            .or_else(|| item.get("code")?.as_str())
            .or_else(|| item.get("external_id")?.as_str());
        code.map(OrganizationCode::from)
    };
    let codes = fields.take(key, |value| value.as_array()?.iter().map(code).collect::<Option<_>>());
    codes.option().unwrap_or_default()
}

/// Reads an object of texts, or the list of `{key, value}` that Kinde's importer accepts.
fn texts<Key: From<String> + Ord>(fields: &mut Fields, key: &str) -> BTreeMap<Key, String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    let pair = |item: &Value| Some((item.get("key")?.as_str()?.to_owned().into(), text(item.get("value")?)?));
    let texts = fields.take(key, |value| match &value {
        Value::Object(object) => {
            object.iter().map(|(key, value)| Some((key.clone().into(), text(value)?))).collect()
        }
        Value::Array(items) => items.iter().map(pair).collect(),
        _ => None,
    });
    texts.option().unwrap_or_default()
}

fn identity(item: &mut Fields) -> FakeIdentity {
    let kind = item.required("type");
    let provider = item.text("provider").option();
    FakeIdentity {
        kind: match provider {
            Some(provider) if kind == "social" => format!("oauth2:{provider}"),
            _ => kind,
        },
        value: item.required("identity"),
        id: id(item, "id"),
        is_confirmed: item.flag("is_verified").option(),
        connection_id: item.text("connection_id").option().map(Into::into),
        created_on: beginning(item, "created_on"),
    }
}

fn session(item: &mut Fields) -> FakeSession {
    FakeSession {
        id: id(item, "id"),
        client_id: id(item, "client_id"),
        org_code: item.text("org_code").option().map(Into::into),
        connection_id: id(item, "connection_id"),
        started_on: beginning(item, "started_on"),
    }
}

fn password(fields: &mut Fields) -> Option<FakePassword> {
    let Given::Value(mut item) = fields.object("password") else { return None };
    // Kinde's importer accepts these fields next to the hash, while the export nests them here.
    if let Given::Value(config) = item.object("hashing_config") {
        item.merge(config);
    }
    let password = FakePassword {
        hashed_password: item.required("hashed_password"),
        hashing_method: item.text("hashing_algorithm").option().unwrap_or_else(|| "bcrypt".to_owned()),
        salt: item.text("salt").option(),
        salt_position: item.text("salt_position").option(),
        iterations: item.number("iterations").option(),
        variant: item.text("variant").option(),
        signer_key: item.text("signer_key").option(),
        salt_separator: item.text("salt_separator").option(),
        rounds: item.number("rounds").option(),
        mem_cost: item.number("mem_cost").option(),
        is_temporary_password: flag(&mut item, "is_temporary"),
    };
    fields.absorb("password", item);
    Some(password)
}
