import assert from "node:assert/strict";
import { explain, type FailureCause, quoted, withoutColours } from "./start_failures.ts";

/** Messages of Deno 2.9, Linux and SQLite, and their cause. */
const MESSAGES: readonly [message: string, cause: FailureCause, why: RegExp][] = [
  [
    'error: Failed loading http://127.0.0.1:1/tinyqueue for package "tinyqueue"\n' +
    '    0: npm package not found in cache: "tinyqueue", --cached-only is specified.',
    "package-missing",
    /a package is missing from Deno's cache \(tinyqueue\)/,
  ],
  [
    "Failed caching npm package '@scope/name@3.0.1'\n" +
    "    0: error sending request for url (http://127.0.0.1:1/x): client error (Connect)",
    "package-missing",
    /\(@scope\/name\)/,
  ],
  [
    'Failed loading http://127.0.0.1:1/@esbuild%2flinux-x64 for package "@esbuild/linux-x64"',
    "package-missing",
    /\(@esbuild\/linux-x64\)/,
  ],
  [
    "Cannot listen on 127.0.0.1:9101: the port is taken. Give another --port",
    "port-taken",
    /port 9101 is taken/,
  ],
  ["AddrInUse: Address already in use (os error 98)", "port-taken", /port 9101/],
  ["No space left on device (os error 28)", "disk-full", /the disk that holds \/data\/n1 is full/],
  ["Cannot open /data/n1: database or disk is full", "disk-full", /full/],
  ["Cannot open /data/n1: disk I/O error", "disk-failing", /\/data\/n1 fails, or is full/],
  ["Input/output error (os error 5)", "disk-failing", /fails, or is full/],
  ["Permission denied (os error 13): open '/data/n1/x'", "not-writable", /\/data\/n1 cannot be/],
  ["attempt to write a readonly database", "not-writable", /cannot be written/],
  ["Read-only file system (os error 30)", "not-writable", /cannot be written/],
  ["Fatal JavaScript out of memory: Reached heap limit", "out-of-memory", /not enough memory/],
  ["Cannot allocate memory (os error 12)", "out-of-memory", /not enough memory/],
];

Deno.test("failures: a known message is explained, with what to do", () => {
  for (const [message, cause, why] of MESSAGES) {
    const explained = explain(message, { port: "9101", directory: "/data/n1" });
    assert.equal(explained?.cause, cause, message);
    assert.match(explained?.why ?? "", why);
    assert.match(explained?.advice ?? "", /^[A-Z]/);
  }
});

Deno.test("failures: a missing package names the command that fetches it", () => {
  const { advice } = explain("not found in cache") ?? { advice: "" };
  assert.match(advice, /run: npx --yes deno@2\.9 task fetch$/);
});

Deno.test("failures: an unknown message is quoted, without colours", () => {
  const output = "\u001b[0m\u001b[1m\u001b[31merror\u001b[0m: strange things";
  assert.equal(explain(output), null);
  assert.equal(withoutColours(output), "error: strange things");
  assert.equal(quoted(output), "It printed:\nerror: strange things");
  assert.equal(quoted(" \n"), "It printed nothing.");
});

Deno.test("failures: colours do not hide a known cause", () => {
  const output = '\u001b[31mnpm package not found in cache: "\u001b[1mtinyqueue\u001b[0m", x';
  assert.match(explain(output)?.why ?? "", /\(tinyqueue\)/);
});
