//! Finds many users.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::{fmt, mem};

use crate::api::operation::MetaRef;
use crate::api::paginated::Paginated;
use crate::api::path::percent_encode;
use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::jobs::find::{FindUser, Found};
use crate::jobs::job::Job;
use crate::jobs::pages::Pages;
use crate::jobs::sought::{Kind, Sought};
use crate::models::user::User;
use crate::operations::expand::Expand;
use crate::operations::get_users::{GetUsers, UsersPage};
use crate::protocol::dyn_operation::DynOperation;
use crate::types::ids::Cursor;
use crate::types::redacted::Redacted;

/// Finds many users with few calls of [`GetUsers`].
///
/// The job answers each search like a [`FindUser`], which compares each user that the service
/// returns with the text that you search for. The job needs fewer calls than a separate
/// [`FindUser`] for each search. It has two ways to find the users:
///
/// - **Look-ups.** Each call searches for several texts of one kind. A call has as many texts as
///   fit in a URI of about 2,000 bytes, for instance about 40 e-mail addresses.
/// - **A walk.** The job reads all users, 500 with each call, and compares each user with the texts
///   itself.
///
/// A walk takes fewer calls than look-ups if the tenant has few users, but the service does not say
/// how many users there are. So the job begins with a walk. The job changes over to look-ups when
/// the walk has taken as many calls as the look-ups will take. In all, the job makes at most twice
/// as many calls as the better of the two ways needs. If one look-up is enough, the job makes no
/// walk. If a walk of several pages does not find a user, the job searches for the user once more,
/// because users can move to other pages during a walk.
///
/// The service has no filter for a [`provided_id`](Self::provided_id). For a search by this id, the
/// walk therefore always reads all users. The walk then fails with [`Error::CursorLoop`] after
/// [`MOST_PAGES`](Self::MOST_PAGES) pages.
///
/// The job keeps up to two users for each search, and up to 100 more users for all searches
/// together. So [`Found::Several`] may not have all users that share the text.
///
/// ```
/// # use kinde_users::{CallError, Client, Clock, Transport};
/// use kinde_users::{FindUser, FindUsers};
///
/// # fn find<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), CallError<T::Error>> {
/// let addresses = ["ada@example.com", "bob@example.com"];
/// let mut find = FindUsers::new();
/// for email in addresses {
///     find = find.find(FindUser::by_email(email));
/// }
/// for (email, found) in addresses.iter().zip(client.run(&mut find)?) {
///     println!("{email}: {} users", found.users().len());
/// }
/// # Ok(())
/// # }
/// ```
///
/// If the job does not know the answer to a search, the result for this search is
/// [`Found::Unfinished`]. To get the answer or the error, run a [`FindUser`] for this search. The
/// possible reasons are:
///
/// - the text is empty or contains a comma, so no list of texts can contain the text;
/// - the service refused the look-up, perhaps because of another text in the same look-up;
/// - the service returned users that the job did not ask for, and no returned user has the text;
/// - the look-up has more than [`FindUser::MOST_PAGES`] pages;
/// - the job is not complete, for instance because a call failed.
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use = "a job does nothing until it is run"]
pub struct FindUsers {
    /// The searches without repetitions.
    searches: Vec<Search>,
    /// The position in `searches` of each search that was added. `None` if no call can contain it.
    order: Vec<Option<usize>>,
    /// The positions in `searches` by [`Kind::key`].
    by_key: BTreeMap<Kind, BTreeMap<String, Vec<usize>>>,
    expand: Vec<Expand>,
    stage: Stage,
    /// Whether a walk came to its end.
    is_walked: bool,
    /// How many users are kept beyond two for each search.
    more: usize,
}

#[derive(Clone, PartialEq, Eq)]
struct Search {
    sought: Sought,
    matching: Vec<User>,
    is_answered: bool,
}

#[derive(Clone, Default, PartialEq, Eq)]
enum Stage {
    /// No call is made yet.
    #[default]
    Start,
    /// Reads all users. The number is that of the pages so far. The `LookUps` are there if they can
    /// answer all searches.
    Walk(Box<Pages<GetUsers>>, usize, Option<LookUps>),
    LookUps(LookUps),
    End,
}

