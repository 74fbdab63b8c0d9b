//! The job that imports a user.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{fmt, mem};

use kinde_users_core::models::{IdentityType, User};
use kinde_users_core::operations::{CreateUser, CreatedUser, CreatedUserIdentity, Expand, GetUserData};
use kinde_users_core::{DynOperation, Effect, Error, FindUser, Found, Job, Reply, UserId};

use crate::user::ImportUser;

/// Imports one user.
///
/// The job searches for the user and creates it if it does not exist. Then it sets the password,
/// properties and feature flags, and suspends the user if the record says so. If the reply to
/// `create_user` was lost, the job reads the user's identities at the end, because that reply would
/// have said which identities were created.
///
/// **The job makes no second create without a search in between.** If the outcome of a create is
/// unknown, the job makes no second create in the same run. Instead, the job searches at once. If
/// the job finds the user, it continues. Otherwise the job ends with the error of the create, and
/// the next run searches first. For a record that has only a `provided_id`, the job makes no second
/// create until you call [`found`](Self::found). So a user is created twice only if the service
/// accepts both creates. Even then, a create must arrive after the search, or two imports of the
/// user must run at once.
///
/// Your program can start an interrupted import again for the same user if the program keeps a
/// journal. Before the call `create_user`, the program writes to the journal that it is about to
/// make the call. After each call, the program writes the [`user_id`](Self::user_id) and the
/// [`steps`](Self::steps). In the next run, the program calls [`interrupted`](Self::interrupted) or
/// [`created`](Self::created), as the last entry of the journal says.
///
/// If the record has no `provided_id`, the job can mistake a user of another program for its own.
/// Another program may create the user between the search and an interrupted create. If that user
/// has no `provided_id`, has never signed in, and has no name that differs from the record, the job
/// treats the user as if the job had created the user, and sets the password of the record.
///
/// If you search for many users before their imports, pass the result for each user to
/// [`searched`](Self::searched). With this result, the import of a new user with a password makes
/// two calls instead of three.
///
/// The job does not change a user that already exists, unless you call [`update`](Self::update).
///
/// ```
/// # use kinde_users_core::{CallError, Client, Clock, Transport};
/// use kinde_users_import::{Import, Imported, Mapping, Source};
///
/// # fn import<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), Box<dyn std::error::Error>> {
/// let hash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
/// let ada = Mapping::new(Source::Kinde).row([("email", "ada@example.com"), ("hashed_password", hash)])?;
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
    /// A create was made, by this import or an earlier one, and its outcome is unknown.
    is_unsure: bool,
    updates: bool,
    /// A walk through all users has searched for the user since the last create.
    has_walked: bool,
    /// The user that the walk found. The job still searches for it by another field.
    namesake: Option<UserId>,
    searched: Searched,
    stage: Stage,
    /// The identities that the service did not create with the user. `None` until it has said so.
    missing: Option<Vec<IdentityType>>,
}

/// The result of an [`Import`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Imported {
    /// This import, or an interrupted import before it, created the user. The user is complete.
    #[non_exhaustive]
    Created {
        /// The id of the user.
        id: UserId,
    },
    /// The user was created, but the service did not create all identities, or does not list all of
    /// them. A search by a missing identity does not find the user, and the user cannot sign in
    /// with this identity. Everything else is done. If you start the import again, it might create
    /// another user.
    #[non_exhaustive]
    WithoutIdentities {
        /// The id of the user.
        id: UserId,
        /// The types of the missing identities.
        missing: Vec<IdentityType>,
    },
    /// The user existed already, and was updated to the record.
    #[non_exhaustive]
    Updated {
        /// The id of the user.
        id: UserId,
    },
    /// The user existed already. Nothing was done.
    #[non_exhaustive]
    LeftAlone {
        /// The id of the user.
        id: UserId,
    },
    /// The search found a user whose `provided_id` differs from that of the record. Or the search
    /// found no user, but another user has the `provided_id` of the record. Nothing was done.
    #[non_exhaustive]
    Taken {
        /// The id of the user that was found.
        id: UserId,
    },
    /// The search returned users, but none of them has the address, number or name of the record.
    /// It is not known whether a user with this address, number or name exists; see
    /// [`Found::Mismatch`]. Nothing was done.
    #[non_exhaustive]
    Mismatch {
        /// The id of the first of these users.
        id: UserId,
    },
    /// Several users have the address, number, name or `provided_id` of the record. Nothing was
    /// done.
    #[non_exhaustive]
    Several {
        /// The number of users.
        users: usize,
    },
    /// The job is not complete. If it has no next call, it waits for [`Import::found`], or the
    /// search gave up ([`Found::Unfinished`]). Another import of the user searches again.
    Unfinished,
}

