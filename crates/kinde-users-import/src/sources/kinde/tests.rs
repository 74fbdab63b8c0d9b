use std::borrow::ToOwned as _;
use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use kinde_users_core::UserId;
use kinde_users_core::operations::{FirebaseParameters, UpdateUser, UpdateUserProperties};

use crate::{Import, ImportErrors, ImportProblem, ImportUser, Mapping, PasswordParts, Source};

const BCRYPT: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
const ADDRESS: &str = "email is not an address: expected a name, one @ and a host";
const MD5: &str = "0123456789abcdef0123456789abcdef";

fn row(columns: &[(&str, &str)]) -> Result<ImportUser, String> {
    Mapping::new(Source::Kinde).row(columns.iter().copied()).map_err(|error| format!("{error}"))
}

fn line(json: &str) -> Result<ImportUser, String> {
    Mapping::new(Source::Kinde).line(json).map_err(|error| format!("{error}"))
}

/// Returns the names of the fields that are not taken.
fn lost(read: Result<ImportUser, ImportErrors>) -> Vec<String> {
    let errors = read.unwrap_err();
    assert!(errors.iter().all(|error| error.problem() == ImportProblem::NotTaken), "{errors}");
    errors.iter().map(|error| error.field().to_owned()).collect()
}

fn keys(user: &ImportUser) -> Vec<String> {
    user.keys().map(|(kind, value)| format!("{kind}={value}")).collect()
}

