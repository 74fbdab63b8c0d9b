//! The tenant and the model side by side. Each step is applied to both, and they have to agree.

use std::collections::BTreeMap;

use http::{Method, Request, Response};
use kinde_users_fake::{FakeKinde, FakeUser, NewFakeUser};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::Value;

use super::naive::{Answer, Call, Model, OPERATIONS};
use super::names::Names;
use super::script::{
    Action, Ask, Authorization, Bend, Body, SECRETS, Script, Seed, Setup, TokenRequest, Trait, Word,
};

type Checked<T> = Result<T, TestCaseError>;

pub(crate) struct World {
    fake: FakeKinde,
    model: Model,
    names: Names,
    walks: BTreeMap<usize, Walk>,
    /// The names of the tokens that were issued.
    access_tokens: Vec<String>,
    page_tokens: Vec<String>,
    /// The operation, the status and the effect of each request.
    course: Vec<(Option<&'static str>, u16, bool)>,
    pub(crate) events: BTreeMap<String, usize>,
}

/// A walk through the list of users, page by page.
struct Walk {
    has_organization: Option<bool>,
    next: String,
    /// The users who have existed since the first page.
    there: Vec<String>,
    seen: Vec<String>,
    is_disturbed: bool,
}

impl World {
    fn new(setup: Setup) -> Self {
        let fake = FakeKinde::builder()
            .credentials("the client", SECRETS[0])
            .identities_page(setup.identities_page)
            .token_lifetime(setup.token_lifetime)
            .build();
        Self {
            model: Model::new(setup, fake.client_id(), fake.now()),
            fake,
            names: Names::default(),
            walks: BTreeMap::new(),
            access_tokens: Vec::new(),
            page_tokens: Vec::new(),
            course: Vec::new(),
            events: BTreeMap::new(),
        }
    }

    pub(crate) fn play(script: &Script) -> Checked<Self> {
        let mut world = Self::new(script.setup);
        for action in &script.actions {
            world.act(action)?;
            world.compare_users()?;
        }
        world.end_walks()?;
        let course: Vec<_> =
            world.fake.requests().iter().map(|r| (r.operation, r.status(), r.took_effect)).collect();
        let expected: Vec<_> =
            world.course.iter().map(|(name, status, effect)| (*name, Some(*status), *effect)).collect();
        prop_assert_eq!(course, expected);
        Ok(world)
    }

    fn note(&mut self, event: impl Into<String>) {
        *self.events.entry(event.into()).or_insert(0) += 1;
    }

    fn act(&mut self, action: &Action) -> Checked<()> {
        match action {
            Action::Ask(ask) => {
                let call = self.call(ask);
                self.ask(&call, ask.is_encoded_in_full)?;
            }
            Action::Walk { number, size, has_organization } => {
                self.walk(*number, *size, *has_organization)?;
            }
            Action::Seed(seed) => self.seed(seed)?,
            Action::Token(request) => self.token(request)?,
            Action::RevokeTokens => {
                self.fake.revoke_tokens();
                self.model.revoke_tokens();
            }
            Action::RotateSecret(secret) => {
                self.fake.rotate_secret(*secret);
                self.model.rotate_secret(secret);
            }
            Action::Advance(by) => {
                self.fake.advance(*by);
                self.model.now += *by;
            }
        }
        Ok(())
    }

    // ---- Users --------------------------------------------------------------

    fn seed(&mut self, seed: &Seed) -> Checked<()> {
        let now = self.model.now;
        let new = seed.0.iter().fold(NewFakeUser::new(), |new, one| match *one {
            Trait::Id(id) => new.id(id),
            Trait::ProvidedId(id) => new.provided_id(id),
            Trait::Name(given, family) => new.name(given, family),
            Trait::Picture(picture) => new.picture(picture),
            Trait::Suspended => new.suspended(),
            Trait::CreatedAgo(ago) => new.created_on(now.saturating_sub(ago)),
            Trait::SignedInAgo(ago) => new.signed_in(now.saturating_sub(ago)),
            Trait::Email(address) => new.email(address),
            Trait::Phone(number) => new.phone(number),
            Trait::Username(name) => new.username(name),
            Trait::Connected(kind, value, id) => new.connected(kind, value, id),
            Trait::Organization(code) => new.organization(code),
            Trait::SignedInTo(code, ago) => new.signed_in_to(code, now.saturating_sub(ago)),
            Trait::Property(key, value) => new.property(key, value),
            Trait::FeatureFlag(key, value) => new.feature_flag(key, value),
            Trait::Session => new.session(),
            Trait::Mfa(kind, name) => new.mfa(kind, name),
        });
        let real = self.fake.add_user(new);
        self.users_have_changed();
        // Another user may have had the id.
        if self.model.users().any(|user| user.id == real) {
            self.note("a user was replaced");
            self.is_gone(real.as_str());
        }
        let name = self.model.seed(seed);
        self.names.match_text(name.as_str(), real.as_str()).map_err(TestCaseError::fail)
    }

