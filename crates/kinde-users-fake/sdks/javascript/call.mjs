// Makes calls with the official JavaScript SDK and prints the outcome of each. It reads one call a
// line, as JSON.
//
//     node call.mjs HOST
//     {"operation": "get_user_data", "parameters": {"id": "kp_1"}, "body": null}

import { createInterface } from "node:readline";

import { Users, getToken, init, setToken } from "@kinde/management-api-js";

const kindeDomain = `https://${process.argv[2]}`;
const camelCase = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
init({ kindeDomain, clientId: "id", clientSecret: "secret" });

async function call({ operation, parameters, body }) {
  if (operation === "token") {
    const { client_id: clientId, client_secret: clientSecret, ...others } = parameters;
    setToken("");
    init({ kindeDomain, clientId, clientSecret });
    await getToken();
    return Object.keys(others).length ? "unsupported" : "called";
  }
  const method = Users[camelCase(operation)];
  if (!method) return "unsupported";
  const data = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [camelCase(name), value]));
  if (body !== null) data.requestBody = body;
  await method(data);
  return "called";
}

for await (const line of createInterface({ input: process.stdin })) {
  const outcome = await call(JSON.parse(line)).catch((error) => `${error.name}: ${error.message}`);
  console.log(JSON.stringify(outcome));
}
