// How to test a program with node:test and @kinde/management-api-js. Each test has a tenant of its
// own. Files of tests run at the same time, each with its own tenants.
//
//     cargo install --path crates/kinde-users-fake --features server
//     npm install @kinde/management-api-js
//     node --test test_with_tenants.mjs
//
// KINDE_USERS_FAKE is the path of the program kinde-users-fake if it is not on the PATH. If
// all test files use one program that already runs, ANNOUNCED is a file with the line it printed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { ApiError, Users, init, setToken } from "@kinde/management-api-js";

// ---- Your program -----------------------------------------------------------

// Creates a user, and returns their id.
async function signUp(email) {
  const identities = [{ type: "email", details: { email } }];
  try {
    return (await Users.createUser({ requestBody: { identities } })).id;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) {
      // The token ended earlier than the SDK thinks. The request had no effect.
      setToken("");
      return signUp(email);
    }
    if (error.status < 500) throw error;
    // The request may have had its effect.
    const { users } = await Users.getUsers({ email });
    return users ? users[0].id : signUp(email);
  }
}

// ---- The fixtures -----------------------------------------------------------

// Sends a control request to the tenant that announced itself like this.
async function control({ origin }, method, path, body) {
  const response = await fetch(`${origin}/_fake${path}`, { method, body: body && JSON.stringify(body) });
  const reply = await response.json();
  assert.ok(response.ok, JSON.stringify(reply));
  return reply;
}

let program;
let fake;
let tenant;

// The program, for all tests.
before(async () => {
  if (process.env.ANNOUNCED) {
    fake = JSON.parse(readFileSync(process.env.ANNOUNCED, "utf8"));
    return;
  }
  program = spawn(process.env.KINDE_USERS_FAKE ?? "kinde-users-fake", {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(program, "spawn");
  const [line] = await once(createInterface({ input: program.stdout }), "line");
  fake = JSON.parse(line);
});

after(() => program?.kill());

// A tenant with two users, for one test.
beforeEach(async () => {
  const users = [
    { id: "kp_sally", email: "sally@example.com" },
    { id: "kp_terry", email: "terry@example.com", mfa: [{ type: "sms", name: "+61412345678" }] },
  ];
  tenant = await control(fake, "POST", "/tenants", { users });
  init({
    kindeDomain: tenant.origin,
    clientId: tenant.client_id,
    clientSecret: tenant.client_secret,
    audience: tenant.audience,
  });
  setToken("");
});

afterEach(() => control(fake, "DELETE", `/tenants/${tenant.id}`));

// ---- The tests --------------------------------------------------------------

const ids = async () => (await control(tenant, "GET", "/users")).users.map(({ id }) => id);

test("sign-up survives a lost reply and an old token", async () => {
  assert.equal((await Users.getUsers({})).users.length, 2);

  // The next create takes effect, and then the service fails.
  const fault = { operation: "create_user", fault: { kind: "server_error" }, after_the_effect: true };
  await control(tenant, "POST", "/faults", fault);
  const ada = await signUp("ada@example.com");
  // The token that the SDK has is no longer valid.
  await control(tenant, "POST", "/clock", { advance_seconds: 90_000 });
  const ben = await signUp("ben@example.com");

  assert.deepEqual(await ids(), ["kp_sally", "kp_terry", ada, ben]);
  const sent = await control(tenant, "GET", "/requests?operation=create_user&masked=false");
  const outcomes = sent.requests.map(({ status, took_effect }) => [status, took_effect]);
  assert.deepEqual(outcomes, [[500, true], [401, false], [200, true]]);
  assert.equal(JSON.parse(sent.requests[0].body).identities[0].details.email, "ada@example.com");

  await control(tenant, "POST", "/reset");
  assert.deepEqual(await ids(), ["kp_sally", "kp_terry"]);
  assert.equal((await control(tenant, "GET", "/requests")).count, 0);
});

test("a user changes behind the program", async () => {
  const factor = async () => (await Users.getUsersMfa({ userId: "kp_terry" })).mfa;
  assert.equal((await factor()).type, "sms");
  await control(tenant, "PATCH", "/users/kp_terry", { mfa: [], is_suspended: true });
  assert.equal(await factor(), undefined);
  assert.equal((await Users.getUserData({ id: "kp_terry" })).is_suspended, true);
});
