//! Bringing users over from a file.

use alloc::vec::Vec;
use core::fmt;

use kinde_users_core::models::{IdentityType, User};
use kinde_users_core::operations::{CreateUser, CreatedUser, CreatedUserIdentity, Expand, GetUserData};
use kinde_users_core::{DynOperation, Effect, Error, FindUser, Found, Job, Reply, UserId};

use crate::form::ImportUser;

/// Brings one user over: looks the user up, creates the user if there is none, then sets password, properties and feature flags,
/// and suspends where that is asked for. Where nobody saw the reply of the create, it asks for the user's identities at the end.
///
/// **It never creates a second time before it has looked for the user after the first**, and never in one run after a create of
/// which nobody knows whether it arrived: that run ends with the error, unless the user is there already, and the next one looks
/// first. There are two of one only where a create arrives after it was looked for and the service takes both, or where two
/// imports of one user run at once.
///
/// Interrupted, it can be begun again for the same user by one who has written down two things: before the call named
/// `create_user`, that it is about to be made ([`interrupted`](Self::interrupted)), and after each call the
/// [`user_id`](Self::user_id) and the [`steps`](Self::steps) ([`created`](Self::created)).
///
/// A line without an `id` leaves one doubt: a user whom somebody else created between the lookup and an interrupted create, with no
/// `provided_id`, no sign-in and no other names than the line's, is taken for the import's own, and gets the line's password.
///
/// Somebody who is there already is left alone, unless [`update`](Self::update) was said.
///
/// ```
/// # use kinde_users_core::{CallError, Client, Clock, Transport};
/// use kinde_users_import::{Import, ImportForm, Imported};
///
/// # fn import<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), Box<dyn std::error::Error>> {
/// let hash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
/// let ada = ImportForm::new().row([("email", "ada@example.com"), ("hashed_password", hash)])?;
/// match client.run(&mut Import::new(ada))? {
///     Imported::Created { id, .. } => println!("created {id}"),
///     Imported::LeftAlone { id, .. } => println!("{id} was there"),
///     other => println!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Import {
    user: ImportUser,
    /// A create was made, by this import or one before it, and nobody knows what came of it.
    is_unsure: bool,
    updates: bool,
    /// Somebody has looked for the user among all users, since the last create.
    has_walked: bool,
    /// Who was found so, and is to be looked up by another mark all the same.
    namesake: Option<UserId>,
    stage: Stage,
    /// The identities that the service did not create with the user; `None` as long as it has not said.
    missing: Option<Vec<IdentityType>>,
}

/// What became of an [`Import`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Imported {
    /// The user was created, by this or by an interrupted import before, and is complete.
    #[non_exhaustive]
    Created {
        /// The user.
        id: UserId,
    },
    /// The user was created, and the service says that it did not create all identities, or does not list as many: such a user
    /// cannot be found or sign in by them. All the rest is done, and to begin again might make another user.
    #[non_exhaustive]
    WithoutIdentities {
        /// The user.
        id: UserId,
        /// The types of what was not created.
        missing: Vec<IdentityType>,
    },
    /// The user was there already, and is as the line says.
    #[non_exhaustive]
    Updated {
        /// The user.
        id: UserId,
    },
    /// The user was there already, and nothing was done.
    #[non_exhaustive]
    LeftAlone {
        /// The user.
        id: UserId,
    },
    /// The user with the address, number or name has another `provided_id`, or no user has the
    /// address and this one has the `provided_id`. Nothing was done.
    #[non_exhaustive]
    Taken {
        /// Who was found.
        id: UserId,
    },
    /// The search for the user found others, and none of them has the address, number or name.
    /// Whether there is such a user is not known; see [`Found::Mismatch`]. Nothing was done.
    #[non_exhaustive]
    Mismatch {
        /// The first of them.
        id: UserId,
    },
    /// Several users share it, and nobody knows who is meant. Nothing was done.
    #[non_exhaustive]
    Several {
        /// How many.
        users: usize,
    },
    /// It has not come to its end. With no next call it waits for [`Import::found`], or the search
    /// for the user gave up ([`Found::Unfinished`]): another import of the user searches again.
    Unfinished,
}

#[derive(Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an import is in the large one at its start, and few are run at once"
)]
enum Stage {
    /// To look the user up, if an operation can. If there is no such user, the error is that of the
    /// create before.
    Find(Option<FindUser>, Option<Error>),
    Create,
    /// A create was handed out, and nobody has said yet what came of it.
    Creating,
    /// There is a user, and so many of the calls that come after are done.
    With(UserId, Who, usize),
    End(Imported),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Created,
    /// Who was there before.
    Found,
    /// Who has the `provided_id`: created by the import before, if one was interrupted, and there before otherwise.
    Walked,
}

impl Import {
    /// Creates an import job for `user`.
    pub fn new(user: ImportUser) -> Self {
        let (stage, missing) = (Stage::Find(user.lookup(), None), None);
        Self { user, is_unsure: false, updates: false, has_walked: false, namesake: None, stage, missing }
    }

