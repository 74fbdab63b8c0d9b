//! Writes random users in the form of each system, without the code of the crate, and reads them
//! back.

mod support;

use std::fmt::Write as _;

use csv::{QuoteStyle, WriterBuilder};
use kinde_users_core::operations::FirebaseParameters;
use kinde_users_import::{Mapping, Source};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::sent;

#[derive(Clone, Debug)]
struct Person {
    first: String,
    last: String,
    username: Option<String>,
    phone: Option<u32>,
    is_verified: bool,
    is_suspended: bool,
    /// The bytes of the hash.
    hash: Option<[u8; 64]>,
}

fn people() -> impl Strategy<Value = Vec<Person>> {
    let person = (
        "\\p{L}([\\p{L}'\",;-]{0,8}\\p{L})?",
        "\\p{L}([\\p{L}'\",;-]{0,8}\\p{L})?( \\p{L}{1,5})?",
        prop::option::of("[a-z0-9._-]{1,9}[a-z0-9]"),
        prop::option::of(1_000_000..9_999_999_u32),
        any::<bool>(),
        any::<bool>(),
        prop::option::of(any::<[u8; 64]>()),
    );
    let person = person.prop_map(|(first, last, username, phone, is_verified, is_suspended, hash)| Person {
        first,
        last,
        username,
        phone,
        is_verified,
        is_suspended,
        hash,
    });
    prop::collection::vec(person, 1..6)
}

/// A user in the form for the writers: each value is text, and empty if there is none.
struct Written {
    id: String,
    email: String,
    first: String,
    last: String,
    username: String,
    phone: String,
    is_verified: bool,
    is_suspended: bool,
    hash: Option<[u8; 64]>,
}

impl Written {
    fn of(at: usize, person: &Person) -> Self {
        let Person { first, last, username, phone, is_verified, is_suspended, hash } = person.clone();
        Self {
            id: format!("id-{at}"),
            email: format!("ada.{at}@example.com"),
            first,
            last,
            // The name is unique, and no stand-in for a value.
            username: username.map_or(String::new(), |name| format!("u{at}.{name}")),
            phone: phone.map_or(String::new(), |phone| format!("+6{at}{phone}")),
            is_verified,
            is_suspended,
            hash,
        }
    }

    fn base64(&self, from: usize, bytes: usize) -> String {
        self.hash.map_or(String::new(), |hash| base64(&hash[from..from + bytes]))
    }

    fn hex(&self, bytes: usize) -> String {
        let mut text = String::new();
        for byte in self.hash.iter().flat_map(|hash| &hash[..bytes]) {
            write!(text, "{byte:02x}").unwrap();
        }
        text
    }

    /// Returns a bcrypt hash of a prefix and 53 characters.
    fn bcrypt(&self, prefix: &str) -> String {
        const DIGITS: &[u8] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let digit = |byte: &u8| char::from(DIGITS[usize::from(byte % 64)]);
        self.hash.map_or(String::new(), |hash| prefix.chars().chain(hash[..53].iter().map(digit)).collect())
    }

    fn full(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// Encodes base64 without the code of the crate.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let all = part.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for at in 0..=part.len() {
            text.push(char::from(DIGITS[(all >> (18 - 6 * at)) as usize & 63]));
        }
        text.push_str(&"=".repeat(3 - part.len()));
    }
    text
}

fn lines(records: impl IntoIterator<Item = Value>) -> Vec<u8> {
    records.into_iter().flat_map(|record| (record.to_string() + "\n").into_bytes()).collect()
}

/// Writes rows under the names of the columns of the first one.
fn rows(records: &[Vec<(&str, String)>], separator: u8, style: QuoteStyle) -> Vec<u8> {
    let mut writer = WriterBuilder::new().delimiter(separator).quote_style(style).from_writer(Vec::new());
    writer.write_record(records[0].iter().map(|(name, _)| name)).unwrap();
    for record in records {
        writer.write_record(record.iter().map(|(_, value)| value)).unwrap();
    }
    writer.into_inner().unwrap()
}

/// The parts of a user that a form lacks, and the password that it makes.
struct Form {
    without: &'static [&'static str],
    password: Value,
}

