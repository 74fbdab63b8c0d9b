//! Kinde's import forms: what a line of a file says of a user.

mod exact;
mod expected;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::iter::repeat_n;

use kinde_users_core::models::{IdentityType, User};
use kinde_users_core::operations::{
    CreateUser, FirebaseParameters, NewIdentity, Password, SetUserPassword, UpdateUser,
    UpdateUserFeatureFlagOverride, UpdateUserProperties,
};
use kinde_users_core::{
    BuildError, DynOperation, FeatureFlagKey, FindUser, Job, Patch, Problem, PropertyKey, Redacted, UserId,
    Value,
};
use serde_json::{Map, Value as Json};

use crate::error::{ImportError, ImportProblem};
use crate::password::PasswordParts;

/// Reads users in the two forms that Kinde's own importer takes: rows of CSV and lines of NDJSON.
///
/// ```
/// use kinde_users_import::ImportForm;
///
/// let form = ImportForm::new();
/// let ada = form.row([("email", "ada@example.com"), ("email_verified", "TRUE"), ("role_key", "admin")])?;
/// assert_eq!(ada.left_out(), ["role_key"]);
///
/// let line = r#"{"id":"42","identities":[{"type":"phone","identity":"+61555111555"}],
///     "feature_flags":[{"key":"theme","value":"dark"}],"organizations":[{"external_id":"7","roles":["admin"]}]}"#;
/// assert_eq!(form.line(line)?.left_out(), ["organizations"]);
///
/// let error = form.row([("email", "ada")]).unwrap_err();
/// assert_eq!(error.to_string(), "email has the wrong type or form: expected an address with one @ and no blanks");
/// # Ok::<(), kinde_users_import::ImportError>(())
/// ```
///
/// # Columns of CSV
///
/// `email`, `id` (an id of another system: the `provided_id`), `first_name`, `last_name`,
/// `username`, `phone`, `email_verified`, `phone_verified`, `hashed_password`, `hashing_method`,
/// `salt`, `salt_position`, `salt_format`. Of ours, beside those: `is_suspended`, `variant` and
/// `iterations` of PBKDF2, and `provided_id`, beside which an `id` is left out.
///
/// # Keys of NDJSON
///
/// `id`, `first_name`, `last_name`, `identities` of `{type, identity, is_verified}`, `properties`
/// and `feature_flags` of `{key, value}`, `password` of `{hashed_password, hashing_algorithm, salt,
/// salt_position, salt_format}` or, as in Kinde's export, with the last three in its
/// `hashing_config`. Of ours, beside those: `email`, `phone`, `username` and their flags as in CSV,
/// `is_suspended`, and `variant` and `iterations` in `password`.
///
/// # What no operation can carry out
///
/// Roles, permissions and memberships of organisations, social and enterprise identities (which
/// need the id of a connection) and any other column or key that has a value:
/// [`ImportUser::left_out`] names them. Nothing is dropped or changed in silence: what stands
/// twice, what contradicts itself, and a number that would be another one when it is sent, with
/// more than 15 digits, is an error.
///
/// # What is refused
///
/// Line breaks and other control characters in columns and texts, but for the values of properties
/// and feature flags: a quote that is not closed makes one value of many rows. No error and no name
/// of what is left out tells a value; neither do they tell a column or key that looks as if it were
/// one.
#[derive(Clone, Default)]
#[must_use]
pub struct ImportForm {
    variant: String,
    iterations: Option<u32>,
    firebase: Option<FirebaseParameters>,
    is_suspended: Option<bool>,
}

impl ImportForm {
    /// The forms as they are.
    pub fn new() -> Self {
        Self::default()
    }

    /// What all hashes of PBKDF2 have in common that do not say it themselves: Kinde's forms have
    /// no place for it.
    pub fn pbkdf2(mut self, variant: impl Into<String>, iterations: Option<u32>) -> Self {
        self.variant = variant.into();
        self.iterations = iterations;
        self
    }

    /// The parameters of the Firebase project, for hashes of its scrypt.
    pub fn firebase(mut self, parameters: FirebaseParameters) -> Self {
        self.firebase = Some(parameters);
        self
    }

    /// Suspends the users of whom the file does not say whether they are: it is then for you to let
    /// them in.
    pub fn suspended(mut self) -> Self {
        self.is_suspended = Some(true);
        self
    }

    /// Reads a row of CSV, given as its columns' names and values.
    ///
    /// # Errors
    ///
    /// An [`ImportError`] names the first column that is wrong. A user that is read can be sent.
    pub fn row<'a>(
        &self,
        columns: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<ImportUser, ImportError> {
        let mut entries = Map::new();
        for (name, value) in columns {
            let name = name.trim_start_matches(BYTE_ORDER_MARK).trim();
            let refuse = |problem| Err(ImportError::new(shown(name).to_owned(), problem));
            if value.contains(char::is_control) {
                return refuse(Problem::ControlCharacter.into());
            }
            if entries.insert(name.to_owned(), Json::from(value)).is_some() {
                return refuse(ImportProblem::Twice);
            }
        }
        let mut row = Fields::new(entries);
        let password = self.password(&mut row, "hashing_method")?;
        self.read(row, password)
    }

