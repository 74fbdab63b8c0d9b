// Runs the tests of a crate for wasm32-wasip1: `node wasi.mjs PROGRAM ARGUMENTS`.

import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [program, ...args] = process.argv.slice(2);
// Property tests look for their source from the root of the workspace. Cargo starts them in the
// folder of their crate.
const preopens = { "/": "../.." };
const wasi = new WASI({ version: "preview1", args: [program, ...args], env: process.env, preopens });
const module = await WebAssembly.compile(await readFile(program));
// Debian's C library has no threads. The functions for them return an error, ENOSYS, as those of
// newer libraries do.
const missing = WebAssembly.Module.imports(module).filter((wanted) => wanted.module === "env");
const env = Object.fromEntries(missing.map(({ name }) => [name, () => 52]));
process.exitCode = wasi.start(await WebAssembly.instantiate(module, { ...wasi.getImportObject(), env }));