    /// Whoever is there already gets the names, the `provided_id`, the password, and the rest that the line says. Identities are
    /// not added: who is found by one of them may not be who has the others.
    ///
    /// Interrupted, it is begun again from its first call: there is nothing to write down. Each call sets what the line says, so
    /// that done twice it is done once, but for what somebody changed in between, a password among it: that is set back.
    #[must_use]
    pub fn update(mut self) -> Self {
        self.updates = true;
        self
    }

    /// An import before this one was about to create the user, and it is not known whether it did. Who is found is that user,
    /// and is made complete, if the `provided_id` is the line's; or, where the line has none, if the user has none either, never
    /// signed in, and has no other names than the line says. Anybody else may have signed up in the meantime, and is who was there.
    #[must_use]
    pub fn interrupted(mut self) -> Self {
        self.is_unsure = true;
        self
    }

    /// An import before this one created the user with this id and came so many [`steps`](Self::steps) further: goes on there.
    #[must_use]
    pub fn created(mut self, id: impl Into<UserId>, steps: usize) -> Self {
        self.stage = Stage::With(id.into(), Who::Created, steps);
        self
    }

    /// Those whom a walk through all users found with the line's `provided_id`, or nobody. For a user who has nothing else, whom no
    /// operation looks for: who was [`interrupted`](Self::interrupted) is not created before this is said. And for others, so that
    /// one whose address was changed is not created again: if nobody is found by the address, it ends with
    /// [`Imported::Taken`].
    #[must_use]
    pub fn found<I: Into<UserId>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.has_walked = true;
        if matches!(self.stage, Stage::Find(..)) {
            let mut ids = ids.into_iter().map(Into::into);
            match (ids.next(), ids.count()) {
                (None, _) => {}
                (Some(id), _) if self.user.lookup().is_some() => self.namesake = Some(id),
                (Some(id), 0) => self.stage = Stage::With(id, Who::Walked, 0),
                (Some(_), more) => {
                    self.stage = Stage::End(Imported::Several { users: more.saturating_add(1) });
                }
            }
        }
        self
    }

    /// The user whom this import created, or the one before it, from the reply on.
    pub fn user_id(&self) -> Option<&UserId> {
        match &self.stage {
            Stage::With(id, who, _) if self.has_created(*who) => Some(id),
            _ => None,
        }
    }

    /// How many calls are done that come after there is a user.
    pub fn steps(&self) -> usize {
        if let Stage::With(_, _, steps) = &self.stage { *steps } else { 0 }
    }

    /// Whether the user may be there by this import, complete or not: then the next import of it is to be told what this one
    /// [`created`](Self::created), or that it was [`interrupted`](Self::interrupted) before it knew.
    pub fn may_have_created(&self) -> bool {
        self.is_unsure || self.stage == Stage::Creating || self.user_id().is_some()
    }

    fn has_created(&self, who: Who) -> bool {
        who == Who::Created || who == Who::Walked && self.is_unsure
    }

    /// The next call for a user who is there.
    fn following(&self) -> Option<DynOperation> {
        let Stage::With(id, who, steps) = &self.stage else { return None };
        let has_created = self.has_created(*who);
        let next = (has_created || self.updates).then(|| self.user.rest(id, !has_created).nth(*steps))?;
        // Nobody saw the reply of the create, which has them.
        let asks = next.is_none() && has_created && self.missing.is_none() && self.user.lookup().is_some();
        if asks { Some(DynOperation::new(GetUserData::new(id).expand(Expand::Identities))) } else { next }
    }

    fn looked_up(&mut self, found: Found) {
        self.stage = match found {
            // The user may be there, so that no other is created.
            Found::Unfinished => return,
            Found::Mismatch { id } => Stage::End(Imported::Mismatch { id }),
            Found::None => match self.namesake.take() {
                Some(id) => Stage::End(Imported::Taken { id }),
                None => Stage::Create,
            },
            Found::Several(users) => Stage::End(Imported::Several { users: users.len() }),
            Found::One(user) if !self.is_meant(&user) => Stage::End(Imported::Taken { id: user.id }),
            Found::One(user) => {
                let is_ours = self.is_unsure && self.must_be_ours(&user);
                Stage::With(user.id, if is_ours { Who::Created } else { Who::Found }, 0)
            }
        };
    }

    /// Whether a user who has the address, number or name is who is meant.
    fn is_meant(&self, user: &User) -> bool {
        provided_id(user).zip(self.user.provided_id()).is_none_or(|(theirs, ours)| theirs == ours)
    }

    /// Whether a user who was found can be none but the one whom a create made of which nobody saw the end.
    fn must_be_ours(&self, user: &User) -> bool {
        let theirs = provided_id(user);
        // Who signed up meanwhile has signed in.
        let never_signed_in = user.total_sign_ins.unwrap_or_default() == 0 && user.last_signed_in.is_none();
        let may_be_ours = never_signed_in && self.user.may_have_names_of(user);
        theirs == self.user.provided_id() && (theirs.is_some() || may_be_ours)
    }

    fn created_as(&mut self, created: CreatedUser) {
        if created.created == Some(false) {
            // Somebody was there whom the lookup did not find: nobody who was asked for is known to be that user.
            self.stage = Stage::End(Imported::LeftAlone { id: created.id });
            return;
        }
        let is_missing = |identity: &CreatedUserIdentity| {
            identity.result.is_some_and(|result| result.created == Some(false))
        };
        let missing = created.identities.into_iter().filter(is_missing);
        self.missing = Some(missing.filter_map(|identity| identity.kind).collect());
        self.stage = Stage::With(created.id, Who::Created, 0);
    }

    /// A create failed, or its reply cannot be read.
    fn not_created(&mut self, error: Error) -> Result<(), Error> {
        if error.effect() != Effect::None {
            self.forget_create();
        }
        // A refusal too may come of a create that arrived after it was looked for.
        let can_look = self.is_unsure && self.user.lookup().is_some();
        let (failed, result) = if can_look { (Some(error), Ok(())) } else { (None, Err(error)) };
        self.stage = Stage::Find(self.user.lookup(), failed);
        result
    }

    /// The user may be there, and may be on the way.
    fn forget_create(&mut self) {
        let stage = Stage::Find(self.user.lookup(), None);
        (self.is_unsure, self.has_walked, self.stage) = (true, false, stage);
    }
}

