//! One function for each operation. It reads its arguments, refuses or changes the state, and
//! writes the reply.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use kinde_users_core::{IdentityId, OrganizationCode, PropertyKey};
use serde_json::{Value, json};

use crate::args::{Args, Fields, Given};
use crate::choice::Null;
use crate::failure::{Failure, Handled, Problem, Problems, to_bytes};
use crate::reply_bodies::{self, Expand, Page};
use crate::state::Tenant;
use crate::user::{FakeIdentity, FakeUser, NewFakeUser};
use crate::{password, time};

/// Encodes the fields together with the `code` and `message` that most replies have.
fn enveloped<const N: usize>(fields: [(&str, Value); N]) -> Vec<u8> {
    let mut body = json!({ "code": "OK", "message": "Success" });
    if let Some(object) = body.as_object_mut() {
        object.extend(fields.map(|(key, value)| (key.to_owned(), value)));
    }
    to_bytes(&body)
}

fn success() -> Vec<u8> {
    enveloped([])
}

// ---- Finding the user -------------------------------------------------------

/// Finds the user with this id. The failure says what is wrong with the id.
fn find<'t>(tenant: &'t mut Tenant, id: &str, unknown: fn() -> Problem) -> Result<&'t mut FakeUser, Failure> {
    let chosen = tenant.settings.choices.deleted_user.as_ref().filter(|_| tenant.users.is_gone(id));
    let problem = chosen.map(|refusal| Problem::chosen(refusal, "The user was deleted"));
    tenant.users.get_mut(id).ok_or_else(|| problem.unwrap_or_else(unknown).into())
}

/// Finds the user that `?id=` names. Otherwise fails with 400 and the recorded problems.
fn by_query<'t>(tenant: &'t mut Tenant, args: &Args<'_>) -> Result<&'t mut FakeUser, Failure> {
    let id = args.filled("id").ok_or_else(Failure::id_required)?;
    find(tenant, id, Problem::user_invalid)
}

/// Finds the user in the path, for operations that have no 404 in the description.
fn by_path<'t>(tenant: &'t mut Tenant, args: &Args<'_>) -> Result<&'t mut FakeUser, Failure> {
    find(tenant, args.path(0), Problem::user_invalid)
}

/// Finds the user in the path, for operations that have a 404: sessions and MFA.
fn by_path_or_404<'t>(tenant: &'t mut Tenant, args: &Args<'_>) -> Result<&'t mut FakeUser, Failure> {
    find(tenant, args.path(0), || Problem::not_found("USER_NOT_FOUND", "There is no such user"))
}

// ---- Users ------------------------------------------------------------------

const MAX_PAGE: usize = 500;

/// Returns the token of the page that begins after this position. The ten digits and nine other
/// characters are 19 bytes, whose base64 ends in `==`. This reveals clients that forget to
/// percent-encode the token.
fn page_token(position: u64) -> String {
    STANDARD.encode(format!("{position:010}:::id_asc"))
}

fn position_in(token: &str) -> Option<u64> {
    let bytes = STANDARD.decode(token).ok()?;
    core::str::from_utf8(&bytes).ok()?.strip_suffix(":::id_asc")?.parse().ok()
}

fn expand(args: &Args<'_>, problems: &mut Problems) -> Expand {
    let mut expand = Expand::default();
    for part in args.filled("expand").into_iter().flat_map(|parts| parts.split(',')) {
        match part {
            "organizations" => expand.organizations = true,
            "identities" => expand.identities = true,
            "billing" => expand.billing = true,
            _ => problems.push(Problem::invalid("expand")),
        }
    }
    expand
}

pub(crate) fn get_users(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let mut problems = Problems::default();
    let page_size = args.query("page_size").map_or(Some(10), |text| text.parse().ok());
    let page_size = page_size.filter(|size| (1..=MAX_PAGE).contains(size));
    if page_size.is_none() {
        problems.push(Problem::invalid("page_size"));
    }
    let after = args.filled("next_token").map_or(Some(0), position_in);
    if after.is_none() {
        problems.push(Problem::invalid("next_token"));
    }
    let active_since = args.filled("active_since").map(time::parse);
    if active_since == Some(None) {
        problems.push(Problem::invalid("active_since"));
    }
    let has_organization = args.flag("has_organization", &mut problems);
    let expand = expand(args, &mut problems);
    problems.finish()?;

    let filters = ["user_id", "email", "username", "phone"]
        .map(|name| args.filled(name).map(|values| (name, values.split(',').collect::<Vec<_>>())));
    let matches = |user: &FakeUser| {
        has_organization.is_none_or(|wanted| wanted != user.organizations.is_empty())
            && active_since.is_none_or(|since| user.last_signed_in.map(time::timestamp) >= since)
    };
    let page_size = page_size.unwrap_or(MAX_PAGE);
    let mut matching =
        tenant.users.found(after.unwrap_or(0), filters.iter().flatten()).filter(|(_, user)| matches(user));
    let mut users = Vec::with_capacity(page_size);
    let mut last = 0;
    for (position, user) in matching.by_ref().take(page_size) {
        users.push(reply_bodies::User::new(user, &expand));
        last = position;
    }
    let next_token = matching.next().map(|_| page_token(last));
    let users = (!users.is_empty()).then_some(users);
    Ok(to_bytes(&Page { code: "OK", message: "Success", users, next_token }))
}

