/** What a remembered life says about the disk of a new start, and which lives peers remember. */
import assert from "node:assert/strict";
import type { Boot } from "../types/boot.ts";
import type { Life } from "../types/life.ts";
import { PeerLives, verdictOf } from "./lives.ts";

/**
 * The second start with this disk. The first one had boot number 11 and made 40 durable changes.
 */
const BOOT: Boot = {
  self: "n1",
  dataId: "d1",
  incarnation: 2,
  bootNumber: 22,
  writes: 40,
  previous: { incarnation: 1, bootNumber: 11 },
};

/** The first start with a data directory. */
const { previous: _, ...FIRST } = BOOT;

function life(changes: Partial<Life>): Life {
  return { dataId: "d1", incarnation: 1, bootNumber: 11, writes: 40, ...changes };
}

Deno.test("lives: an unchanged disk counts as the same, even if the peer knows fewer of its changes", () => {
  for (
    const remembered of [life({}), life({ writes: 7 }), life({ incarnation: 0, bootNumber: 5 })]
  ) {
    assert.equal(verdictOf(remembered, BOOT), "same", JSON.stringify(remembered));
  }
  assert.equal(verdictOf(life({ incarnation: 2, bootNumber: 22 }), BOOT), "current");
});

Deno.test("lives: a copy from before a start or a change is older", () => {
  assert.equal(
    verdictOf(life({ incarnation: 3, bootNumber: 33 }), BOOT),
    "older",
    "it lacks two starts",
  );
  assert.equal(
    verdictOf(life({ incarnation: 2, bootNumber: 33 }), BOOT),
    "older",
    "it lacks one start",
  );
  assert.equal(
    verdictOf(life({ bootNumber: 12 }), BOOT),
    "older",
    "its last start is a different one",
  );
  assert.equal(
    verdictOf(life({ writes: 41 }), BOOT),
    "older",
    "it lacks one change of the last life",
  );
  assert.equal(verdictOf(life({}), FIRST), "older", "from before the first start");
});

Deno.test("lives: another directory is older or unrelated, depending on its incarnation", () => {
  assert.equal(verdictOf(life({ dataId: "d0", incarnation: 0 }), BOOT), "unrelated");
  assert.equal(
    verdictOf(life({ dataId: "d2", incarnation: 5 }), BOOT),
    "older",
    "the remembered one is later",
  );
  assert.equal(verdictOf(life({ dataId: "d0", incarnation: 9 }), FIRST), "unrelated");
});

Deno.test("lives: an unconfirmed life does not replace a remembered one", () => {
  const lives = new PeerLives([{ id: "n1", ...life({}) }]);
  const next = life({ incarnation: 2, bootNumber: 22 });
  lives.note("n1", next, "unconfirmed");
  assert.deepEqual(lives.of("n1"), life({}));
  assert.equal(lives.isChanged, false);
  lives.note("n1", next, "settled");
  assert.deepEqual(lives.of("n1"), next);
  assert.equal(lives.isChanged, true, "a new start must be saved at once");
  assert.deepEqual(lives.listToSave(["n1", "n2"]), [{ id: "n1", ...next }]);
  assert.equal(lives.isChanged, false);
});

Deno.test("lives: an unconfirmed life of a refused directory does not hide the current one", () => {
  const lives = new PeerLives();
  lives.note("n1", life({ dataId: "d0", incarnation: 2 }), "unconfirmed");
  assert.equal(lives.of("n1"), null);
  lives.note("n1", life({ incarnation: 1 }), "settled");
  assert.deepEqual(lives.of("n1"), life({ incarnation: 1 }));
});

Deno.test("lives: the highest reported number of changes is remembered", () => {
  const lives = new PeerLives([{ id: "n1", ...life({}) }]);
  lives.note("n1", life({ writes: 60 }), "settled");
  assert.deepEqual(
    [lives.isBehind, lives.isChanged],
    [true, false],
    "it does not need a separate save",
  );
  lives.note("n1", life({ writes: 50 }), "settled");
  assert.equal(lives.of("n1")?.writes, 60);
  lives.note("n1", life({ incarnation: 0, bootNumber: 3, writes: 99 }), "settled");
  assert.equal(lives.of("n1")?.bootNumber, 11, "an earlier life is ignored");
});
