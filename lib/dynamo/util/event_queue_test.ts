import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { EventQueue } from "./event_queue.ts";

Deno.test("items come out in order of time, then of insertion", () => {
  const queue = new EventQueue<string>();
  queue.push(5, "late");
  queue.push(1, "first of two");
  queue.push(1, "second of two");
  queue.push(0, "early");
  const order: (string | undefined)[] = [];
  while (queue.size > 0) order.push(queue.pop());
  assert.deepEqual(order, ["early", "first of two", "second of two", "late"]);
  assert.equal(queue.pop(), undefined);
  assert.equal(queue.nextAt, undefined);
});

Deno.test("random pushes and pops agree with a sorted list", () => {
  const random = SeededRandom.from("heap");
  const queue = new EventQueue<number>();
  const model: { at: number; sequence: number }[] = [];
  for (let sequence = 0; sequence < 5_000; sequence++) {
    const at = random.uint32() % 50;
    queue.push(at, sequence);
    model.push({ at, sequence });
    if (random.uint32() % 3 === 0) {
      model.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
      assert.equal(queue.nextAt, model[0]?.at);
      assert.equal(queue.pop(), model.shift()?.sequence);
    }
  }
  model.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
  for (const expected of model) assert.equal(queue.pop(), expected.sequence);
});

Deno.test("filtering drops items and keeps the order of the rest", () => {
  const random = SeededRandom.from("keep");
  const queue = new EventQueue<number>();
  const model: { at: number; sequence: number }[] = [];
  for (let sequence = 0; sequence < 1_000; sequence++) {
    const at = random.uint32() % 50;
    queue.push(at, sequence);
    if (sequence % 3 !== 0) model.push({ at, sequence });
  }
  queue.keep((sequence) => sequence % 3 !== 0);
  queue.push(25, 1_000);
  model.push({ at: 25, sequence: 1_000 });
  assert.equal(queue.size, model.length);
  assert.deepEqual(queue.waiting().sort((a, b) => a - b), model.map(({ sequence }) => sequence));
  model.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
  for (const expected of model) assert.equal(queue.pop(), expected.sequence);
});

Deno.test("a clone is independent and has the same order", () => {
  const queue = new EventQueue<string>();
  for (const name of ["a", "b", "c"]) queue.push(1, name);
  const copy = queue.clone();
  assert.equal(queue.pop(), "a");
  queue.push(1, "original");
  copy.push(1, "copy");
  const names = (from: EventQueue<string>) => {
    const out: (string | undefined)[] = [];
    while (from.size > 0) out.push(from.pop());
    return out;
  };
  assert.deepEqual(names(copy), ["a", "b", "c", "copy"]);
  assert.deepEqual(names(queue), ["b", "c", "original"]);
});
