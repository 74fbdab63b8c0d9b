//! Bringing users over from a file.

mod form;
mod password;

use alloc::vec::Vec;
use core::fmt;

use crate::any_operation::AnyOperation;
use crate::error::{Effect, Error};
use crate::find::{FindUser, Found};
use crate::ids::UserId;
use crate::job::Job;
use crate::models::IdentityType;
use crate::operations::{CreateUser, CreatedUserIdentity};
use crate::reply::Reply;

pub use form::{ImportError, ImportForm, ImportUser};
pub use password::PasswordParts;

/// Brings one user over: looks the user up, creates the user if there is none, then sets password, properties and feature flags,
/// and suspends where that is asked for.
///
/// **It never makes two of one.** Where it is not known whether a create arrived, it looks the user up before it goes on.
/// Interrupted, it can be begun again for the same user: only the call named `create_user` must not be forgotten, so write
/// down that it is about to be made, and then say [`interrupted`](Self::interrupted).
///
/// Somebody who is there already is left alone, unless [`update`](Self::update) was said.
///
/// ```
/// # use kinde_users_core::{CallError, Client, Clock, Transport};
/// use kinde_users_core::{Import, ImportForm, Imported};
///
/// # fn import<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), Box<dyn std::error::Error>> {
/// let ada = ImportForm::new().row([("email", "ada@example.com"), ("hashed_password", "$2a$10$...")])?;
/// match client.run(&mut Import::new(ada))? {
///     Imported::Created(id) => println!("created {id}"),
///     Imported::LeftAlone(id) => println!("{id} was there"),
///     other => println!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Import {
    user: ImportUser,
    /// Who is found was created by this import, by a call whose end nobody saw.
    is_ours: bool,
    updates: bool,
    stage: Stage,
    lookups: u8,
    /// The identities that the service did not create with the user.
    missing: Vec<IdentityType>,
}

/// What became of an [`Import`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Imported {
    /// The user was created, by this or by an interrupted import before, and is complete.
    Created(UserId),
    /// The user was created, and the service says that it did not create identities of these types: such a user cannot be found
    /// or sign in by them. All the rest is done, and to begin again might make another user.
    WithoutIdentities(UserId, Vec<IdentityType>),
    /// The user was there already, and is as the line says.
    Updated(UserId),
    /// The user was there already, and nothing was done.
    LeftAlone(UserId),
    /// The address, number or name belongs to a user whose `provided_id` is another one. Nothing was done.
    Taken(UserId),
    /// So many users share it, and nobody knows who is meant. Nothing was done.
    Several(usize),
    /// It has not come to its end.
    Unfinished,
}

#[derive(Clone, PartialEq, Eq)]
enum Stage {
    Find,
    Create,
    /// There is a user: was it created by this, and how much of what comes after is done.
    With(UserId, Who, usize),
    End(Imported),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Created,
    Found,
}

impl Import {
    /// How often it looks for a user, at the most, where it is not known whether a create arrived.
    const LOOKUPS: u8 = 4;

    /// Of this user.
    pub fn new(user: ImportUser) -> Self {
        let stage = if user.lookup().is_some() { Stage::Find } else { Stage::Create };
        Self { user, is_ours: false, updates: false, stage, lookups: 0, missing: Vec::new() }
    }

    /// Whoever is there already gets the names, the `provided_id`, the password, and the rest that the line says. Identities are
    /// not added: who is found by one of them may not be who has the others.
    #[must_use]
    pub fn update(mut self) -> Self {
        self.updates = true;
        self
    }

    /// An import before this one was about to create the user, and it is not known whether it did: who is found is that user,
    /// and is made complete.
    #[must_use]
    pub fn interrupted(mut self) -> Self {
        self.is_ours = true;
        self
    }

