//! Finds one user.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::slice;

use crate::api::paginated::Paginated;
use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::jobs::job::Job;
use crate::jobs::sought::{Kind, Sought};
use crate::models::user::User;
use crate::operations::expand::Expand;
use crate::operations::get_users::GetUsers;
use crate::protocol::dyn_operation::DynOperation;
use crate::types::ids::UserId;
use crate::types::redacted::Redacted;

/// Finds the user with a given e-mail address, phone number, user name or id. The job uses
/// [`GetUsers`].
///
/// The job compares each user that the service returns with the text that you search for. So the
/// job never finds a user without this text, even if the service ignores the filter or matches
/// only a part of the text. The comparison depends on the kind of text:
///
/// - **An id.** The user must have exactly this id.
/// - **An e-mail address.** The job compares the text with the address of the user and with the
///   identities of the user. Identities that are phone numbers or user names do not count. The
///   comparison ignores case.
/// - **A user name.** The job compares the text with the user name of the user and with the
///   identities of type `username`. The comparison ignores case.
/// - **A phone number.** The job compares the digits with the phone number of the user and with the
///   identities of type `phone`. The comparison ignores a `+` or `00` before the country code,
///   blanks, hyphens, dots, slashes and parentheses. A number with a country code does not match
///   the same number without a country code.
///
/// The job makes one call. If the service says that there are more pages, the job makes up to
/// [`MOST_PAGES`](Self::MOST_PAGES) calls.
///
/// ```
/// # use kinde_users::{CallError, Client, Clock, Transport};
/// use kinde_users::{FindUser, Found};
///
/// # fn find<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), CallError<T::Error>> {
/// match client.run(&mut FindUser::by_email("ada@example.com"))? {
///     Found::One(user) => println!("{}", user.id),
///     Found::None => println!("there is no such user"),
///     Found::Several(users) => println!("{} users share it", users.len()),
///     Found::Mismatch { id } => println!("the search cannot be trusted: it found {id}"),
///     Found::Unfinished => println!("the search did not end: there may be such a user"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// To search for many users with few calls, use [`FindUsers`](crate::FindUsers).
///
/// For an unknown id, the result of this job is [`Found::None`], but
/// [`GetUserData`](crate::operations::GetUserData) returns an error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "a job does nothing until it is run"]
pub struct FindUser {
    /// The page to request next.
    pub(super) list: GetUsers,
    pub(super) sought: Sought,
    pages: usize,
    progress: Progress,
    matching: Vec<User>,
    /// The first user that does not match.
    other: Option<UserId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Progress {
    /// There is another page to request.
    Open,
    /// The search is complete, or the remaining pages cannot change its result.
    Whole,
    /// The service says that there is more after the last page that the job requests.
    Cut,
}

impl FindUser {
    /// The number of pages, including empty pages, after which a search gives up.
    pub const MOST_PAGES: usize = 10;

    /// Creates a job that finds the user with this e-mail address.
    pub fn by_email(email: impl Into<Redacted>) -> Self {
        Self::of(Kind::Email, email.into())
    }

    /// Creates a job that finds the user with this phone number.
    pub fn by_phone(phone: impl Into<Redacted>) -> Self {
        Self::of(Kind::Phone, phone.into())
    }

    /// Creates a job that finds the user with this user name.
    pub fn by_username(username: impl Into<Redacted>) -> Self {
        Self::of(Kind::Username, username.into())
    }

    /// Creates a job that finds the user with this id.
    pub fn by_id(id: impl Into<UserId>) -> Self {
        Self::of(Kind::Id, id.into().as_str().into())
    }

    fn of(kind: Kind, text: Redacted) -> Self {
        let list = kind.filter(GetUsers::new(), &text).expand(Expand::Identities);
        let sought = Sought { kind, text };
        Self { list, sought, pages: 0, progress: Progress::Open, matching: Vec::new(), other: None }
    }

    /// Creates a job from a text that a person typed. The form of the text decides what the job
    /// searches for. A text with an `@` is an e-mail address. A text that consists of a `+` and
    /// digits is a phone number. A text that consists of `kp_` or `kp:` and 32 hex digits is an id.
    /// Any other text is a user name, even if the text begins with `kp_`.
    ///
    /// ```
    /// use kinde_users::FindUser;
    ///
    /// assert_eq!(FindUser::by("ada@example.com"), FindUser::by_email("ada@example.com"));
    /// assert_eq!(FindUser::by("+61555111555"), FindUser::by_phone("+61555111555"));
    /// let id = "kp_0123456789abcdef0123456789abcdef";
    /// assert_eq!(FindUser::by(id), FindUser::by_id(id));
    /// assert_eq!(FindUser::by("ada"), FindUser::by_username("ada"));
    /// assert_eq!(FindUser::by("kp_ada"), FindUser::by_username("kp_ada"));
    /// ```
    pub fn by(text: &str) -> Self {
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if text.contains('@') {
            Self::by_email(text)
        } else if text.strip_prefix('+').is_some_and(is_number) {
            Self::by_phone(text)
        } else if is_id(text) {
            Self::by_id(text)
        } else {
            Self::by_username(text)
        }
    }

