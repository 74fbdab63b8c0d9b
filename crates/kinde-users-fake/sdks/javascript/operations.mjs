// Tests every Users operation of the official JavaScript SDK, unmodified, against the program
// kinde-users-fake.
//
// ANNOUNCED names a file with the line that the program printed, which was started with --tls
// --users 25. The certificate comes from the environment, as a user would configure it:
// NODE_EXTRA_CA_CERTS.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";

import * as sdk from "@kinde/management-api-js";

const announced = JSON.parse(readFileSync(process.env.ANNOUNCED, "utf8"));
const { origin: kindeDomain, client_id: clientId, client_secret: clientSecret } = announced;
const settings = { kindeDomain, clientId, clientSecret };
const bcrypt = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
sdk.init(settings);

const operations = Object.getOwnPropertyNames(sdk.Users).filter((name) => typeof sdk.Users[name] === "function");
// The operations that returned a value which fits the SDK's own schema.
const succeeded = new Set();

// The SDK does not check replies, but it exports the schemas that its types were generated from.
const schemas = {
  createUser: sdk.$create_user_response,
  createUserIdentity: sdk.$create_identity_response,
  getUserData: sdk.$user,
  getUserIdentities: sdk.$get_identities_response,
  getUserPropertyValues: sdk.$get_property_values_response,
  getUserSessions: sdk.$get_user_sessions_response,
  getUsers: sdk.$users_response,
  getUsersMfa: sdk.$get_user_mfa_response,
  updateUser: sdk.$update_user_response,
};

function assertFits(value, schema, path) {
  const reference = schema.$ref?.split("/").pop();
  if (reference) return assertFits(value, sdk[`$${reference}`], path);
  // The service sends null for strings that the schemas do not mark as nullable.
  if (value === null) return;
  const type = Array.isArray(value) ? "array" : typeof value;
  assert.equal(type, schema.type === "integer" ? "number" : schema.type, path);
  if (type === "array") value.forEach((item, n) => assertFits(item, schema.items, `${path}[${n}]`));
  if (type === "object") {
    for (const [key, item] of Object.entries(value)) {
      // This field is newer than the schema of getUserData; the schema of getUsers has it.
      if (key === "connection_id" && !schema.properties[key]) continue;
      assert.ok(schema.properties[key], `${path}.${key} is in no schema`);
      assertFits(item, schema.properties[key], `${path}.${key}`);
    }
  }
}

// The SDK's Users, which checks each reply and records the operations that succeeded.
const users = Object.fromEntries(
  operations.map((name) => [
    name,
    async (data) => {
      const reply = await sdk.Users[name](data);
      assertFits(reply, schemas[name] ?? sdk.$success_response, name);
      succeeded.add(name);
      return reply;
    },
  ]),
);

const assertDone = ({ code, message }) => assert.deepEqual({ code, message }, { code: "OK", message: "Success" });

// A user that existed at the start.
async function seeded(email) {
  const { users: [user] } = await users.getUsers({ email });
  return user.id;
}

async function newUser(name) {
  const identities = [{ type: "email", details: { email: `${name}@example.org` } }];
  return (await users.createUser({ requestBody: { identities } })).id;
}

function assertRefused(call, status, errors) {
  return assert.rejects(call, (error) => {
    assert.ok(error instanceof sdk.ApiError, error);
    assert.equal(error.status, status);
    assert.deepEqual([error.body.errors].flat().map(({ code }) => code), errors);
    return true;
  });
}

test("a created user has all given values", async () => {
  const { id, created, identities } = await users.createUser({
    requestBody: {
      profile: { given_name: "Ada", family_name: "Lovelace", picture: "https://example.org/a.png" },
      organization_code: "org_1ccfb819462",
      provided_id: "external-ada",
      identities: [
        { type: "email", is_verified: true, details: { email: "ada@example.org" } },
        { type: "username", details: { username: "ada" } },
        { type: "phone", details: { phone: "+61400000100", phone_country_id: "au" } },
      ],
    },
  });
  assert.equal(created, true);
  assert.deepEqual(identities.map(({ type, result }) => [type, result.created]),
    [["email", true], ["username", true], ["phone", true]]);

  const user = await users.getUserData({ id, expand: "organizations,identities,billing" });
  assert.equal(user.id, id);
  assert.deepEqual([user.first_name, user.last_name, user.picture], ["Ada", "Lovelace", "https://example.org/a.png"]);
  assert.deepEqual([user.preferred_email, user.username, user.phone], ["ada@example.org", "ada", "+61400000100"]);
  assert.equal(user.provided_id, "external-ada");
  assert.deepEqual(user.organizations, ["org_1ccfb819462"]);
  assert.deepEqual(user.identities.map(({ type, identity }) => [type, identity]),
    [["email", "ada@example.org"], ["username", "ada"], ["phone", "+61400000100"]]);
  assert.deepEqual([user.is_suspended, user.total_sign_ins, user.last_signed_in], [false, 0, null]);

  for (const filter of [{ email: "ada@example.org" }, { username: "ada" }, { phone: "+61400000100" }, { userId: id }]) {
    const found = await users.getUsers(filter);
    assert.deepEqual(found.users.map((user) => user.id), [id], JSON.stringify(filter));
  }
});

