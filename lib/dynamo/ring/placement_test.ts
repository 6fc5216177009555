import assert from "node:assert/strict";
import fc from "fast-check";
import { dealtRing } from "../../../tests/dealt_ring.ts";
import { Placement } from "./placement.ts";

const IDS = ["n1", "n2", "n3", "n4", "n5", "n6"];

Deno.test("placement: the first N healthy nodes, with each fallback for a different primary", () => {
  fc.assert(fc.property(fc.subarray(IDS), fc.nat(31), fc.boolean(), (down, range, sloppy) => {
    const over = dealtRing(IDS);
    const primaries = over.primaries(range);
    const self = primaries.find((id) => !down.includes(id)) ?? primaries[0] as string;
    const isUp = (id: string) => id === self || !down.includes(id);
    const placement = new Placement(over, range, sloppy, self);
    const places = placement.first(isUp);
    assert.equal(new Set(places.map((place) => place.node)).size, 3);
    if (!sloppy) {
      assert.deepEqual(places.map((place) => place.node).toSorted(), primaries.toSorted());
      return;
    }
    const healthy = over.preferenceList(range).filter(isUp);
    for (const id of healthy.slice(0, 3)) {
      assert.ok(places.some((place) => place.node === id), `${id} of ${healthy}, down ${down}`);
    }
    const stoodFor = places.flatMap((place) => place.standsInFor ?? []);
    assert.equal(new Set(stoodFor).size, stoodFor.length);
    assert.ok(places.every((place) => place.primary === (place.standsInFor === null)));
  }));
});

Deno.test("placement: each replacement is used once, and none under a strict quorum", () => {
  const over = dealtRing(IDS);
  const primaries = over.primaries(0);
  const up = () => true;
  const sloppy = new Placement(over, 0, true, primaries[0] as string);
  sloppy.first(up);
  const taken = IDS.map(() => sloppy.replacementOf(primaries[1] as string, up)?.node);
  assert.equal(taken.filter((node) => node !== undefined).length, 3);
  const strict = new Placement(over, 0, false, primaries[0] as string);
  strict.first(up);
  assert.equal(strict.replacementOf(primaries[1] as string, up), undefined);
});
