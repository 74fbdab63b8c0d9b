// Runs a program for wasm32-wasip1: `node wasi.mjs PROGRAM ARGUMENTS`.

import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [program, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [program, ...args], env: process.env });
const module = await WebAssembly.compile(await readFile(program));
// Debian's C library has no threads. The functions for them return an error, ENOSYS, as those of
// newer libraries do.
const missing = WebAssembly.Module.imports(module).filter((wanted) => wanted.module === "env");
const env = Object.fromEntries(missing.map(({ name }) => [name, () => 52]));
process.exitCode = wasi.start(await WebAssembly.instantiate(module, { ...wasi.getImportObject(), env }));