#[derive(Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an import is in the large one at its start, and few are run at once"
)]
enum Stage {
    /// Searches for the user, if an operation can. If no user is found, the job ends with the error
    /// of the create before.
    Find(Option<FindUser>, Option<Error>),
    Create,
    /// A create was returned, and its result has not come yet.
    Creating,
    /// The user exists, and this many of the following calls are done.
    With(UserId, Who, usize),
    End(Imported),
}

/// A search that was made before the import.
#[derive(Clone, Default, PartialEq, Eq)]
enum Searched {
    #[default]
    No,
    Found(Box<Found>),
    /// The job used its result. It may be old.
    Used,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Created,
    /// The user that existed before.
    Found,
    /// The user with the `provided_id`. An interrupted import created it, if there was one;
    /// otherwise it existed before.
    Walked,
}

impl Import {
    /// Creates an import job for `user`.
    pub fn new(user: ImportUser) -> Self {
        Self {
            stage: Stage::Find(user.lookup(), None),
            user,
            is_unsure: false,
            updates: false,
            has_walked: false,
            namesake: None,
            searched: Searched::No,
            missing: None,
        }
    }

    /// Updates a user that already exists. The job sets the names, the `provided_id`, the password
    /// and everything else in the record, except the identities and the organization. The job adds
    /// no identities, because it found the user by one identity, and the other identities may
    /// belong to another user.
    ///
    /// An interrupted update starts again from its first call and needs no journal. Each call sets
    /// the values of the record, so each call is idempotent. The next run overwrites changes that
    /// were made after the interrupted run, such as a new password.
    #[must_use]
    pub fn update(mut self) -> Self {
        self.updates = true;
        self
    }

    /// Tells the job that an earlier import was about to create the user, and that it is not known
    /// whether that import created the user.
    ///
    /// If the job finds a user, it completes the user only if the earlier import can have created
    /// the user. If the record has a `provided_id`, the user must have the same `provided_id`.
    /// Otherwise the user must have no `provided_id`, must never have signed in, and must have no
    /// name that differs from the record. Any other user may have signed up after the earlier
    /// import, and counts as a user that existed before.
    #[must_use]
    pub fn interrupted(mut self) -> Self {
        self.is_unsure = true;
        self
    }

    /// Tells the job that an earlier import created the user with this id and completed this number
    /// of [`steps`](Self::steps). The job continues with the next step.
    #[must_use]
    pub fn created(mut self, id: impl Into<UserId>, steps: usize) -> Self {
        self.stage = Stage::With(id.into(), Who::Created, steps);
        self
    }

    /// Passes the result of the search [`ImportUser::lookup`], so that the job does not make this
    /// search. [`FindUsers`](kinde_users_core::FindUsers) makes the searches of many imports with
    /// few calls.
    ///
    /// Pass only the result of a search that was made after the last import of the same user. If
    /// several records of a file share an address, number or name, pass the result only to the
    /// first one. The job still searches if the result is [`Found::Unfinished`], or if you called
    /// [`interrupted`](Self::interrupted). The job also searches if the service refuses the create,
    /// because the user may have signed up after the first search.
    #[must_use]
    pub fn searched(mut self, found: Found) -> Self {
        self.searched = Searched::Found(Box::new(found));
        self
    }

    /// Passes the ids of all users that have the `provided_id` of the record. To find these users,
    /// read all users. The list may be empty.
    ///
    /// Call this method for a record that has only a `provided_id`, because no operation searches
    /// for a `provided_id`. After [`interrupted`](Self::interrupted), the job creates the user of
    /// such a record only if you call this method. For other records, this method prevents a
    /// duplicate user if the address of a user was changed. In this case, the search by address
    /// finds no user, and the job ends with [`Imported::Taken`].
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