    /// The user is whoever has one of these ids, if there are any: for one who has nothing but a `provided_id`, with those that a
    /// walk through all users found.
    #[must_use]
    pub fn found<I: Into<UserId>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        let mut ids = ids.into_iter().map(Into::into);
        match (ids.next(), ids.count()) {
            (None, _) => {}
            (Some(id), 0) => self.go_on_with(id),
            (Some(_), more) => self.stage = Stage::End(Imported::Several(more.saturating_add(1))),
        }
        self
    }

    /// Whether the user may be there by this import, complete or not: then the next import of it is to be told that this one was
    /// [`interrupted`](Self::interrupted).
    pub fn may_have_created(&self) -> bool {
        self.is_ours || matches!(self.stage, Stage::With(_, Who::Created, _))
    }

    fn go_on_with(&mut self, id: UserId) {
        self.stage = match (self.is_ours, self.updates) {
            (true, _) => Stage::With(id, Who::Created, 0),
            (false, true) => Stage::With(id, Who::Found, 0),
            (false, false) => Stage::End(Imported::LeftAlone(id)),
        };
    }

    fn looked_up(&mut self, found: Found) {
        self.lookups = self.lookups.saturating_add(1);
        match found {
            Found::None => self.stage = Stage::Create,
            Found::Several(users) => self.stage = Stage::End(Imported::Several(users.len())),
            Found::One(user) => {
                let other = user.provided_id.as_deref().filter(|id| !id.is_empty());
                if other.zip(self.user.provided_id()).is_some_and(|(other, id)| other != id) {
                    self.stage = Stage::End(Imported::Taken(user.id));
                } else {
                    self.go_on_with(user.id);
                }
            }
        }
    }

    /// A create failed, or its reply cannot be read.
    fn not_created(&mut self, error: Error) -> Result<(), Error> {
        if error.effect() == Effect::No {
            return Err(error);
        }
        // It may be there all the same.
        self.is_ours = true;
        if self.user.lookup().is_none() {
            return Err(error);
        }
        self.stage = Stage::Find;
        if self.lookups < Self::LOOKUPS { Ok(()) } else { Err(error) }
    }
}

impl Job for Import {
    type Output = Imported;

    fn next_call(&self) -> Option<AnyOperation> {
        match &self.stage {
            Stage::Find => self.user.lookup().map(AnyOperation::new),
            Stage::Create => Some(AnyOperation::new(self.user.create())),
            Stage::With(id, who, done) => self.user.rest(id, *who == Who::Found).nth(*done),
            Stage::End(_) => None,
        }
    }