pub(crate) fn get_user_data(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let user = by_query(tenant, args)?;
    let mut problems = Problems::default();
    let expand = expand(args, &mut problems);
    problems.finish()?;
    Ok(to_bytes(&reply_bodies::User::new(user, &expand).alone()))
}

pub(crate) fn create_user(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let mut body = args.optional_body()?;
    let mut new = NewFakeUser::new();
    new.user.provided_id = body.text("provided_id").option();
    new.user.organizations.extend(body.text("organization_code").option().map(Into::into));
    if let Given::Value(mut profile) = body.object("profile") {
        new.user.given_name = profile.text("given_name").option();
        new.user.family_name = profile.text("family_name").option();
        new.user.picture = profile.text("picture").option();
        body.absorb("profile", profile);
    }
    let mut given = HashSet::new();
    let identities = &mut new.user.identities;
    body.each("identities", |item| {
        let (kind, value, is_confirmed) = described_identity(item);
        // Values are the same in upper and lower case.
        let is_first = given.insert((kind.clone(), value.to_lowercase()));
        if item.problems.is_empty() && (!is_first || tenant.users.is_held(&kind, &value)) {
            let message = format!("A user with this {kind} exists");
            item.problems.push(Problem::chosen(&tenant.settings.choices.duplicate_user, message));
        }
        if item.problems.is_empty() {
            identities.push(FakeIdentity { kind, value, is_confirmed, ..FakeIdentity::default() });
        }
    });
    body.finish()?;
    let created = |made: &FakeIdentity| json!({ "type": made.kind, "result": { "created": true } });
    let kinds: Vec<Value> = identities.iter().map(created).collect();
    let id = tenant.add(new);
    Ok(to_bytes(&json!({ "id": id, "created": true, "identities": kinds })))
}

/// Reads the kind, the value and whether it is verified from an item of `identities`.
fn described_identity(item: &mut Fields) -> (String, String, Option<bool>) {
    let kind = item.required("type");
    let is_verified = item.flag("is_verified").option();
    let mut value = String::new();
    let before = item.problems.len();
    match (kind.as_str(), item.object("details")) {
        ("email" | "phone" | "username", Given::Value(mut details)) => {
            value = details.required(&kind);
            check_value(&kind, &value, &kind, &mut details.problems);
            if kind == "phone" {
                // A number in E.164 needs no country.
                details.skip("phone_country_id");
            }
            item.absorb("details", details);
        }
        ("email" | "phone" | "username", _) if item.problems.len() == before => {
            item.problems.push(Problem::required("details"));
        }
        ("email" | "phone" | "username" | "", _) => {}
        _ => item.problems.push(Problem::invalid("type")),
    }
    (kind, value, is_verified)
}

/// Checks a value: an address has an `@`, and a number is E.164, which the live service shows. An
/// empty value is already reported.
fn check_value(kind: &str, value: &str, argument: &str, problems: &mut Problems) {
    let is_valid = match kind {
        "email" => value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()),
        "phone" => value.strip_prefix('+').is_some_and(|digits| {
            (7..=15).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && !digits.starts_with('0')
        }),
        _ => true,
    };
    if !is_valid && !value.is_empty() {
        problems.push(Problem::invalid(argument));
    }
}