    /// Returns the id of the user, if this import or an earlier one created the user. The id is
    /// `None` until the job has handled the reply to the create.
    pub fn user_id(&self) -> Option<&UserId> {
        match &self.stage {
            Stage::With(id, who, _) if self.has_created(*who) => Some(id),
            _ => None,
        }
    }

    /// Returns the number of calls that the job has completed since it knows the id of the user.
    /// The call that reads the identities does not count.
    pub fn steps(&self) -> usize {
        if let Stage::With(_, _, steps) = &self.stage { *steps } else { 0 }
    }

    /// Returns whether this import may have created the user, even incompletely. If it returns
    /// `true` and there is a [`user_id`](Self::user_id), call [`created`](Self::created) on the
    /// next import of the user. If it returns `true` and there is no `user_id`, call
    /// [`interrupted`](Self::interrupted).
    pub fn may_have_created(&self) -> bool {
        self.is_unsure || self.stage == Stage::Creating || self.user_id().is_some()
    }

    fn has_created(&self, who: Who) -> bool {
        who == Who::Created || who == Who::Walked && self.is_unsure
    }

    /// Returns the next call for a user that exists.
    fn following(&self) -> Option<DynOperation> {
        let Stage::With(id, who, steps) = &self.stage else { return None };
        let has_created = self.has_created(*who);
        let next = (has_created || self.updates).then(|| self.user.rest(id, !has_created).nth(*steps))?;
        // The reply of the create, which has them, got lost.
        let asks = next.is_none() && has_created && self.missing.is_none() && self.user.lookup().is_some();
        if asks { Some(DynOperation::new(GetUserData::new(id).expand(Expand::Identities))) } else { next }
    }

    /// Uses the result of a search that was made before the import.
    fn use_search(&mut self) {
        let Stage::Find(Some(_), None) = self.stage else { return };
        match mem::take(&mut self.searched) {
            // A create of unknown outcome may have arrived after that search.
            Searched::Found(found) if !self.is_unsure => {
                self.searched = Searched::Used;
                self.looked_up(*found);
            }
            _ => {}
        }
    }