    fn called(&mut self, result: Result<Reply, Error>) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Find => {
                let found = result?.into_output::<FindUser>()?;
                self.looked_up(found);
            }
            Stage::Create => match result.and_then(Reply::into_output::<CreateUser>) {
                Ok(created) => {
                    let is_missing = |identity: &CreatedUserIdentity| {
                        identity.result.is_some_and(|result| result.created == Some(false))
                    };
                    let missing = created.identities.into_iter().filter(is_missing);
                    self.missing = missing.filter_map(|identity| identity.kind).collect();
                    self.stage = Stage::With(created.id, Who::Created, 0);
                }
                Err(error) => return self.not_created(error),
            },
            Stage::With(_, _, done) => {
                result?;
                *done += 1;
            }
            Stage::End(_) => {}
        }
        Ok(())
    }

    fn output(&self) -> Imported {
        match &self.stage {
            Stage::End(imported) => imported.clone(),
            Stage::With(id, who, _) if self.next_call().is_none() => match who {
                Who::Created if self.missing.is_empty() => Imported::Created(id.clone()),
                Who::Created => Imported::WithoutIdentities(id.clone(), self.missing.clone()),
                Who::Found => Imported::Updated(id.clone()),
            },
            Stage::Find | Stage::Create | Stage::With(..) => Imported::Unfinished,
        }
    }
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Import({:?})", self.output())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::tests::{answer, names, refusal};
    use crate::operations::{GetUsers, SetUserPassword};
    use std::string::String;

    const NOBODY: &str = r#"{"users":null}"#;

    fn ada() -> ImportUser {
        let line = r#"{"id":"42","email":"ada@example.com","is_suspended":true,"password":{"hashed_password":"h"},
            "properties":[{"key":"a","value":"1"}],
            "feature_flags":[{"key":"f","value":true},{"key":"g","value":1}]}"#;
        ImportForm::new().line(line).unwrap()
    }

    /// Answers as a tenant does that has what `users` says.
    fn tenant(users: &str) -> impl FnMut(&AnyOperation) -> Result<Reply, Error> {
        let users = String::from(users);
        move |operation| {
            Ok(if operation.is::<GetUsers>() {
                answer::<GetUsers>(200, &users)
            } else {
                answer::<CreateUser>(200, r#"{"id":"kp_1"}"#)
            })
        }
    }

    const REST: [&str; 5] = [
        "set_user_password",
        "update_user_properties",
        "update_user_feature_flag_override",
        "update_user_feature_flag_override",
        "update_user",
    ];

    fn after(first: &[&'static str]) -> Vec<&'static str> {
        first.iter().chain(&REST).copied().collect()
    }

    #[test]
    fn who_is_not_there_is_created_and_made_complete() {
        let mut import = Import::new(ada());
        assert_eq!(import.output(), Imported::Unfinished);
        assert_eq!(names(&mut import, tenant(NOBODY)), after(&["get_users", "create_user"]));
        assert_eq!(import.output(), Imported::Created("kp_1".into()));
    }

    #[test]
    fn who_is_there_is_left_alone_unless_told() {
        let there = r#"{"users":[{"id":"kp_7","provided_id":"42"}]}"#;
        let mut import = Import::new(ada());
        assert_eq!(names(&mut import, tenant(there)), ["get_users"]);
        assert_eq!(import.output(), Imported::LeftAlone("kp_7".into()));
        let mut import = Import::new(ada()).update();
        assert_eq!(names(&mut import, tenant(there)), after(&["get_users"]));
        assert_eq!(import.output(), Imported::Updated("kp_7".into()));
    }

    #[test]
    fn who_was_created_before_an_interruption_is_made_complete() {
        let mut import = Import::new(ada()).interrupted();
        assert_eq!(names(&mut import, tenant(r#"{"users":[{"id":"kp_7"}]}"#)), after(&["get_users"]));
        assert_eq!(import.output(), Imported::Created("kp_7".into()));
        let mut import = Import::new(ada()).interrupted();
        assert_eq!(names(&mut import, tenant(NOBODY)), after(&["get_users", "create_user"]));
    }

    #[test]
    fn a_stranger_with_the_same_address_is_never_touched() {
        let stranger = r#"{"users":[{"id":"kp_7","provided_id":"43"}]}"#;
        for import in [Import::new(ada()), Import::new(ada()).update(), Import::new(ada()).interrupted()] {
            let mut import = import;
            assert_eq!(names(&mut import, tenant(stranger)), ["get_users"]);
            assert_eq!(import.output(), Imported::Taken("kp_7".into()));
        }
        let mut import = Import::new(ada()).update();
        assert_eq!(names(&mut import, tenant(r#"{"users":[{"id":"a"},{"id":"b"}]}"#)), ["get_users"]);
        assert_eq!(import.output(), Imported::Several(2));
    }

    #[test]
    fn a_create_that_may_have_happened_is_looked_up_before_it_is_made_again() {
        // It has not, and then it has.
        let (mut creates, mut lookups) = (0, 0);
        let mut import = Import::new(ada());
        let called = names(&mut import, |operation| {
            if operation.is::<GetUsers>() {
                lookups += 1;
                let users = if lookups < 3 { NOBODY } else { r#"{"users":[{"id":"kp_7"}]}"# };
                return Ok(answer::<GetUsers>(200, users));
            }
            if operation.is::<CreateUser>() {
                creates += 1;
                return refusal::<CreateUser>(500, "", Effect::Possible);
            }
            Ok(answer::<SetUserPassword>(200, "{}"))
        });
        assert_eq!(called, after(&["get_users", "create_user", "get_users", "create_user", "get_users"]));
        assert_eq!(creates, 2);
        assert_eq!(import.output(), Imported::Created("kp_7".into()));
    }

    #[test]
    fn a_created_user_whose_reply_cannot_be_read_is_looked_up() {
        let mut import = Import::new(ada());
        let mut is_there = false;
        let called = names(&mut import, |operation| {
            let users = if is_there { r#"{"users":[{"id":"kp_7"}]}"# } else { NOBODY };
            is_there |= operation.is::<CreateUser>();
            Ok(if operation.is::<GetUsers>() {
                answer::<GetUsers>(200, users)
            } else {
                answer::<CreateUser>(200, "{")
            })
        });
        assert_eq!(called, after(&["get_users", "create_user", "get_users"]));
    }

    #[test]
    fn identities_that_were_not_created_are_told() {
        let created = r#"{"id":"kp_1","identities":[{"type":"email","result":{"created":false}},
            {"type":"phone","result":{"created":true}},{"type":"username","result":null}]}"#;
        let mut import = Import::new(ada());
        let called = names(&mut import, |operation| match operation.meta().name {
            "create_user" => Ok(answer::<CreateUser>(200, created)),
            _ => tenant(NOBODY)(operation),
        });
        assert_eq!(called, after(&["get_users", "create_user"]));
        let missing = [IdentityType::Email].into();
        assert_eq!(import.output(), Imported::WithoutIdentities("kp_1".into(), missing));
    }

    #[test]
    fn it_does_not_look_for_ever() {
        let mut import = Import::new(ada());
        let called = names(&mut import, |operation| {
            if operation.is::<GetUsers>() {
                return Ok(answer::<GetUsers>(200, NOBODY));
            }
            refusal::<CreateUser>(503, "", Effect::Possible)
        });
        assert_eq!(called.len(), 2 * usize::from(Import::LOOKUPS) + 1);
        assert_eq!(called.last().unwrap(), "create_user: HTTP 503");
        assert!(import.may_have_created());
        // And then it is looked for again, and not just created.
        assert!(import.next_call().unwrap().is::<GetUsers>());
    }

    #[test]
    fn a_refusal_ends_it_and_it_goes_on_from_there() {
        let mut import = Import::new(ada());
        let called = names(&mut import, |operation| match operation.meta().name {
            "set_user_password" => refusal::<SetUserPassword>(400, "", Effect::No),
            _ => tenant(NOBODY)(operation),
        });
        assert_eq!(called, ["get_users", "create_user", "set_user_password", "set_user_password: HTTP 400"]);
        assert_eq!(import.output(), Imported::Unfinished);
        assert!(import.may_have_created());
        assert_eq!(names(&mut import, tenant(NOBODY)), REST);
        let mut import = Import::new(ada());
        names(&mut import, |operation| match operation.meta().name {
            "create_user" => refusal::<CreateUser>(400, "", Effect::No),
            _ => tenant(NOBODY)(operation),
        });
        assert!(import.next_call().unwrap().is::<CreateUser>());
        assert!(!import.may_have_created());
    }

    #[test]
    fn who_has_nothing_but_an_id_is_found_by_others_or_created() {
        let user = || ImportForm::new().row([("id", "42"), ("hashed_password", "h")]).unwrap();
        let mut import = Import::new(user());
        assert_eq!(names(&mut import, tenant(NOBODY)), ["create_user", "set_user_password"]);
        let mut import = Import::new(user());
        let unknown = |_: &AnyOperation| refusal::<CreateUser>(500, "", Effect::Possible);
        assert_eq!(names(&mut import, unknown), ["create_user", "create_user: HTTP 500"]);
        assert_eq!(Import::new(user()).found(["kp_7"]).output(), Imported::LeftAlone("kp_7".into()));
        assert_eq!(Import::new(user()).update().found(["a", "b"]).output(), Imported::Several(2));
        assert_eq!(Import::new(user()).found([""; 0]).output(), Imported::Unfinished);
        let mut import = Import::new(user()).interrupted().found(["kp_7"]);
        assert_eq!(names(&mut import, tenant(NOBODY)), ["set_user_password"]);
        assert_eq!(import.output(), Imported::Created("kp_7".into()));
    }
}