    fn users_have_changed(&mut self) {
        for walk in self.walks.values_mut() {
            walk.is_disturbed = true;
        }
    }

    fn is_gone(&mut self, id: &str) {
        for walk in self.walks.values_mut() {
            walk.there.retain(|other| other != id);
            walk.seen.retain(|other| other != id);
        }
    }

    /// Checks that the tenant and the model know the same of the users.
    fn compare_users(&mut self) -> Checked<()> {
        let actual = self.fake.users();
        let mut expected: Vec<FakeUser> = self.model.users().cloned().collect();
        for (expected, actual) in expected.iter_mut().zip(&actual) {
            match_ids(&mut self.names, expected, actual).map_err(TestCaseError::fail)?;
        }
        let show = |users: &[FakeUser]| users.iter().map(describe).collect::<Vec<_>>();
        prop_assert!(
            actual == expected,
            "the users are\n{:#?}\nand should be\n{:#?}",
            show(&actual),
            show(&expected)
        );
        prop_assert_eq!(self.fake.now(), self.model.now);
        Ok(())
    }

    // ---- Tokens -------------------------------------------------------------

    fn token(&mut self, request: &TokenRequest) -> Checked<()> {
        let (secret, audience) = (self.fake.client_secret(), self.fake.audience());
        let (mut secret, mut audience, mut scopes) =
            (secret.as_str(), Some(audience.as_str()), String::new());
        let mut client_id = self.fake.client_id();
        let mut grant_type = Some("client_credentials");
        let mut content_type = Some("application/x-www-form-urlencoded");
        match request {
            TokenRequest::Scopes(asked) => scopes = asked.join(" "),
            TokenRequest::Client(other) => (*other).clone_into(&mut client_id),
            TokenRequest::Secret(other) => secret = other,
            TokenRequest::Audience(other) => audience = *other,
            TokenRequest::GrantType(other) => grant_type = *other,
            TokenRequest::ContentType(other) => content_type = *other,
        }
        let fields = [
            ("grant_type", grant_type),
            ("client_id", Some(client_id.as_str())),
            ("client_secret", Some(secret)),
            ("audience", audience),
            ("scope", Some(scopes.as_str()).filter(|scopes| !scopes.is_empty())),
        ];
        let fields = fields.iter().filter_map(|(key, value)| Some((key, (*value)?)));
        let form: Vec<String> = fields.map(|(key, value)| format!("{key}={}", encode(value, true))).collect();
        let mut message = Request::post(format!("{}/oauth2/token", self.fake.origin()));
        if let Some(content_type) = content_type {
            message = message.header("content-type", content_type);
        }
        let response = self.fake.handle(message.body(form.join("&").into_bytes()).unwrap()).unwrap();
        let expected = self.model.token(request);
        if let Answer::Done(_, body) = &expected {
            self.access_tokens.push(body["access_token"].as_str().unwrap().to_owned());
        }
        self.compare("token", &expected, &response)
    }

    // ---- Requests -----------------------------------------------------------

    /// Builds the request with the names of what it refers to.
    fn call(&mut self, ask: &Ask) -> Call {
        let operation = &OPERATIONS[ask.operation];
        let mut arguments = ask.path.iter();
        let mut user = String::new();
        let segments = operation.path.split('/').skip(1);
        let mut path: Vec<String> = segments
            .map(|segment| match segment.strip_prefix('{').and_then(|_| arguments.next()) {
                None => segment.to_owned(),
                Some(word) => {
                    let text = self.word(word, &user);
                    if segment == "{user_id}" {
                        user.clone_from(&text);
                    }
                    text
                }
            })
            .collect();
        let mut method = operation.method;
        match ask.bend {
            None => {}
            Some(Bend::Method(other)) => method = other,
            Some(Bend::OneMore(segment)) => path.push(segment.to_owned()),
            Some(Bend::OneLess) => drop(path.pop()),
            Some(Bend::Version) => "v2".clone_into(&mut path[1]),
        }
        let authorization = match ask.authorization {
            Authorization::Nothing => None,
            Authorization::Raw(header) => Some(header.to_owned()),
            Authorization::Kept(which) => {
                Some(format!("Bearer {}", pick(&self.access_tokens, which).unwrap()))
            }
            Authorization::Good => Some(self.good_token()),
        };
        Call {
            method,
            path,
            query: ask.query.iter().map(|(key, word)| (*key, self.word(word, &user))).collect(),
            body: match &ask.body {
                Body::Nothing => Vec::new(),
                Body::Json(value) => value.to_string().into_bytes(),
                Body::Raw(bytes) => bytes.to_vec(),
            },
            authorization,
        }
    }