    fn looked_up(&mut self, found: Found) {
        self.stage = match found {
            // The user may exist, so no other one is created.
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

    /// Whether a user with the address, number or name is the one of the record.
    fn is_meant(&self, user: &User) -> bool {
        provided_id(user).zip(self.user.provided_id()).is_none_or(|(theirs, ours)| theirs == ours)
    }

    /// Whether a user can only be the one that a create of unknown outcome made.
    fn must_be_ours(&self, user: &User) -> bool {
        let theirs = provided_id(user);
        // A user that signed up in the meantime has signed in.
        let never_signed_in = user.total_sign_ins.unwrap_or_default() == 0 && user.last_signed_in.is_none();
        let may_be_ours = never_signed_in && self.user.may_have_names_of(user);
        theirs == self.user.provided_id() && (theirs.is_some() || may_be_ours)
    }

    fn created_as(&mut self, created: CreatedUser) {
        if created.created == Some(false) {
            // A user existed that the search did not find, so it is not known which user it is.
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
        // A refusal may also mean that a create arrived after the search.
        let is_old = mem::take(&mut self.searched) == Searched::Used;
        let can_look = (self.is_unsure || is_old) && self.user.lookup().is_some();
        let (failed, result) = if can_look { (Some(error), Ok(())) } else { (None, Err(error)) };
        self.stage = Stage::Find(self.user.lookup(), failed);
        result
    }

    /// The user may exist, or may still be created.
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
        self.use_search();
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
            // Any reply of the service is enough to continue, but not the page of a proxy.
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
                        // It may still be created, so it is not created again at once.
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
    use crate::{Mapping, Source};
    use http::Response;
    use kinde_users_core::Operation;
    use kinde_users_core::operations::{GetUsers, SetUserPassword};
    use std::string::String;

    const NO_USERS: &str = r#"{"users":null}"#;
    const HASH: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    /// A user with the identity of `ada` and of `bob`.
    const WHOLE: &str = r#"{"id":"kp_1","identities":[{"type":"email","identity":"a@example.com"}]}"#;

    fn ada() -> ImportUser {
        let line = r#"{"id":"42","email":"ada@example.com","is_suspended":true,"password":{"hashed_password":"HASH"},
            "properties":[{"key":"a","value":"1"}],"first_name":"Ada",
            "feature_flags":[{"key":"f","value":true},{"key":"g","value":1}]}"#;
        Mapping::new(Source::Kinde).line(&line.replace("HASH", HASH)).unwrap()
    }

    /// Answers like a tenant with these users.
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

    /// Returns the names of the operations that the job calls, and the error that ends it.
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

    /// Includes the read of the identities of a user whose create had no reply.
    fn unseen(called: &[&'static str]) -> Vec<&'static str> {
        called.iter().copied().chain(["get_user_data"]).collect()
    }

    #[test]
    fn new_user_is_created_and_completed() {
        let mut import = Import::new(ada());
        assert_eq!(import.output(), Imported::Unfinished);
        assert_eq!(names(&mut import, tenant(NO_USERS)), after(&["get_users", "create_user"]));
        assert_eq!(import.output(), created("kp_1"));
    }

    /// The result of a search for this user.
    fn one(user: &str) -> Found {
        let mut search = FindUser::by_email("ada@example.com");
        search.handle(Ok(answer::<GetUsers>(200, &std::format!(r#"{{"users":[{user}]}}"#)))).unwrap();
        let found = search.output();
        assert_eq!(found.users().len(), 1);
        found
    }

    const ADA: &str = r#"{"id":"kp_7","email":"ada@example.com","provided_id":"42"}"#;

    #[test]
    fn search_before_the_import_is_not_repeated() {
        let mut import = Import::new(ada()).searched(Found::None);
        assert_eq!(names(&mut import, tenant(NO_USERS)), after(&["create_user"]));
        assert_eq!(import.output(), created("kp_1"));
        let mut import = Import::new(ada()).searched(one(ADA));
        assert_eq!(names(&mut import, tenant(NO_USERS)), [""; 0]);
        assert_eq!(import.output(), left_alone("kp_7"));
        for import in
            [Import::new(ada()).searched(one(ADA)).update(), Import::new(ada()).update().searched(one(ADA))]
        {
            let mut import = import;
            assert_eq!(names(&mut import, tenant(NO_USERS)), REST);
            assert_eq!(import.output(), updated("kp_7"));
        }
        for import in [
            Import::new(ada()).searched(Found::None).found(["kp_8"]),
            Import::new(ada()).found(["kp_8"]).searched(Found::None),
            Import::new(ada()).searched(one(r#"{"id":"kp_8","email":"ada@example.com","provided_id":"43"}"#)),
        ] {
            let mut import = import;
            assert_eq!(names(&mut import, tenant(NO_USERS)), [""; 0]);
            assert_eq!(import.output(), Imported::Taken { id: "kp_8".into() });
        }
        // A search that is not complete is.
        let mut import = Import::new(ada()).searched(Found::Unfinished);
        assert_eq!(names(&mut import, tenant(NO_USERS)), after(&["get_users", "create_user"]));
    }

    #[test]
    fn earlier_search_does_not_settle_a_create() {
        let there = std::format!(r#"{{"users":[{ADA}]}}"#);
        for import in [
            Import::new(ada()).searched(Found::None).interrupted(),
            Import::new(ada()).interrupted().searched(Found::None),
            Import::new(ada()).interrupted().searched(one(ADA)),
        ] {
            let mut import = import;
            assert_eq!(names(&mut import, tenant(&there)), unseen(&after(&["get_users"])));
            assert_eq!(import.output(), created("kp_7"));
        }
        // The outcome is lost in this run, or the program ends before it.
        for is_dropped in [false, true] {
            let mut import = Import::new(ada()).searched(Found::None);
            assert!(import.next_call().unwrap().is::<CreateUser>());
            if !is_dropped {
                import.handle(refusal::<CreateUser>(504)).unwrap();
            }
            assert_eq!(names(&mut import, tenant(&there)), unseen(&after(&["get_users"])));
            assert_eq!(import.output(), created("kp_7"));
        }
        // Another import that continues needs no search.
        let mut import = Import::new(ada()).searched(Found::None).created("kp_1", 1);
        assert_eq!(names(&mut import, tenant(NO_USERS)), unseen(&REST[1..]));
    }

    #[test]
    fn refused_create_is_followed_by_a_search() {
        fn refused(users: &str) -> impl FnMut(&DynOperation) -> Result<Reply, Error> {
            let mut tenant = tenant(users);
            move |operation| match operation.meta().name {
                "create_user" => refusal::<CreateUser>(400),
                _ => tenant(operation),
            }
        }
        let there = std::format!(r#"{{"users":[{ADA}]}}"#);
        let mut import = Import::new(ada()).searched(Found::None);
        assert_eq!(names(&mut import, refused(&there)), ["create_user", "get_users"]);
        assert_eq!((import.output(), import.may_have_created()), (left_alone("kp_7"), false));
        let mut import = Import::new(ada()).searched(Found::None).update();
        assert_eq!(names(&mut import, refused(&there)), after(&["create_user", "get_users"]));
        // A refusal for another reason is reported. The next run searches as usual.
        let mut import = Import::new(ada()).searched(Found::None);
        let called = names(&mut import, refused(NO_USERS));
        assert_eq!(called, ["create_user", "get_users", "create_user: HTTP 400"]);
        assert!(!import.may_have_created());
        let called = names(&mut import, refused(NO_USERS));
        assert_eq!(called, ["get_users", "create_user", "create_user: HTTP 400"]);
    }

    #[test]
    fn existing_user_is_left_alone_without_update() {
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
    fn user_of_an_interrupted_create_is_completed() {
        let mut import = Import::new(ada()).interrupted();
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        assert_eq!(names(&mut import, tenant(there)), unseen(&after(&["get_users"])));
        assert_eq!(import.output(), created("kp_7"));
        let mut import = Import::new(ada()).interrupted();
        assert_eq!(names(&mut import, tenant(NO_USERS)), after(&["get_users", "create_user"]));
    }

    #[test]
    fn user_that_may_have_signed_up_counts_as_existing() {
        let bob = || {
            let names = [("first_name", "Bob"), ("last_name", "Example")];
            let columns = [("email", "bob@example.com"), ("hashed_password", HASH)].into_iter().chain(names);
            Mapping::new(Source::Kinde).row(columns).unwrap()
        };
        let nameless = || {
            Mapping::new(Source::Kinde)
                .row([("email", "bob@example.com"), ("hashed_password", HASH)])
                .unwrap()
        };
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
            // The id is that of the record, even if the name was changed.
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
    fn other_user_with_the_same_address_is_not_changed() {
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
    fn mismatched_search_creates_and_changes_nothing() {
        let row =
            |columns: &[(&str, &str)]| Mapping::new(Source::Kinde).row(columns.iter().copied()).unwrap();
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
            // The id alone is not enough: the walk also finds users whose address was changed.
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
    fn empty_page_with_a_next_page_creates_no_user() {
        let more = r#"{"users":[],"next_token":"more"}"#;
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        let other = r#"{"users":[{"id":"kp_7","email":"bob@example.com"}]}"#;
        let searches = |import: &mut Import, pages: &[&str]| {
            let mut pages = pages.iter();
            names(import, |operation| match (operation.meta().name, pages.next()) {
                ("get_users", Some(page)) => Ok(answer::<GetUsers>(200, page)),
                ("get_users", None) => refusal::<GetUsers>(500),
                _ => tenant(NO_USERS)(operation),
            })
        };
        let mut import = Import::new(ada());
        assert_eq!(searches(&mut import, &[more, there]), ["get_users"; 2]);
        assert_eq!(import.output(), left_alone("kp_7"));
        let mut import = Import::new(ada());
        assert_eq!(searches(&mut import, &[more, other]), ["get_users"; 2]);
        assert_eq!(import.output(), Imported::Mismatch { id: "kp_7".into() });
        let mut import = Import::new(ada());
        assert_eq!(
            searches(&mut import, &[more, NO_USERS]),
            after(&["get_users", "get_users", "create_user"])
        );
        // It continues at the page that failed.
        let mut import = Import::new(ada());
        assert_eq!(searches(&mut import, &[more]), ["get_users", "get_users", "get_users: HTTP 500"]);
        assert_eq!(searches(&mut import, &[there]), ["get_users"]);
        assert_eq!(import.output(), left_alone("kp_7"));
        // The pages never end.
        for import in [Import::new(ada()), Import::new(ada()).update(), Import::new(ada()).interrupted()] {
            let (mut import, was_unsure) = (import.clone(), import.may_have_created());
            assert_eq!(names(&mut import, tenant(more)), ["get_users"; FindUser::MOST_PAGES]);
            assert_eq!((import.output(), import.may_have_created()), (Imported::Unfinished, was_unsure));
            assert!(import.next_call().is_none());
        }
    }

    #[test]
    fn unfinished_search_after_a_create_fails() {
        let more = r#"{"users":[],"next_token":"more"}"#;
        let mut import = Import::new(ada());
        let mut searched = 0;
        let called = names(&mut import, |operation| {
            if operation.is::<CreateUser>() {
                return refusal::<CreateUser>(504);
            }
            searched += 1;
            Ok(answer::<GetUsers>(200, if searched == 1 { NO_USERS } else { more }))
        });
        assert_eq!(called.iter().filter(|name| *name == "create_user").count(), 1);
        assert_eq!(called.last().unwrap(), "create_user: HTTP 504");
        assert!(import.may_have_created());
        // The next run searches from the start.
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        assert_eq!(names(&mut import, tenant(there)), unseen(&after(&["get_users"])));
        // Other users do not prove that the user does not exist.
        let mut import = Import::new(ada());
        import.handle(Ok(answer::<GetUsers>(200, NO_USERS))).unwrap();
        assert!(import.next_call().unwrap().is::<CreateUser>());
        import.handle(refusal::<CreateUser>(504)).unwrap();
        let other = r#"{"users":[{"id":"kp_9","email":"bob@example.com"}]}"#;
        assert_eq!(names(&mut import, tenant(other)), ["get_users"]);
        assert_eq!(import.output(), Imported::Mismatch { id: "kp_9".into() });
        assert!(import.may_have_created());
    }

    #[test]
    fn failed_search_after_a_create_is_the_error() {
        let mut import = Import::new(ada());
        let mut searches = 0;
        let called = names(&mut import, |operation| {
            if operation.is::<CreateUser>() {
                return refusal::<CreateUser>(504);
            }
            searches += 1;
            if searches == 1 { tenant(NO_USERS)(operation) } else { refusal::<GetUsers>(403) }
        });
        assert_eq!(called.last().unwrap(), "create_user: HTTP 504");
        assert!(import.may_have_created());
        // The search starts again, and its own failure is the next error.
        let operation = import.next_call().unwrap();
        assert!(operation.is::<GetUsers>());
        let error = import.handle(refusal::<GetUsers>(403)).unwrap_err();
        assert_eq!(error.operation(), "get_users");
    }

    #[test]
    fn unknown_create_is_not_repeated_in_the_same_run() {
        let mut import = Import::new(ada());
        let nobody_yet = |operation: &DynOperation| match operation.meta().name {
            "create_user" => refusal::<CreateUser>(504),
            _ => tenant(NO_USERS)(operation),
        };
        let called = names(&mut import, nobody_yet);
        assert_eq!(called, ["get_users", "create_user", "get_users", "create_user: HTTP 504"]);
        assert!(import.may_have_created());
        // The next run searches first, and then it may create.
        assert_eq!(names(&mut import.clone(), tenant(NO_USERS)), after(&["get_users", "create_user"]));
        let late = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        assert_eq!(names(&mut import, tenant(late)), unseen(&after(&["get_users"])));
        assert_eq!(import.output(), created("kp_7"));
    }

    #[test]
    fn refused_create_continues_with_a_late_user() {
        let mut import = Import::new(ada()).interrupted();
        let mut lookups = 0;
        let called = names(&mut import, |operation| match operation.meta().name {
            "create_user" => refusal::<CreateUser>(400),
            "get_users" => {
                lookups += 1;
                let late = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
                Ok(answer::<GetUsers>(200, if lookups == 1 { NO_USERS } else { late }))
            }
            "get_user_data" => Ok(answer::<GetUserData>(200, WHOLE)),
            _ => Ok(answer::<CreateUser>(200, r#"{"id":"kp_7"}"#)),
        });
        assert_eq!(called, unseen(&after(&["get_users", "create_user", "get_users"])));
        assert_eq!(import.output(), created("kp_7"));
        // A refusal for another reason is reported.
        let mut import = Import::new(ada()).interrupted();
        let called = names(&mut import, |operation| match operation.meta().name {
            "create_user" => refusal::<CreateUser>(400),
            _ => tenant(NO_USERS)(operation),
        });
        assert_eq!(called, ["get_users", "create_user", "get_users", "create_user: HTTP 400"]);
    }

    #[test]
    fn create_without_a_result_is_followed_by_a_search() {
        let mut import = Import::new(ada());
        import.handle(Ok(answer::<GetUsers>(200, NO_USERS))).unwrap();
        assert!(!import.may_have_created());
        assert!(import.next_call().unwrap().is::<CreateUser>());
        assert!(import.may_have_created());
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        assert_eq!(names(&mut import, tenant(there)), unseen(&after(&["get_users"])));
        assert_eq!(import.output(), created("kp_7"));
        // If no operation can search, it ends.
        let mut import = Import::new(Mapping::new(Source::Kinde).row([("id", "42")]).unwrap());
        assert!(import.next_call().unwrap().is::<CreateUser>());
        assert!(import.next_call().is_none());
        assert_eq!(import.output(), Imported::Unfinished);
        assert_eq!(names(&mut import.found([""; 0]), tenant(NO_USERS)), ["create_user"]);
    }

    #[test]
    fn unreadable_create_is_followed_by_a_search() {
        let mut import = Import::new(ada());
        let mut is_there = false;
        let called = names(&mut import, |operation| {
            let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
            let users = if is_there { there } else { NO_USERS };
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
    fn user_that_the_create_found_is_left_alone() {
        let body =
            r#"{"id":"kp_7","created":false,"identities":[{"type":"phone","result":{"created":false}}]}"#;
        for import in [Import::new(ada()), Import::new(ada()).update(), Import::new(ada()).interrupted()] {
            let mut import = import;
            let called = names(&mut import, |operation| match operation.meta().name {
                "create_user" => Ok(answer::<CreateUser>(200, body)),
                _ => tenant(NO_USERS)(operation),
            });
            assert_eq!(called, ["get_users", "create_user"]);
            assert_eq!(import.output(), left_alone("kp_7"));
        }
    }

    #[test]
    fn identities_that_were_not_created_are_reported() {
        let body = r#"{"id":"kp_1","identities":[{"type":"email","result":{"created":false}},
            {"type":"phone","result":{"created":true}},{"type":"username","result":null}]}"#;
        let mut import = Import::new(ada());
        let called = names(&mut import, |operation| match operation.meta().name {
            "create_user" => Ok(answer::<CreateUser>(200, body)),
            _ => tenant(NO_USERS)(operation),
        });
        assert_eq!(called, after(&["get_users", "create_user"]));
        let missing = [IdentityType::Email].into();
        assert_eq!(import.output(), Imported::WithoutIdentities { id: "kp_1".into(), missing });
    }

    #[test]
    fn missing_identities_are_reported_after_a_lost_reply() {
        let line = r#"{"id":"42","email":"a@b","username":"ada","phone":"+61555111555",
            "identities":[{"type":"email","identity":"c@d"}]}"#;
        let user = || Mapping::new(Source::Kinde).line(line).unwrap();
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
        // It is not a step, so it is repeated until there is an answer. It is skipped if it is not
        // needed.
        let mut import = Import::new(ada()).created("kp_1", 5);
        let refused = |_: &DynOperation| refusal::<GetUserData>(403);
        assert_eq!(names(&mut import, refused)[0], "get_user_data");
        assert_eq!((import.steps(), import.output()), (5, Imported::Unfinished));
        assert_eq!(names(&mut import, tenant(NO_USERS)), ["get_user_data"]);
        assert_eq!((import.steps(), import.output()), (5, created("kp_1")));
        let mut import =
            Import::new(Mapping::new(Source::Kinde).row([("id", "42")]).unwrap()).created("kp_1", 0);
        assert_eq!(names(&mut import, tenant(NO_USERS)), [""; 0]);
    }

    #[test]
    fn import_continues_at_the_step_that_was_refused() {
        let mut import = Import::new(ada());
        let called = names(&mut import, |operation| match operation.meta().name {
            "update_user_properties" => refusal::<SetUserPassword>(400),
            _ => tenant(NO_USERS)(operation),
        });
        assert_eq!(
            called[2..],
            ["set_user_password", "update_user_properties", "set_user_password: HTTP 400"]
        );
        assert_eq!(import.output(), Imported::Unfinished);
        assert!(import.may_have_created());
        // Another import of the same user gets the id and the step, and does not search.
        assert_eq!((import.user_id(), import.steps()), (Some(&"kp_1".into()), 1));
        let mut other = Import::new(ada()).created("kp_1", 1).interrupted().found(["kp_2"]).update();
        for (import, calls) in [(&mut import, REST[1..].to_vec()), (&mut other, unseen(&REST[1..]))] {
            assert_eq!(names(import, tenant(NO_USERS)), calls);
            assert_eq!(import.output(), created("kp_1"));
        }
        let mut import = Import::new(ada());
        names(&mut import, |operation| match operation.meta().name {
            "create_user" => refusal::<CreateUser>(400),
            _ => tenant(NO_USERS)(operation),
        });
        assert!(!import.may_have_created());
        assert_eq!(names(&mut import, tenant(NO_USERS)), after(&["get_users", "create_user"]));
    }

    #[test]
    fn reply_of_a_proxy_is_no_step() {
        let mut import = Import::new(ada()).created("kp_1", 0);
        for (status, body) in [(200, "<html>Please sign in</html>"), (403, "")] {
            assert_eq!(names(&mut import, |_| Ok(answer::<SetUserPassword>(status, body))).len(), 2);
            assert_eq!((import.steps(), import.output()), (0, Imported::Unfinished));
        }
    }

    #[test]
    fn user_with_only_an_id_is_created_after_a_walk() {
        let user = || Mapping::new(Source::Kinde).row([("id", "42"), ("hashed_password", HASH)]).unwrap();
        let mut import = Import::new(user());
        assert_eq!(names(&mut import, tenant(NO_USERS)), ["create_user", "set_user_password"]);
        let mut import = Import::new(user());
        let unknown = |_: &DynOperation| refusal::<CreateUser>(500);
        assert_eq!(names(&mut import, unknown), ["create_user", "create_user: HTTP 500"]);
        // There is no search, so no user is created again.
        assert_eq!(names(&mut import, unknown), [""; 0]);
        assert_eq!(names(&mut Import::new(user()).interrupted(), unknown), [""; 0]);
        let mut import = Import::new(user()).interrupted().found([""; 0]);
        assert_eq!(names(&mut import, unknown), ["create_user", "create_user: HTTP 500"]);
        assert_eq!(names(&mut import, unknown), [""; 0]);
        assert_eq!(Import::new(user()).found([""; 0]).output(), Imported::Unfinished);
    }

    #[test]
    fn user_with_the_id_and_another_address_is_not_changed() {
        for import in [Import::new(ada()), Import::new(ada()).update(), Import::new(ada()).interrupted()] {
            let mut import = import.found(["kp_8"]);
            assert_eq!(names(&mut import, tenant(NO_USERS)), ["get_users"]);
            assert_eq!(import.output(), Imported::Taken { id: "kp_8".into() });
        }
        let mut import = Import::new(ada()).found([""; 0]);
        assert_eq!(names(&mut import, tenant(NO_USERS)), after(&["get_users", "create_user"]));
        let there = r#"{"users":[{"id":"kp_7","email":"ada@example.com","provided_id":"42"}]}"#;
        let mut import = Import::new(ada()).found(["kp_7"]).update();
        assert_eq!(names(&mut import, tenant(there)), after(&["get_users"]));
        assert_eq!(import.output(), updated("kp_7"));
    }

    #[test]
    fn settings_of_an_import_apply_in_any_order() {
        let user = || Mapping::new(Source::Kinde).row([("id", "42"), ("hashed_password", HASH)]).unwrap();
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
            assert_eq!(names(&mut import, tenant(NO_USERS))[0], "set_user_password");
            assert_eq!(import.output(), end);
        }
    }
}
