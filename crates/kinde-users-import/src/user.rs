//! A user of a file, and the operations that import it.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::iter::repeat_n;

use kinde_users_core::models::{IdentityType, User};
use kinde_users_core::operations::{
    CreateUser, NewIdentity, Password, SetUserPassword, UpdateUser, UpdateUserFeatureFlagOverride,
    UpdateUserProperties,
};
use kinde_users_core::{
    BuildError, DynOperation, FeatureFlagKey, FindUser, Job, OrganizationCode, Patch, PropertyKey, Redacted,
    UserId, Value, fold_case,
};

/// A user that was read from a file. A [`Mapping`](crate::Mapping) creates it.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportUser {
    pub(crate) provided_id: Option<Redacted>,
    pub(crate) given_name: Option<Redacted>,
    pub(crate) family_name: Option<Redacted>,
    pub(crate) picture: Option<Redacted>,
    pub(crate) organization: Option<OrganizationCode>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) password: Option<Password>,
    pub(crate) properties: Vec<(PropertyKey, Value)>,
    pub(crate) feature_flags: Vec<(FeatureFlagKey, Value)>,
    pub(crate) is_suspended: Option<bool>,
}

impl ImportUser {
    /// Returns the keys of the user as pairs of kind (`email`, `username`, `phone` or `id`) and
    /// value.
    ///
    /// The values of identities are [in one case](kinde_users_core::fold_case), so that values that
    /// differ only in the case of letters are equal. A key belongs to one user only. If two users
    /// of a file have the same key, the file has a mistake.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, String)> {
        let identities =
            self.identities.iter().map(|identity| (identity.kind.name(), fold_case(&identity.value)));
        identities.chain(self.provided_id.as_ref().map(|id| ("id", id.as_str().to_owned())))
    }

    /// Returns the id that the user has in another system.
    pub fn provided_id(&self) -> Option<&str> {
        self.provided_id.as_deref()
    }

    /// Returns the job that searches for the user.
    ///
    /// Returns `None` if the user has only a `provided_id`, because no operation searches for a
    /// `provided_id`. To find such a user, read all users.
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
        if let Some(url) = &self.picture {
            create = create.picture(url);
        }
        if let Some(id) = &self.provided_id {
            create = create.provided_id(id);
        }
        if let Some(code) = &self.organization {
            create = create.organization_code(code.clone());
        }
        self.identities.iter().fold(create, |create, identity| create.identity(identity.to_create()))
    }

    /// Returns the operations after the create, in order. With `all`, for a user that already
    /// exists, they also set what the create sets, except the identities and the organization.
    pub(crate) fn rest(&self, id: &UserId, all: bool) -> impl Iterator<Item = DynOperation> {
        let password = self.password.clone().map(|password| SetUserPassword::new(id, password));
        let flag = move |(key, value): &(FeatureFlagKey, Value)| {
            DynOperation::new(UpdateUserFeatureFlagOverride::new(id, key, value.clone()))
        };
        let before = [password.map(DynOperation::new), self.set_properties(id).map(DynOperation::new)];
        // The update is last, as the password of a suspended user may not be settable.
        let update = self.update(id, all).map(DynOperation::new);
        before.into_iter().flatten().chain(self.feature_flags.iter().map(flag)).chain(update)
    }

    /// Returns whether the names of `user` do not differ from those of the record. A missing name
    /// does not differ.
    pub(crate) fn may_have_names_of(&self, user: &User) -> bool {
        [(&self.given_name, &user.first_name), (&self.family_name, &user.last_name)].into_iter().all(
            |(ours, theirs)| match theirs.as_deref() {
                None | Some("") => true,
                theirs => theirs == ours.as_deref(),
            },
        )
    }

    /// Returns the types of the identities that `user` lacks.
    ///
    /// Identities are counted by type, because the service may write a value in another way. If the
    /// user lists no identities, each field of the user counts as one.
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
            let in_field =
                usize::from(user.identities.is_empty() && field.is_some_and(|field| !field.is_empty()));
            let wanted = self.identities.iter().filter(|identity| identity.kind == kind).count();
            missing.extend(repeat_n(kind_of, wanted.saturating_sub(listed.max(in_field))));
        }
        missing
    }

    pub(crate) fn set_properties(&self, id: &UserId) -> Option<UpdateUserProperties> {
        let set = |operation: UpdateUserProperties, (key, value): &(PropertyKey, Value)| {
            operation.property(key, value.clone())
        };
        (!self.properties.is_empty()).then(|| self.properties.iter().fold(UpdateUserProperties::new(id), set))
    }

    /// Returns the update that sets what the create cannot. With `all`, for a user that already
    /// exists, it also sets the names and the `provided_id`, which the create sets.
    pub(crate) fn update(&self, id: &UserId, all: bool) -> Option<UpdateUser> {
        let mut update = UpdateUser::new(id);
        if all {
            update = update
                .given_name(Patch::set_or_leave(self.given_name.clone()))
                .family_name(Patch::set_or_leave(self.family_name.clone()))
                .picture(Patch::set_or_leave(self.picture.clone()))
                .provided_id(Patch::set_or_leave(self.provided_id.clone()));
        }
        if let Some(is_suspended) = self.is_suspended.filter(|is_suspended| *is_suspended || all) {
            update = update.is_suspended(is_suspended);
        }
        (update != UpdateUser::new(id)).then_some(update)
    }

    /// Checks that all operations can be sent. The password is checked when it is created, and the
    /// body of a create or an update accepts any text.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let id = UserId::from("kp_0123456789abcdef0123456789abcdef");
        // The length of a URI is limited. No identity has a comma, which splits values of a query.
        // Everything else is encoded.
        let is_short = |identity: &Identity| identity.value.len() < 1000;
        let search = if self.identities.iter().all(is_short) { None } else { self.lookup() };
        let search = search.and_then(|mut search| search.next_call());
        let flag = |(key, value): &(FeatureFlagKey, Value)| {
            DynOperation::new(UpdateUserFeatureFlagOverride::new(&id, key, value.clone()))
        };
        // A property has a key, so it can be set, whatever its value is.
        let mut all = search.into_iter().chain(self.feature_flags.iter().map(flag));
        all.try_for_each(|operation| operation.check())
    }
}

impl fmt::Debug for ImportUser {
    /// Writes only counts, as the values are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportUser")
            .field("identities", &self.identities.len())
            .field("password", &self.password)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) kind: Kind,
    pub(crate) value: Redacted,
    pub(crate) is_verified: Option<bool>,
}

impl Identity {
    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && fold_case(&self.value) == fold_case(&other.value)
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

/// Adds an identity, or merges it with an equal one. Returns `false` if one of the two is verified
/// and the other is not.
pub(crate) fn add(identities: &mut Vec<Identity>, identity: Identity) -> bool {
    if let Some(known) = identities.iter_mut().find(|known| identity.is_same(known)) {
        let both = known.is_verified.zip(identity.is_verified);
        known.is_verified = known.is_verified.or(identity.is_verified);
        both.is_none_or(|(known, other)| known == other)
    } else {
        identities.push(identity);
        true
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Email,
    Phone,
    Username,
}

impl Kind {
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Email, Self::Phone, Self::Username].into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Username => "username",
        }
    }
}