    /// Reads a line of NDJSON.
    ///
    /// # Errors
    ///
    /// An [`ImportError`] names the first field that is wrong. A user that is read can be sent.
    pub fn line(&self, json: &str) -> Result<ImportUser, ImportError> {
        let Json::Object(object) = exact::read(json.trim_start_matches(BYTE_ORDER_MARK))? else {
            return Err(ImportError::new("line", Problem::WrongType).expecting(expected::LINE));
        };
        let mut line = Fields::new(object);
        let password = match line.object("password")? {
            Some(mut parts) => {
                let config = parts.object("hashing_config")?;
                let names = config.map_or(Ok(Vec::new()), |config| parts.merge(config))?;
                let password = self.password(&mut parts, "hashing_algorithm")?;
                // Without what it was made with, the hash would never match.
                if let Some(name) = names.iter().find(|name| parts.entries.get(*name).is_some_and(is_value)) {
                    return Err(
                        parts.error(&format!("hashing_config.{}", shown(name)), ImportProblem::Unknown)
                    );
                }
                line.left_out.append(&mut parts.rest());
                password
            }
            None => None,
        };
        self.read(line, password)
    }

    fn password(&self, fields: &mut Fields, method_name: &str) -> Result<Option<Password>, ImportError> {
        let text = |fields: &mut Fields, name| Ok::<_, ImportError>(fields.text(name)?.unwrap_or_default());
        let (hash, method) = (text(fields, "hashed_password")?, text(fields, method_name)?);
        let salt = fields.salt()?;
        let (position, format) = (text(fields, "salt_position")?, text(fields, "salt_format")?);
        let (variant, iterations) = (text(fields, "variant")?, fields.number("iterations")?);
        let texts = [&hash, &method, &salt, &position, &format, &variant];
        if texts.iter().all(|text| text.is_empty()) && iterations.is_none() {
            return Ok(None);
        }
        let common = method == "pbkdf2";
        let variant = if common && variant.is_empty() { self.variant.clone() } else { variant };
        let mut parts = PasswordParts::new(hash)
            .hashing_method(method.as_str())
            .salt(salt)
            .salt_position(position)
            .salt_format(format)
            .variant(variant);
        if let Some(iterations) = iterations.or(self.iterations.filter(|_| common)) {
            parts = parts.iterations(iterations);
        }
        if let Some(firebase) = &self.firebase {
            parts = parts.firebase(firebase.clone());
        }
        let refused = |error: ImportError| {
            let (part, problem) = (error.field(), error.problem());
            let name = if part == "hashing_method" { method_name } else { part };
            fields.error(name, problem).expecting(expected::of_password(part, problem, &method))
        };
        parts.password().map(Some).map_err(refused)
    }

    fn read(&self, mut fields: Fields, password: Option<Password>) -> Result<ImportUser, ImportError> {
        let mut identities = Vec::new();
        for mut item in fields.objects("identities")? {
            let kind = item.text("type")?.ok_or_else(|| item.error("type", Problem::Missing))?;
            match Kind::of(&kind) {
                Some(kind) => {
                    let is_verified = item.flag("is_verified")?;
                    let identity = item.identity("identity", kind, is_verified)?;
                    let identity = identity.ok_or_else(|| item.error("identity", Problem::Missing))?;
                    if !add(&mut identities, identity) {
                        return Err(item.error("is_verified", Problem::NotAllowed));
                    }
                    fields.left_out.append(&mut item.rest());
                }
                // A connection is known by an id of Kinde's, which a provider's name does not tell.
                None => fields.left_out.push(format!("identities of type {}", shown(&kind))),
            }
        }
        for (name, kind, verified) in [
            ("email", Kind::Email, Some("email_verified")),
            ("username", Kind::Username, None),
            ("phone", Kind::Phone, Some("phone_verified")),
        ] {
            let is_verified = verified.map_or(Ok(None), |verified| fields.flag(verified))?;
            let verified = verified.unwrap_or_default();
            let identity = if let Some(identity) = fields.identity(name, kind, is_verified)? {
                identity
            } else {
                let mut known = identities.iter().filter(|identity| identity.kind == kind);
                match (is_verified, known.next(), known.next()) {
                    // That nothing is not verified says nothing.
                    (None, ..) | (Some(false), None, _) => continue,
                    (_, Some(identity), None) => Identity { is_verified, ..identity.clone() },
                    _ => return Err(fields.error(name, Problem::Missing)),
                }
            };
            if !add(&mut identities, identity) {
                return Err(fields.error(verified, Problem::NotAllowed));
            }
        }
        // Where that has a column of its own, as in an export, the id is one of Kinde's, and left
        // out.
        let provided_id = match fields.text("provided_id")? {
            Some(id) => Some(id),
            None => fields.text("id")?,
        };
        let mut user = ImportUser {
            provided_id: provided_id.map(Redacted::from),
            given_name: fields.text("first_name")?.map(Redacted::from),
            family_name: fields.text("last_name")?.map(Redacted::from),
            identities,
            password,
            properties: fields.values("properties")?,
            feature_flags: fields.values("feature_flags")?,
            is_suspended: fields.flag("is_suspended")?.or(self.is_suspended),
            left_out: Vec::new(),
        };
        user.left_out = fields.rest();
        if user.identities.is_empty() && user.provided_id.is_none() {
            return Err(ImportError::new("email, phone, username or id", Problem::Missing));
        }
        user.check().map_err(|error| ImportError::new(error.argument(), error.problem()))?;
        Ok(user)
    }
}

