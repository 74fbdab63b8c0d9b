//! The whole way: typed operations, through the client and ureq, over a socket, to a tenant that
//! reads by itself.

use kinde_users::contract::Server;
use kinde_users::operations::*;
use kinde_users::ureq::UreqTransport;
use kinde_users::{Domain, Effect, Error, OPERATIONS, SystemClock, client_over};
use kinde_users_fake::{FakeKinde, NewFakeUser, ROUTES};

type Client = kinde_users::Client<UreqTransport, SystemClock>;

/// The tenant behind a socket, and a client of it.
fn tenant() -> (FakeKinde, Server, Client) {
    let fake = FakeKinde::new();
    let server = Server::answering({
        let fake = fake.clone();
        move |request| fake.handle(request).unwrap()
    })
    .unwrap();
    let domain = Domain::parse(&server.origin()).unwrap().with_audience(&fake.audience());
    let transport = UreqTransport::configured(|config| config.proxy(None));
    let client = client_over(transport, domain, fake.credentials());
    (fake, server, client)
}

#[test]
fn tenant_and_client_have_the_same_operations() {
    let routes: Vec<_> = ROUTES
        .iter()
        .map(|route| (route.name, route.method.clone(), route.path, route.success, vec![route.scope]))
        .collect();
    let operations: Vec<_> = OPERATIONS
        .iter()
        .map(|meta| (meta.name, meta.method.clone(), meta.path.as_str(), meta.success, meta.scopes.to_vec()))
        .collect();
    assert_eq!(routes, operations);
}

/// The life of a user, in which every operation has its part.
#[test]
fn every_operation_works_over_a_socket() {
    let (fake, _server, client) = tenant();

    // Ada is created, found, and looked at.
    let created = client
        .send(
            &CreateUser::new()
                .given_name("Ada")
                .organization_code("org_1")
                .identity(NewIdentity::email("ada+kinde@example.com").is_verified(true)),
        )
        .unwrap();
    assert_eq!((created.created, created.identities.len()), (Some(true), 1));
    let ada = &created.id;
    fake.add_user(NewFakeUser::new().email("charles@example.com"));
    let found = client.send(&GetUsers::new().email("ada+kinde@example.com").page_size(10)).unwrap();
    assert_eq!((found.users.len(), &found.users[0].id), (1, ada));
    assert_eq!(found.users[0].first_name.as_deref(), Some("Ada"));
    let seen = client.send(&GetUserData::new(ada).expand("organizations")).unwrap();
    assert_eq!((seen.email(), seen.organizations.len()), (Some("ada+kinde@example.com"), 1));

    // She gets a name, a second identity and a password, properties, flags, and a plan to pay for.
    let updated = client.send(&UpdateUser::new(ada).family_name("Zoë & Söhne").is_suspended(true)).unwrap();
    assert_eq!((&updated.id, updated.family_name.as_deref()), (ada, Some("Zoë & Söhne")));
    let identity = client.send(&CreateUserIdentity::username(ada, "ada")).unwrap().identity.unwrap();
    let identities = client.send(&GetUserIdentities::new(ada)).unwrap();
    assert!(identities.identities.iter().any(|one| one.id == identity.id), "{identities:?}");
    let hash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    client.send(&SetUserPassword::new(ada, Password::bcrypt(hash)).is_temporary_password(true)).unwrap();
    client
        .send(&UpdateUserProperties::new(ada).property("kp_usr_city", "London").property("note", "a"))
        .unwrap();
    client.send(&UpdateUserProperty::new(ada, "note", "50% & more")).unwrap();
    let properties = client.send(&GetUserPropertyValues::new(ada)).unwrap();
    assert_eq!(properties.value_of("kp_usr_city"), Some("London"));
    assert_eq!(properties.value_of("note"), Some("50% & more"));
    client.send(&UpdateUserFeatureFlagOverride::new(ada, "dark mode", "on")).unwrap();
    assert_eq!(client.send(&RefreshUserClaims::new(ada)).unwrap().code.as_deref(), Some("OK"));
    let customer = client.send(&CreateUserBillingCustomer::new(ada, "org_1", "pay@example.com")).unwrap();

    // The tenant has it all.
    let kept = fake.user(ada).unwrap();
    assert_eq!((kept.family_name.as_deref(), kept.is_suspended), (Some("Zoë & Söhne"), true));
    assert_eq!(kept.username(), Some("ada"));
    assert_eq!(kept.password.map(|password| password.hashed_password).as_deref(), Some(hash));
    assert_eq!(kept.feature_flags["dark mode"], "on");
    assert_eq!(kept.claims_refreshed, 1);
    let customer = customer.billing_customer.unwrap().id.unwrap();
    assert_eq!(kept.billing_customer, Some(customer));

    // Old Grace is signed in and has a second factor. All of it goes, and so does she.
    let grace = "kp:0123456789abcdef0123456789abcdef";
    let old = || NewFakeUser::new().id(grace).session().mfa("email", "grace@example.com");
    fake.add_user(old());
    let sessions = client.send(&GetUserSessions::new(grace)).unwrap().sessions;
    assert_eq!((sessions.len(), sessions[0].user_id.as_ref().unwrap().as_str()), (1, grace));
    client.send(&DeleteUserSessions::new(grace)).unwrap();
    assert_eq!(fake.user(grace).unwrap().sessions, []);
    let factor = client.send(&GetUsersMfa::new(grace)).unwrap().mfa[0].id.clone().unwrap();
    client.send(&ResetUsersMfa::new(grace, factor)).unwrap();
    assert_eq!(fake.user(grace).unwrap().factors, []);
    fake.add_user(old());
    client.send(&ResetUsersMfaAll::new(grace)).unwrap();
    assert_eq!(fake.user(grace).unwrap().factors, []);
    client.send(&DeleteUser::new(grace).is_delete_profile(true)).unwrap();
    assert_eq!(fake.user(grace), None);

    for route in ROUTES {
        let requests = fake.requests().of(route.name);
        let statuses: Vec<_> = requests.iter().filter_map(|request| request.status()).collect();
        assert_eq!(statuses, [route.success], "{}", route.name);
        assert!(requests[0].took_effect, "{}", route.name);
    }
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn id_of_any_characters_arrives_as_it_is() {
    let (fake, _server, client) = tenant();
    for id in ["a:b", "a%41b", "%", "a b+c", "é=1&y@z", "..a", "a,b"] {
        fake.add_user(NewFakeUser::new().id(id).property("key", id));
        let properties = client.send(&GetUserPropertyValues::new(id)).unwrap();
        assert_eq!(properties.value_of("key"), Some(id));
        assert_eq!(client.send(&GetUserData::new(id)).unwrap().id, id);
    }
}

#[test]
fn refusal_arrives_with_what_the_service_said() {
    let (_fake, _server, client) = tenant();
    let error = client.send(&GetUserData::new("kp_nobody")).unwrap_err();
    assert_eq!(error.effect(), Effect::None);
    let Error::Api(api) = error.error() else { panic!("{error}") };
    assert_eq!((api.status().as_u16(), api.errors()[0].code.as_deref()), (400, Some("USER_INVALID")));
}