fn provided_id(user: &User) -> Option<&str> {
    user.provided_id.as_deref().filter(|id| !id.is_empty())
}

impl Job for Import {
    type Output = Imported;

    fn next_call(&mut self) -> Option<DynOperation> {
        if self.stage == Stage::Creating {
            self.forget_create();
        }
        match &mut self.stage {
            Stage::Find(Some(search), _) => search.next_call(),
            Stage::Find(None, _) if self.is_unsure && !self.has_walked => None,
            Stage::Find(None, _) | Stage::Create | Stage::Creating => {
                self.stage = Stage::Creating;
                Some(DynOperation::new(self.user.create()))
            }
            Stage::With(..) => self.following(),
            Stage::End(_) => None,
        }
    }

    fn handle(&mut self, result: Result<Reply, Error>) -> Result<(), Error> {
        let result = match self.following() {
            Some(operation) if operation.is::<GetUserData>() => {
                self.missing = Some(self.user.missing_from(&result?.into_output::<GetUserData>()?));
                return Ok(());
            }
            // Any reply would do to go on, but not the page of a proxy.
            Some(operation) => Ok(operation.accept(result?)?),
            None => result,
        };
        match &mut self.stage {
            Stage::Find(Some(search), failed) => {
                if let Err(error) = search.handle(result) {
                    // The error of the search would hide that the create may have taken effect.
                    let Some(error_of_create) = failed.take() else { return Err(error) };
                    self.stage = Stage::Find(self.user.lookup(), None);
                    return Err(error_of_create);
                }
                if search.next_call().is_none() {
                    match (search.output(), failed.take()) {
                        // It may be on the way still: not to be created again at once.
                        (Found::None | Found::Unfinished, Some(error)) => {
                            self.stage = Stage::Find(self.user.lookup(), None);
                            return Err(error);
                        }
                        (found, _) => self.looked_up(found),
                    }
                }
            }
            Stage::Create | Stage::Creating => match result.and_then(Reply::into_output::<CreateUser>) {
                Ok(created) => self.created_as(created),
                Err(error) => return self.not_created(error),
            },
            Stage::With(_, _, steps) => *steps += 1,
            Stage::Find(None, _) | Stage::End(_) => {}
        }
        Ok(())
    }