    fn good_token(&mut self) -> String {
        let name = self.model.issue(&[]);
        self.names.learn(&name, &self.fake.issue_token());
        format!("Bearer {name}")
    }

    fn word(&self, word: &Word, user: &str) -> String {
        let members = &self.model.members;
        let user_number = |which: usize| {
            pick(members, which).map_or_else(|| "kp_0".to_owned(), |member| member.user.id.to_string())
        };
        // The values of the user in the path come first, then those of all users.
        let in_order = || {
            let users = || members.iter().map(|member| &member.user);
            users().filter(|other| other.id == user).chain(users())
        };
        match word {
            Word::Text(text) => (*text).to_owned(),
            Word::User(which) => user_number(*which),
            Word::Newest(which) => {
                let there = members.iter().filter(|member| !member.is_deleted).count();
                let newest = self.model.users().nth(there.saturating_sub(which + 1));
                newest.map_or("kp_0", |user| user.id.as_str()).to_owned()
            }
            Word::Users(which) => which.iter().map(|which| user_number(*which)).collect::<Vec<_>>().join(","),
            Word::Identity(which) => {
                let all = in_order().flat_map(|user| &user.identities).map(|identity| identity.id.as_str());
                all.take(which + 1).last().unwrap_or("identity_0").to_owned()
            }
            Word::Factor(which) => {
                let all = in_order().flat_map(|user| &user.factors).map(|factor| factor.id.as_str());
                all.take(which + 1).last().unwrap_or("mfa_0").to_owned()
            }
            Word::PageToken(which) => pick(&self.page_tokens, *which).map_or("none", |name| name).to_owned(),
        }
    }

    /// Sends the request to both, and returns the fake's reply.
    fn ask(&mut self, call: &Call, is_encoded_in_full: bool) -> Checked<Answer> {
        let encode = |text: &String| encode(&self.names.real(text), is_encoded_in_full);
        let path: Vec<String> = call.path.iter().map(encode).collect();
        // In a query, a space can also be `+`.
        let pair = |(key, value): &(&str, String)| {
            let value = encode(value);
            format!("{key}={}", if is_encoded_in_full { value } else { value.replace("%20", "+") })
        };
        let query: Vec<String> = call.query.iter().map(pair).collect();
        let question_mark = if query.is_empty() { "" } else { "?" };
        let mut message = Request::builder()
            .method(Method::from_bytes(call.method.as_bytes()).unwrap())
            .uri(format!("{}/{}{question_mark}{}", self.fake.origin(), path.join("/"), query.join("&")));
        if let Some(authorization) = &call.authorization {
            let token = authorization.strip_prefix("Bearer ").map(|name| self.names.real(name));
            let header = token.map_or(authorization.clone(), |token| format!("Bearer {token}"));
            message = message.header("authorization", header);
        }
        let response = self.fake.handle(message.body(call.body.clone()).unwrap()).unwrap();

        let expected = self.model.answer(call);
        let name = call.operation().map_or("none", |(operation, _)| operation.name);
        self.compare(name, &expected, &response).map_err(|error| {
            let body = String::from_utf8_lossy(&call.body);
            TestCaseError::fail(format!("{} {:?} {:?} {body}\n{error}", call.method, call.path, call.query))
        })?;
        self.look_at(name, call, &expected);
        Ok(expected)
    }