test("pages hold every user once", async () => {
  const seen = [];
  let nextToken = null;
  for (let page = 0; page < 100; page += 1) {
    const reply = await users.getUsers({ pageSize: 10, nextToken });
    assertDone(reply);
    assert.ok(reply.users.length <= 10);
    seen.push(...reply.users);
    nextToken = reply.next_token;
    if (nextToken === null) break;
  }
  assert.equal(nextToken, null);
  assert.ok(seen.length >= 25);
  const ids = seen.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(seen.slice(0, 25).map(({ email }) => email),
    Array.from({ length: 25 }, (_, n) => `user${n}@example.com`));
  const all = await users.getUsers({ pageSize: 500 });
  assert.deepEqual(all.users.map(({ id }) => id), ids);
});

test("expanded parts come with a page", async () => {
  const { users: [first, third] } = await users.getUsers({
    email: "user1@example.com,user3@example.com",
    expand: "organizations,identities,billing",
  });
  assert.deepEqual([first.first_name, first.last_name], ["Terry", "Okafor"]);
  assert.deepEqual([third.first_name, third.last_name], ["Zoë", "Nguyễn"]);
  assert.deepEqual(first.organizations, ["org_00000000001"]);
  assert.deepEqual(first.last_organization_sign_ins.map(({ org_code }) => org_code), ["org_00000000001"]);
  assert.deepEqual(first.identities.map(({ identity }) => identity), ["user1@example.com", "+61400000001"]);
  const unknown = await users.getUsers({ email: "unknown@example.org" });
  assert.deepEqual([unknown.users, unknown.next_token], [null, null]);
});

test("an update changes only the given fields, and clears a provided id that is null", async () => {
  const id = await newUser("grace");
  await users.updateUser({ id, requestBody: { family_name: "Hopper", provided_id: "g" } });
  const reply = await users.updateUser({
    id,
    requestBody: { given_name: "Grace", is_suspended: true, is_password_reset_requested: true, provided_id: null },
  });
  assert.deepEqual([reply.id, reply.email], [id, "grace@example.org"]);
  assert.deepEqual([reply.given_name, reply.family_name], ["Grace", "Hopper"]);
  assert.deepEqual([reply.is_suspended, reply.is_password_reset_requested], [true, true]);
  const user = await users.getUserData({ id });
  assert.deepEqual([user.first_name, user.last_name], ["Grace", "Hopper"]);
  assert.deepEqual([user.is_suspended, user.provided_id], [true, null]);
});

test("a deleted user is gone", async () => {
  const id = await newUser("gone");
  assertDone(await users.deleteUser({ id, isDeleteProfile: true }));
  await assertRefused(users.getUserData({ id }), 400, ["USER_INVALID"]);
  assert.equal((await users.getUsers({ email: "gone@example.org" })).users, null);
});

test("identities are added and paged through", async () => {
  const userId = await newUser("many");
  const added = [];
  for (let n = 0; n < 11; n += 1) {
    const reply = await users.createUserIdentity({ userId, requestBody: { type: "username", value: `many${n}` } });
    assertDone(reply);
    added.push(reply.identity.id);
  }
  const first = await users.getUserIdentities({ userId });
  assert.equal(first.has_more, true);
  assert.equal(first.identities.length, 10);
  const [email, ...others] = first.identities;
  assert.deepEqual([email.type, email.name, email.email], ["email", "many@example.org", "many@example.org"]);
  assert.equal(email.is_primary, true);
  const rest = await users.getUserIdentities({ userId, startingAfter: first.identities.at(-1).id });
  assert.equal(rest.has_more, false);
  assert.deepEqual([...others, ...rest.identities].map(({ id }) => id), added);
  assert.deepEqual(rest.identities.map(({ name }) => name), ["many9", "many10"]);
  const back = await users.getUserIdentities({ userId, endingBefore: rest.identities[0].id });
  assert.deepEqual(back.identities, first.identities);
});