/// The look-ups that are left.
#[derive(Clone, PartialEq, Eq)]
struct LookUps {
    /// The searches of each look-up. The last one is the next one.
    calls: Vec<Vec<usize>>,
    /// The page of the look-up to request next.
    cursor: Option<Cursor>,
    /// The number of pages before it.
    pages: usize,
    /// Whether the look-up returned a user that was not asked for.
    has_stranger: bool,
}

impl FindUsers {
    /// The maximum number of bytes of the filter of a look-up. These are 40 addresses of 43 bytes.
    const MOST_BYTES: usize = 1920;

    /// The maximum number of pages of a walk that look-ups cannot replace. So many pages have 50
    /// million users.
    pub const MOST_PAGES: usize = 100_000;

    /// How many users are kept beyond two for each search, for all searches together.
    const MOST_MORE: usize = 100;

    /// Creates a job without searches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a search. The results also include the data that the search requests with
    /// [`expand`](FindUser::expand).
    pub fn find(mut self, search: FindUser) -> Self {
        for expand in search.list.expanded() {
            if !self.expand.contains(expand) {
                self.expand.push(expand.clone());
            }
        }
        self.add(search.sought)
    }

    /// Adds a search for the users that have this id in a system outside of Kinde
    /// ([`User::provided_id`]). If the job has only searches of this kind, the users in
    /// the results have no identities.
    pub fn provided_id(self, id: impl Into<Redacted>) -> Self {
        self.add(Sought { kind: Kind::ProvidedId, text: id.into() })
    }

    fn add(mut self, sought: Sought) -> Self {
        (self.stage, self.is_walked) = (Stage::Start, false);
        // `FindUser` refuses these texts too.
        let is_listable = sought.kind == Kind::ProvidedId || !sought.text.contains(',');
        if sought.text.is_empty() || !is_listable {
            self.order.push(None);
            return self;
        }
        let key = sought.kind.key(&sought.text);
        let same = self.by_key.entry(sought.kind).or_default().entry(key).or_default();
        let is_equal = |at: &&usize| self.searches.get(**at).is_some_and(|known| known.sought == sought);
        let known = same.iter().find(is_equal).copied();
        self.order.push(Some(known.unwrap_or(self.searches.len())));
        if known.is_none() {
            same.push(self.searches.len());
            self.searches.push(Search { sought, matching: Vec::new(), is_answered: false });
        }
        self
    }

    /// Decides how to begin.
    fn start(&self) -> Stage {
        let walk = |look_ups| Stage::Walk(Box::new(Pages::new(self.list())), 0, look_ups);
        if self.by_key.contains_key(&Kind::ProvidedId) {
            return walk(None);
        }
        let look_ups = LookUps { calls: self.calls(), cursor: None, pages: 0, has_stranger: false };
        match look_ups.calls.len() {
            0 => Stage::End,
            1 => Stage::LookUps(look_ups),
            _ => walk(Some(look_ups)),
        }
    }

    /// Returns the searches of each look-up, without those that are answered. A look-up has texts
    /// of one kind, because a user has to match all filters of a call.
    fn calls(&self) -> Vec<Vec<usize>> {
        let mut calls = Vec::new();
        // No filter finds a `provided_id`.
        for (_, by_key) in self.by_key.iter().filter(|(kind, _)| **kind != Kind::ProvidedId) {
            let (mut call, mut bytes) = (Vec::new(), 0);
            for at in by_key.values().flatten().copied() {
                let Some(search) = self.searches.get(at).filter(|search| !search.is_answered) else {
                    continue;
                };
                let mut encoded = String::from("%2C");
                percent_encode(&search.sought.text, &mut encoded);
                bytes += encoded.len();
                if bytes > Self::MOST_BYTES && !call.is_empty() {
                    calls.push(mem::take(&mut call));
                    bytes = encoded.len();
                }
                call.push(at);
            }
            if !call.is_empty() {
                calls.push(call);
            }
        }
        calls
    }

    /// Returns the request for the first page of a walk.
    fn list(&self) -> GetUsers {
        self.expand.iter().fold(GetUsers::new().page_size(500), GetUsers::expand)
    }

    fn next_page(&mut self) -> Option<GetUsers> {
        if self.stage == Stage::Start {
            self.stage = self.start();
        }
        match &mut self.stage {
            Stage::Walk(pages, ..) => pages.next_operation().ok()?,
            _ => self.look_up(),
        }
    }