    fn output(&self) -> Imported {
        match &self.stage {
            Stage::End(imported) => imported.clone(),
            Stage::With(id, who, _) if self.following().is_none() => {
                let (id, missing) = (id.clone(), self.missing.clone().unwrap_or_default());
                match self.has_created(*who) {
                    true if missing.is_empty() => Imported::Created { id },
                    true => Imported::WithoutIdentities { id, missing },
                    false if self.updates => Imported::Updated { id },
                    false => Imported::LeftAlone { id },
                }
            }
            Stage::Find(..) | Stage::Create | Stage::Creating | Stage::With(..) => Imported::Unfinished,
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
    use crate::form::ImportForm;
    use http::Response;
    use kinde_users_core::Operation;
    use kinde_users_core::operations::{GetUsers, SetUserPassword};
    use std::string::String;

    const NOBODY: &str = r#"{"users":null}"#;
    const HASH: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    /// A user with the identity of `ada` and of `bob`.
    const WHOLE: &str = r#"{"id":"kp_1","identities":[{"type":"email","identity":"a@example.com"}]}"#;

    fn ada() -> ImportUser {
        let line = r#"{"id":"42","email":"ada@example.com","is_suspended":true,"password":{"hashed_password":"HASH"},
            "properties":[{"key":"a","value":"1"}],"first_name":"Ada",
            "feature_flags":[{"key":"f","value":true},{"key":"g","value":1}]}"#;
        ImportForm::new().line(&line.replace("HASH", HASH)).unwrap()
    }

    /// Answers as a tenant does that has what `users` says.
    fn tenant(users: &str) -> impl FnMut(&DynOperation) -> Result<Reply, Error> {
        let users = String::from(users);
        move |operation| {
            Ok(match operation.meta().name {
                "get_users" => answer::<GetUsers>(200, &users),
                "get_user_data" => answer::<GetUserData>(200, WHOLE),
                _ => answer::<CreateUser>(200, r#"{"id":"kp_1"}"#),
            })
        }
    }

    fn answer<O: Operation>(status: u16, body: &str) -> Reply {
        let mut response = Response::new(body.as_bytes().to_vec());
        *response.status_mut() = status.try_into().unwrap();
        Reply::new::<O>(response)
    }

    fn refusal<O: Operation>(status: u16) -> Result<Reply, Error> {
        answer::<O>(status, "").into_result()
    }

    /// The names of the operations that the job calls, and the error that ends it.
    fn names<J: Job>(
        job: &mut J,
        mut call: impl FnMut(&DynOperation) -> Result<Reply, Error>,
    ) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(operation) = job.next_call() {
            names.push(operation.meta().name.into());
            if let Err(error) = job.handle(call(&operation)) {
                names.push(std::format!("{error}"));
                break;
            }
        }
        names
    }

    fn created(id: &str) -> Imported {
        Imported::Created { id: id.into() }
    }

    fn left_alone(id: &str) -> Imported {
        Imported::LeftAlone { id: id.into() }
    }

    fn updated(id: &str) -> Imported {
        Imported::Updated { id: id.into() }
    }

    fn several(users: usize) -> Imported {
        Imported::Several { users }
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

    /// With the question for the identities of a user whose create nobody saw the reply of.
    fn unseen(called: &[&'static str]) -> Vec<&'static str> {
        called.iter().copied().chain(["get_user_data"]).collect()
    }

    #[test]
    fn who_is_not_there_is_created_and_made_complete() {
        let mut import = Import::new(ada());
        assert_eq!(import.output(), Imported::Unfinished);
        assert_eq!(names(&mut import, tenant(NOBODY)), after(&["get_users", "create_user"]));
        assert_eq!(import.output(), created("kp_1"));
    }

    #[test]
    fn who_is_there_is_left_alone_unless_told() {
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        let mut import = Import::new(ada());
        assert_eq!(names(&mut import, tenant(there)), ["get_users"]);
        assert_eq!(import.output(), left_alone("kp_7"));
        let mut import = Import::new(ada()).update();
        assert_eq!(names(&mut import, tenant(there)), after(&["get_users"]));
        assert_eq!(import.output(), updated("kp_7"));
        assert_eq!(import.user_id(), None);
    }

    #[test]
    fn who_was_created_before_an_interruption_is_made_complete() {
        let mut import = Import::new(ada()).interrupted();
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        assert_eq!(names(&mut import, tenant(there)), unseen(&after(&["get_users"])));
        assert_eq!(import.output(), created("kp_7"));
        let mut import = Import::new(ada()).interrupted();
        assert_eq!(names(&mut import, tenant(NOBODY)), after(&["get_users", "create_user"]));
    }

    #[test]
    fn who_may_have_signed_up_since_an_interruption_is_who_was_there() {
        let bob = || {
            let names = [("first_name", "Bob"), ("last_name", "Example")];
            let columns = [("email", "bob@example.com"), ("hashed_password", HASH)].into_iter().chain(names);
            ImportForm::new().row(columns).unwrap()
        };
        let nameless =
            || ImportForm::new().row([("email", "bob@example.com"), ("hashed_password", HASH)]).unwrap();
        for (user, found, is_ours) in [
            (ada(), r#""id":"kp_7""#, false),
            (ada(), r#""id":"kp_7","provided_id":"""#, false),
            (bob(), r#""id":"kp_7""#, true),
            (bob(), r#""id":"kp_7","total_sign_ins":0,"provided_id":"""#, true),
            (bob(), r#""id":"kp_7","total_sign_ins":1"#, false),
            (bob(), r#""id":"kp_7","last_signed_in":"2025-04-01T13:04:20Z""#, false),
            (bob(), r#""id":"kp_7","provided_id":"43""#, false),
            (bob(), r#""id":"kp_7","first_name":"Bob","last_name":null"#, true),
            (bob(), r#""id":"kp_7","first_name":"Robert""#, false),
            (bob(), r#""id":"kp_7","first_name":"","last_name":"Roberts""#, false),
            (nameless(), r#""id":"kp_7""#, true),
            (nameless(), r#""id":"kp_7","first_name":"Bob""#, false),
            // Whatever became of the name since, the id is the line's.
            (ada(), r#""id":"kp_7","first_name":"Augusta","provided_id":"42""#, true),
        ] {
            let email = &user.keys().next().unwrap().1;
            let users = std::format!(r#"{{"users":[{{{found},"email":"{email}"}}]}}"#);
            let mut import = Import::new(user).interrupted();
            let called = names(&mut import, tenant(&users));
            assert_eq!((called.len() > 1, import.output() == created("kp_7")), (is_ours, is_ours), "{found}");
            assert!(is_ours || import.output() == left_alone("kp_7"), "{found}");
        }
    }

    #[test]
    fn a_stranger_with_the_same_address_is_never_touched() {
        let stranger = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"43"}]}"#;
        for import in [Import::new(ada()), Import::new(ada()).update(), Import::new(ada()).interrupted()] {
            let mut import = import;
            assert_eq!(names(&mut import, tenant(stranger)), ["get_users"]);
            assert_eq!(import.output(), Imported::Taken { id: "kp_7".into() });
        }
        let two = ["a", "b"].map(|id| std::format!(r#"{{"id":"{id}","email":"ada@example.com"}}"#)).join(",");
        let two = std::format!(r#"{{"users":[{two}]}}"#);
        let mut import = Import::new(ada()).update();
        assert_eq!(names(&mut import, tenant(&two)), ["get_users"]);
        assert_eq!(import.output(), several(2));
    }

    #[test]
    fn a_search_that_finds_others_is_reported_and_nothing_is_created_or_changed() {
        let row = |columns: &[(&str, &str)]| ImportForm::new().row(columns.iter().copied()).unwrap();
        let email = &[("email", "Ada@example.com"), ("hashed_password", HASH)][..];
        for (columns, found, is_found) in [
            (&[("username", "ada")][..], r#""username":"admin","email":"ada@example.com""#, false),
            (
                &[("username", "Ada"), ("phone", "+61555111555")],
                r#""username":"aDA","phone":"+61555111556""#,
                true,
            ),
            (&[("username", "ada")], r#""username":"","email":"a@example.com""#, false),
            (&[("phone", "+61555111555")], r#""phone":"+61555111556""#, false),
            (&[("phone", "+61555111555")], r#""phone":"0061 555 111 555""#, true),
            (email, r#""email":"ADA@example.com""#, true),
            (email, r#""email":"bob@example.com""#, false),
            (email, r#""email":null"#, false),
            (
                email,
                r#""email":"new@example.com","identities":[{"type":"email","identity":"ada@example.com"}]"#,
                true,
            ),
            // The id alone does not do: the walk finds those whose address was changed.
            (
                &[("email", "ada@example.com"), ("id", "42")],
                r#""email":"new@example.com","provided_id":"42""#,
                false,
            ),
        ] {
            let users = std::format!(r#"{{"users":[{{"id":"kp_7",{found}}}]}}"#);
            let user = row(columns);
            for import in [
                Import::new(user.clone()),
                Import::new(user.clone()).update(),
                Import::new(user.clone()).interrupted(),
                Import::new(user.clone()).found(["kp_8"]).update(),
            ] {
                let mut import = import;
                let called = names(&mut import, tenant(&users));
                let end = import.output();
                assert_eq!(end == Imported::Mismatch { id: "kp_7".into() }, !is_found, "{found}: {end:?}");
                assert!(is_found || called == ["get_users"], "{found}: {called:?}");
            }
            let mut import = Import::new(user).update();
            names(&mut import, tenant(&users));
            assert_eq!(import.output() == updated("kp_7"), is_found, "{found}");
        }
    }

    #[test]
    fn an_empty_page_with_more_to_come_creates_no_user() {
        let more = r#"{"users":[],"next_token":"more"}"#;
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        let other = r#"{"users":[{"id":"kp_7","email":"bob@example.com"}]}"#;
        let searches = |import: &mut Import, pages: &[&str]| {
            let mut pages = pages.iter();
            names(import, |operation| match (operation.meta().name, pages.next()) {
                ("get_users", Some(page)) => Ok(answer::<GetUsers>(200, page)),
                ("get_users", None) => refusal::<GetUsers>(500),
                _ => tenant(NOBODY)(operation),
            })
        };
        let mut import = Import::new(ada());
        assert_eq!(searches(&mut import, &[more, there]), ["get_users"; 2]);
        assert_eq!(import.output(), left_alone("kp_7"));
        let mut import = Import::new(ada());
        assert_eq!(searches(&mut import, &[more, other]), ["get_users"; 2]);
        assert_eq!(import.output(), Imported::Mismatch { id: "kp_7".into() });
        let mut import = Import::new(ada());
        assert_eq!(searches(&mut import, &[more, NOBODY]), after(&["get_users", "get_users", "create_user"]));
        // It goes on at the page that could not be had.
        let mut import = Import::new(ada());
        assert_eq!(searches(&mut import, &[more]), ["get_users", "get_users", "get_users: HTTP 500"]);
        assert_eq!(searches(&mut import, &[there]), ["get_users"]);
        assert_eq!(import.output(), left_alone("kp_7"));
        // Pages without end.
        for import in [Import::new(ada()), Import::new(ada()).update(), Import::new(ada()).interrupted()] {
            let (mut import, was_unsure) = (import.clone(), import.may_have_created());
            assert_eq!(names(&mut import, tenant(more)), ["get_users"; FindUser::MOST_PAGES]);
            assert_eq!((import.output(), import.may_have_created()), (Imported::Unfinished, was_unsure));
            assert!(import.next_call().is_none());
        }
    }

    #[test]
    fn after_a_create_of_unknown_outcome_a_search_without_an_answer_ends_with_the_error_of_the_create() {
        let more = r#"{"users":[],"next_token":"more"}"#;
        let mut import = Import::new(ada());
        let mut searched = 0;
        let called = names(&mut import, |operation| {
            if operation.is::<CreateUser>() {
                return refusal::<CreateUser>(504);
            }
            searched += 1;
            Ok(answer::<GetUsers>(200, if searched == 1 { NOBODY } else { more }))
        });
        assert_eq!(called.iter().filter(|name| *name == "create_user").count(), 1);
        assert_eq!(called.last().unwrap(), "create_user: HTTP 504");
        assert!(import.may_have_created());
        // The next run looks from the start.
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        assert_eq!(names(&mut import, tenant(there)), unseen(&after(&["get_users"])));
        // And others are no proof that the user is not there.
        let mut import = Import::new(ada());
        import.handle(Ok(answer::<GetUsers>(200, NOBODY))).unwrap();
        assert!(import.next_call().unwrap().is::<CreateUser>());
        import.handle(refusal::<CreateUser>(504)).unwrap();
        let other = r#"{"users":[{"id":"kp_9","email":"bob@example.com"}]}"#;
        assert_eq!(names(&mut import, tenant(other)), ["get_users"]);
        assert_eq!(import.output(), Imported::Mismatch { id: "kp_9".into() });
        assert!(import.may_have_created());
    }

    #[test]
    fn a_search_that_fails_after_a_create_of_unknown_outcome_ends_with_the_error_of_the_create() {
        let mut import = Import::new(ada());
        let mut searches = 0;
        let called = names(&mut import, |operation| {
            if operation.is::<CreateUser>() {
                return refusal::<CreateUser>(504);
            }
            searches += 1;
            if searches == 1 { tenant(NOBODY)(operation) } else { refusal::<GetUsers>(403) }
        });
        assert_eq!(called.last().unwrap(), "create_user: HTTP 504");
        assert!(import.may_have_created());
        // The search goes on from its beginning, and its own failure is the next error.
        let operation = import.next_call().unwrap();
        assert!(operation.is::<GetUsers>());
        let error = import.handle(refusal::<GetUsers>(403)).unwrap_err();
        assert_eq!(error.operation(), "get_users");
    }

    #[test]
    fn a_create_of_unknown_outcome_is_not_made_again_in_the_same_run() {
        let mut import = Import::new(ada());
        let nobody_yet = |operation: &DynOperation| match operation.meta().name {
            "create_user" => refusal::<CreateUser>(504),
            _ => tenant(NOBODY)(operation),
        };
        let called = names(&mut import, nobody_yet);
        assert_eq!(called, ["get_users", "create_user", "get_users", "create_user: HTTP 504"]);
        assert!(import.may_have_created());
        // The next run looks first, and then it may.
        assert_eq!(names(&mut import.clone(), tenant(NOBODY)), after(&["get_users", "create_user"]));
        let late = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        assert_eq!(names(&mut import, tenant(late)), unseen(&after(&["get_users"])));
        assert_eq!(import.output(), created("kp_7"));
    }

    #[test]
    fn a_create_that_is_refused_as_the_one_before_it_arrived_late_goes_on_with_that_user() {
        let mut import = Import::new(ada()).interrupted();
        let mut lookups = 0;
        let called = names(&mut import, |operation| match operation.meta().name {
            "create_user" => refusal::<CreateUser>(400),
            "get_users" => {
                lookups += 1;
                let late = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
                Ok(answer::<GetUsers>(200, if lookups == 1 { NOBODY } else { late }))
            }
            "get_user_data" => Ok(answer::<GetUserData>(200, WHOLE)),
            _ => Ok(answer::<CreateUser>(200, r#"{"id":"kp_7"}"#)),
        });
        assert_eq!(called, unseen(&after(&["get_users", "create_user", "get_users"])));
        assert_eq!(import.output(), created("kp_7"));
        // And a refusal for another reason is told.
        let mut import = Import::new(ada()).interrupted();
        let called = names(&mut import, |operation| match operation.meta().name {
            "create_user" => refusal::<CreateUser>(400),
            _ => tenant(NOBODY)(operation),
        });
        assert_eq!(called, ["get_users", "create_user", "get_users", "create_user: HTTP 400"]);
    }

    #[test]
    fn a_create_that_was_handed_out_and_of_which_nobody_tells_is_looked_up_first() {
        let mut import = Import::new(ada());
        import.handle(Ok(answer::<GetUsers>(200, NOBODY))).unwrap();
        assert!(!import.may_have_created());
        assert!(import.next_call().unwrap().is::<CreateUser>());
        assert!(import.may_have_created());
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        assert_eq!(names(&mut import, tenant(there)), unseen(&after(&["get_users"])));
        assert_eq!(import.output(), created("kp_7"));
        // And where nobody can look, it ends.
        let mut import = Import::new(ImportForm::new().row([("id", "42")]).unwrap());
        assert!(import.next_call().unwrap().is::<CreateUser>());
        assert!(import.next_call().is_none());
        assert_eq!(import.output(), Imported::Unfinished);
        assert_eq!(names(&mut import.found([""; 0]), tenant(NOBODY)), ["create_user"]);
    }

    #[test]
    fn a_created_user_whose_reply_cannot_be_read_is_looked_up() {
        let mut import = Import::new(ada());
        let mut is_there = false;
        let called = names(&mut import, |operation| {
            let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
            let users = if is_there { there } else { NOBODY };
            is_there |= operation.is::<CreateUser>();
            Ok(match operation.meta().name {
                "get_users" => answer::<GetUsers>(200, users),
                "create_user" => answer::<CreateUser>(200, "{"),
                _ => answer::<CreateUser>(200, r#"{"id":"kp_7"}"#),
            })
        });
        assert_eq!(called, unseen(&after(&["get_users", "create_user", "get_users"])));
    }

    #[test]
    fn whom_the_service_says_that_it_did_not_create_was_there() {
        let body =
            r#"{"id":"kp_7","created":false,"identities":[{"type":"phone","result":{"created":false}}]}"#;
        for import in [Import::new(ada()), Import::new(ada()).update(), Import::new(ada()).interrupted()] {
            let mut import = import;
            let called = names(&mut import, |operation| match operation.meta().name {
                "create_user" => Ok(answer::<CreateUser>(200, body)),
                _ => tenant(NOBODY)(operation),
            });
            assert_eq!(called, ["get_users", "create_user"]);
            assert_eq!(import.output(), left_alone("kp_7"));
        }
    }

    #[test]
    fn identities_that_were_not_created_are_told() {
        let body = r#"{"id":"kp_1","identities":[{"type":"email","result":{"created":false}},
            {"type":"phone","result":{"created":true}},{"type":"username","result":null}]}"#;
        let mut import = Import::new(ada());
        let called = names(&mut import, |operation| match operation.meta().name {
            "create_user" => Ok(answer::<CreateUser>(200, body)),
            _ => tenant(NOBODY)(operation),
        });
        assert_eq!(called, after(&["get_users", "create_user"]));
        let missing = [IdentityType::Email].into();
        assert_eq!(import.output(), Imported::WithoutIdentities { id: "kp_1".into(), missing });
    }

    #[test]
    fn identities_that_a_create_did_not_make_whose_reply_is_gone_are_told() {
        let line = r#"{"id":"42","email":"a@b","username":"ada","phone":"+61555111555",
            "identities":[{"type":"email","identity":"c@d"}]}"#;
        let user = || ImportForm::new().line(line).unwrap();
        let there = r#"{"users":[{"id":"kp_1","email":"C@d","provided_id":"42"}]}"#;
        for (data, missing) in [
            (r#"{"id":"kp_1"}"#, &["email", "email", "username", "phone"][..]),
            (
                r#"{"id":"kp_1","preferred_email":"a@b","phone":"","identities":null}"#,
                &["email", "username", "phone"],
            ),
            (
                r#"{"id":"kp_1","preferred_email":"a@b","identities":[{"type":"phone"},{"type":"username"}]}"#,
                &["email", "email"],
            ),
            (
                r#"{"id":"kp_1","identities":[{"type":"phone"},{"type":"username"},{"type":"email"},{"type":"email"}]}"#,
                &[],
            ),
        ] {
            for (import, calls) in [
                (Import::new(user()).created("kp_1", 0), &["get_user_data"][..]),
                (Import::new(user()).created("kp_1", 7), &["get_user_data"]),
                (Import::new(user()).interrupted(), &["get_users", "get_user_data"]),
            ] {
                let mut import = import;
                let called = names(&mut import, |operation| match operation.meta().name {
                    "get_user_data" => Ok(answer::<GetUserData>(200, data)),
                    _ => tenant(there)(operation),
                });
                assert_eq!(called, calls, "{data}");
                let missing: Vec<_> = missing.iter().map(|kind| IdentityType::from(*kind)).collect();
                let id = UserId::from("kp_1");
                let expected = if missing.is_empty() {
                    Imported::Created { id }
                } else {
                    Imported::WithoutIdentities { id, missing }
                };
                assert_eq!(import.output(), expected, "{data}");
            }
        }
        // It is no step, so that it is asked for until there is an answer; and not where there is nothing to ask for.
        let mut import = Import::new(ada()).created("kp_1", 5);
        let refused = |_: &DynOperation| refusal::<GetUserData>(403);
        assert_eq!(names(&mut import, refused)[0], "get_user_data");
        assert_eq!((import.steps(), import.output()), (5, Imported::Unfinished));
        assert_eq!(names(&mut import, tenant(NOBODY)), ["get_user_data"]);
        assert_eq!((import.steps(), import.output()), (5, created("kp_1")));
        let mut import = Import::new(ImportForm::new().row([("id", "42")]).unwrap()).created("kp_1", 0);
        assert_eq!(names(&mut import, tenant(NOBODY)), [""; 0]);
    }

    #[test]
    fn a_refusal_ends_it_and_it_goes_on_from_there() {
        let mut import = Import::new(ada());
        let called = names(&mut import, |operation| match operation.meta().name {
            "update_user_properties" => refusal::<SetUserPassword>(400),
            _ => tenant(NOBODY)(operation),
        });
        assert_eq!(
            called[2..],
            ["set_user_password", "update_user_properties", "set_user_password: HTTP 400"]
        );
        assert_eq!(import.output(), Imported::Unfinished);
        assert!(import.may_have_created());
        // Another import of the same user is told by id and step, and looks for nobody.
        assert_eq!((import.user_id(), import.steps()), (Some(&"kp_1".into()), 1));
        let mut other = Import::new(ada()).created("kp_1", 1).interrupted().found(["kp_2"]).update();
        for (import, calls) in [(&mut import, REST[1..].to_vec()), (&mut other, unseen(&REST[1..]))] {
            assert_eq!(names(import, tenant(NOBODY)), calls);
            assert_eq!(import.output(), created("kp_1"));
        }
        let mut import = Import::new(ada());
        names(&mut import, |operation| match operation.meta().name {
            "create_user" => refusal::<CreateUser>(400),
            _ => tenant(NOBODY)(operation),
        });
        assert!(!import.may_have_created());
        assert_eq!(names(&mut import, tenant(NOBODY)), after(&["get_users", "create_user"]));
    }

    #[test]
    fn what_is_no_reply_of_kinde_is_no_step() {
        let mut import = Import::new(ada()).created("kp_1", 0);
        for (status, body) in [(200, "<html>Please sign in</html>"), (403, "")] {
            assert_eq!(names(&mut import, |_| Ok(answer::<SetUserPassword>(status, body))).len(), 2);
            assert_eq!((import.steps(), import.output()), (0, Imported::Unfinished));
        }
    }

    #[test]
    fn who_has_nothing_but_an_id_is_found_by_others_or_created() {
        let user = || ImportForm::new().row([("id", "42"), ("hashed_password", HASH)]).unwrap();
        let mut import = Import::new(user());
        assert_eq!(names(&mut import, tenant(NOBODY)), ["create_user", "set_user_password"]);
        let mut import = Import::new(user());
        let unknown = |_: &DynOperation| refusal::<CreateUser>(500);
        assert_eq!(names(&mut import, unknown), ["create_user", "create_user: HTTP 500"]);
        // Nobody looks, so nobody is created again.
        assert_eq!(names(&mut import, unknown), [""; 0]);
        assert_eq!(names(&mut Import::new(user()).interrupted(), unknown), [""; 0]);
        let mut import = Import::new(user()).interrupted().found([""; 0]);
        assert_eq!(names(&mut import, unknown), ["create_user", "create_user: HTTP 500"]);
        assert_eq!(names(&mut import, unknown), [""; 0]);
        assert_eq!(Import::new(user()).found([""; 0]).output(), Imported::Unfinished);
    }

    #[test]
    fn who_has_the_id_and_another_address_is_neither_doubled_nor_touched() {
        for import in [Import::new(ada()), Import::new(ada()).update(), Import::new(ada()).interrupted()] {
            let mut import = import.found(["kp_8"]);
            assert_eq!(names(&mut import, tenant(NOBODY)), ["get_users"]);
            assert_eq!(import.output(), Imported::Taken { id: "kp_8".into() });
        }
        let mut import = Import::new(ada()).found([""; 0]);
        assert_eq!(names(&mut import, tenant(NOBODY)), after(&["get_users", "create_user"]));
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        let mut import = Import::new(ada()).found(["kp_7"]).update();
        assert_eq!(names(&mut import, tenant(there)), after(&["get_users"]));
        assert_eq!(import.output(), updated("kp_7"));
    }

    #[test]
    fn it_does_not_matter_what_an_import_is_told_first() {
        let user = || ImportForm::new().row([("id", "42"), ("hashed_password", HASH)]).unwrap();
        assert_eq!(Import::new(user()).found(["kp_7"]).output(), left_alone("kp_7"));
        for import in [Import::new(user()).update(), Import::new(user()).found(["a", "b"]).update()] {
            assert_eq!(import.found(["a", "b"]).output(), several(2));
        }
        for (import, end) in [
            (Import::new(user()).interrupted().found(["kp_7"]), created("kp_7")),
            (Import::new(user()).found(["kp_7"]).interrupted(), created("kp_7")),
            (Import::new(user()).update().found(["kp_7"]), updated("kp_7")),
            (Import::new(user()).found(["kp_7"]).update(), updated("kp_7")),
        ] {
            let mut import = import;
            assert_eq!(names(&mut import, tenant(NOBODY))[0], "set_user_password");
            assert_eq!(import.output(), end);
        }
    }
}