impl fmt::Debug for ImportForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportForm").field("firebase", &self.firebase).finish_non_exhaustive()
    }
}

/// A user of a file; see [`ImportForm`].
#[derive(Clone, PartialEq, Eq)]
pub struct ImportUser {
    provided_id: Option<Redacted>,
    given_name: Option<Redacted>,
    family_name: Option<Redacted>,
    identities: Vec<Identity>,
    password: Option<Password>,
    properties: Vec<(PropertyKey, Value)>,
    feature_flags: Vec<(FeatureFlagKey, Value)>,
    is_suspended: Option<bool>,
    left_out: Vec<String>,
}

impl ImportUser {
    /// The columns and keys that have a value and that no operation can carry out.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// What belongs to this user and to no other: kind (`email`, `username`, `phone`, `id`) and
    /// value, an identity's in lower case. Two users of a file that share one are a mistake.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, String)> {
        let identities =
            self.identities.iter().map(|identity| (identity.kind.name(), identity.value.to_lowercase()));
        identities.chain(self.provided_id.as_ref().map(|id| ("id", id.as_str().to_owned())))
    }

    /// The id that the user has in another system.
    pub fn provided_id(&self) -> Option<&str> {
        self.provided_id.as_deref()
    }

    /// How to look for the user. `None` for one who has nothing but a `provided_id`, which no
    /// operation looks for: go through all users for those.
    pub fn lookup(&self) -> Option<FindUser> {
        let of = |kind| self.identities.iter().find(move |identity| identity.kind == kind);
        let identity = of(Kind::Email).or_else(|| of(Kind::Username)).or_else(|| of(Kind::Phone))?;
        let value = &identity.value;
        Some(match identity.kind {
            Kind::Email => FindUser::by_email(value),
            Kind::Username => FindUser::by_username(value),
            Kind::Phone => FindUser::by_phone(value),
        })
    }

    pub(crate) fn create(&self) -> CreateUser {
        let mut create = CreateUser::new();
        if let Some(name) = &self.given_name {
            create = create.given_name(name);
        }
        if let Some(name) = &self.family_name {
            create = create.family_name(name);
        }
        if let Some(id) = &self.provided_id {
            create = create.provided_id(id);
        }
        self.identities.iter().fold(create, |create, identity| create.identity(identity.to_create()))
    }

    /// What comes after there is a user, in its order; with `all`, for one who was there, what
    /// create says too.
    pub(crate) fn rest(&self, id: &UserId, all: bool) -> impl Iterator<Item = DynOperation> {
        let password = self.password.clone().map(|password| SetUserPassword::new(id, password));
        let flag = move |(key, value): &(FeatureFlagKey, Value)| {
            DynOperation::new(UpdateUserFeatureFlagOverride::new(id, key, value.clone()))
        };
        let before = [password.map(DynOperation::new), self.set_properties(id).map(DynOperation::new)];
        // Last, as a user who is suspended may not be one whose password can be set.
        let update = self.update(id, all).map(DynOperation::new);
        before.into_iter().flatten().chain(self.feature_flags.iter().map(flag)).chain(update)
    }

    /// Whether the user has no other name than the line says. One that is not told says nothing.
    pub(crate) fn may_have_names_of(&self, user: &User) -> bool {
        [(&self.given_name, &user.first_name), (&self.family_name, &user.last_name)].into_iter().all(
            |(ours, theirs)| match theirs.as_deref() {
                None | Some("") => true,
                theirs => theirs == ours.as_deref(),
            },
        )
    }

    /// The types of the identities that the user does not have: by their number, as a service may
    /// write a value in another way. Of a user whose identities are not listed, the fields tell of
    /// one each.
    pub(crate) fn missing_from(&self, user: &User) -> Vec<IdentityType> {
        let mut missing = Vec::new();
        for (kind, field) in [
            (Kind::Email, user.email()),
            (Kind::Username, user.username.as_deref()),
            (Kind::Phone, user.phone.as_deref()),
        ] {
            let kind_of = IdentityType::from(kind.name());
            let listed =
                user.identities.iter().filter(|listed| listed.kind.as_ref() == Some(&kind_of)).count();
            let told =
                usize::from(user.identities.is_empty() && field.is_some_and(|field| !field.is_empty()));
            let wanted = self.identities.iter().filter(|identity| identity.kind == kind).count();
            missing.extend(repeat_n(kind_of, wanted.saturating_sub(listed.max(told))));
        }
        missing
    }

    fn set_properties(&self, id: &UserId) -> Option<UpdateUserProperties> {
        let set = |operation: UpdateUserProperties, (key, value): &(PropertyKey, Value)| {
            operation.property(key, value.clone())
        };
        (!self.properties.is_empty()).then(|| self.properties.iter().fold(UpdateUserProperties::new(id), set))
    }

    /// What create does not say; with `all`, for a user who was there, what it does too.
    fn update(&self, id: &UserId, all: bool) -> Option<UpdateUser> {
        let mut update = UpdateUser::new(id);
        if all {
            update = update
                .given_name(Patch::set_or_leave(self.given_name.clone()))
                .family_name(Patch::set_or_leave(self.family_name.clone()))
                .provided_id(Patch::set_or_leave(self.provided_id.clone()));
        }
        if let Some(is_suspended) = self.is_suspended.filter(|is_suspended| *is_suspended || all) {
            update = update.is_suspended(is_suspended);
        }
        (update != UpdateUser::new(id)).then_some(update)
    }

    /// Whether all of it can be sent.
    fn check(&self) -> Result<(), BuildError> {
        let id = UserId::from("kp_0123456789abcdef0123456789abcdef");
        let first =
            [self.lookup().and_then(|mut search| search.next_call()), Some(DynOperation::new(self.create()))];
        let mut all = first.into_iter().flatten().chain(self.rest(&id, true));
        all.try_for_each(|operation| operation.check())
    }
}