test("properties are set one by one and together", async () => {
  const userId = await newUser("props");
  assertDone(await users.updateUserProperty({ userId, propertyKey: "kp_usr_city", value: "Bendigo" }));
  const properties = { kp_usr_industry: "Music", paid: "true" };
  assertDone(await users.updateUserProperties({ userId, requestBody: { properties } }));
  const reply = await users.getUserPropertyValues({ userId });
  assertDone(reply);
  assert.equal(reply.next_token, undefined);
  assert.deepEqual(Object.fromEntries(reply.properties.map(({ key, value }) => [key, value])),
    { kp_usr_city: "Bendigo", ...properties });
});

test("second factors are shown and reset one by one or all", async () => {
  for (const [email, reset] of [
    ["user3@example.com", (userId, factorId) => users.resetUsersMfa({ userId, factorId })],
    ["user10@example.com", (userId) => users.resetUsersMfaAll({ userId })],
  ]) {
    const userId = await seeded(email);
    const { mfa } = await users.getUsersMfa({ userId });
    assert.match(mfa.id, /^mfa_[0-9a-f]{32}$/);
    assert.deepEqual([mfa.type, mfa.name, mfa.is_verified], ["email", email, true]);
    assert.match(mfa.created_on, /\+11:00$/);
    assertDone(await reset(userId, mfa.id));
    assert.equal((await users.getUsersMfa({ userId })).mfa, undefined);
  }
});

test("sessions are shown and ended", async () => {
  const userId = await seeded("user17@example.com");
  const { sessions: [session, ...others] } = await users.getUserSessions({ userId });
  assert.deepEqual(others, []);
  assert.deepEqual([session.user_id, session.client_id], [userId, announced.client_id]);
  assert.match(session.session_id, /^session_0x[0-9a-f]{32}$/);
  assert.match(session.updated_on, /T\d\d:\d\d:\d\d\+11$/);
  assertDone(await users.deleteUserSessions({ userId }));
  const reply = await users.getUserSessions({ userId });
  assertDone(reply);
  assert.deepEqual([reply.sessions, reply.has_more], [[], false]);
});

test("write-only operations affect only this user", async () => {
  const userId = await newUser("blind");
  const password = { hashed_password: bcrypt, hashing_method: "bcrypt", is_temporary_password: true };
  for (const call of [
    (userId) => users.setUserPassword({ userId, requestBody: password }),
    (userId) => users.updateUserFeatureFlagOverride({ userId, featureFlagKey: "beta", value: "true" }),
    (userId) => users.refreshUserClaims({ userId }),
  ]) {
    assertDone(await call(userId));
    await assertRefused(call("kp_nobody"), 400, ["USER_INVALID"]);
  }
  const saltless = users.setUserPassword({ userId, requestBody: { hashed_password: "x", hashing_method: "pbkdf2" } });
  await assertRefused(saltless, 400, ["SALT_REQUIRED", "VARIANT_REQUIRED"]);
});

test("errors come as the exception of the SDK", async () => {
  const userId = await newUser("factorless");
  await assertRefused(users.resetUsersMfa({ userId, factorId: "mfa_none" }), 404, ["MFA_NOT_FOUND"]);
});

test("one token serves all calls, and wrong credentials get none", async () => {
  const token = await sdk.getToken();
  assert.equal(sdk.jwtDecoder(token).azp, announced.client_id);
  await users.getUsers({});
  assert.equal(await sdk.getToken(), token);

  sdk.setToken("");
  sdk.init({ ...settings, clientSecret: "wrong" });
  // A defect of the SDK: it does not check the answer to the token request, and calls without a
  // token.
  await assertRefused(users.getUsers({}), 401, ["UNAUTHORIZED"]);
  sdk.init(settings);
  console.log("known failure of the SDK: a refused token request is not reported, the call goes out without a token");
});

after(() => {
  assert.deepEqual(operations.filter((name) => !succeeded.has(name)), [], "operations that never succeeded");
  console.log(`operations: ${succeeded.size}`);
});