/// Returns the requests that are expected for a user.
fn expected(written: &Written, form: Form) -> Value {
    let verified = |identity: Value| {
        let mut identity = identity;
        if !form.without.contains(&"verification") {
            identity["is_verified"] = written.is_verified.into();
        }
        identity
    };
    let mut identities = vec![verified(json!({"type": "email", "details": {"email": written.email}}))];
    if !form.without.contains(&"phone") && !written.phone.is_empty() {
        identities.push(json!({"type": "phone", "details": {"phone": written.phone}}));
    }
    if !form.without.contains(&"username") && !written.username.is_empty() {
        identities.push(json!({"type": "username", "details": {"username": written.username}}));
    }
    let profile = json!({"given_name": written.first, "family_name": written.last});
    let create = json!({"profile": profile, "provided_id": written.id, "identities": identities});
    let mut sent = json!({ "create_user": create });
    if written.hash.is_some() && !form.password.is_null() {
        sent["set_user_password"] = form.password;
    }
    if written.is_suspended && !form.without.contains(&"suspension") {
        sent["update_user"] = json!({"is_suspended": true});
    }
    sent
}

fn check(mapping: &Mapping, files: &[Vec<u8>], expected: Vec<Value>) {
    let mut users = mapping.users(files.iter().map(Vec::as_slice)).unwrap();
    let read: Vec<_> = users.by_ref().map(|read| read.map(|read| sorted(sent(read.user)))).collect();
    let expected: Vec<_> = expected.into_iter().map(|user| Ok(sorted(user))).collect();
    let texts = || files.iter().map(|file| String::from_utf8_lossy(file)).collect::<Vec<_>>();
    assert_eq!(read, expected, "{}", texts().join("\n---\n"));
    let plan = users.plan();
    assert!(plan.loses_nothing(), "{plan}");
}

/// Sorts the identities, as their order does not matter.
fn sorted(mut sent: Value) -> Value {
    let identities = sent["create_user"]["identities"].as_array_mut().unwrap();
    identities.sort_by_key(ToString::to_string);
    sent
}

fn bcrypt(hash: &str) -> Value {
    json!({"hashed_password": hash, "hashing_method": "bcrypt"})
}

fn text(value: &str) -> Value {
    if value.is_empty() { Value::Null } else { value.into() }
}

fn written(people: &[Person]) -> Vec<Written> {
    people.iter().enumerate().map(|(at, person)| Written::of(at, person)).collect()
}

fn styles() -> impl Strategy<Value = QuoteStyle> {
    prop_oneof![Just(QuoteStyle::Always), Just(QuoteStyle::Necessary)]
}

/// Writes users with `line`, as lines, as an array and as an array in an object, and reads them
/// back.
fn check_json(
    mapping: &Mapping,
    people: &[Written],
    line: impl Fn(&Written) -> Value,
    form: impl Fn(&Written) -> Form,
) {
    let records: Vec<_> = people.iter().map(line).collect();
    let expected = || people.iter().map(|user| expected(user, form(user))).collect();
    check(mapping, &[lines(records.clone())], expected());
    check(mapping, &[serde_json::to_vec_pretty(&records).unwrap()], expected());
    check(mapping, &[json!({"total": 7, "users": records}).to_string().into_bytes()], expected());
}