impl fmt::Debug for ImportUser {
    /// How much there is of it, as all of it is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportUser")
            .field("identities", &self.identities.len())
            .field("password", &self.password)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Identity {
    kind: Kind,
    value: Redacted,
    is_verified: Option<bool>,
}

impl Identity {
    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.value.to_lowercase() == other.value.to_lowercase()
    }

    fn to_create(&self) -> NewIdentity {
        let identity = match self.kind {
            Kind::Email => NewIdentity::email(&self.value),
            Kind::Phone => NewIdentity::phone(&self.value),
            Kind::Username => NewIdentity::username(&self.value),
        };
        match self.is_verified {
            Some(is_verified) => identity.is_verified(is_verified),
            None => identity,
        }
    }
}

/// Adds an identity that is not there yet; one that is, is the same one. Not so where one is said
/// to be verified and the other not.
fn add(identities: &mut Vec<Identity>, identity: Identity) -> bool {
    if let Some(known) = identities.iter_mut().find(|known| identity.is_same(known)) {
        let told = known.is_verified.zip(identity.is_verified);
        known.is_verified = known.is_verified.or(identity.is_verified);
        told.is_none_or(|(known, other)| known == other)
    } else {
        identities.push(identity);
        true
    }
}

/// Some programs begin a file with it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The name of a column or key, as it may be told. What looks like no such name is a value, as in a
/// file without a row of names or in an object whose keys are addresses.
fn shown(name: &str) -> &str {
    let is_in_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    let is_name = name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(is_in_a_name)
        && name.bytes().filter(u8::is_ascii_digit).count() <= 4;
    if is_name { name } else { "(a name that is not told)" }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Email,
    Phone,
    Username,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        [Self::Email, Self::Phone, Self::Username].into_iter().find(|kind| kind.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Username => "username",
        }
    }

    /// What such a value looks like.
    fn expected(self) -> &'static str {
        match self {
            Self::Email => expected::ADDRESS,
            Self::Phone => expected::PHONE,
            Self::Username => expected::TEXT,
        }
    }

    /// As far as it can be told without asking.
    fn is_well_formed(self, value: &str) -> bool {
        match self {
            Self::Email => {
                let is_in_none = |letter: char| letter == '@' || letter.is_whitespace();
                let is_part = |part: &str| !part.is_empty() && !part.contains(is_in_none);
                value.split_once('@').is_some_and(|(name, host)| is_part(name) && is_part(host))
            }
            Self::Phone => value.strip_prefix('+').is_some_and(|digits| {
                (7..=15).contains(&digits.len())
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
                    && !digits.starts_with('0')
            }),
            Self::Username => true,
        }
    }
}

/// The fields of a row or of an object, each to be taken once: those that are left are those that
/// nobody knows.
struct Fields {
    path: String,
    entries: Map<String, Json>,
    left_out: Vec<String>,
}

impl Fields {
    fn new(entries: Map<String, Json>) -> Self {
        Self { path: String::new(), entries, left_out: Vec::new() }
    }

    fn error(&self, name: &str, problem: impl Into<ImportProblem>) -> ImportError {
        ImportError::new(format!("{}{name}", self.path), problem)
    }

    /// Takes in what an object within has, and tells its names.
    fn merge(&mut self, other: Self) -> Result<Vec<String>, ImportError> {
        let names = other.entries.keys().cloned().collect();
        for (name, value) in other.entries {
            if self.entries.get(&name).is_some_and(is_value) {
                return Err(self.error(&name, ImportProblem::Twice));
            }
            self.entries.insert(name, value);
        }
        Ok(names)
    }