    fn compare(
        &mut self,
        name: &'static str,
        expected: &Answer,
        response: &Response<Vec<u8>>,
    ) -> Checked<()> {
        let status = response.status().as_u16();
        let is_empty = response.body().is_empty();
        let body = if is_empty { Value::Null } else { serde_json::from_slice(response.body()).unwrap() };
        let operation = (name != "none").then_some(name);
        self.course.push((operation, status, response.status().is_success()));
        let code = |item: &Value| {
            // Each problem has a message as well.
            item["message"].as_str().filter(|message| !message.is_empty())?;
            item["code"].as_str().map(str::to_owned)
        };
        let (is_same, codes) = match expected {
            Answer::Done(expected, shown) => {
                let same = self.names.match_json(shown, &body);
                prop_assert!(
                    status == *expected && same.is_ok(),
                    "{name}: {same:?}\ngot {status} {body:#}\nexpected {expected} {shown:#}"
                );
                (true, vec!["OK".to_owned()])
            }
            Answer::List(expected, codes) => {
                let actual = body["errors"]
                    .as_array()
                    .and_then(|items| items.iter().map(code).collect::<Option<Vec<_>>>());
                let (mut actual, mut codes) = (actual.unwrap_or_default(), codes.clone());
                actual.sort();
                codes.sort();
                (status == *expected && actual == codes, codes)
            }
            Answer::Object(expected, one) => {
                let is_same = status == *expected && code(&body["errors"]).as_deref() == Some(*one);
                (is_same, vec![(*one).to_owned()])
            }
            Answer::OAuth(expected, one) => {
                let is_same =
                    status == *expected && body["error"] == *one && body["error_description"].is_string();
                (is_same, vec![(*one).to_owned()])
            }
            Answer::Empty(expected) => (status == *expected && is_empty, vec!["none".to_owned()]),
        };
        prop_assert!(is_same, "{name}: got {status} {body:#}\nexpected {expected:?}");
        for code in codes {
            self.note(format!("{name}: {code}"));
        }
        Ok(())
    }

    /// Records what later requests can use from an answer, and counts the event.
    fn look_at(&mut self, name: &str, call: &Call, answer: &Answer) {
        let Answer::Done(_, body) = answer else {
            if *answer == Answer::unauthorized() && call.authorization.is_some() {
                self.note(self.model.why_unauthorized(call));
            }
            return;
        };
        if let Some(token) = body["next_token"].as_str() {
            self.page_tokens.push(token.to_owned());
        }
        if name == "delete_user" {
            let real = self.names.real(call.argument("id").unwrap());
            self.is_gone(real.as_str());
        }
        if name == "delete_user" || name == "create_user" {
            self.users_have_changed();
        }
        if name == "get_user_sessions" {
            let user = self.model.users().find(|user| user.id == call.path[3]).unwrap();
            if user.sessions.len() > body["sessions"].as_array().unwrap().len() {
                self.note("a session was over");
            }
        }
        if name.starts_with("create_user") && self.model.has_one_that_was_deleted() {
            self.note("what a deleted user had was taken again");
        }
        if name == "set_user_password" {
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            self.note(format!("a hash of {}", body["hashing_method"].as_str().unwrap_or("bcrypt")));
        }
        let is_list = ["get_users", "get_user_identities"].contains(&name);
        let list = if name == "get_users" { "users" } else { "identities" };
        let is_some = is_list && body[list].as_array().is_some_and(|list| !list.is_empty());
        for (key, value) in call.query.iter().filter(|_| is_some) {
            if !value.is_empty() && call.argument(key) == Some(value) {
                self.note(format!("{name}: something for {key}"));
            }
            if key == &"next_token" && self.model.is_after_a_deleted_user(value) {
                self.note("a page began after a deleted user");
            }
        }
    }

    // ---- Walks --------------------------------------------------------------

    fn walk(&mut self, number: usize, size: usize, has_organization: Option<bool>) -> Checked<()> {
        let mut walk = self.walks.remove(&number).unwrap_or_else(|| {
            let users = self.fake.users().into_iter();
            let is_meant =
                |user: &FakeUser| has_organization.is_none_or(|has| has != user.organizations.is_empty());
            Walk {
                has_organization,
                next: String::new(),
                there: users.filter(is_meant).map(|user| user.id.to_string()).collect(),
                seen: Vec::new(),
                is_disturbed: false,
            }
        });
        let mut query = vec![("page_size", size.to_string())];
        query.extend(walk.has_organization.map(|has| ("has_organization", has.to_string())));
        if !walk.next.is_empty() {
            query.push(("next_token", walk.next.clone()));
        }
        let call = Call {
            method: "GET",
            path: ["api", "v1", "users"].map(str::to_owned).to_vec(),
            query,
            body: Vec::new(),
            authorization: Some(self.good_token()),
        };
        let Answer::Done(_, body) = self.ask(&call, false)? else {
            return Err(TestCaseError::fail("a page was refused"));
        };
        for user in body["users"].as_array().into_iter().flatten() {
            let id = self.names.real(user["id"].as_str().unwrap());
            prop_assert!(!walk.seen.contains(&id), "{} is listed twice", id);
            walk.seen.push(id);
        }
        if let Some(next) = body["next_token"].as_str() {
            next.clone_into(&mut walk.next);
            self.walks.insert(number, walk);
        } else {
            let lost: Vec<_> = walk.there.iter().filter(|id| !walk.seen.contains(id)).collect();
            prop_assert!(lost.is_empty(), "{:?} were not listed", lost);
            let way = if walk.is_disturbed { "while users came and went" } else { "undisturbed" };
            self.note(format!("a list was read {way}"));
        }
        Ok(())
    }

