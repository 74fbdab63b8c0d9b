// Runs the module of `src/lib.rs` in Node.js. The other side is `src/host.rs`.
//
//     node run.mjs MODULE ANNOUNCED
//
// ANNOUNCED is a file with the line that the program kinde-users-fake prints when it listens.

import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

const [module, announced] = await Promise.all(process.argv.slice(2).map((path) => readFile(path)));
const longestBody = 16 * 1024 * 1024;
// A longer timer would end at once.
const longestTimer = 2 ** 31 - 1;

// Returns a copy of a part of the module's memory.
const read = (at, length) => new Uint8Array(exports.memory.buffer, at, length).slice();
const readText = (at, length) => new TextDecoder().decode(read(at, length));

// Answers a call, unless it was cancelled.
const calls = new Map();
const start = async (call, work) => {
  const cancelled = new AbortController();
  calls.set(call, cancelled);
  const answer = await work(cancelled.signal).catch(() => new Uint8Array());
  if (!calls.delete(call)) return;
  const at = exports.answer(call, answer.length);
  new Uint8Array(exports.memory.buffer, at, answer.length).set(answer);
};

// Sends a request, and returns the status and the headers in a line of JSON, and then the body.
const send = async ({ method, url, headers, timeout }, body, cancelled) => {
  const response = await fetch(url, {
    method,
    headers,
    body: body.length > 0 ? body : undefined,
    redirect: "manual",
    signal: AbortSignal.any([cancelled, AbortSignal.timeout(Math.min(Math.ceil(timeout), longestTimer))]),
  });
  const parts = [Buffer.from(`${JSON.stringify({ Ok: [response.status, [...response.headers]] })}\n`)];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > longestBody) throw new RangeError();
    parts.push(part);
  }
  return Buffer.concat(parts);
};

// The name of an error or its code, such as TimeoutError and ECONNRESET. Its message may name the
// URL.
const failure = (error) => Buffer.from(JSON.stringify({ Err: error.cause?.code ?? error.name }));

const host = {
  now: () => performance.now(),
  random: () => Math.random(),
  wake: () => queueMicrotask(() => exports.poll()),
  print: (...text) => console.log(readText(...text)),
  fail: (...text) => {
    throw new Error(readText(...text));
  },
  settings: (call) => start(call, async () => announced),
  sleep: (call, milliseconds) =>
    // The module may be woken too early.
    start(call, (signal) => setTimeout(Math.min(milliseconds, longestTimer), Buffer.alloc(0), { signal })),
  fetch: (call, head, headLength, body, bodyLength) => {
    const request = [JSON.parse(readText(head, headLength)), read(body, bodyLength)];
    start(call, (signal) => send(...request, signal).catch(failure));
  },
  cancel: (call) => {
    calls.get(call)?.abort();
    calls.delete(call);
  },
};

const { exports } = (await WebAssembly.instantiate(module, { host })).instance;
exports.start();