    /// The value, if there is one: `null` and an empty text are none.
    fn take<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(Json) -> Option<T>,
    ) -> Result<Option<T>, ImportError> {
        match self.entries.remove(name).filter(is_value) {
            Some(value) => read(value).map(Some).ok_or_else(|| self.wrong(name, expected)),
            None => Ok(None),
        }
    }

    fn wrong(&self, name: &str, expected: &'static str) -> ImportError {
        self.error(name, Problem::WrongType).expecting(expected)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, ImportError> {
        let text = |value: Json| Some(value.as_str()?.to_owned());
        let Some(text) = self.take(name, expected::TEXT, text)? else { return Ok(None) };
        Ok(Some(self.printable(name, text)?.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    fn printable(&self, name: &str, text: String) -> Result<String, ImportError> {
        if text.contains(char::is_control) {
            return Err(self.error(name, Problem::ControlCharacter));
        }
        Ok(text)
    }

    /// Blanks are part of it.
    fn salt(&mut self) -> Result<String, ImportError> {
        match self.entries.remove("salt") {
            None | Some(Json::Null) => Ok(String::new()),
            Some(Json::String(salt)) => self.printable("salt", salt),
            Some(_) => Err(self.wrong("salt", expected::TEXT)),
        }
    }

    /// `true` or `false`, in CSV as text in any case of letters.
    fn flag(&mut self, name: &str) -> Result<Option<bool>, ImportError> {
        self.take(name, expected::FLAG, |value| {
            value.as_bool().or_else(|| value.as_str()?.trim().to_lowercase().parse().ok())
        })
    }

    fn number(&mut self, name: &str) -> Result<Option<u32>, ImportError> {
        let number = |value: Json| match value.as_str() {
            Some(text) => text.trim().parse().ok(),
            None => value.as_u64()?.try_into().ok(),
        };
        self.take(name, expected::WHOLE, number)
    }

    fn identity(
        &mut self,
        name: &str,
        kind: Kind,
        is_verified: Option<bool>,
    ) -> Result<Option<Identity>, ImportError> {
        let Some(value) = self.text(name)? else { return Ok(None) };
        if !kind.is_well_formed(&value) {
            return Err(self.wrong(name, kind.expected()));
        }
        Ok(Some(Identity { kind, value: value.into(), is_verified }))
    }

    fn object(&mut self, name: &str) -> Result<Option<Fields>, ImportError> {
        let path = format!("{}{name}.", self.path);
        let fields = |value| match value {
            Json::Object(entries) => Some(Fields { path, entries, left_out: Vec::new() }),
            _ => None,
        };
        self.take(name, expected::OBJECT, fields)
    }

    fn objects(&mut self, name: &str) -> Result<Vec<Fields>, ImportError> {
        let list = |value| match value {
            Json::Array(items) => Some(items),
            _ => None,
        };
        let items = self.take(name, expected::LIST, list)?.unwrap_or_default();
        let object = |(index, item)| {
            let path = format!("{name}[{index}]");
            match item {
                Json::Object(entries) => Ok(Fields { path: path + ".", entries, left_out: Vec::new() }),
                _ => Err(ImportError::new(path, Problem::WrongType).expecting(expected::OBJECT)),
            }
        };
        items.into_iter().enumerate().map(object).collect()
    }

    /// A list of `{key, value}`. A key without a value sets nothing.
    fn values<K: From<String> + PartialEq>(&mut self, name: &str) -> Result<Vec<(K, Value)>, ImportError> {
        let mut values = Vec::new();
        for mut item in self.objects(name)? {
            let key = item.text("key")?.ok_or_else(|| item.error("key", Problem::Missing))?;
            let key = K::from(key);
            if values.iter().any(|(known, _)| *known == key) {
                return Err(item.error("key", ImportProblem::Twice));
            }
            let value = item.take("value", expected::VALUE, |value| serde_json::from_value(value).ok())?;
            values.extend(value.map(|value| (key, value)));
            self.left_out.append(&mut item.rest());
        }
        Ok(values)
    }

    /// Where there are values that nobody took. Those of a list are named without their place in
    /// it.
    fn rest(self) -> Vec<String> {
        let path = match self.path.split_once('[') {
            Some((list, _)) => format!("{list}[]."),
            None => self.path,
        };
        let fields = self.entries.into_iter().filter(|(_, value)| is_value(value));
        let mut rest: Vec<String> = self
            .left_out
            .into_iter()
            .chain(fields.map(|(name, _)| format!("{path}{}", shown(&name))))
            .collect();
        rest.sort_unstable();
        rest.dedup();
        rest
    }
}

/// Whether there is anything to it.
fn is_value(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::String(text) => !text.trim().is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(fields) => !fields.is_empty(),
        Json::Bool(_) | Json::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    const MD5: &str = "0123456789abcdef0123456789abcdef";
    const ADDRESS: &str = "email has the wrong type or form: expected an address with one @ and no blanks";

    fn row(columns: &[(&str, &str)]) -> Result<ImportUser, String> {
        ImportForm::new().row(columns.iter().copied()).map_err(|error| std::format!("{error}"))
    }

    fn line(json: &str) -> Result<ImportUser, String> {
        ImportForm::new().line(json).map_err(|error| std::format!("{error}"))
    }

    fn keys(user: &ImportUser) -> Vec<String> {
        user.keys().map(|(kind, value)| std::format!("{kind}={value}")).collect()
    }

    #[test]
    fn a_provided_id_is_that_and_an_id_beside_it_is_left_out() {
        let form = ImportForm::new();
        let user = form.row([("id", "kp_1"), ("provided_id", "42"), ("email", "ada@example.com")]).unwrap();
        assert_eq!((user.provided_id(), user.left_out()), (Some("42"), &["id".into()][..]));
        let user = form.row([("id", "42"), ("provided_id", "")]).unwrap();
        assert_eq!((user.provided_id(), user.left_out().len()), (Some("42"), 0));
    }

    #[test]
    fn what_an_export_says_of_a_hash_is_part_of_the_password_or_the_line_is_wrong() {
        let line = |config: &str| {
            let password = format!(r#"{{"hashed_password":"{MD5}","hashing_algorithm":"md5"{config}}}"#);
            ImportForm::new().line(&format!(r#"{{"email":"ada@example.com","password":{password}}}"#))
        };
        let beside = line(r#","salt":"x","salt_position":"suffix""#).unwrap();
        assert_ne!(beside, line("").unwrap());
        let within = r#","hashing_config":{"salt":"x","salt_position":"suffix","iterations":null}"#;
        assert_eq!(line(within).unwrap(), beside);
        for (config, says) in [
            (r#","salt":"x","hashing_config":{"salt":"y"}"#, "password.salt"),
            (r#","hashing_config":{"pepper":"x"}"#, "password.hashing_config.pepper"),
        ] {
            assert!(format!("{}", line(config).unwrap_err()).starts_with(says), "{config}");
        }
    }

    #[test]
    fn a_row_and_a_line_say_the_same_in_their_own_ways() {
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
        assert!(user.left_out().is_empty());
    }

    #[test]
    fn what_no_operation_can_carry_out_is_named() {
        let user = row(&[
            ("email", "a@b"),
            ("role_key", "admin"),
            ("permission_key", ""),
            ("external_organization_id", "7"),
            ("shoe_size", "42"),
        ]);
        assert_eq!(user.unwrap().left_out(), ["external_organization_id", "role_key", "shoe_size"]);
        let user = line(
            r#"{"email":"a@b","organizations":[{"external_id":"7"}],"properties":[{"key":"k","value":1,"x":1}],
                "identities":[{"type":"oauth2:google","identity":"7"},
                    {"type":"username","identity":"n","profile":{"a":1},"provider":null}],
                "password":{"hashed_password":"$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy","hint":"pet"}}"#,
        );
        assert_eq!(
            user.unwrap().left_out(),
            [
                "identities of type oauth2:google",
                "identities[].profile",
                "organizations",
                "password.hint",
                "properties[].x"
            ]
        );
    }

    #[test]
    fn an_identity_that_is_told_twice_is_one_with_what_either_says() {
        for (other, is_verified) in [
            (r#""email":"A@b""#, None),
            (r#""email":"A@b","email_verified":true"#, Some(true)),
            (r#""email_verified":false"#, Some(false)),
        ] {
            let json = std::format!(r#"{{{other},"identities":[{{"type":"email","identity":"a@b"}}]}}"#);
            let user = line(&json).unwrap();
            assert_eq!(keys(&user), ["email=a@b"]);
            assert_eq!(user.identities[0].is_verified, is_verified, "{other}");
        }
        // Columns of a template that say nothing.
        assert!(row(&[("id", "1"), ("email", ""), ("email_verified", "FALSE")]).is_ok());
    }

    #[test]
    fn a_name_that_looks_like_a_value_is_not_told() {
        let hidden = "(a name that is not told)";
        for name in
            ["ada@example.com", "Ada", "+61555111555", "ada lovelace", "a1234567", "", &"a".repeat(41)]
        {
            assert_eq!(row(&[("id", "1"), (name, "x")]).unwrap().left_out(), [hidden]);
            let json =
                serde_json::json!({"id": "1", name: 1, "identities": [{"type": name, "identity": "x"}]});
            let left_out = line(&std::format!("{json}")).map(|user| user.left_out().to_vec());
            match name {
                "" => assert_eq!(left_out.unwrap_err(), "identities[0].type is missing"),
                _ => assert_eq!(left_out.unwrap(), [hidden, &std::format!("identities of type {hidden}")]),
            }
        }
        for name in ["shoe_size", "shoeSize", "x-1", "oauth2:google", "a.b"] {
            assert_eq!(row(&[("id", "1"), (name, "x")]).unwrap().left_out(), [name]);
        }
    }

    #[test]
    fn a_mark_at_the_beginning_of_a_file_is_no_part_of_its_first_line() {
        assert_eq!(keys(&row(&[("\u{feff}email", "a@b")]).unwrap()), ["email=a@b"]);
        assert_eq!(keys(&line("\u{feff}{\"email\":\"a@b\"}").unwrap()), ["email=a@b"]);
    }

    #[test]
    fn numbers_are_sent_as_they_stand() {
        for number in
            ["0", "-7", "18446744073709551615", "-9223372036854775808", "4.5", "0.1", "123456.789012345"]
        {
            let json = std::format!(r#"{{"id":"1","properties":[{{"key":"a","value":{number}}}]}}"#);
            let expected = UpdateUserProperties::new("kp_1").property("a", number);
            assert_eq!(line(&json).unwrap().set_properties(&UserId::from("kp_1")), Some(expected));
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_field_and_without_its_value() {
        for (columns, expected) in [
            (&[("first_name", "Ada")] as &[_], "email, phone, username or id is missing"),
            (&[("email", "ada")], ADDRESS),
            (
                &[("phone", "0412345678")],
                "phone has the wrong type or form: expected + and 7 to 15 digits, those of the country first",
            ),
            (
                &[("email", "a@b"), ("email_verified", "yes")],
                "email_verified has the wrong type or form: expected true or false",
            ),
            (&[("email", "a,b@c")], "email must not hold a comma"),
            (&[("email", "a b@c")], ADDRESS),
            (&[("email", "a@@c")], ADDRESS),
            (&[("id", "1"), ("email_verified", "true")], "email is missing"),
            (&[("email", "a@b"), (" email", "b@b")], "email stands there twice"),
            // As where a quote is not closed.
            (
                &[("email", "a@b"), ("shoe_size", "42\nb@b,43")],
                "shoe_size must not hold a line break or another control character",
            ),
            (&[("email", "a@b"), ("salt", " ")], "hashed_password is missing"),
            (&[("email", "a@b"), ("hashing_method", "bcrypt")], "hashed_password is missing"),
            (
                &[("email", "a@b"), ("hashed_password", "hunter2")],
                "hashed_password has the wrong type or form: expected a whole hash of bcrypt, 60 characters that begin with $2a$, $2b$ or $2y$",
            ),
            (
                &[("email", "a@b"), ("hashed_password", "h"), ("hashing_method", "argon2")],
                "hashing_method is none of the values that there are: expected bcrypt, crypt, md5, sha256, wordpress, pbkdf2, \
                    firebase-scrypt or aspnet-identity-v2",
            ),
        ] {
            assert_eq!(row(columns).unwrap_err(), expected);
        }
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told_by_its_path_and_without_its_value() {
        for (json, expected) in [
            ("[]", "line has the wrong type or form: expected a JSON object"),
            (
                "{",
                "line has the wrong type or form: expected a JSON object: EOF while parsing an object at column 1",
            ),
            (
                r#"{"email":"ada@example.com" "id":"1"}"#,
                "line has the wrong type or form: expected a JSON object: expected `,` or `}` at column 28",
            ),
            (r#"{"id":7}"#, "id has the wrong type or form: expected a text in quotes"),
            (
                r#"{"identities":[7]}"#,
                "identities[0] has the wrong type or form: expected an object in braces",
            ),
            (r#"{"identities":[{"identity":"a@b"}]}"#, "identities[0].type is missing"),
            (r#"{"id":"1","properties":[{"value":1}]}"#, "properties[0].key is missing"),
            (r#"{"id":"1","identities":[{"type":"email"}]}"#, "identities[0].identity is missing"),
            (r#"{"email":"a@b","email":"c@d"}"#, "email stands there twice"),
            (r#"{"id":"1","password":{"salt":"a","salt":"b"}}"#, "password.salt stands there twice"),
            (r#"{"id":"1","x@y":1,"x@y":2}"#, "(a name that is not told) stands there twice"),
            (
                r#"{"id":"1","properties":[{"key":"a","value":1},{"key":"a","value":1}]}"#,
                "properties[1].key stands there twice",
            ),
            (r#"{"email":"a@b\u0000"}"#, "email must not hold a line break or another control character"),
            (
                r#"{"id":"1","password":{"hashed_password":"h","hashing_algorithm":"md5","salt":"a\n"}}"#,
                "password.salt must not hold a line break or another control character",
            ),
            (
                r#"{"email":"a@b","email_verified":true,"identities":[{"type":"email","identity":"A@b","is_verified":false}]}"#,
                "email_verified does not go with the rest",
            ),
            (
                r#"{"identities":[{"type":"phone","identity":"+61555111555","is_verified":false}],"phone_verified":true}"#,
                "phone_verified does not go with the rest",
            ),
            (
                r#"{"identities":[{"type":"email","identity":"a@b","is_verified":true},
                    {"type":"email","identity":"A@B","is_verified":false}]}"#,
                "identities[1].is_verified does not go with the rest",
            ),
            // Of which of the two?
            (
                r#"{"email_verified":true,"identities":[{"type":"email","identity":"a@b"},
                    {"type":"email","identity":"c@d"}]}"#,
                "email is missing",
            ),
            (
                r#"{"id":"1","properties":[{"key":"a","value":12345678901234567890123}]}"#,
                "properties[0].value has the wrong type or form: expected at most 15 digits, or a text in quotes",
            ),
            (
                r#"{"id":"1","feature_flags":[{"key":"a","value":{"b":0.12345678901234567}}]}"#,
                "feature_flags[0].value.b has the wrong type or form: expected at most 15 digits, or a text in quotes",
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
                "password.hashed_password has the wrong type or form: expected a whole hash of bcrypt, 60 characters \
                    that begin with $2a$, $2b$ or $2y$",
            ),
        ] {
            assert_eq!(line(json).unwrap_err(), expected);
        }
    }

    #[test]
    fn what_is_expected_of_a_password_is_told_by_its_method_and_without_its_value() {
        const FORM: &str = "has the wrong type or form: expected";
        const UNKNOWN: &str = "is none of the values that there are: expected";
        let told = |method: &str, hash: &str, more: &[(&str, &str)]| {
            let columns = [("id", "1"), ("hashing_method", method), ("hashed_password", hash)];
            let columns: Vec<_> = columns.iter().chain(more).copied().collect();
            row(&columns).unwrap_err()
        };
        for (method, expected) in [
            ("bcrypt", "a whole hash of bcrypt, 60 characters that begin with $2a$, $2b$ or $2y$"),
            (
                "crypt",
                "a whole hash of crypt, as those that begin with $1$, $5$, $6$ or $y$, or the 13 characters of DES",
            ),
            ("md5", "a hash of MD5, 32 hex digits or 16 bytes in base64"),
            ("sha256", "a hash of SHA-256, 64 hex digits"),
            (
                "wordpress",
                "a whole hash of WordPress, which begins with $P$, $H$, $wp$ or $2, or is 32 hex digits",
            ),
            (
                "aspnet-identity-v2",
                "a hash of ASP.NET Identity version 2, 68 characters of base64 for 49 bytes, the first of them 0",
            ),
        ] {
            let expected = format!("hashed_password {FORM} {expected}");
            assert_eq!(told(method, "hunter2", &[]), expected);
        }
        let variants =
            "salted-pbkdf2-hmac-sha256, salted-pbkdf2-hmac-sha256-512 or salted-pbkdf2-hmac-sha512-512";
        for (method, more, expected) in [
            ("pbkdf2", ("salt", "no base64"), format!("salt {FORM} base64, or what salt_format names")),
            ("pbkdf2", ("salt", "c2FsdA=="), format!("variant is missing: expected {variants}")),
            ("md5", ("salt", "s"), "salt_position is missing: expected prefix or suffix".into()),
            ("md5", ("iterations", "many"), format!("iterations {FORM} a whole number")),
            (
                "firebase-scrypt",
                ("salt", "c2FsdA=="),
                "signer_key is missing: expected the hash parameters of the Firebase project, beside the file".into(),
            ),
        ] {
            assert_eq!(told(method, MD5, &[more]), expected);
        }
        let hex =
            |salt| told("md5", MD5, &[("salt", salt), ("salt_format", "hex"), ("salt_position", "prefix")]);
        assert_eq!(hex("ff"), format!("salt {FORM} what salt_format names, and text when it is read"));
        let middle = told("md5", MD5, &[("salt", "s"), ("salt_position", "middle")]);
        assert_eq!(middle, format!("salt_position {UNKNOWN} prefix or suffix"));
        let octal = told("md5", MD5, &[("salt", "s"), ("salt_format", "octal"), ("salt_position", "prefix")]);
        assert_eq!(octal, format!("salt_format {UNKNOWN} string, hex or base64"));
        let sha1 = told("pbkdf2", MD5, &[("salt", "c2FsdA=="), ("variant", "sha1")]);
        assert_eq!(sha1, format!("variant {UNKNOWN} {variants}"));
    }

    #[test]
    fn what_a_file_has_in_common_is_told_once() {
        let form = ImportForm::new()
            .pbkdf2("salted-pbkdf2-hmac-sha256", Some(1000))
            .firebase(FirebaseParameters::new("a2V5", "Bw==", 8, 14));
        let (pbkdf2, scrypt) = (format!("{:A<43}=", ""), format!("{:A<86}==", ""));
        for (method, hash, salt) in [
            ("pbkdf2", pbkdf2.as_str(), "c2FsdA=="),
            ("firebase-scrypt", &scrypt, "c2FsdA=="),
            ("bcrypt", BCRYPT, ""),
        ] {
            let columns =
                [("id", "1"), ("hashed_password", hash), ("hashing_method", method), ("salt", salt)];
            let user = form.row(columns).unwrap();
            assert_eq!(user.password.unwrap().hashing_method(), method);
        }
        assert_eq!(
            std::format!("{form:?}"),
            "ImportForm { firebase: Some(FirebaseParameters(rounds 8, mem_cost 14)), .. }"
        );
    }

    #[test]
    fn who_was_there_is_told_all_and_who_is_new_only_what_create_does_not_say() {
        let id = UserId::from("kp_1");
        let user = row(&[("id", "1"), ("first_name", "Ada"), ("is_suspended", "false")]).unwrap();
        assert!(user.update(&id, false).is_none());
        let all = UpdateUser::new(&id).given_name("Ada").provided_id("1").is_suspended(false);
        assert_eq!(user.update(&id, true), Some(all));
        let suspended = row(&[("id", "1"), ("is_suspended", "true")]).unwrap();
        assert_eq!(ImportForm::new().suspended().row([("id", "1")]), Ok(suspended.clone()));
        assert_eq!(suspended.update(&id, false), Some(UpdateUser::new(&id).is_suspended(true)));
        assert!(row(&[("email", "a@b")]).unwrap().update(&id, true).is_none());
    }

    #[test]
    fn values_of_all_types_become_text() {
        let user = line(
            r#"{"id":"1","properties":[{"key":"a","value":true},{"key":"b","value":""},{"key":"c","value":4.5}]}"#,
        );
        let id = UserId::from("kp_1");
        let expected = UpdateUserProperties::new(&id).property("a", true).property("c", "4.5");
        assert_eq!(user.unwrap().set_properties(&id), Some(expected));
    }

    #[test]
    fn nothing_of_a_user_is_in_debug() {
        let user = row(&[("email", "ada@example.com"), ("hashed_password", BCRYPT)]).unwrap();
        assert_eq!(
            std::format!("{user:?}"),
            "ImportUser { identities: 1, password: Some(Password(bcrypt)), .. }"
        );
    }
}
