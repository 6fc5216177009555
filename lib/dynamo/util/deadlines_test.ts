import assert from "node:assert/strict";
import fc from "fast-check";
import { Deadlines } from "./deadlines.ts";

Deno.test("deadlines: are due in order of time, then of insertion, also after sweeps", () => {
  const times = fc.array(fc.nat(20), { maxLength: 60 });
  fc.assert(fc.property(times, fc.nat(3), (ats, sweep) => {
    const deadlines = new Deadlines<number>();
    ats.forEach((at, i) => deadlines.add(at, i));
    if (sweep > 0) deadlines.keep((i) => i % (sweep + 1) !== 0);
    const expected = ats.map((at, i) => ({ at, i }))
      .filter(({ i }) => sweep === 0 || i % (sweep + 1) !== 0)
      .toSorted((a, b) => a.at - b.at || a.i - b.i)
      .map(({ i }) => i);
    const taken: number[] = [];
    for (let now = 0; now <= 20; now++) {
      for (let due = deadlines.takeDue(now); due !== undefined; due = deadlines.takeDue(now)) {
        assert.equal(ats[due], now);
        taken.push(due);
      }
    }
    assert.deepEqual(taken, expected);
  }));
});
