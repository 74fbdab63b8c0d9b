// How to test a program that uses @kinde/management-api-js, with no account and no network.
//
//     cargo install --path crates/kinde-users-fake --features server
//     npm install @kinde/management-api-js
//     node --test test_your_program.mjs
//
// KINDE_USERS_FAKE is the path of the program kinde-users-fake if it is not on the PATH.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { Users, init } from "@kinde/management-api-js";

// ---- Your program -----------------------------------------------------------

// Suspends the user with this address and signs them out everywhere. Returns their id.
async function lockOut(email) {
  const { users } = await Users.getUsers({ email });
  if (!users) throw new Error("no user has this address");
  const [{ id }] = users;
  await Users.updateUser({ id, requestBody: { is_suspended: true } });
  await Users.deleteUserSessions({ userId: id });
  return id;
}

// ---- Its tests --------------------------------------------------------------

let fake;

before(async () => {
  // Users 0 to 24 have the addresses user<n>@example.com; user 3 is signed in.
  fake = spawn(process.env.KINDE_USERS_FAKE ?? "kinde-users-fake", ["--users", "25"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(fake, "spawn");
  const [line] = await once(createInterface({ input: fake.stdout }), "line");
  const announced = JSON.parse(line);
  init({
    kindeDomain: announced.origin,
    clientId: announced.client_id,
    clientSecret: announced.client_secret,
    // Without this, the SDK looks for https in its tokens, and fetches a new token before every
    // call.
    audience: announced.audience,
  });
});

after(() => fake?.kill());

test("the user is suspended and signed out", async () => {
  const id = await lockOut("user3@example.com");
  assert.equal((await Users.getUserData({ id })).is_suspended, true);
  assert.deepEqual((await Users.getUserSessions({ userId: id })).sessions, []);
});

test("others are left alone", async () => {
  await lockOut("user4@example.com");
  const { users: [other] } = await Users.getUsers({ email: "user5@example.com" });
  assert.equal(other.is_suspended, false);
});

test("an unknown address is an error", async () => {
  await assert.rejects(lockOut("unknown@example.com"), /no user has this address/);
});
