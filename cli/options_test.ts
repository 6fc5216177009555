import assert from "node:assert/strict";
import { Command } from "commander";
import { ConfigError } from "../lib/dynamo/types/config.ts";
import {
  clusterFlags,
  flagged,
  initialConfigOptions,
  integer,
  items,
  positives,
} from "./options.ts";

function read(...args: string[]) {
  const command = clusterFlags(new Command("test"));
  command.parse(args, { from: "user" });
  return initialConfigOptions(command.opts());
}

Deno.test("only given flags are set, so that they do not override a stored cluster", () => {
  assert.deepEqual(read(), { config: {} });
});

Deno.test("every flag of a cluster sets its option", () => {
  assert.deepEqual(
    read(
      ...["--nodes", "4", "--name", "mine", "--n", "4", "--r", "1", "--w", "3", "--pr", "0"],
      ...["--pw", "2", "--partitioning", "random-tokens", "--partitions", "64", "--tokens", "16"],
      ...["--mode", "lww", "--timeout-ms", "500", "--coordinator", "fastest", "--sloppy", "false"],
      ...["--weights", "1,2,0.5,1", "--zones", "a, b,a,b", "--seed", "42"],
    ),
    {
      nodes: 4,
      weights: [1, 2, 0.5, 1],
      zones: ["a", "b", "a", "b"],
      seed: "42",
      config: {
        cluster: "mine",
        n: 4,
        r: 1,
        w: 3,
        pr: 0,
        pw: 2,
        partitioning: "random-tokens",
        partitions: 64,
        tokensPerNode: 16,
        mode: "lww",
        timeoutMs: 500,
        coordinator: "fastest",
        sloppy: false,
      },
    },
  );
  assert.equal(read("--sloppy").config?.sloppy, true);
});

Deno.test("numbers are parsed strictly", () => {
  const one = integer(1, 64);
  assert.equal(one("64"), 64);
  for (const text of ["0", "65", "1.5", "1e1", "0x10", "", " 3", "three"]) {
    assert.throws(() => one(text), /whole number from 1 to 64/, text);
  }
  const list = positives(100);
  assert.deepEqual(list("1,2,0.5"), [1, 2, 0.5]);
  for (const text of ["", "1,,2", "0", "-1", "101", "Infinity", "a"]) {
    assert.throws(() => list(text), /above 0, at most 100/, text);
  }
  assert.deepEqual(items("a, b"), ["a", "b"]);
});

Deno.test("an error in the configuration names the flag", () => {
  const said = (message: string) => flagged(new ConfigError(message));
  assert.equal(said("n must be 3"), "--n must be 3");
  assert.equal(said("tokensPerNode must be 3"), "--tokens must be 3");
  assert.equal(said("this cluster must not"), "this cluster must not");
});
