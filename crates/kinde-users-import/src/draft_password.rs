//! The password of a user, from the fields of a draft.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;

use kinde_users_core::Problem;
use kinde_users_core::operations::{FirebaseParameters, Password};

use crate::check::hash::{HashProblem, is_ambiguous_salt, looks_like, named_by_itself};
use crate::draft::{Draft, Note, Said};
use crate::error::ImportError;
use crate::password::{self, PasswordParts};
use crate::shown::shown_method;
use crate::target::Target;

impl Draft<'_> {
    /// Returns the password, if there is one that Kinde can verify.
    pub(crate) fn password(&mut self) -> Option<Password> {
        let all = [
            Target::Hash,
            Target::Method,
            Target::Salt,
            Target::SaltPosition,
            Target::SaltFormat,
            Target::Variant,
            Target::Iterations,
        ];
        let [hash, method, salt, position, format, variant, iterations] = all.map(|target| self.take(target));
        let salt = salt.filter(|salt| !salt.value.is_empty());
        let Some(hash) = hash else {
            if let Some(salt) = salt.filter(|salt| !salt.value.trim().is_empty()) {
                self.problem(&path_beside(&salt.field, "hashed_password"), Problem::Missing, "");
            }
            return None;
        };
        // Errors use the name that a part has in the file, if the file has it.
        let name_of = |part: &str| {
            let all = [
                ("hashed_password", Some(&hash)),
                ("hashing_method", method.as_ref()),
                ("salt", salt.as_ref()),
                ("salt_position", position.as_ref()),
                ("salt_format", format.as_ref()),
                ("variant", variant.as_ref()),
                ("iterations", iterations.as_ref()),
            ];
            let said = all.into_iter().find(|(name, _)| *name == part).and_then(|(_, said)| said);
            said.map_or_else(|| path_beside(&hash.field, part), |said| (*said.field).to_owned())
        };
        let value = |said: &Option<Said>| said.as_ref().map_or("", |said| said.value.as_str()).to_owned();
        let named = value(&method).to_ascii_lowercase();
        let default = self.settings.method;
        let method_name = if named.is_empty() { default.to_owned() } else { named };
        if method_name.is_empty() {
            if let Some(password) = named_by_itself(&hash.value).filter(|_| salt.is_none()) {
                return Some(password);
            }
        }
        let is_pbkdf2 = method_name == "pbkdf2";
        let mut variant_name = value(&variant);
        let mut parts = PasswordParts::new(hash.value.as_str()).hashing_method(method_name.as_str());
        if is_pbkdf2 && variant_name.is_empty() {
            variant_name.clone_from(&self.settings.variant);
        }
        parts = parts.variant(variant_name);
        match iterations.as_ref().map(|said| said.value.parse::<u32>()) {
            Some(Ok(number)) => parts = parts.iterations(number),
            Some(Err(_)) => self.problem(&name_of("iterations"), Problem::WrongType, "a whole number"),
            None if is_pbkdf2 => {
                if let Some(number) = self.settings.iterations {
                    parts = parts.iterations(number);
                }
            }
            None => {}
        }
        let mut format_name = value(&format);
        if let Some(salt) = &salt {
            if format_name.is_empty() {
                format_name.clone_from(&self.settings.salt_format);
            }
            if format_name.is_empty() && !self.is_salt_plain && is_ambiguous_salt(&method_name, &salt.value) {
                let format = path_beside(&salt.field, "salt_format");
                self.wrong(
                    &salt.field,
                    format!("can be text, hex or base64: set {format} to string, hex or base64"),
                );
                return None;
            }
            parts = parts.salt(salt.value.as_str()).salt_format(format_name);
        }
        let mut position_name = value(&position);
        if position_name.is_empty() && salt.is_some() {
            position_name.clone_from(&self.settings.salt_position);
        }
        parts = parts.salt_position(position_name);
        if let Some(firebase) = self.firebase() {
            parts = parts.firebase(firebase);
        }
        let error = match parts.password() {
            Ok(password) => return Some(password),
            Err(error) => error,
        };
        if let Ok(password) = self.in_other_form(&error, &hash, &method_name, salt.is_some()) {
            return password;
        }
        let (part, problem) = (error.field(), error.problem());
        self.problem(&name_of(part), problem, password::expected(part, problem, &method_name));
        None
    }

    /// Returns the password of a hash that names a method other than its field does.
    ///
    /// Returns `Ok(None)` if the problem is noted here: Kinde cannot verify the hash, or it is
    /// clear what is wrong with it. Returns `Err` if `error` still has to be reported.
    fn in_other_form(
        &mut self,
        error: &ImportError,
        hash: &Said,
        method: &str,
        is_salted: bool,
    ) -> Result<Option<Password>, ()> {
        let part = error.field();
        let lacks_salt = part == "salt" && error.problem() == Problem::Missing.into();
        if !(matches!(part, "hashed_password" | "hashing_method") || lacks_salt) {
            return Err(());
        }
        let is_strict = self.settings.is_strict;
        let named = named_by_itself(&hash.value).filter(|_| !is_salted);
        let form = looks_like(&hash.value);
        let unverifiable = match form {
            // In Kinde's own form, a contradiction is a mistake of the file.
            _ if named.is_some() && is_strict => None,
            _ if named.is_some() => return Ok(named),
            Some(form) if form.is_unverifiable() => {
                let form = format!("{form}");
                Some(form.trim_end_matches(", which Kinde cannot verify").to_owned())
            }
            // An unknown method may be a mistake there, too.
            _ if is_strict && !self.settings.drops_unverifiable => None,
            _ => (part == "hashing_method").then(|| shown_method(method)),
        };
        if let Some(form) = unverifiable {
            self.notes.push(Note::Unverifiable(form.into()));
        } else if part == "hashed_password" && form.is_some() {
            self.wrong(&hash.field, format!("{}", HashProblem::new(method, &hash.value)));
        } else {
            return Err(());
        }
        Ok(None)
    }

    /// Returns the parameters of the Firebase project, from the record or from the mapping.
    fn firebase(&mut self) -> Option<FirebaseParameters> {
        let all = [Target::SignerKey, Target::SaltSeparator, Target::Rounds, Target::MemCost];
        let said = all.map(|target| self.take(target));
        if let [Some(key), Some(separator), Some(rounds), Some(cost)] = &said {
            let (rounds, cost) = (rounds.value.parse(), cost.value.parse());
            if let (Ok(rounds), Ok(cost)) = (rounds, cost) {
                return Some(FirebaseParameters::new(&*key.value, &*separator.value, rounds, cost));
            }
            self.problem("rounds and mem_cost", Problem::WrongType, "whole numbers");
            return None;
        }
        self.settings.firebase.clone()
    }
}

/// Returns the path of the field `name` in the same object as `path`.
fn path_beside(path: &str, name: &str) -> String {
    match path.rsplit_once('.') {
        Some((parent, _)) => format!("{parent}.{name}"),
        None => name.to_owned(),
    }
}