pub(crate) fn update_user(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let chosen = tenant.settings.choices.null_in_user;
    let user = by_query(tenant, args)?;
    let mut body = args.body()?;
    // Nothing changes unless all fields are valid.
    let mut changed = user.clone();
    // By default, null does not clear a name.
    body.null = chosen.unwrap_or(Null::Ignored);
    body.text("given_name").patch(&mut changed.given_name);
    body.text("family_name").patch(&mut changed.family_name);
    body.null = chosen.unwrap_or(Null::Clears);
    body.text("picture").patch(&mut changed.picture);
    body.text("provided_id").patch(&mut changed.provided_id);
    for (key, slot) in [
        ("is_suspended", &mut changed.is_suspended),
        ("is_password_reset_requested", &mut changed.is_password_reset_requested),
    ] {
        match body.flag(key) {
            Given::Absent => {}
            Given::Null => *slot = false,
            Given::Value(value) => *slot = value,
        }
    }
    body.finish()?;
    *user = changed;
    Ok(to_bytes(&reply_bodies::updated(user)))
}

pub(crate) fn delete_user(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let id = by_query(tenant, args)?.id.clone();
    let mut problems = Problems::default();
    args.flag("is_delete_profile", &mut problems);
    problems.finish()?;
    tenant.users.remove(&id);
    Ok(success())
}

pub(crate) fn refresh_user_claims(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    by_path(tenant, args)?.claims_refreshed += 1;
    Ok(success())
}

pub(crate) fn set_user_password(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let user = by_path(tenant, args)?;
    let mut body = args.body()?;
    let password = password::read(&mut body);
    body.finish()?;
    user.password = Some(Box::new(password));
    Ok(success())
}

// ---- Identities -------------------------------------------------------------

pub(crate) fn get_user_identities(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let size = tenant.settings.identities_page;
    let user = by_path(tenant, args)?;
    let all = user.identities.as_slice();
    let place = |name: &str| {
        let find =
            |id| all.iter().position(|identity| identity.id == id).ok_or_else(|| Problem::invalid(name));
        args.filled(name).map(find).transpose()
    };
    // Forward, the page begins after the cursor; backward, it ends before it.
    let (from, to, has_more) = match (place("starting_after")?, place("ending_before")?) {
        (Some(_), Some(_)) => return Err(Problem::not_allowed("ending_before").into()),
        (None, Some(end)) => (end.saturating_sub(size), end, end > size),
        (after, None) => {
            let from = after.map_or(0, |place| place + 1);
            let to = from.saturating_add(size).min(all.len());
            (from, to, to < all.len())
        }
    };
    let page = all.get(from..to).unwrap_or_default();
    let identities: Vec<Value> = page.iter().map(|identity| reply_bodies::identity(user, identity)).collect();
    Ok(enveloped([("identities", identities.into()), ("has_more", has_more.into())]))
}

pub(crate) fn create_user_identity(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let user_id = by_path(tenant, args)?.id.clone();
    let mut body = args.optional_body()?;
    let kind = body.required("type");
    let value = body.required("value");
    let is_connected = matches!(kind.as_str(), "enterprise" | "social");
    let connection_id = if is_connected {
        Some(body.required("connection_id"))
    } else {
        body.text("connection_id");
        None
    };
    if kind == "phone" {
        body.required("phone_country_id");
    } else {
        body.text("phone_country_id");
    }
    if !is_connected && !matches!(kind.as_str(), "email" | "username" | "phone" | "") {
        body.problems.push(Problem::invalid("type"));
    }
    check_value(&kind, &value, "value", &mut body.problems);
    // Replies name the provider, but only the connection reveals it.
    let kind = if kind == "social" { "oauth2:google".to_owned() } else { kind };
    if body.problems.is_empty() && tenant.users.is_held(&kind, &value) {
        let message = format!("A user with this {kind} exists");
        body.problems.push(Problem::chosen(&tenant.settings.choices.duplicate_identity, message));
    }
    body.finish()?;
    let id = IdentityId::from(tenant.ids.make("identity_", 32));
    let identity = FakeIdentity {
        id: id.clone(),
        kind,
        value,
        is_confirmed: None,
        connection_id: connection_id.map(Into::into),
        created_on: tenant.now,
    };
    tenant.users.add_identity(&user_id, identity);
    Ok(enveloped([("identity", json!({ "id": id }))]))
}

// ---- Properties and feature flags -------------------------------------------

/// Lists every property that the tenant knows, with null if the user has no value.
pub(crate) fn get_user_property_values(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let values = by_path(tenant, args)?.properties.clone();
    let property = |(key, id): (&PropertyKey, &String)| json!({ "id": id, "name": key, "description": null, "key": key, "value": values.get(key) });
    let properties: Vec<Value> = tenant.properties.iter().map(property).collect();
    Ok(enveloped([("properties", properties.into())]))
}

