//! Which fields of a password hash each hashing method accepts.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::args::Fields;
use crate::failure::{Problem, Problems};
use crate::user::FakePassword;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const VARIANTS: [&str; 3] =
    ["salted-pbkdf2-hmac-sha256", "salted-pbkdf2-hmac-sha256-512", "salted-pbkdf2-hmac-sha512-512"];

#[derive(Clone, Copy)]
enum Need {
    Required,
    Optional,
    Refused,
}

struct Rules {
    salt: Need,
    salt_position: Need,
    iterations: Need,
    variant: Need,
    firebase: Need,
}

/// Returns the rules of a method, or `None` for a method that Kinde does not have, such as argon2
/// and plain text.
fn rules(method: &str, has_salt: bool) -> Option<Rules> {
    use Need::{Optional, Refused, Required};
    let any = Rules {
        salt: Optional,
        salt_position: Optional,
        iterations: Optional,
        variant: Optional,
        firebase: Refused,
    };
    Some(match method {
        "bcrypt" => Rules { salt: Refused, salt_position: Refused, ..any },
        "crypt" | "wordpress" => any,
        "md5" | "sha256" => Rules { salt_position: if has_salt { Required } else { Optional }, ..any },
        "pbkdf2" => Rules { salt: Required, variant: Required, ..any },
        "firebase-scrypt" => {
            Rules { salt: Required, iterations: Refused, variant: Refused, firebase: Required, ..any }
        }
        "aspnet-identity-v2" => Rules {
            salt: Refused,
            salt_position: Refused,
            iterations: Refused,
            variant: Refused,
            firebase: Refused,
        },
        _ => return None,
    })
}

/// Reads a password, and records what is wrong with it in `fields`.
pub(crate) fn read(fields: &mut Fields) -> FakePassword {
    let mut password = FakePassword {
        hashed_password: fields.required("hashed_password"),
        hashing_method: fields.text("hashing_method").option().unwrap_or_else(|| "bcrypt".to_owned()),
        salt: fields.text("salt").option(),
        salt_position: fields.text("salt_position").option(),
        iterations: fields.number("iterations").option(),
        variant: fields.text("variant").option(),
        signer_key: fields.text("signer_key").option(),
        salt_separator: fields.text("salt_separator").option(),
        rounds: fields.number("rounds").option(),
        mem_cost: fields.number("mem_cost").option(),
        is_temporary_password: fields.flag("is_temporary_password").option().unwrap_or_default(),
    };
    let more = problems(&password, &fields.problems);
    fields.problems.extend(more);
    if password.hashing_method == "pbkdf2" {
        password.iterations.get_or_insert(24_000);
    }
    password
}

/// Returns what is wrong by the rules of the method. An empty text counts as missing.
fn problems(p: &FakePassword, told: &Problems) -> Vec<Problem> {
    // A field with a wrong type must not be reported as missing too.
    let is_told = |field: &str| told.contains(&Problem::invalid(field));
    if is_told("hashing_method") {
        return Vec::new();
    }
    let is_given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    let has_salt = is_given(&p.salt);
    let Some(rules) = rules(&p.hashing_method, has_salt) else {
        return vec![Problem::invalid("hashing_method")];
    };
    let mut problems = Vec::new();
    let mut check = |field: &str, need: Need, given: bool, valid: bool| match need {
        _ if is_told(field) => {}
        Need::Required if !given => problems.push(Problem::required(field)),
        Need::Refused if given => problems.push(Problem::not_allowed(field)),
        Need::Required | Need::Optional if given && !valid => problems.push(Problem::invalid(field)),
        Need::Required | Need::Optional | Need::Refused => {}
    };
    let is_base64 = |text: &Option<String>| text.as_ref().is_some_and(|text| BASE64.decode(text).is_ok());
    let is_one_of =
        |text: &Option<String>, of: &[&str]| text.as_ref().is_some_and(|t| of.contains(&t.as_str()));
    let method = p.hashing_method.as_str();

    let hash = &p.hashed_password;
    let hash_is_valid = match method {
        "sha256" => hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "aspnet-identity-v2" => BASE64.decode(hash).is_ok(),
        _ => true,
    };
    check("hashed_password", Need::Optional, !hash.is_empty(), hash_is_valid);
    let salt_is_base64 = matches!(method, "pbkdf2" | "firebase-scrypt");
    check("salt", rules.salt, has_salt, !salt_is_base64 || is_base64(&p.salt));
    let position_is_valid = is_one_of(&p.salt_position, &["prefix", "suffix"]);
    check("salt_position", rules.salt_position, is_given(&p.salt_position), position_is_valid);
    check("iterations", rules.iterations, p.iterations.is_some(), p.iterations != Some(0));
    let variant_is_valid = method != "pbkdf2" || is_one_of(&p.variant, &VARIANTS);
    check("variant", rules.variant, is_given(&p.variant), variant_is_valid);
    check("signer_key", rules.firebase, is_given(&p.signer_key), is_base64(&p.signer_key));
    check("salt_separator", rules.firebase, is_given(&p.salt_separator), is_base64(&p.salt_separator));
    check("rounds", rules.firebase, p.rounds.is_some(), p.rounds.is_some_and(|n| (1..=16).contains(&n)));
    check(
        "mem_cost",
        rules.firebase,
        p.mem_cost.is_some(),
        p.mem_cost.is_some_and(|n| (1..=20).contains(&n)),
    );
    problems
}