    fn end_walks(&mut self) -> Checked<()> {
        let users = self.fake.users().len();
        for number in 0..3 {
            for _ in 0..=users {
                if self.walks.contains_key(&number) {
                    self.walk(number, 2, None)?;
                }
            }
        }
        prop_assert!(self.walks.is_empty(), "a list does not end");
        Ok(())
    }
}

/// Returns the item with this number, modulo their count.
fn pick<T>(from: &[T], which: usize) -> Option<&T> {
    from.get(which % from.len().max(1))
}

/// Matches all values that a tenant generates for a user, and replaces the names by the values.
fn match_ids(names: &mut Names, expected: &mut FakeUser, actual: &FakeUser) -> Result<(), String> {
    names.match_id(&mut expected.id, &actual.id)?;
    for (expected, actual) in expected.identities.iter_mut().zip(&actual.identities) {
        names.match_id(&mut expected.id, &actual.id)?;
    }
    for (expected, actual) in expected.sessions.iter_mut().zip(&actual.sessions) {
        names.match_id(&mut expected.id, &actual.id)?;
        names.match_id(&mut expected.connection_id, &actual.connection_id)?;
    }
    for (expected, actual) in expected.factors.iter_mut().zip(&actual.factors) {
        names.match_id(&mut expected.id, &actual.id)?;
    }
    for (expected, actual) in expected.billing_customer.iter_mut().zip(&actual.billing_customer) {
        names.match_id(expected, actual)?;
    }
    Ok(())
}

/// Describes the user in a line or two. `Debug` omits most of the fields.
fn describe(user: &FakeUser) -> String {
    let identities = user.identities.iter();
    let identities =
        identities.map(|i| (&i.id, &i.kind, &i.value, i.is_confirmed, &i.connection_id, i.created_on));
    let sessions = user.sessions.iter();
    let sessions = sessions.map(|s| (&s.id, &s.client_id, &s.org_code, &s.connection_id, s.started_on));
    let factors = user.factors.iter().map(|f| (&f.id, &f.kind, &f.name, f.created_on));
    let password = user.password.as_ref().map(|p| {
        let scrypt = (&p.signer_key, &p.salt_separator, p.rounds, p.mem_cost);
        let salt = (&p.salt, &p.salt_position, p.iterations, &p.variant);
        (&p.hashed_password, &p.hashing_method, salt, scrypt, p.is_temporary_password)
    });
    let own = (&user.id, &user.provided_id, &user.given_name, &user.family_name, &user.picture);
    let states =
        (user.is_suspended, user.is_password_reset_requested, user.claims_refreshed, &user.billing_customer);
    let states = (states, &user.billing_organizations);
    let times = (user.total_sign_ins, user.failed_sign_ins, user.last_signed_in, user.created_on);
    let organizations = (&user.organizations, &user.organization_sign_ins);
    let values = (&user.properties, &user.feature_flags);
    let (identities, sessions): (Vec<_>, Vec<_>) = (identities.collect(), sessions.collect());
    let factors: Vec<_> = factors.collect();
    format!(
        "{own:?} {states:?} {times:?} {organizations:?} {identities:?} {values:?} {sessions:?} {factors:?} {password:?}"
    )
}

/// Percent-encodes the text: all of it if `is_in_full`, otherwise only what needs it.
fn encode(text: &str, is_in_full: bool) -> String {
    const SPARING: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b',')
        .remove(b'@')
        .remove(b':');
    utf8_percent_encode(text, if is_in_full { NON_ALPHANUMERIC } else { SPARING }).to_string()
}