/// Reads the value from the query. It may be empty.
fn value_of(args: &Args<'_>) -> Result<String, Failure> {
    args.query("value").map(str::to_owned).ok_or_else(|| Problem::required("value").into())
}

pub(crate) fn update_user_property(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    by_path(tenant, args)?;
    let value = value_of(args)?;
    tenant.set_property(args.path(0), args.path(1).into(), Some(value));
    Ok(success())
}

pub(crate) fn update_user_properties(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    by_path(tenant, args)?;
    let mut body = args.body()?;
    let mut changes = Vec::new();
    match body.object("properties") {
        Given::Value(mut properties) => {
            properties.null = tenant.settings.choices.null_in_properties;
            let keys = properties.keys();
            // A property without a name could not be addressed by any path either.
            let is_nameless = keys.iter().any(String::is_empty);
            for key in keys {
                match properties.text(&key) {
                    Given::Absent => {}
                    Given::Null => changes.push((key, None)),
                    Given::Value(value) => changes.push((key, Some(value))),
                }
            }
            if is_nameless || !properties.problems.is_empty() {
                body.problems.push(Problem::invalid("properties"));
            }
        }
        Given::Null | Given::Absent if body.problems.is_empty() => {
            body.problems.push(Problem::required("properties"));
        }
        Given::Null | Given::Absent => {}
    }
    body.finish()?;
    for (key, value) in changes {
        tenant.set_property(args.path(0), key.into(), value);
    }
    Ok(success())
}

pub(crate) fn update_user_feature_flag_override(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let user = by_path(tenant, args)?;
    user.feature_flags.insert(args.path(1).into(), value_of(args)?);
    Ok(success())
}

// ---- Sessions and second factors --------------------------------------------

pub(crate) fn get_user_sessions(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let (now, short_offsets) = (tenant.now, tenant.settings.choices.short_offsets);
    let user = by_path_or_404(tenant, args)?;
    let running = user.sessions.iter().filter(|session| session.expires_on() > now);
    let sessions: Vec<Value> =
        running.map(|session| reply_bodies::session(&user.id, session, short_offsets)).collect();
    Ok(enveloped([("has_more", false.into()), ("sessions", sessions.into())]))
}

pub(crate) fn delete_user_sessions(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    by_path_or_404(tenant, args)?.sessions.clear();
    Ok(success())
}

pub(crate) fn get_users_mfa(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let (as_array, null_mfa) = (tenant.settings.choices.mfa_as_array, tenant.settings.choices.null_mfa);
    let mfa = match by_path_or_404(tenant, args)?.factors.as_slice() {
        [] if !null_mfa => return Ok(success()),
        [] => Value::Null,
        several @ [_, _, ..] if as_array => several.iter().map(reply_bodies::factor).collect(),
        [first, ..] => reply_bodies::factor(first),
    };
    Ok(enveloped([("mfa", mfa)]))
}

pub(crate) fn reset_users_mfa(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let user = by_path_or_404(tenant, args)?;
    let missing = || Failure::from(Problem::not_found("MFA_NOT_FOUND", "The user has no such factor"));
    let place = user.factors.iter().position(|factor| factor.id == args.path(1)).ok_or_else(missing)?;
    user.factors.remove(place);
    Ok(success())
}

pub(crate) fn reset_users_mfa_all(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    by_path_or_404(tenant, args)?.factors.clear();
    Ok(success())
}

// ---- Billing ----------------------------------------------------------------

pub(crate) fn create_user_billing_customer(tenant: &mut Tenant, args: &Args<'_>) -> Handled {
    let organizations = by_path(tenant, args)?.billing_organizations.clone();
    let mut body = args.body()?;
    let organization = OrganizationCode::from(body.required("org_code"));
    let email = body.required("billing_email");
    check_value("email", &email, "billing_email", &mut body.problems);
    let plan = body.text("billing_plan_code").option();
    if organizations.contains(&organization) && body.problems.is_empty() {
        let message = "The user is a billing customer of this organisation already";
        body.problems.push(Problem::new(StatusCode::BAD_REQUEST, "BILLING_CUSTOMER_EXISTS", message));
    }
    body.finish()?;
    let id = tenant.ids.make("customer_", 12);
    let agreement = plan.map(|_| tenant.ids.make("agreement_", 12));
    let reply = enveloped([("billing_customer", reply_bodies::billing_customer(&id, agreement.as_deref()))]);
    let user = by_path(tenant, args)?;
    user.billing_organizations.push(organization);
    user.billing_customer = Some(id.into());
    Ok(reply)
}
