import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { MomentHeap } from "./event_queue.ts";

Deno.test("items come out by moment, then in the order they were pushed", () => {
  const heap = new MomentHeap<string>();
  heap.push(5, "late");
  heap.push(1, "first of two");
  heap.push(1, "second of two");
  heap.push(0, "early");
  const order: (string | undefined)[] = [];
  while (heap.size > 0) order.push(heap.pop());
  assert.deepEqual(order, ["early", "first of two", "second of two", "late"]);
  assert.equal(heap.pop(), undefined);
  assert.equal(heap.nextAt, undefined);
});

Deno.test("random pushes and pops agree with a sorted list", () => {
  const random = SeededRandom.from("heap");
  const heap = new MomentHeap<number>();
  const model: { at: number; sequence: number }[] = [];
  for (let sequence = 0; sequence < 5_000; sequence++) {
    const at = random.uint32() % 50;
    heap.push(at, sequence);
    model.push({ at, sequence });
    if (random.uint32() % 3 === 0) {
      model.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
      assert.equal(heap.nextAt, model[0]?.at);
      assert.equal(heap.pop(), model.shift()?.sequence);
    }
  }
  model.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
  for (const expected of model) assert.equal(heap.pop(), expected.sequence);
});

Deno.test("what is not needed is dropped, and the rest keeps its order", () => {
  const random = SeededRandom.from("keep");
  const heap = new MomentHeap<number>();
  const model: { at: number; sequence: number }[] = [];
  for (let sequence = 0; sequence < 1_000; sequence++) {
    const at = random.uint32() % 50;
    heap.push(at, sequence);
    if (sequence % 3 !== 0) model.push({ at, sequence });
  }
  heap.keep((sequence) => sequence % 3 !== 0);
  heap.push(25, 1_000);
  model.push({ at: 25, sequence: 1_000 });
  assert.equal(heap.size, model.length);
  assert.deepEqual(heap.waiting().sort((a, b) => a - b), model.map(({ sequence }) => sequence));
  model.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
  for (const expected of model) assert.equal(heap.pop(), expected.sequence);
});

Deno.test("a clone goes on alone, with the same order", () => {
  const heap = new MomentHeap<string>();
  for (const name of ["a", "b", "c"]) heap.push(1, name);
  const copy = heap.clone();
  assert.equal(heap.pop(), "a");
  heap.push(1, "original");
  copy.push(1, "copy");
  const names = (from: MomentHeap<string>) => {
    const out: (string | undefined)[] = [];
    while (from.size > 0) out.push(from.pop());
    return out;
  };
  assert.deepEqual(names(copy), ["a", "b", "c", "copy"]);
  assert.deepEqual(names(heap), ["b", "c", "original"]);
});