    /// Asks the service to also include the organizations or the billing data of each user.
    /// Identities are always included.
    pub fn expand(mut self, expand: impl Into<Expand>) -> Self {
        let expand = expand.into();
        if expand != Expand::Identities {
            self.list = self.list.expand(expand);
        }
        self
    }
}

/// Whether a text has the form of an id. A user name may begin like one.
fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("kp_").or_else(|| text.strip_prefix("kp:"));
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Job for FindUser {
    type Output = Found;

    fn next_call(&mut self) -> Option<DynOperation> {
        (self.progress == Progress::Open).then(|| DynOperation::new(self.list.clone()))
    }

    fn handle(&mut self, result: Result<Reply, Error>) -> Result<(), Error> {
        let page = result?.into_output::<GetUsers>()?;
        let next = self.list.next(&page);
        for user in page.users {
            if self.sought.is(&user) {
                self.matching.push(user);
            } else {
                self.other.get_or_insert(user.id);
            }
        }
        // A list that changes during the walk may contain a user on two pages.
        let mut seen = BTreeSet::new();
        self.matching.retain(|user| seen.insert(user.id.clone()));
        self.pages += 1;
        self.progress = match next {
            Some(cursor) if self.matching.len() < 2 => {
                self.list = self.list.clone().at(cursor);
                if self.pages < Self::MOST_PAGES { Progress::Open } else { Progress::Cut }
            }
            _ => Progress::Whole,
        };
        Ok(())
    }

    fn output(&self) -> Found {
        match (self.progress, self.matching.as_slice(), &self.other) {
            (Progress::Whole, [], None) => Found::None,
            (Progress::Whole, [user], _) => Found::One(user.clone()),
            (Progress::Whole, [_, _, ..], _) => Found::Several(self.matching.clone()),
            (Progress::Whole | Progress::Cut, [], Some(id)) => Found::Mismatch { id: id.clone() },
            (Progress::Open | Progress::Cut, ..) => Found::Unfinished,
        }
    }
}

/// The result of a search for one user by [`FindUser`] or [`FindUsers`](crate::FindUsers).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "one user is what is hoped for")]
pub enum Found {
    /// No user matches.
    None,
    /// One user matches.
    One(User),
    /// Several users match. The list may not be complete.
    Several(Vec<User>),
    /// The service returned users, but none of these users matches. The service ignores the filter,
    /// or compares texts in another way than the job. It is not known whether there is a user that
    /// matches.
    Mismatch {
        /// The id of the first user that the service returned. This user does not match.
        id: UserId,
    },
    /// The search is not complete, so it is not known whether a user matches, or how many users
    /// match. Either the job still has calls to make, or the search gave up. A search gives up if
    /// the service has more pages than [`FindUser::MOST_PAGES`], or if
    /// [`FindUsers`](crate::FindUsers) cannot answer the search.
    Unfinished,
}

impl Found {
    /// Returns the users that match.
    pub fn users(&self) -> &[User] {
        match self {
            Self::One(user) => slice::from_ref(user),
            Self::Several(users) => users,
            Self::None | Self::Mismatch { .. } | Self::Unfinished => &[],
        }
    }