    /// Returns the request for the next page of a look-up.
    fn look_up(&self) -> Option<GetUsers> {
        let Stage::LookUps(LookUps { calls, cursor, .. }) = &self.stage else { return None };
        let searches = calls.last()?.iter().filter_map(|at| self.searches.get(*at));
        let filter = |list, Search { sought, .. }: &Search| sought.kind.filter(list, &sought.text);
        let list = searches.fold(self.list(), filter);
        Some(cursor.iter().cloned().fold(list, GetUsers::at))
    }

    /// Adds the user to the searches that it matches. Returns whether one of them is in `asked`.
    fn take(&mut self, user: &User, asked: &[usize]) -> bool {
        let mut is_asked = false;
        for (kind, by_key) in &self.by_key {
            for theirs in kind.texts(user) {
                for at in by_key.get(&kind.key(theirs)).into_iter().flatten() {
                    let search = self.searches.get_mut(*at);
                    let is_same = |search: &&mut Search| kind.is_same(theirs, &search.sought.text);
                    let Some(search) = search.filter(is_same) else { continue };
                    is_asked |= asked.contains(at);
                    // A list that changes during the walk may contain a user on two pages.
                    let is_known = search.matching.iter().any(|known| known.id == user.id);
                    let is_more = search.matching.len() >= 2;
                    if !is_known && (!is_more || self.more < Self::MOST_MORE) {
                        search.matching.push(user.clone());
                        self.more += usize::from(is_more);
                    }
                }
            }
        }
        is_asked
    }

    /// Takes a page of a walk, and returns the next stage.
    fn walked(
        &mut self,
        mut pages: Box<Pages<GetUsers>>,
        number: usize,
        look_ups: Option<LookUps>,
        page: &UsersPage,
    ) -> Result<Stage, Error> {
        pages.received(page);
        for user in &page.users {
            self.take(user, &[]);
        }
        let number = number.saturating_add(1);
        if pages.is_complete() {
            return Ok(self.after_walk(number));
        }
        match (pages.next_operation(), look_ups) {
            (Ok(_), Some(look_ups)) if number < look_ups.calls.len() => {
                Ok(Stage::Walk(pages, number, Some(look_ups)))
            }
            // The walk takes too many calls, or has no end.
            (_, Some(look_ups)) => Ok(Stage::LookUps(look_ups)),
            (Ok(_), None) if number >= Self::MOST_PAGES => Err(Error::CursorLoop(GetUsers::META_REF)),
            (next, None) => next.map(|_| Stage::Walk(pages, number, None)),
        }
    }

    /// Returns the stage after a walk of so many pages.
    ///
    /// If another user is deleted during the walk, a user may move to a page that was read before.
    /// So a user that was not found is sought again, with the least calls: by look-ups, or by one
    /// more walk.
    fn after_walk(&mut self, pages: usize) -> Stage {
        let is_sure = pages == 1 || mem::replace(&mut self.is_walked, true);
        for search in &mut self.searches {
            let is_by_id = search.sought.kind == Kind::ProvidedId;
            search.is_answered |= is_sure || is_by_id || !search.matching.is_empty();
        }
        let look_ups = LookUps { calls: self.calls(), cursor: None, pages: 0, has_stranger: false };
        match look_ups.calls.len() {
            0 => Stage::End,
            calls if calls <= pages => Stage::LookUps(look_ups),
            _ => Stage::Walk(Box::new(Pages::new(self.list())), 0, Some(look_ups)),
        }
    }

    /// Takes a page of a look-up, and returns the next stage.
    fn looked_up(&mut self, mut look_ups: LookUps, page: UsersPage) -> Stage {
        let next = self.list().next(&page);
        let asked = look_ups.calls.last().map(Vec::as_slice).unwrap_or_default();
        for user in page.users {
            look_ups.has_stranger |= !self.take(&user, asked);
        }
        look_ups.pages += 1;
        match next {
            Some(cursor) if look_ups.pages < FindUser::MOST_PAGES => look_ups.cursor = Some(cursor),
            Some(_) => return look_ups.skip(),
            None => {
                for at in asked {
                    let Some(search) = self.searches.get_mut(*at) else { continue };
                    search.is_answered = !look_ups.has_stranger || !search.matching.is_empty();
                }
                return look_ups.skip();
            }
        }
        Stage::LookUps(look_ups)
    }
}

impl LookUps {
    /// Goes on to the next look-up.
    fn skip(mut self) -> Stage {
        self.calls.pop();
        if self.calls.is_empty() {
            Stage::End
        } else {
            Stage::LookUps(Self { cursor: None, pages: 0, has_stranger: false, ..self })
        }
    }
}

