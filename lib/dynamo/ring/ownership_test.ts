import assert from "node:assert/strict";
import fc from "fast-check";
import { isWithin, Ownership, requireSuccession } from "./ownership.ts";
import { boundaryOf } from "./position.ts";
import type { RangeRegister, Segment } from "./ring_state.ts";

const PARTS = 8;
const at = (part: number) => boundaryOf(part % PARTS, PARTS);
const initial = (): Segment[] =>
  [0, 2, 5].map((part) => ({ start: at(part), owners: ["a", "b"], epoch: 1 }));

const registers: fc.Arbitrary<RangeRegister> = fc.record({
  start: fc.nat(PARTS - 1).map(at),
  end: fc.nat(PARTS - 1).map(at),
  owners: fc.constantFrom(["a", "b"], ["a", "c"], ["b", "d"], ["c", "d"]),
  epoch: fc.integer({ min: 1, max: 4 }),
});

/** The segment of each eighth of the circle, whatever the boundaries. */
function pointwise(ownership: Ownership): string[] {
  return Array.from({ length: PARTS }, (_, part) => {
    const { list } = ownership;
    const segment = list.findLast(({ start }) => start <= at(part)) ?? list.at(-1) as Segment;
    return `${segment.owners}@${segment.epoch}`;
  });
}

Deno.test("ownership: merging is independent of order and repetition", () => {
  fc.assert(fc.property(fc.array(registers, { maxLength: 8 }), fc.nat(), (news, turn) => {
    const one = new Ownership(initial(), "a");
    const other = new Ownership(initial(), "b");
    for (const each of news) one.merge(each);
    const shift = news.length === 0 ? 0 : turn % news.length;
    for (const each of [...news.slice(shift), ...news.slice(0, shift), ...news]) other.merge(each);
    assert.deepEqual(pointwise(one), pointwise(other));
    // A third instance gets the same from the list of one of them.
    const third = new Ownership(initial(), "c");
    for (const each of one.registers()) third.merge(each);
    assert.deepEqual(
      pointwise(third).filter((point) => !point.endsWith("@1")),
      pointwise(one).filter((point) => !point.endsWith("@1")),
    );
  }));
});

Deno.test("ownership: at every point the highest epoch wins, then the lower owner ids", () => {
  fc.assert(fc.property(fc.array(registers, { maxLength: 8 }), (news) => {
    const ownership = new Ownership(initial(), "a");
    for (const each of news) ownership.merge(each);
    pointwise(ownership).forEach((found, part) => {
      const said = [
        { owners: ["a", "b"], epoch: 1 },
        ...news.filter(({ start, end }) => isWithin(at(part), start, end)),
      ];
      const epoch = Math.max(...said.map((each) => each.epoch));
      const owners = said.filter((each) => each.epoch === epoch)
        .map((each) => each.owners.join()).toSorted()[0];
      assert.equal(found, `${owners}@${epoch}`);
    });
  }));
});

Deno.test("ownership: a fence holds only for its epoch, also after a split", () => {
  const ownership = new Ownership(initial(), "a");
  ownership.mark({ start: at(2), end: at(5), epoch: 1, mark: "fenced" });
  ownership.split(at(3));
  const fenced = () =>
    ownership.list.filter((segment) => segment.fenced === true).map(({ start }) => start);
  assert.deepEqual(fenced(), [at(2), at(3)]);
  ownership.merge({ start: at(2), end: at(3), owners: ["b", "c"], epoch: 2 });
  assert.deepEqual(fenced(), [at(3)]);
  ownership.mark({ start: at(5), end: at(0), epoch: 7, mark: "fenced" });
  assert.deepEqual(fenced(), [at(3)], "a mark of another epoch is ignored");
});

Deno.test("ownership: a range is filled only as long as the node owns it", () => {
  const ownership = new Ownership(initial(), "c");
  const place = { start: at(2), end: at(5) };
  ownership.mark({ ...place, epoch: 1, mark: "filled" });
  ownership.merge({ ...place, owners: ["a", "c"], epoch: 2 });
  assert.equal(ownership.list[1]?.filled, true);
  ownership.merge({ ...place, owners: ["c", "d"], epoch: 4 });
  assert.equal(ownership.list[1]?.filled, true, "it may learn of later changes first");
  ownership.merge({ ...place, owners: ["a", "d"], epoch: 5 });
  ownership.merge({ ...place, owners: ["a", "c"], epoch: 6 });
  assert.equal(ownership.list[1]?.filled, undefined);
});

Deno.test("ownership: no register from a peer violates the rules of succession", () => {
  const marks = fc.record({
    part: fc.constantFrom(0, 2, 5),
    epoch: fc.integer({ min: 1, max: 4 }),
  });
  const merges = fc.array(fc.tuple(registers, marks), { maxLength: 8 });
  fc.assert(fc.property(merges, (all) => {
    const ownership = new Ownership(initial(), "a");
    for (const [register, { part, epoch }] of all) {
      const before = [...ownership.list];
      ownership.mark({ start: at(part), end: at(part + 1), epoch, mark: "fenced" });
      ownership.merge(register);
      requireSuccession(before, ownership.list);
    }
  }));
});

Deno.test("ownership: a fence lasts as long as its epoch, even if the owners change", () => {
  const ownership = new Ownership(initial(), "a");
  const range = { start: at(0), end: at(2) };
  ownership.mark({ ...range, epoch: 1, mark: "fenced" });
  assert.ok(
    ownership.merge({ ...range, owners: ["a", "a2"], epoch: 1 }),
    "the lower owner ids win",
  );
  assert.deepEqual(ownership.list[0]?.fenced, true);
  assert.ok(ownership.merge({ ...range, owners: ["c"], epoch: 2 }));
  assert.deepEqual(ownership.list[0]?.fenced, undefined);
});

Deno.test("ownership: the error names the violated rule of succession", () => {
  const [first, second, third] = initial() as [Segment, Segment, Segment];
  const all = [first, second, third];
  const throwsFor = (after: readonly Segment[], before = all) =>
    assert.throws.bind(null, () => requireSuccession(before, after));
  throwsFor([second, first, third])(/segments are sorted/);
  throwsFor([first, third])(/boundaries are only added/);
  throwsFor(all, [{ ...first, epoch: 2 }, second, third])(/the epoch of a range never goes down/);
  throwsFor(all, [{ ...first, fenced: true }, second, third])(/only a higher epoch lifts a fence/);
  requireSuccession(all, [first, { ...first, start: at(1) }, second, third]);
  requireSuccession([second, third], [{ ...third, start: at(1) }, second, third]);
});