/// Writes users with `row`, and reads them back.
fn check_csv<'a>(
    mapping: &Mapping,
    people: &'a [Written],
    style: QuoteStyle,
    row: impl Fn(&'a Written) -> Vec<(&'static str, String)>,
    form: impl Fn(&Written) -> Form,
) {
    let records: Vec<_> = people.iter().map(row).collect();
    for separator in *b",;\t" {
        let expected = people.iter().map(|user| expected(user, form(user))).collect();
        check(mapping, &[rows(&records, separator, style)], expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn kinde(people in people(), style in styles()) {
        let (people, mapping) = (written(&people), Mapping::new(Source::Kinde));
        let form = |user: &Written| Form { without: &[], password: json!({"hashed_password": user.hex(32), "hashing_method": "sha256",
                "salt": "pepper!", "salt_position": "suffix"}) };
        let row = |user: &Written| vec![
            ("id", user.id.clone()),
            ("email", user.email.clone()),
            ("email_verified", user.is_verified.to_string()),
            ("first_name", user.first.clone()),
            ("last_name", user.last.clone()),
            ("username", user.username.clone()),
            ("phone", user.phone.clone()),
            ("is_suspended", user.is_suspended.to_string()),
            ("hashed_password", user.hex(32)),
            ("hashing_method", "sha256".to_owned()),
            ("salt", user.hash.map_or("", |_| "pepper!").to_owned()),
            ("salt_position", "suffix".to_owned()),
        ];
        check_csv(&mapping, &people, style, row, form);
        let line = |user: &Written| {
            let mut identities = vec![
                json!({"type": "email", "identity": user.email, "is_verified": user.is_verified}),
                json!({"type": "username", "identity": user.username}),
                json!({"type": "phone", "identity": user.phone}),
            ];
            identities.retain(|identity| identity["identity"] != "");
            json!({
                "id": "kp_0123456789abcdef0123456789abcdef",
                "external_id": user.id,
                "first_name": user.first,
                "last_name": user.last,
                "identities": identities,
                "is_suspended": user.is_suspended,
                "password": user.hash.map(|_| json!({
                    "hashed_password": user.hex(32),
                    "hashing_algorithm": "sha256",
                    "hashing_config": {"salt": "pepper!", "salt_position": "suffix"},
                })),
            })
        };
        check_json(&mapping, &people, line, form);
    }

    #[test]
    fn auth0(people in people(), hashes_first in any::<bool>()) {
        let (people, mapping) = (written(&people), Mapping::new(Source::Auth0).ignore("password_set_date"));
        let users = lines(people.iter().map(|user| json!({
            "user_id": format!("auth0|{}", user.id),
            "email": user.email,
            "email_verified": user.is_verified,
            "given_name": user.first,
            "family_name": user.last,
            "name": user.full(),
            "phone_number": text(&user.phone),
            "username": text(&user.username),
            "blocked": user.is_suspended,
            "identities": [{"connection": "c", "provider": "auth0", "user_id": user.id, "isSocial": false}],
        })));
        let hashes = lines(people.iter().rev().filter(|user| user.hash.is_some()).map(|user| json!({
            "_id": {"$oid": user.id},
            "email": user.email,
            "passwordHash": user.bcrypt("$2b$10$"),
            "password_set_date": {"$date": "2024-03-01T00:00:00.000Z"},
            "tenant": "acme",
        })));
        let expected = people.iter().map(|user| {
            let mut sent = expected(user, Form { without: &[], password: bcrypt(&user.bcrypt("$2b$10$")) });
            sent["create_user"]["provided_id"] = format!("auth0|{}", user.id).into();
            sent
        });
        let mut files = vec![users, hashes];
        files.retain(|file| !file.is_empty());
        if hashes_first {
            files.reverse();
        }
        check(&mapping, &files, expected.collect());
    }

    #[test]
    fn firebase(people in people(), style in styles()) {
        let parameters = FirebaseParameters::new(base64(&[7; 64]), "Bw==", 8, 14);
        let (people, mapping) = (written(&people), Mapping::new(Source::Firebase).firebase(parameters));
        let form = |user: &Written| Form {
            without: &["username"],
            password: json!({"hashed_password": user.base64(0, 64), "hashing_method": "firebase-scrypt",
                "salt": user.base64(3, 10), "signer_key": base64(&[7; 64]), "salt_separator": "Bw==",
                "rounds": 8, "mem_cost": 14}) };
        let url = |text: String| text.replace('+', "-").replace('/', "_");
        let line = |user: &Written| json!({
            "localId": user.id,
            "email": user.email,
            "emailVerified": user.is_verified,
            "displayName": user.full(),
            "phoneNumber": text(&user.phone),
            "passwordHash": text(&url(user.base64(0, 64))),
            "salt": text(&url(user.base64(3, 10))),
            "disabled": user.is_suspended,
            "providerUserInfo": [{"providerId": "password", "email": user.email}],
        });
        check_json(&mapping, &people, line, form);
        let row = |user: &Written| {
            let mut row = vec![String::new(); 29];
            row[0].clone_from(&user.id);
            row[1].clone_from(&user.email);
            row[2] = user.is_verified.to_string();
            row[3] = user.base64(0, 64);
            row[4] = user.base64(3, 10);
            row[5] = user.full();
            row[25].clone_from(&user.phone);
            row[26] = user.is_suspended.to_string();
            row
        };
        let mut writer = WriterBuilder::new().quote_style(style).from_writer(Vec::new());
        for user in &people {
            writer.write_record(row(user)).unwrap();
        }
        let file = writer.into_inner().unwrap();
        check(&mapping, &[file], people.iter().map(|user| expected(user, form(user))).collect());
    }

    #[test]
    fn clerk(people in people(), style in styles()) {
        let (people, mapping) = (written(&people), Mapping::new(Source::Clerk));
        let row = |user: &Written| vec![
            ("id", user.id.clone()),
            ("first_name", user.first.clone()),
            ("last_name", user.last.clone()),
            ("username", user.username.clone()),
            ("primary_email_address", user.email.clone()),
            ("primary_phone_number", user.phone.clone()),
            ("verified_email_addresses", if user.is_verified { user.email.clone() } else { String::new() }),
            ("unverified_email_addresses", if user.is_verified { String::new() } else { user.email.clone() }),
            ("password_digest", user.bcrypt("$2a$10$")),
            ("password_hasher", user.hash.map_or("", |_| "bcrypt").to_owned()),
        ];
        let form = |user: &Written| {
            Form { without: &["suspension"], password: bcrypt(&user.bcrypt("$2a$10$")) }
        };
        check_csv(&mapping, &people, style, row, form);
    }

    #[test]
    fn supabase(people in people(), style in styles()) {
        let (people, mapping) = (written(&people), Mapping::new(Source::Supabase).now("2026-01-01T00:00:00Z"));
        let form = |user: &Written| Form {
            without: if user.is_verified { &["username"] } else { &["username", "verification"] },
            password: bcrypt(&user.bcrypt("$2a$10$")) };
        let data = |user: &Written| json!({"first_name": user.first, "last_name": user.last, "name": user.full()});
        let at = |is_so: bool, time: &str| if is_so { time.to_owned() } else { String::new() };
        let row = |user: &Written| vec![
            ("instance_id", "00000000-0000-0000-0000-000000000000".to_owned()),
            ("id", user.id.clone()),
            ("aud", "authenticated".to_owned()),
            ("email", user.email.clone()),
            ("encrypted_password", user.bcrypt("$2a$10$")),
            ("email_confirmed_at", at(user.is_verified, "2024-01-01 00:00:00+00")),
            ("phone", user.phone.trim_start_matches('+').to_owned()),
            ("raw_user_meta_data", data(user).to_string()),
            ("banned_until", at(user.is_suspended, "2026-01-01 00:00:01+00")),
        ];
        check_csv(&mapping, &people, style, row, form);
        let line = |user: &Written| json!({
            "id": user.id,
            "email": user.email,
            "encrypted_password": user.bcrypt("$2a$10$"),
            "email_confirmed_at": text(&at(user.is_verified, "2024-01-01T00:00:00Z")),
            "phone": user.phone.trim_start_matches('+'),
            "raw_user_meta_data": data(user),
            "banned_until": at(!user.is_suspended, "2025-12-31T23:59:59Z"),
            "deleted_at": text(&at(user.is_suspended, "2020-01-01T00:00:00Z")),
            "is_anonymous": false,
        });
        check_json(&mapping, &people, line, form);
    }

    #[test]
    fn fusionauth(people in people(), is_camel in any::<bool>(), is_bcrypt in any::<bool>()) {
        let (people, mapping) = (written(&people), Mapping::new(Source::FusionAuth));
        let form = |user: &Written| Form { without: &[], password: if is_bcrypt {
                bcrypt(&user.bcrypt("$2a$07$"))
            } else {
                json!({"hashed_password": user.base64(0, 32), "hashing_method": "pbkdf2",
                    "salt": user.base64(5, 16), "variant": "salted-pbkdf2-hmac-sha256", "iterations": 24000})
            } };
        let line = |user: &Written| {
            let name = |snake: &str| {
                let mut name = snake.to_owned();
                while let (true, Some(at)) = (is_camel, name.find('_')) {
                    name.remove(at);
                    let next = name.remove(at).to_ascii_uppercase();
                    name.insert(at, next);
                }
                name
            };
            let mut line = json!({
                "id": user.id,
                "email": user.email,
                "verified": user.is_verified,
                "username": text(&user.username),
                name("mobile_phone"): text(&user.phone),
                name("first_name"): user.first,
                name("last_name"): user.last,
                "active": !user.is_suspended,
            });
            if user.hash.is_some() {
                let hash = user.bcrypt("$2a$07$");
                line[name("encryption_scheme")] = if is_bcrypt { "bcrypt" } else { "salted-pbkdf2-hmac-sha256" }.into();
                line["salt"] = if is_bcrypt { hash[7..29].to_owned() } else { user.base64(5, 16) }.into();
                line["factor"] = if is_bcrypt { 7 } else { 24000 }.into();
                line["password"] = if is_bcrypt { hash[29..].to_owned() } else { user.base64(0, 32) }.into();
            }
            line
        };
        check_json(&mapping, &people, line, form);
    }

    #[test]
    fn aspnet_identity(people in people(), style in styles(), case in 0..3_usize) {
        let (people, mapping) = (written(&people), Mapping::new(Source::AspNetIdentity).now("2026-01-01T00:00:00Z"));
        let hash = |user: &Written| {
            user.hash.map_or(String::new(), |hash| base64(&[&[0], &hash[..48]].concat()))
        };
        let or_null = |text: String| if text.is_empty() { "NULL".to_owned() } else { text };
        let names = |name: &'static str, lower: &'static str, snake: &'static str| [name, lower, snake][case];
        let row = |user: &Written| vec![
            (names("Id", "id", "id"), user.id.clone()),
            (names("Email", "email", "email"), user.email.clone()),
            (names("EmailConfirmed", "emailconfirmed", "email_confirmed"), u8::from(user.is_verified).to_string()),
            (
                names("UserName", "username", "user_name"),
                if user.username.is_empty() { user.email.clone() } else { user.username.clone() },
            ),
            (names("PhoneNumber", "phonenumber", "phone_number"), or_null(user.phone.clone())),
            (names("PasswordHash", "passwordhash", "password_hash"), or_null(hash(user))),
            (names("FirstName", "firstname", "first_name"), user.first.clone()),
            (names("LastName", "lastname", "last_name"), user.last.clone()),
            (
                names("LockoutEnd", "lockoutend", "lockout_end"),
                if user.is_suspended { "9999-12-31 23:59:59.0000000 +00:00" } else { "NULL" }.to_owned(),
            ),
        ];
        let form = |user: &Written| Form { without: &[], password: json!({"hashed_password": hash(user), "hashing_method": "aspnet-identity-v2"}) };
        check_csv(&mapping, &people, style, row, form);
    }

    #[test]
    fn wordpress(people in people(), style in styles(), is_new in any::<bool>()) {
        let (people, mapping) = (written(&people), Mapping::new(Source::WordPress));
        let hash = move |user: &Written| {
            if is_new { user.bcrypt("$wp$2y$10$") } else { user.hex(16) }
        };
        let row = |user: &Written| vec![
            ("ID", user.id.clone()),
            ("user_login", if user.username.is_empty() { user.email.clone() } else { user.username.clone() }),
            ("user_pass", hash(user)),
            ("user_email", user.email.clone()),
            ("user_status", "0".to_owned()),
            ("display_name", user.full()),
        ];
        let form = |user: &Written| Form {
            without: &["phone", "suspension", "verification"],
            password: json!({"hashed_password": hash(user), "hashing_method": "wordpress"}) };
        check_csv(&mapping, &people, style, row, form);
    }

    #[test]
    fn keycloak(people in people(), is_sha512 in any::<bool>()) {
        let (people, mapping) = (written(&people), Mapping::new(Source::Keycloak));
        let variant = if is_sha512 { "salted-pbkdf2-hmac-sha512-512" } else { "salted-pbkdf2-hmac-sha256-512" };
        let form = |user: &Written| Form {
            without: &["phone"],
            password: json!({"hashed_password": user.base64(0, 64), "hashing_method": "pbkdf2",
                "salt": user.base64(9, 16), "variant": variant, "iterations": 27500}) };
        let algorithm = if is_sha512 { "pbkdf2-sha512" } else { "pbkdf2-sha256" };
        let line = |user: &Written| {
            let secret = json!({"value": user.base64(0, 64), "salt": user.base64(9, 16)}).to_string();
            let data = json!({"hashIterations": 27500, "algorithm": algorithm}).to_string();
            let credential = json!({"type": "password", "secretData": secret, "credentialData": data});
            json!({
                "id": user.id,
                "username": if user.username.is_empty() { &user.email } else { &user.username },
                "email": user.email,
                "emailVerified": user.is_verified,
                "firstName": user.first,
                "lastName": user.last,
                "enabled": !user.is_suspended,
                "credentials": user.hash.iter().map(|_| credential.clone()).collect::<Vec<_>>(),
                "realmRoles": ["default-roles-acme"],
                "totp": false,
            })
        };
        check_json(&mapping, &people, line, form);
    }
}