impl Job for FindUsers {
    type Output = Vec<Found>;

    fn next_call(&mut self) -> Option<DynOperation> {
        self.next_page().map(DynOperation::new)
    }

    /// Handles the result of the last call.
    ///
    /// If the service refuses a look-up because of its texts, the job goes on with the next
    /// look-up.
    ///
    /// # Errors
    ///
    /// Returns every error except the refusal of a look-up because of its texts. After an error,
    /// [`output`](Self::output) returns the answers so far.
    fn handle(&mut self, result: Result<Reply, Error>) -> Result<(), Error> {
        let (stage, result) = match (mem::take(&mut self.stage), read(result)) {
            (Stage::Walk(pages, number, look_ups), Ok(page)) => {
                self.walked(pages, number, look_ups, &page).map_or_else(
                    // The next walk begins with the first page.
                    |error| (Stage::Start, Err(error)),
                    |stage| (stage, Ok(())),
                )
            }
            (Stage::LookUps(look_ups), Ok(page)) => (self.looked_up(look_ups, page), Ok(())),
            (Stage::LookUps(look_ups), Err(error)) if is_about_texts(&error) => (look_ups.skip(), Ok(())),
            (stage, result) => (stage, result.map(drop)),
        };
        self.stage = stage;
        result
    }

    fn output(&self) -> Vec<Found> {
        let found = |at: &Option<usize>| {
            let Some(search) = at.and_then(|at| self.searches.get(at)) else { return Found::Unfinished };
            match search.matching.as_slice() {
                [_, _, ..] => Found::Several(search.matching.clone()),
                _ if !search.is_answered => Found::Unfinished,
                [user] => Found::One(user.clone()),
                [] => Found::None,
            }
        };
        self.order.iter().map(found).collect()
    }
}

fn read(result: Result<Reply, Error>) -> Result<UsersPage, Error> {
    result?.into_output::<GetUsers>()
}

/// Whether the error is about the texts of this look-up, so that other texts may succeed. A single
/// search shows which text the service does not accept.
fn is_about_texts(error: &Error) -> bool {
    let status = error.as_api().map(|error| error.status().as_u16());
    matches!(error, Error::Build(_)) || matches!(status, Some(400 | 413 | 414 | 422 | 431))
}