    /// Returns the user if exactly one user matches.
    pub fn one(self) -> Option<User> {
        match self {
            Self::One(user) => Some(user),
            Self::None | Self::Several(_) | Self::Mismatch { .. } | Self::Unfinished => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::tests::{answer, refusal};
    use crate::types::effect::Effect;
    use std::string::{String, ToString};
    use std::{format, vec};

    const IDENTITIES: &str = "/api/v1/users?email=ada%40example.com&expand=identities";

    /// The target of the next call.
    fn target(find: &FindUser) -> String {
        let domain = crate::Domain::parse("acme").unwrap();
        let token = crate::AccessToken::new("t").unwrap();
        let request = crate::build_request(&find.list, &domain, &token).unwrap();
        request.uri().path_and_query().unwrap().to_string()
    }

    /// The outcome of a search whose service sends these pages, and the last of them for ever; and
    /// the number of calls.
    fn search(mut find: FindUser, pages: &[&str]) -> (Found, usize) {
        let mut calls = 0;
        while let Some(operation) = find.next_call() {
            assert!(operation.is::<GetUsers>());
            assert_eq!(find.output(), Found::Unfinished);
            let page = pages.get(calls).or(pages.last()).unwrap();
            find.handle(Ok(answer::<GetUsers>(200, page))).unwrap();
            calls += 1;
        }
        (find.output(), calls)
    }

    /// What is found among these users, the fields of each but the id.
    fn among(find: &FindUser, users: &[&str]) -> Found {
        let users: Vec<_> =
            users.iter().enumerate().map(|(n, user)| format!(r#"{{"id":"kp_{n}",{user}}}"#)).collect();
        search(find.clone(), &[&format!(r#"{{"users":[{}]}}"#, users.join(","))]).0
    }

    fn id_of(found: Found) -> Option<String> {
        found.one().map(|user| user.id.into_string())
    }

    fn ada() -> FindUser {
        FindUser::by_email("ada@example.com")
    }

    const ADA: &str = r#""email":"ada@example.com""#;
    const BOB: &str = r#""email":"bob@example.com""#;

    fn mismatch(id: &str) -> Found {
        Found::Mismatch { id: id.into() }
    }

    #[test]
    fn mismatch_is_reported_if_no_user_matches() {
        assert_eq!(among(&ada(), &[]), Found::None);
        assert_eq!(search(ada(), &[r#"{"users":null}"#]), (Found::None, 1));
        assert_eq!(id_of(among(&ada(), &[ADA])).unwrap(), "kp_0");
        assert_eq!(id_of(among(&ada(), &[BOB, ADA])).unwrap(), "kp_1");
        assert_eq!(id_of(among(&ada(), &[ADA, BOB])).unwrap(), "kp_0");
        assert_eq!(among(&ada(), &[BOB]), mismatch("kp_0"));
        assert_eq!(among(&ada(), &[BOB; 3]), mismatch("kp_0"));
        let Found::Several(users) = among(&ada(), &[ADA, BOB, ADA]) else { panic!() };
        assert_eq!(users.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), ["kp_0", "kp_2"]);
        assert!(among(&ada(), &[ADA, ADA]).one().is_none());
    }

    #[test]
    fn user_has_to_have_what_was_asked_for() {
        let (email, phone) = (|text: &str| FindUser::by_email(text), |text: &str| FindUser::by_phone(text));
        let name = |text: &str| FindUser::by_username(text);
        for (find, user, matches) in [
            (ada(), r#""email":"ADA@Example.COM""#, true),
            (ada(), r#""preferred_email":"ada@example.com""#, true),
            (email("ADA@Example.com"), ADA, true),
            (email("ÉMILE@example.com"), r#""email":"émile@example.com""#, true),
            (name("ΝΊΚΟΣ"), r#""username":"νίκος""#, true),
            // A part, a prefix, a suffix, and what is something else for a person or a mail server.
            (email("ann@example.com"), r#""email":"joann@example.com""#, false),
            (email("ann@example.com"), r#""email":"ann@example.com.evil.example""#, false),
            (email("ann+x@example.com"), r#""email":"ann@example.com""#, false),
            (email("a.nn@example.com"), r#""email":"ann@example.com""#, false),
            (name("ann"), r#""username":"anna""#, false),
            (name("ann"), r#""username":"an""#, false),
            // Signs that are not seen, and letters that only look or fold alike.
            (ada(), r#""email":"ada@example.com\u200b""#, false),
            (ada(), r#""email":"\ufeffada@example.com""#, false),
            (ada(), r#""email":"a\u00adda@example.com""#, false),
            (ada(), r#""email":" ada@example.com""#, false),
            (ada(), r#""email":"\u0430da@example.com""#, false),
            (email("mike@example.com"), r#""email":"mi\u212ae@example.com""#, false),
            (email("mi\u{212a}e@example.com"), r#""email":"mike@example.com""#, false),
            (name("sus"), r#""username":"\u017fus""#, false),
            (name("ida"), r#""username":"\u0130da""#, false),
            (name("strasse"), r#""username":"straße""#, false),
            // Nothing is no match.
            (ada(), r#""email":null,"phone":null,"username":null,"identities":null"#, false),
            (ada(), r#""email":"","identities":[]"#, false),
            (ada(), r#""email":"","identities":[{"type":"email"},{"type":"email","identity":""}]"#, false),
            (phone("+61555111555"), r#""phone":"""#, false),
            (phone("+"), r#""phone":"""#, false),
            // Another field is another thing.
            (ada(), r#""username":"ada@example.com""#, false),
            (name("ada"), r#""email":"ada@example.com","first_name":"ada""#, false),
            (name("61555111555"), r#""phone":"61555111555""#, false),
            (phone("61555111555"), r#""username":"61555111555""#, false),
            // Numbers by their digits.
            (phone("+61555111555"), r#""phone":"+61 555-111.555""#, true),
            (phone("+61 (555) 111/555"), r#""phone":"61555111555""#, true),
            (phone("61555111555"), r#""phone":"+61555111555""#, true),
            (phone("0061555111555"), r#""phone":"+61555111555""#, true),
            (phone("+61555111555"), r#""phone":"0061\u00a0555\u2011111555""#, true),
            (phone("+61555111555"), r#""phone":"+61555111556""#, false),
            (phone("+61555111555"), r#""phone":"+6155511155""#, false),
            (phone("+61555111555"), r#""phone":"555111555""#, false),
            (phone("0555111555"), r#""phone":"+61555111555""#, false),
            (phone("+0061555111555"), r#""phone":"+61555111555""#, false),
            (phone("+1800"), r#""phone":"+1-800-FLOWERS""#, false),
            (phone("+61555111555"), r#""phone":"\u200b+61555111555""#, false),
            (phone("+61555111555"), r#""phone":"+61555111555 ext. 5""#, false),
            (phone("+61555111555"), r#""phone":"61+555111555""#, false),
        ] {
            let matched = among(&find, &[user]);
            assert_eq!(id_of(matched.clone()).is_some(), matches, "{find:?} {user}");
            assert!(matches || matched == mismatch("kp_0"), "{find:?} {user}");
        }
    }

    #[test]
    fn user_is_known_by_every_identity_of_the_type() {
        let with = |kind: &str, identity: &str| {
            let listed = format!(r#"{{"type":{kind},"identity":"{identity}"}}"#);
            format!(r#"{BOB},"identities":[{{"type":"email","identity":"bob@example.com"}},{listed}]"#)
        };
        let finds = [ada(), FindUser::by_phone("+61555111555"), FindUser::by_username("ada")];
        for (kind, identity, found) in [
            (r#""email""#, "Ada@example.com", [true, false, false]),
            (r#""phone""#, "61 555 111 555", [false, true, false]),
            (r#""username""#, "ADA", [false, false, true]),
            (r#""oauth2:google""#, "ada@example.com", [true, false, false]),
            (r#""enterprise""#, "ada@example.com", [true, false, false]),
            ("null", "ada@example.com", [true, false, false]),
            (r#""username""#, "ada@example.com", [false; 3]),
            // The id at a connection is no number and no name of the user.
            (r#""oauth2:google""#, "61555111555", [false; 3]),
            (r#""oauth2:github""#, "ada", [false; 3]),
            ("null", "61555111555", [false; 3]),
            ("null", "ada", [false; 3]),
        ] {
            let user = with(kind, identity);
            let are = finds.each_ref().map(|find| id_of(among(find, &[&user])).is_some());
            assert_eq!(are, found, "{user}");
        }
    }

    #[test]
    fn user_searched_for_by_id_has_that_id() {
        let found = |page: &str| search(FindUser::by_id("kp_1"), &[page]).0;
        assert_eq!(id_of(found(r#"{"users":[{"id":"kp_1"}]}"#)).unwrap(), "kp_1");
        assert_eq!(id_of(found(r#"{"users":[{"id":"kp_2"},{"id":"kp_1"}]}"#)).unwrap(), "kp_1");
        for other in ["kp_2", "kp:1", "KP_1", "kp_11", " kp_1", ""] {
            let page = format!(r#"{{"users":[{{"id":"{other}","provided_id":"kp_1"}}]}}"#);
            assert_eq!(found(&page), mismatch(other));
        }
    }

    #[test]
    fn search_follows_pages_only_if_there_are_more() {
        let mut find = ada();
        assert_eq!(target(&find), IDENTITIES);
        find.handle(Ok(answer::<GetUsers>(200, r#"{"users":[],"next_token":"a="}"#))).unwrap();
        let second = "/api/v1/users?next_token=a%3D&email=ada%40example.com&expand=identities";
        assert_eq!(target(&find), second);
        // A call that fails is made again.
        find.handle(refusal::<GetUsers>(503, "", Effect::None)).unwrap_err();
        find.handle(Ok(answer::<GetUsers>(200, "<html>"))).unwrap_err();
        assert_eq!((target(&find).as_str(), find.output()), (second, Found::Unfinished));
        find.handle(Ok(answer::<GetUsers>(200, &format!(r#"{{"users":[{{"id":"kp_1",{ADA}}}]}}"#)))).unwrap();
        assert_eq!(id_of(find.output()).unwrap(), "kp_1");
        assert!(find.next_call().is_none());
        for expand in [ada(), ada().expand(Expand::Identities)] {
            assert_eq!(target(&expand), IDENTITIES);
        }
        let both = ada().expand(Expand::Billing);
        assert_eq!(target(&both), format!("{IDENTITIES}%2Cbilling"));
    }

    #[test]
    fn empty_pages_are_followed_to_a_bound() {
        let page = |users: &[&str], next: &str| {
            let users: Vec<_> = users.iter().map(|user| format!("{{{user}}}")).collect();
            format!(r#"{{"users":[{}],"next_token":{next}}}"#, users.join(","))
        };
        let ada_1 = &format!(r#""id":"kp_1",{ADA}"#);
        let ada_2 = &format!(r#""id":"kp_2",{ADA}"#);
        let bob = &format!(r#""id":"kp_3",{BOB}"#);
        let (more, end) = (r#""more""#, "null");
        let most = FindUser::MOST_PAGES;
        let late: Vec<_> = vec![page(&[], more); most - 1].into_iter().chain([page(&[ada_1], end)]).collect();
        let one = Some("kp_1");
        for (pages, told, calls) in [
            (vec![page(&[], more), page(&[ada_1], end)], Ok(one), 2),
            (vec![page(&[], more), page(&[], end)], Ok(None), 2),
            (vec![page(&[], more), page(&[], r#""""#)], Ok(None), 2),
            (vec![page(&[bob], more), page(&[ada_1], end)], Ok(one), 2),
            (vec![page(&[ada_1], more), page(&[bob], end)], Ok(one), 2),
            (vec![page(&[ada_1], more), page(&[], end)], Ok(one), 2),
            // One who is listed twice is one.
            (vec![page(&[ada_1, ada_1], end)], Ok(one), 1),
            (vec![page(&[ada_1], more), page(&[ada_1], end)], Ok(one), 2),
            (vec![page(&[ada_1], more), page(&[ada_2], more)], Err("several"), 2),
            (vec![page(&[ada_1, ada_2], more)], Err("several"), 1),
            (vec![page(&[bob], more), page(&[], end)], Err("mismatch"), 2),
            (vec![page(&[], more), page(&[bob], end)], Err("mismatch"), 2),
            (vec![page(&[bob], more)], Err("mismatch"), most),
            (vec![page(&[], more)], Err("unfinished"), most),
            (vec![page(&[ada_1], more)], Err("unfinished"), most),
            (late, Ok(one), most),
        ] {
            let pages: Vec<_> = pages.iter().map(String::as_str).collect();
            let (found, made) = search(ada(), &pages);
            assert_eq!(made, calls, "{pages:?}");
            let is_as_told = match &found {
                Found::None => told == Ok(None),
                Found::One(user) => told == Ok(Some(user.id.as_str())),
                Found::Several(users) => told == Err("several") && found.users() == &users[..],
                Found::Mismatch { id } => told == Err("mismatch") && *id == "kp_3",
                Found::Unfinished => told == Err("unfinished"),
            };
            assert!(is_as_told, "{pages:?}: {found:?}");
        }
    }

    #[test]
    fn plus_makes_a_phone_number_before_digits_alone() {
        for text in ["+", "+ada", "+61 555 111 555", "61555111555"] {
            assert_eq!(FindUser::by(text), FindUser::by_username(text));
        }
        assert_eq!(FindUser::by("+61555111555"), FindUser::by_phone("+61555111555"));
    }

    #[test]
    fn user_name_that_begins_as_an_id_does_is_none() {
        for start in ["kp_", "kp:"] {
            let id = |digits: &str| format!("{start}{digits}");
            let known = id("0123456789abcdef0123456789ABCDEF");
            assert_eq!(FindUser::by(&known), FindUser::by_id(known.as_str()));
            let (short, long) = ("0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0");
            for digits in ["", "ada", short, long, "g123456789abcdef0123456789abcdef"] {
                assert_eq!(FindUser::by(&id(digits)), FindUser::by_username(id(digits)));
            }
        }
    }
}
