/** Tests of the small models: formats, quorums, presets, siblings. */
import assert from "node:assert/strict";
import { clusterConfig } from "../../lib/dynamo/types/config.ts";
import { parseLegs } from "../../lib/random/latency.ts";
import {
  formatBytes,
  formatClock,
  formatCount,
  formatDuration,
  formatMs,
  formatShare,
  plural,
  shorten,
} from "./format.ts";
import { presetFields, PRESETS } from "./presets.ts";
import { explainQuorum } from "./quorum.ts";
import { mergedText, siblingCards } from "./siblings.ts";

Deno.test("numbers have few digits and a unit", () => {
  assert.deepEqual([0.0834, 1.2345, 12.34, 345.6, 12_345].map(formatMs), [
    "83 µs",
    "1.23 ms",
    "12.3 ms",
    "346 ms",
    "12.3 s",
  ]);
  assert.equal(formatMs(0.9999), "1.00 ms");
  assert.equal(formatMs(NaN), "–");
  assert.deepEqual([812, 43_315, 7_444_890].map(formatBytes), ["812 B", "42.3 KiB", "7.1 MiB"]);
  assert.deepEqual([0, 999, 1_234_567.4].map(formatCount), ["0", "999", "1,234,567"]);
  assert.equal(formatShare(0.2034), "20.3%");
  assert.deepEqual([3_999, 61_000, 7_260_000].map(formatDuration), ["3 s", "1 min", "2 h 1 min"]);
  assert.equal(formatClock(42), "00:00:00.042");
  assert.deepEqual([plural(1, "node"), plural(5, "node")], ["1 node", "5 nodes"]);
  assert.equal(shorten("abcdefghijklmnopqrstuvwxyz", 10), "abcdef…xyz");
  assert.equal(shorten("short", 10), "short");
});

Deno.test("every valid choice of N, R and W is explained, and no other", () => {
  assert.equal(explainQuorum(3, 2, 2)?.overlapping, true);
  assert.match(explainQuorum(3, 2, 2)?.rule ?? "", /R \+ W = 4 > N = 3/);
  assert.equal(explainQuorum(3, 1, 1)?.overlapping, false);
  assert.match(
    explainQuorum(3, 1, 3)?.failures ?? "",
    /2 can be down for reads and none for writes/,
  );
  for (const [n, r, w] of [[3, 4, 1], [3, 0, 1], [3, 1.5, 1], [NaN, 1, 1]] as const) {
    assert.equal(explainQuorum(n, r, w), null);
  }
});

Deno.test("every preset is a valid configuration", () => {
  for (const preset of PRESETS) {
    const { name: _, nodes, latency, ...config } = presetFields(preset.id);
    assert.ok(nodes >= config.n, preset.id);
    assert.doesNotThrow(() => clusterConfig(config), preset.id);
    if (latency !== "") assert.doesNotThrow(() => parseLegs(latency), preset.id);
  }
  assert.deepEqual(presetFields("no such"), presetFields("paper"));
});

Deno.test("siblings show text as text, bytes as hex, and clocks by node", () => {
  const [text, binary] = siblingCards([
    {
      value: "né",
      contentType: "text/plain",
      clock: [["n1/d/1.1", 3]],
      dot: ["n2/d/1.1", 1],
      dots: [["n1/d/1.1", 5]],
    },
    { valueBase64: "AP8Q", contentType: "image/png", clock: [], dot: ["n1/d/1.1", 4] },
  ]);
  assert.deepEqual(text, {
    text: "né",
    isText: true,
    bytes: 3,
    contentType: "text/plain",
    dot: { node: "n2", actor: "n2/d/1.1", counter: 1 },
    clock: [
      { node: "n1", actor: "n1/d/1.1", counter: 3 },
      { node: "n1", actor: "n1/d/1.1", counter: 5 },
    ],
  });
  assert.deepEqual([binary?.text, binary?.isText, binary?.bytes], ["00 ff 10", false, 3]);
});

Deno.test("the proposed merge has every distinct line of the texts", () => {
  const cards = siblingCards(["milk\neggs", "eggs\nbread"].map((value, i) => (
    { value, contentType: "text/plain", clock: [], dot: ["n1", i + 1] }
  )));
  assert.equal(mergedText(cards), "milk\neggs\nbread");
});