impl fmt::Debug for FindUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered = self.searches.iter().filter(|search| search.is_answered).count();
        write!(f, "FindUsers({answered} of {} answered)", self.searches.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::tests::{answer, refusal};
    use crate::types::effect::Effect;
    use std::collections::VecDeque;
    use std::string::ToString;
    use std::vec;

    const ADA: &str = r#"{"id":"kp_1","email":"Ada@example.com","provided_id":"42","phone":"+61555111555"}"#;
    const BOB: &str =
        r#"{"id":"kp_2","username":"bob","identities":[{"type":"email","identity":"bob@example.com"}]}"#;

    fn emails(addresses: &[&str]) -> FindUsers {
        addresses.iter().fold(FindUsers::new(), |all, email| all.find(FindUser::by_email(*email)))
    }

    /// As many addresses of 43 bytes.
    fn many(number: usize) -> FindUsers {
        (0..number)
            .fold(FindUsers::new(), |all, n| all.find(FindUser::by_email(format!("{n:031}@example.com"))))
    }

    fn page(users: &[&str], next: Option<&str>) -> String {
        let next = next.map_or("null".to_string(), |next| format!("\"{next}\""));
        format!(r#"{{"users":[{}],"next_token":{next}}}"#, users.join(","))
    }

    fn target(find: &mut FindUsers) -> Option<String> {
        let domain = crate::Domain::parse("acme").unwrap();
        let token = crate::AccessToken::new("t").unwrap();
        let request = crate::build_request(&find.next_page()?, &domain, &token).unwrap();
        Some(request.uri().path_and_query().unwrap().to_string())
    }

    /// Runs the job over these pages, the last one of which comes again and again. Returns the
    /// targets of its calls.
    fn run(find: &mut FindUsers, pages: &[&str]) -> Vec<String> {
        let (mut pages, mut targets) = (VecDeque::from_iter(pages), Vec::new());
        while let Some(target) = target(find) {
            targets.push(target);
            let page = if pages.len() > 1 { pages.pop_front() } else { pages.front().copied() };
            find.handle(Ok(answer::<GetUsers>(200, page.unwrap()))).unwrap();
        }
        targets
    }

    /// What was found, in short: the ids, `?` if it is not known, or `!` for several users.
    fn told(find: &FindUsers) -> Vec<String> {
        let told = |found| match found {
            Found::None => String::new(),
            Found::One(user) => user.id.into_string(),
            Found::Several(users) => format!("{}!", users.len()),
            Found::Mismatch { .. } => panic!(),
            Found::Unfinished => "?".into(),
        };
        find.output().into_iter().map(told).collect()
    }

    #[test]
    fn one_call_asks_for_many_addresses() {
        let mut find = emails(&["ada@example.com", "bob@example.com", "ada@example.com", "eve@example.com"]);
        assert_eq!(told(&find), ["?"; 4]);
        let targets = run(&mut find, &[&page(&[ADA, BOB], None)]);
        let filter = "ada%40example.com%2Cbob%40example.com%2Ceve%40example.com";
        assert_eq!(targets, [format!("/api/v1/users?page_size=500&email={filter}&expand=identities")]);
        assert_eq!(told(&find), ["kp_1", "kp_2", "kp_1", ""]);
        assert_eq!(format!("{find:?}"), "FindUsers(3 of 3 answered)");
    }

    #[test]
    fn job_without_searches_makes_no_call() {
        assert!(FindUsers::new().next_call().is_none());
        let mut find = emails(&["", "a,b@example.com"]);
        assert!(find.next_call().is_none());
        assert_eq!(told(&find), ["?", "?"]);
    }

    #[test]
    fn each_kind_has_its_own_look_up() {
        let searches = || {
            let find = FindUsers::new().find(FindUser::by_id("kp_1")).find(FindUser::by_username("Bob"));
            let find = find.find(FindUser::by_phone("0061 555 111 555")).find(FindUser::by_email("x@y"));
            find.find(FindUser::by_username("kp_1").expand(Expand::Billing))
        };
        let mut find = searches();
        let targets = run(&mut find, &[&page(&[], Some("more")), &page(&[], Some("even"))]);
        // The walk finds that its list has no end.
        assert_eq!(targets.len(), 3 + 4 * FindUser::MOST_PAGES);
        for (filter, calls) in
            [("user_id=kp_1", 10), ("phone=0061", 10), ("email=x", 10), ("username=Bob%2Ckp_1", 10)]
        {
            let of_it = targets[3..].iter().filter(|target| target.contains(&format!("&{filter}")));
            let firsts = of_it.clone().filter(|target| !target.contains("next_token"));
            assert_eq!((of_it.count(), firsts.count()), (calls, 1), "{filter}");
        }
        // A walk finds three of them, and the others are looked up.
        let mut find = searches();
        let (walk, none) = ([page(&[ADA], Some("more")), page(&[BOB, ADA], None)], page(&[], None));
        let targets = run(&mut find, &[&walk[0], &walk[1], &none]);
        let list = "page_size=500&expand=identities%2Cbilling";
        assert_eq!(targets[0], format!("/api/v1/users?{list}"));
        assert_eq!(targets[1], "/api/v1/users?page_size=500&next_token=more&expand=identities%2Cbilling");
        assert_eq!(
            (targets.len(), told(&find)),
            (4, vec!["kp_1".into(), "kp_2".into(), "kp_1".into(), String::new(), String::new()])
        );
    }

    #[test]
    fn long_walk_changes_over_to_look_ups() {
        for (searches, pages, calls) in [
            (40, 9, 1),
            (41, 1, 1),
            (41, 2, 4),
            (41, 3, 4),
            (200, 4, 8),
            (200, 5, 10),
            (200, 6, 10),
            (2000, 20, 40),
            (2000, 50, 100),
        ] {
            let mut find = many(searches);
            let (mut targets, mut walked) = (Vec::new(), 0);
            while let Some(target) = target(&mut find) {
                let is_look_up = target.contains("&email=");
                walked += usize::from(!is_look_up);
                let next = format!("{walked}");
                let next = (!is_look_up && walked % pages > 0).then_some(next.as_str());
                find.handle(Ok(answer::<GetUsers>(200, &page(&[], next)))).unwrap();
                targets.push(target);
            }
            assert_eq!(targets.len(), calls, "{searches} {pages}");
            assert!(targets.iter().all(|target| "https://acme.kinde.com".len() + target.len() <= 2000));
            assert!(find.output().iter().all(|found| *found == Found::None));
        }
    }

    #[test]
    fn user_that_a_walk_missed_is_sought_again() {
        // The two look-ups cost no more than the walk. The first one is that of the last address.
        let last = format!(r#"{{"id":"kp_9","email":"{:031}@example.com"}}"#, 40);
        let pages = [page(&[], Some("1")), page(&[], None), page(&[&last], None), page(&[], None)];
        let mut find = many(41);
        let targets = run(&mut find, &pages.each_ref().map(String::as_str));
        assert!(targets.len() == 4 && targets[2].contains("&email="), "{targets:?}");
        assert_eq!(told(&find)[40], "kp_9");
        // Five look-ups would cost more than another walk.
        let pages = [page(&[], Some("1")), page(&[], None), page(&[&last], Some("1")), page(&[], None)];
        let mut find = many(200);
        let targets = run(&mut find, &pages.each_ref().map(String::as_str));
        assert!(targets.len() == 4 && !targets.concat().contains("&email="), "{targets:?}");
        let told = told(&find);
        assert_eq!((told[40].as_str(), told[41].as_str()), ("kp_9", ""));
    }

    #[test]
    fn provided_id_is_searched_for_by_a_walk_to_the_end() {
        let mut find = FindUsers::new().provided_id("42");
        assert_eq!(run(&mut find, &[&page(&[], None)]), ["/api/v1/users?page_size=500"]);
        let mut find = emails(&["ada@example.com"]).provided_id("42").provided_id("43").provided_id("");
        let other = r#"{"id":"kp_3","provided_id":"42"}"#;
        let pages = [page(&[ADA], Some("1")), page(&[BOB], Some("2")), page(&[other, ADA], None)];
        assert_eq!(run(&mut find, &pages.each_ref().map(String::as_str)).len(), 3);
        assert_eq!(told(&find), ["kp_1", "2!", "", "?"]);
    }

    #[test]
    fn stranger_leaves_searches_open() {
        for (users, expected) in [
            (&[ADA, BOB][..], ["kp_1", "?"]),
            (&[BOB], ["?", "?"]),
            (&[ADA], ["kp_1", ""]),
            (&[ADA, ADA], ["kp_1", ""]),
            (&[], ["", ""]),
        ] {
            let mut find = emails(&["ada@example.com", "eve@example.com"]);
            run(&mut find, &[&page(users, None)]);
            assert_eq!(told(&find), expected);
        }
        // Another look-up is not affected.
        let none = page(&[], None);
        for (user, then, open, bob) in [(BOB, page(&[BOB], None), 41, "kp_2"), (ADA, none, 1, "?")] {
            let mut find = many(41).find(FindUser::by_username("bob"));
            let walk = ["1", "2", "3"].map(|next| page(&[], Some(next)));
            let pages = walk.into_iter().chain([page(&[user], None), then]).collect::<Vec<_>>();
            run(&mut find, &pages.iter().map(String::as_str).collect::<Vec<_>>());
            let told = told(&find);
            assert_eq!((told.iter().filter(|told| *told == "?").count(), told[41].as_str()), (open, bob));
        }
    }

    #[test]
    fn look_up_follows_pages_to_a_bound() {
        let mut find = emails(&["ada@example.com", "eve@example.com"]);
        let targets = run(&mut find, &[&page(&[], Some("1")), &page(&[ADA], Some("2")), &page(&[], None)]);
        assert!(targets[1].contains("&next_token=1&email=") && targets.len() == 3, "{targets:?}");
        assert_eq!(told(&find), ["kp_1", ""]);
        let mut find = emails(&["ada@example.com", "eve@example.com"]);
        let other = r#"{"id":"kp_3","email":"eve@example.com"},{"id":"kp_4","email":"eve@example.com"}"#;
        assert_eq!(run(&mut find, &[&page(&[ADA, other], Some("more"))]).len(), FindUser::MOST_PAGES);
        assert_eq!(told(&find), ["?", "2!"]);
    }

    #[test]
    fn refused_look_up_is_left_out() {
        for status in [400, 413, 414, 422, 431] {
            let mut find = many(41);
            for next in ["1", "2"] {
                drop(find.next_call());
                find.handle(Ok(answer::<GetUsers>(200, &page(&[], Some(next))))).unwrap();
            }
            drop(find.next_call());
            find.handle(refusal::<GetUsers>(status, "", Effect::None)).unwrap();
            run(&mut find, &[&page(&[], None)]);
            assert!(find.next_call().is_none());
            let open = told(&find).iter().filter(|told| *told == "?").count();
            assert!(open == 1 || open == 40, "{open}");
        }
    }

    #[test]
    fn reply_after_the_end_changes_nothing() {
        let ended_by_look_up = emails(&["ada@example.com"]);
        let ended_by_walk = many(41).find(FindUser::by_email("ada@example.com"));
        for mut find in [ended_by_look_up, ended_by_walk] {
            assert_eq!(run(&mut find, &[&page(&[], None)]).len(), 1);
            let found = find.output();
            find.handle(Ok(answer::<GetUsers>(200, &page(&[ADA], None)))).unwrap();
            assert!(find.next_call().is_none());
            assert_eq!(find.output(), found);
        }
    }

    #[test]
    fn failed_call_is_made_again() {
        let mut find = many(41);
        for next in ["1", "2", "3"] {
            let before = target(&mut find);
            for failed in [refusal::<GetUsers>(503, "", Effect::None), Ok(answer::<GetUsers>(200, "<html>"))]
            {
                find.handle(failed).unwrap_err();
                assert_eq!(target(&mut find), before);
            }
            find.handle(Ok(answer::<GetUsers>(200, &page(&[], Some(next).filter(|_| next != "3"))))).unwrap();
        }
        let open = told(&find).iter().filter(|told| *told == "?").count();
        assert!(open == 1 || open == 40, "{open}");
        // A walk that the service refuses is no look-up.
        let mut find = many(41);
        drop(find.next_call());
        find.handle(refusal::<GetUsers>(400, "", Effect::None)).unwrap_err();
    }

    #[test]
    fn endless_walk_fails_or_changes_over() {
        let mut find = many(200);
        let targets = run(&mut find, &[&page(&[], Some("1")), &page(&[], Some("1")), &page(&[], None)]);
        assert_eq!((targets.len(), told(&find)), (7, vec![String::new(); 200]));
        let mut find = FindUsers::new().provided_id("42");
        let mut next = || {
            drop(find.next_call());
            find.handle(Ok(answer::<GetUsers>(200, &page(&[ADA], Some("1")))))
        };
        next().unwrap();
        assert!(matches!(next(), Err(Error::CursorLoop(_))));
        assert_eq!(told(&find), ["?"]);
        // It starts again.
        run(&mut find, &[&page(&[ADA], None)]);
        assert_eq!(told(&find), ["kp_1"]);
    }

    #[test]
    fn walk_of_ever_new_pages_ends() {
        let mut find = FindUsers::new().provided_id("42");
        let mut pages = 0;
        let error = loop {
            drop(find.next_call());
            pages += 1;
            let next = format!("{pages}");
            if let Err(error) = find.handle(Ok(answer::<GetUsers>(200, &page(&[ADA], Some(&next))))) {
                break error;
            }
        };
        assert!(matches!(error, Error::CursorLoop(_)), "{error}");
        assert_eq!((pages, told(&find)), (FindUsers::MOST_PAGES, vec!["?".into()]));
    }

    #[test]
    fn number_of_users_that_are_kept_is_bounded() {
        let users: Vec<_> =
            (0..150).map(|n| format!(r#"{{"id":"kp_{n}","email":"ada@example.com"}}"#)).collect();
        let users: Vec<_> = users.iter().map(String::as_str).collect();
        let mut find = emails(&["ada@example.com", "bob@example.com", "eve@example.com"]);
        let others = users.join(",");
        let others = [others.replace("ada", "bob").replace("kp", "bp"), others.replace("ada", "eve")];
        run(&mut find, &[&page(&[&users.join(","), &others[0], &others[1].replace("kp", "ep")], None)]);
        assert_eq!(told(&find), ["102!", "2!", "2!"]);
    }

    #[test]
    fn long_text_is_asked_for_alone() {
        let long = "a".repeat(3000);
        let mut find = emails(&["x@y", "z@y"]).find(FindUser::by_username(long.as_str()));
        let targets = run(&mut find, &[&page(&[], Some("1")), &page(&[], Some("2")), &page(&[], None)]);
        assert_eq!(targets.len(), 4);
        assert!(targets.iter().any(|target| target.contains(&format!("&username={long}&"))));
    }
}