#[test]
fn id_of_kinde_itself_is_not_an_id_of_another_system() {
    const OWN: &str = "kp_0123456789abcdef0123456789abcdef";
    let mapping = Mapping::new(Source::Kinde);
    let id = |columns: &[(&str, &str)]| {
        let user = mapping.row(columns.iter().copied()).unwrap();
        user.provided_id().map(str::to_owned)
    };
    assert_eq!(id(&[("id", "kp_1"), ("provided_id", "42")]), Some("42".into()));
    assert_eq!(id(&[("id", OWN), ("external_id", "42")]), Some("42".into()));
    assert_eq!(id(&[("id", OWN), ("email", "ada@example.com"), ("provided_id", "")]), None);
    assert_eq!(id(&[("id", "42"), ("provided_id", "")]), Some("42".into()));
    for other in ["kp_1", "kp_0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdef"] {
        assert_eq!(id(&[("id", other)]), Some(other.to_owned()));
    }
    assert_eq!(mapping.line(r#"{"id":1042}"#).unwrap().provided_id(), Some("1042"));
}

#[test]
fn hash_parameters_are_part_of_the_password_or_an_error() {
    let line = |config: &str| {
        let password = format!(r#"{{"hashed_password":"{MD5}","hashing_algorithm":"md5"{config}}}"#);
        Mapping::new(Source::Kinde).line(&format!(r#"{{"email":"ada@example.com","password":{password}}}"#))
    };
    let beside = line(r#","salt":"x","salt_position":"suffix""#).unwrap();
    assert_ne!(beside, line("").unwrap());
    let within = r#","hashing_config":{"salt":"x","salt_position":"suffix","iterations":null}"#;
    assert_eq!(line(within).unwrap(), beside);
    for (config, says) in [
        (r#","salt":"x","hashing_config":{"salt":"y"}"#, "password.salt does not go with the rest"),
        (r#","hashing_config":{"pepper":"x"}"#, "password.hashing_config.pepper is not an accepted value"),
    ] {
        assert!(format!("{}", line(config).unwrap_err()).starts_with(says), "{config}");
    }
}

#[test]
fn row_and_line_make_the_same_user() {
    let of_row = row(&[
        ("email", "Ada@example.com"),
        ("id", "42"),
        ("first_name", "Ada"),
        ("last_name", "Lovelace"),
        ("username", "ada"),
        ("phone", "+61555111555"),
        ("phone_verified", "false"),
        ("email_verified", " TRUE "),
        ("hashed_password", MD5),
        ("hashing_method", "md5"),
        ("salt", "s"),
        ("salt_position", "suffix"),
        ("salt_format", ""),
    ]);
    let password = format!(
        r#"{{"hashed_password":"{MD5}","hashing_algorithm":"md5","salt":"s","salt_position":"suffix"}}"#
    );
    let of_line = line(&format!(
        r#"{{"id":"42","first_name":"Ada","last_name":"Lovelace","properties":[],"feature_flags":null,
            "password":{password},
            "identities":[{{"type":"email","identity":"Ada@example.com","is_verified":true}},
                {{"type":"username","identity":"ada"}},
                {{"type":"phone","identity":"+61555111555","is_verified":false}}]}}"#
    ));
    assert!(of_row.is_ok());
    assert_eq!(of_row, of_line);
    let user = of_row.unwrap();
    assert_eq!(keys(&user), ["email=ada@example.com", "username=ada", "phone=+61555111555", "id=42"]);
}

#[test]
fn lost_value_is_an_error_unless_ignored() {
    let columns = [
        ("email", "a@b"),
        ("role_key", "admin"),
        ("permission_key", ""),
        ("external_organization_id", "7"),
        ("First name", "Ada"),
    ];
    let mapping = Mapping::new(Source::Kinde);
    assert_eq!(lost(mapping.row(columns)), ["role_key", "external_organization_id", "First name"]);
    let some = mapping.clone().ignore("role_key").ignore("external_organization_id");
    assert_eq!(lost(some.row(columns)), ["First name"]);
    assert!(some.map("First name", "first_name").unwrap().row(columns).is_ok());
    assert!(mapping.clone().ignore_rest().row(columns).is_ok());

    let line = format!(
        r#"{{"email":"a@b","organizations":[{{"external_id":"7"}}],"properties":[{{"key":"k","value":1,"x":1}}],
            "identities":[{{"type":"oauth2:google","identity":"7"}},
                {{"type":"username","identity":"n","profile":{{"a":1}},"provider":null}}],
            "password":{{"hashed_password":"{BCRYPT}","hint":"pet"}}}}"#,
    );
    let names = [
        "organizations",
        "properties[].x",
        "identities of type oauth2:google",
        "identities[].profile",
        "password.hint",
    ];
    assert_eq!(lost(mapping.line(&line)), names);
    let mapping = names.iter().fold(mapping, |mapping, name| mapping.ignore(*name));
    assert!(mapping.line(&line).is_ok());
}

#[test]
fn repeated_identity_is_merged() {
    for (other, is_verified) in [
        (r#""email":"A@b""#, None),
        (r#""email":"A@b","email_verified":true"#, Some(true)),
        (r#""email_verified":false"#, Some(false)),
    ] {
        let json = format!(r#"{{{other},"identities":[{{"type":"email","identity":"a@b"}}]}}"#);
        let user = line(&json).unwrap();
        assert_eq!(keys(&user), ["email=a@b"]);
        assert_eq!(user.identities[0].is_verified, is_verified, "{other}");
    }
    // A template has such columns without values.
    assert!(row(&[("id", "1"), ("email", ""), ("email_verified", "FALSE")]).is_ok());
}

#[test]
fn name_that_looks_like_a_value_is_not_shown() {
    let shown = |name: &str| lost(Mapping::new(Source::Kinde).row([("id", "1"), (name, "x")]));
    for name in ["ada@example.com", "+61555111555", "a1234567", &"a".repeat(81), "two\nlines"] {
        assert_eq!(shown(name), ["(a name that looks like a value)"]);
    }
    assert_eq!(shown(" "), ["(a field without a name)"]);
    for name in ["shoe_size", "Shoe size", "x-1", "year 2024", "Größe", "@odata.type", &"a".repeat(80)] {
        assert_eq!(shown(name), [name]);
    }
    let line = r#"{"id":"1","identities":[{"type":"ada@example.com","identity":"x"}]}"#;
    assert_eq!(lost(Mapping::new(Source::Kinde).line(line)), ["identities of type another kind"]);
}

#[test]
fn byte_order_mark_is_removed() {
    assert_eq!(keys(&row(&[("\u{feff}email", "a@b")]).unwrap()), ["email=a@b"]);
    assert_eq!(keys(&line("\u{feff}{\"email\":\"a@b\"}").unwrap()), ["email=a@b"]);
}

#[test]
fn salt_that_can_be_read_in_two_ways_needs_its_format() {
    let hash = format!("{:A<43}=", "");
    let read = |format: &str| {
        row(&[
            ("id", "1"),
            ("hashing_method", "pbkdf2"),
            ("hashed_password", &hash),
            ("variant", "salted-pbkdf2-hmac-sha256"),
            ("salt", "73616c74"),
            ("salt_format", format),
        ])
    };
    let expected = "salt can be text, hex or base64: set salt_format to string, hex or base64";
    assert_eq!(read("").unwrap_err(), expected);
    assert!(read("hex").is_ok() && read("base64").is_ok() && read("hex") != read("base64"));
    // Kinde's export has the salt of a hash as it was sent.
    let config = r#""variant":"salted-pbkdf2-hmac-sha256","hashing_config":{"salt":"73616c74"}"#;
    let password = format!(r#"{{"hashed_password":"{hash}","hashing_algorithm":"pbkdf2",{config}}}"#);
    assert_eq!(line(&format!(r#"{{"id":"1","password":{password}}}"#)), read("base64"));
}

#[test]
fn format_of_a_missing_salt_has_no_meaning() {
    for (method, hash) in [("", BCRYPT), ("bcrypt", BCRYPT), ("crypt", BCRYPT), ("md5", MD5)] {
        let columns = [("id", "1"), ("hashing_method", method), ("hashed_password", hash)];
        let with_format = row(&[&columns[..], &[("salt_format", "hex")]].concat());
        assert_eq!(with_format, row(&columns), "{method}");
        assert!(with_format.is_ok(), "{method}");
    }
}

#[test]
fn name_may_have_several_lines_but_no_address_after_a_quote() {
    let name = |name: &str| row(&[("id", "1"), ("first_name", name)]);
    assert!(name("Ada\nLovelace").is_ok() && name("ada@example.com").is_ok());
    let error = name("Ada\nb@example.com").unwrap_err();
    assert!(error.starts_with("first_name contains a line break and an address"), "{error}");
    // JSON has no such quotes.
    assert!(line(r#"{"id":"1","first_name":"Ada\nb@example.com"}"#).is_ok());
}

#[test]
fn several_marks_for_no_value_are_no_names() {
    const MARK: &str = "is a mark for no value: leave the field empty, or pass the mark with --null";
    for (columns, fields) in [
        (&[("first_name", "None")] as &[_], &[] as &[_]),
        (&[("first_name", "None"), ("last_name", "Ada")], &[]),
        (&[("first_name", "None"), ("last_name", "null")], &["first_name", "last_name"]),
        (&[("phone", "NULL"), ("first_name", "None")], &["phone", "first_name"]),
        (
            &[("phone", "NULL"), ("username", "null"), ("first_name", "Nil")],
            &["phone", "username", "first_name"],
        ),
        // Neither is such a mark.
        (&[("first_name", "--"), ("last_name", "1-Mar")], &[]),
    ] {
        let expected: Vec<_> = fields.iter().map(|field| format!("{field} {MARK}")).collect();
        let read = row(&[&[("id", "1")], columns].concat());
        assert_eq!(read.err().unwrap_or_default(), expected.join("; "), "{columns:?}");
    }
    assert!(line(r#"{"id":"1","first_name":"None","last_name":"Nil"}"#).is_ok());
    // The exports of this project have each name as it is.
    let file = "id,first_name,last_name,total_sign_ins,failed_sign_ins\n1,None,Nil,0,0\n2,#REF!,Nil,0,0\n";
    let mapping = Mapping::new(Source::Kinde).ignore("total_sign_ins").ignore("failed_sign_ins");
    let read: Vec<_> = mapping.users([file.as_bytes()]).unwrap().map(|user| user.is_ok()).collect();
    assert_eq!(read, [true, false]);
}

#[test]
fn id_that_a_spreadsheet_rewrote_is_an_error_and_a_name_like_it_is_none() {
    for id in ["1.23457E+14", "1-Mar"] {
        assert!(row(&[("id", id)]).is_err(), "{id}");
        assert!(row(&[("id", "1"), ("last_name", id)]).is_ok(), "{id}");
        // Text in JSON did not go through a spreadsheet.
        assert!(line(&format!(r#"{{"id":"{id}"}}"#)).is_ok(), "{id}");
    }
    // Programs write no number of so many digits.
    assert!(row(&[("id", &("1".repeat(22) + ".0"))]).is_err());
    assert!(row(&[("id", &("1".repeat(23) + ".0"))]).is_ok());
}

#[test]
fn number_of_properties_and_identities_is_limited() {
    let list = |name: &str, count: usize, item: &dyn Fn(usize) -> String| {
        let items: Vec<_> = (0..count).map(item).collect();
        line(&format!(r#"{{"id":"1","{name}":[{}]}}"#, items.join(",")))
    };
    let value = |at| format!(r#"{{"key":"k{at}","value":"v"}}"#);
    for name in ["properties", "feature_flags"] {
        assert!(list(name, 1000, &value).is_ok(), "{name}");
        let error = list(name, 1001, &value).unwrap_err();
        assert_eq!(error, format!("{name}[1000].value exceeds the limit of 1,000 keys"));
    }
    let identity = |at| format!(r#"{{"type":"username","identity":"u{at}"}}"#);
    assert!(list("identities", 100, &identity).is_ok());
    let error = list("identities", 101, &identity).unwrap_err();
    assert_eq!(error, "identities[100].identity exceeds the limit of 100 identities");
}

#[test]
fn numbers_are_sent_unchanged() {
    for number in
        ["0", "-7", "18446744073709551615", "-9223372036854775808", "4.5", "0.1", "123456.789012345"]
    {
        let json = format!(r#"{{"id":"1","properties":[{{"key":"a","value":{number}}}]}}"#);
        let expected = UpdateUserProperties::new("kp_1").property("a", number);
        assert_eq!(line(&json).unwrap().set_properties(&UserId::from("kp_1")), Some(expected));
    }
}

#[test]
fn error_of_a_row_names_the_field_and_no_value() {
    for (columns, expected) in [
        (&[("first_name", "Ada")] as &[_], "email, phone, username or id is missing"),
        (&[("email", "ada")], ADDRESS),
        (&[("phone", "0412345678")], "phone does not begin with + and a country code"),
        (
            &[("email", "a@b"), ("email_verified", "maybe")],
            "email_verified has the wrong type or form: expected true or false",
        ),
        (&[("email", "a,b@c")], "email contains a character that is not allowed (U+002C)"),
        (&[("email", "a b@c")], "email contains a blank"),
        (&[("email", "a@@c")], ADDRESS),
        (&[("id", "1"), ("email_verified", "true")], "email is missing"),
        (&[("email", "a@b"), (" email", "b@b")], "email is duplicated"),
        (&[("email", "a@b"), ("salt", "s")], "hashed_password is missing"),
        (
            &[("email", "a@b"), ("hashed_password", "hunter2")],
            "hashed_password is not a valid bcrypt hash: it looks like a password in plain text",
        ),
        (
            &[("email", "a@b"), ("hashed_password", "h"), ("hashing_method", "argon2")],
            "hashing_method is not an accepted value: expected bcrypt, crypt, md5, sha256, wordpress, pbkdf2, \
                firebase-scrypt or aspnet-identity-v2",
        ),
        (
            &[("email", "a@b"), ("hashed_password", "h"), ("hashing_method", "None")],
            "hashing_method is not an accepted value: expected bcrypt, crypt, md5, sha256, wordpress, pbkdf2, \
                firebase-scrypt or aspnet-identity-v2",
        ),
    ] {
        assert_eq!(row(columns).unwrap_err(), expected);
    }
}

#[test]
fn user_whose_operations_cannot_be_sent_is_refused() {
    let error = row(&[("username", &"x".repeat(70_000))]).unwrap_err();
    assert!(error.ends_with("must not be longer than 65534 bytes"), "{error}");
    assert!(row(&[("username", &"x".repeat(2000))]).is_ok());
}

#[test]
fn error_of_a_line_names_the_path_and_no_value() {
    for (json, expected) in [
        ("[]", "line is not a JSON object"),
        ("{", "line is not JSON: EOF while parsing an object at column 1"),
        (r#"{"email":"ada@example.com" "id":"1"}"#, "line is not JSON: expected `,` or `}` at column 28"),
        (r#"{"id":[7]}"#, "id has the wrong type or form: expected text in quotes"),
        (r#"{"identities":[7]}"#, "identities[0] has the wrong type or form: expected an object in braces"),
        (r#"{"identities":[{"identity":"a@b"}]}"#, "identities[0].type is missing"),
        (r#"{"id":"1","properties":[{"value":1}]}"#, "properties[0].key is missing"),
        (r#"{"id":"1","properties":[{"key":" ","value":1}]}"#, "properties[0].key is missing"),
        (r#"{"id":"1","identities":[{"type":"email"}]}"#, "identities[0].identity is missing"),
        (r#"{"email":"a@b","email":"c@d"}"#, "email is duplicated"),
        (r#"{"id":"1","password":{"salt":"a","salt":"b"}}"#, "password.salt is duplicated"),
        (r#"{"id":"1","x@y":1,"x@y":2}"#, "(a name that looks like a value) is duplicated"),
        (
            r#"{"id":"1","properties":[{"key":"a","value":1},{"key":"a","value":1}]}"#,
            "properties[1].value is duplicated",
        ),
        (r#"{"email":"a@b\u0000"}"#, "email must not hold a line break or another control character"),
        (
            r#"{"id":"1","password":{"hashed_password":"0123456789abcdef0123456789abcdef","hashing_algorithm":"md5","salt":"a\n"}}"#,
            "password.salt must not hold a line break or another control character",
        ),
        (
            r#"{"email":"a@b","email_verified":true,"identities":[{"type":"email","identity":"A@b","is_verified":false}]}"#,
            "email_verified contradicts another field on whether the value is verified: change one of them",
        ),
        (
            r#"{"identities":[{"type":"phone","identity":"+61555111555","is_verified":false}],"phone_verified":true}"#,
            "phone_verified contradicts another field on whether the value is verified: change one of them",
        ),
        (
            r#"{"identities":[{"type":"email","identity":"a@b","is_verified":true},
                {"type":"email","identity":"A@B","is_verified":false}]}"#,
            "identities[1].identity contradicts another field on whether the value is verified: change one of them",
        ),
        // It is not clear which of the two is verified.
        (
            r#"{"email_verified":true,"identities":[{"type":"email","identity":"a@b"},
                {"type":"email","identity":"c@d"}]}"#,
            "email is missing",
        ),
        (
            r#"{"id":"1","properties":[{"key":"a","value":12345678901234567890123}]}"#,
            "properties[0].value has the wrong type or form: expected numbers of at most 15 digits, or text in quotes",
        ),
        (
            r#"{"id":"1","feature_flags":[{"key":"a","value":{"b":0.12345678901234567}}]}"#,
            "feature_flags[0].value has the wrong type or form: expected numbers of at most 15 digits, or text in quotes",
        ),
        (
            r#"{"id":"1","feature_flags":[{"key":"..","value":1}]}"#,
            "feature_flag_key must not be `.` or `..`",
        ),
        (
            r#"{"id":"1","password":{"hashed_password":"h","hashing_algorithm":"pbkdf2"}}"#,
            "password.salt is missing",
        ),
        (
            r#"{"id":"1","password":{"hashed_password":"hunter2"}}"#,
            "password.hashed_password is not a valid bcrypt hash: it looks like a password in plain text",
        ),
    ] {
        assert_eq!(line(json).unwrap_err(), expected);
    }
}

#[test]
fn error_of_a_password_names_what_its_method_expects() {
    const FORM: &str = "has the wrong type or form: expected";
    const UNKNOWN: &str = "is not an accepted value: expected";
    let error_of = |method: &str, hash: &str, more: &[(&str, &str)]| {
        let columns = [("id", "1"), ("hashing_method", method), ("hashed_password", hash)];
        let columns: Vec<_> = columns.iter().chain(more).copied().collect();
        row(&columns).unwrap_err()
    };
    for (method, expected) in [
        ("bcrypt", "a bcrypt hash: 60 characters that begin with $2a$, $2b$ or $2y$"),
        ("crypt", "a crypt hash that begins with $1$, $5$, $6$ or $y$, or the 13 characters of DES"),
        ("md5", "an MD5 hash: 32 hex digits, or 16 bytes in base64"),
        ("sha256", "a SHA-256 hash: 64 hex digits"),
        ("wordpress", "a WordPress hash that begins with $P$, $H$, $wp$ or $2, or 32 hex digits"),
        (
            "aspnet-identity-v2",
            "an ASP.NET Identity version 2 hash: 68 characters of base64 for 49 bytes, the first of them 0",
        ),
    ] {
        let expected = format!("hashed_password {FORM} {expected}");
        assert_eq!(error_of(method, "a text in the form of no hash", &[]), expected);
    }
    for (method, more, expected) in [
        (
            "pbkdf2",
            [("salt", "c2FsdA=="), ("variant", "salted-pbkdf2-hmac-sha256")].as_slice(),
            "a PBKDF2 hash in base64, of as many bytes as the variant has",
        ),
        (
            "firebase-scrypt",
            &[
                ("salt", "c2FsdA=="),
                ("signer_key", "a2V5"),
                ("salt_separator", "Bw=="),
                ("rounds", "8"),
                ("mem_cost", "14"),
            ],
            "a hash of Firebase's scrypt: 64 bytes in base64",
        ),
    ] {
        let expected = format!("hashed_password {FORM} {expected}");
        assert_eq!(error_of(method, "a text in the form of no hash", more), expected);
    }
    let variants =
        "salted-pbkdf2-hmac-sha256, salted-pbkdf2-hmac-sha256-512 or salted-pbkdf2-hmac-sha512-512";
    for (method, more, expected) in [
        (
            "pbkdf2",
            ("salt", "no base64"),
            format!("salt {FORM} base64, or the format that salt_format names"),
        ),
        ("pbkdf2", ("salt", "c2FsdA=="), format!("variant is missing: expected {variants}")),
        ("md5", ("salt", "s"), "salt_position is missing: expected prefix or suffix".into()),
        ("md5", ("iterations", "many"), format!("iterations {FORM} a whole number")),
        (
            "firebase-scrypt",
            ("salt", "c2FsdA=="),
            "signer_key is missing: expected base64_signer_key and the other parameters of the Firebase project (--firebase FILE)"
                .into(),
        ),
    ] {
        assert_eq!(error_of(method, MD5, &[more]), expected);
    }
    let hex =
        |salt| error_of("md5", MD5, &[("salt", salt), ("salt_format", "hex"), ("salt_position", "prefix")]);
    assert_eq!(hex("ff"), format!("salt {FORM} the format that salt_format names, with UTF-8 text in it"));
    let middle = error_of("md5", MD5, &[("salt", "s"), ("salt_position", "middle")]);
    assert_eq!(middle, format!("salt_position {UNKNOWN} prefix or suffix"));
    let octal = error_of("md5", MD5, &[("salt", "s"), ("salt_format", "octal"), ("salt_position", "prefix")]);
    assert_eq!(octal, format!("salt_format {UNKNOWN} string, hex or base64"));
    let sha1 = error_of("pbkdf2", MD5, &[("salt", "c2FsdA=="), ("variant", "sha1")]);
    assert_eq!(sha1, format!("variant {UNKNOWN} {variants}"));
}

#[test]
fn unverifiable_hash_is_dropped_only_if_asked() {
    let argon2 = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo";
    let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
    let read = |mapping: Mapping, method: &str, hash: &str| {
        mapping.row([("id", "1"), ("hashing_method", method), ("hashed_password", hash)])
    };
    let mapping = || Mapping::new(Source::Kinde);
    for (method, hash, form) in [
        ("", argon2, "an argon2 hash"),
        ("argon2id", argon2, "an argon2 hash"),
        ("", sha1, "40 hex digits, as SHA-1 has"),
    ] {
        let error = read(mapping(), method, hash).unwrap_err().to_string();
        assert!(error.contains(form) && !error.contains(hash), "{error}");
        let user = read(mapping().drop_unverifiable(), method, hash);
        assert!(user.unwrap().password.is_none(), "{form}");
    }
    // A method that Kinde does not know may be a mistake, so the error lists those that it knows.
    let error = read(mapping(), "sha512", "hash").unwrap_err().to_string();
    assert!(error.starts_with("hashing_method is not an accepted value: expected bcrypt"), "{error}");
    assert!(read(mapping().drop_unverifiable(), "sha512", "hash").unwrap().password.is_none());
    // Kinde can verify this hash, so the method is a mistake.
    for method in ["bcyrpt", "md5"] {
        assert!(read(mapping().drop_unverifiable(), method, BCRYPT).is_err(), "{method}");
    }
    assert!(read(mapping().drop_unverifiable(), "", "hunter2").is_err());
    // Another part of the password is the mistake.
    for (part, value, problem) in [
        ("salt", "s", "salt_position is missing"),
        ("salt_position", "middle", "salt_position is not an accepted value"),
        ("iterations", "7", "iterations does not go with the rest"),
    ] {
        let columns = [("id", "1"), ("hashing_method", "md5"), ("hashed_password", argon2), (part, value)];
        let error = mapping().drop_unverifiable().row(columns).unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
    }
    let columns = [
        ("id", "1"),
        ("hashing_method", "pbkdf2"),
        ("hashed_password", argon2),
        ("salt", "no base64"),
        ("variant", "salted-pbkdf2-hmac-sha256"),
    ];
    let error = mapping().drop_unverifiable().row(columns).unwrap_err().to_string();
    assert!(error.starts_with("salt has the wrong type or form"), "{error}");
}

#[test]
fn parameters_of_the_mapping_apply_to_all_hashes() {
    let form = Mapping::new(Source::Kinde)
        .pbkdf2("salted-pbkdf2-hmac-sha256", Some(1000))
        .firebase(FirebaseParameters::new("a2V5", "Bw==", 8, 14));
    let (pbkdf2, scrypt) = (format!("{:A<43}=", ""), format!("{:A<86}==", ""));
    for (method, hash, salt) in [
        ("pbkdf2", pbkdf2.as_str(), "c2FsdA=="),
        ("firebase-scrypt", &scrypt, "c2FsdA=="),
        ("bcrypt", BCRYPT, ""),
    ] {
        let columns = [("id", "1"), ("hashed_password", hash), ("hashing_method", method), ("salt", salt)];
        let user = form.row(columns).unwrap();
        assert_eq!(user.password.unwrap().hashing_method(), method);
    }
    let columns =
        [("id", "1"), ("hashed_password", &pbkdf2), ("hashing_method", "pbkdf2"), ("salt", "c2FsdA==")];
    let own = [("variant", "salted-pbkdf2-hmac-sha256"), ("iterations", "1000")];
    assert_eq!(form.row(columns), Mapping::new(Source::Kinde).row(columns.into_iter().chain(own)));
    assert_ne!(form.row(columns), form.row(columns.into_iter().chain([("iterations", "1001")])));
    assert_eq!(
        format!("{form:?}"),
        "Mapping { source: Kinde, firebase: Some(FirebaseParameters(rounds 8, mem_cost 14)), .. }"
    );
}

#[test]
fn update_sets_everything_only_for_an_existing_user() {
    let id = UserId::from("kp_1");
    let user = row(&[("id", "1"), ("first_name", "Ada"), ("is_suspended", "false")]).unwrap();
    assert!(user.update(&id, false).is_none());
    let all = UpdateUser::new(&id).given_name("Ada").provided_id("1").is_suspended(false);
    assert_eq!(user.update(&id, true), Some(all));
    let suspended = row(&[("id", "1"), ("is_suspended", "true")]).unwrap();
    assert_eq!(Mapping::new(Source::Kinde).suspended().row([("id", "1")]), Ok(suspended.clone()));
    assert_eq!(suspended.update(&id, false), Some(UpdateUser::new(&id).is_suspended(true)));
    assert!(row(&[("email", "a@b")]).unwrap().update(&id, true).is_none());
}

#[test]
fn property_values_become_text() {
    let user = line(
        r#"{"id":"1","properties":[{"key":"a","value":true},{"key":"b","value":""},{"key":"c","value":4.5}]}"#,
    );
    let id = UserId::from("kp_1");
    let expected = UpdateUserProperties::new(&id).property("a", true).property("c", "4.5");
    assert_eq!(user.unwrap().set_properties(&id), Some(expected));
}

#[test]
fn debug_shows_nothing_personal() {
    let user = row(&[("email", "ada@example.com"), ("hashed_password", BCRYPT)]).unwrap();
    assert_eq!(format!("{user:?}"), "ImportUser { identities: 1, password: Some(Password(bcrypt)), .. }");
    assert_eq!(format!("{:?}", Import::new(user)), "Import(Unfinished)");
    assert_eq!(format!("{:?}", PasswordParts::new(BCRYPT)), "PasswordParts { .. }");
    let mapping = Mapping::new(Source::Kinde);
    let mut users = mapping.users(["email\nada@example.com\nada\n".as_bytes()]).unwrap();
    assert_eq!(users.by_ref().count(), 2);
    assert_eq!(format!("{:?}", users.plan()), "Plan(2 lines, 1 users, 1 rejected)");
}

#[test]
fn field_is_mapped_to_each_kind_of_target() {
    let mapping = |becomes| Mapping::new(Source::Kinde).map("x", becomes);
    for (becomes, value, json) in [
        ("username", "ada", r#"{"id":"1","username":"ada"}"#),
        ("email_verified", "yes", r#"{"id":"1","email":"a@b","email_verified":true}"#),
        ("property:plan", "gold", r#"{"id":"1","properties":[{"key":"plan","value":"gold"}]}"#),
        ("feature_flag:beta", "on", r#"{"id":"1","feature_flags":[{"key":"beta","value":"on"}]}"#),
    ] {
        let email = if becomes == "email_verified" { "a@b" } else { "" };
        let user = mapping(becomes).unwrap().row([("id", "1"), ("email", email), ("x", value)]).unwrap();
        assert_eq!(user, line(json).unwrap(), "{becomes}");
    }
    let error = mapping("shoe_size").map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("unknown target: expected email, email_verified, "), "{error}");
    for unknown in ["", "shoe_size", "property:", "feature_flag:", "flag:beta"] {
        assert!(mapping(unknown).is_err(), "{unknown}");
    }
}
