import assert from "node:assert/strict";
import {
  FOUNDING_ROSTER,
  livingMembers,
  nextId,
  parseRoster,
  withGone,
  withJoined,
  withLeaving,
  withoutGone,
  withoutJoined,
} from "./member_list.ts";

const member = (id: string) => ({ id, url: `http://127.0.0.1:1/${id}`, weight: 1 });
const founding = ["n1", "n2", "n3"].map(member);
const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id);

Deno.test("who is to run: the founding members, and those who came, without those who went", () => {
  assert.deepEqual(ids(livingMembers(founding, FOUNDING_ROSTER)), ["n1", "n2", "n3"]);
  const joined = withJoined(FOUNDING_ROSTER, member("n4"));
  const gone = withGone(withLeaving(joined, "n2"), "n2");
  assert.deepEqual(ids(livingMembers(founding, gone)), ["n1", "n3", "n4"]);
  assert.deepEqual(gone.leaving, []);
  assert.deepEqual(withGone(gone, "n2"), gone);
});

Deno.test("an id is never given twice, whoever is gone", () => {
  assert.equal(nextId(founding, FOUNDING_ROSTER), "n4");
  const roster = withGone(withJoined(FOUNDING_ROSTER, member("n4")), "n4");
  assert.equal(nextId(founding, roster), "n5");
  assert.equal(nextId([member("alpha")], FOUNDING_ROSTER), "n1");
});

Deno.test("a refused change is taken back", () => {
  const joined = withJoined(FOUNDING_ROSTER, member("n4"));
  assert.deepEqual(withoutJoined(joined, "n4"), FOUNDING_ROSTER);
  assert.deepEqual(withoutGone(withGone(FOUNDING_ROSTER, "n1"), "n1"), FOUNDING_ROSTER);
  assert.deepEqual(withoutGone(withLeaving(FOUNDING_ROSTER, "n1"), "n1"), FOUNDING_ROSTER);
});

Deno.test("a damaged file is refused with what is wrong with it", () => {
  const roster = withLeaving(withJoined(FOUNDING_ROSTER, member("n4")), "n1");
  assert.deepEqual(parseRoster(JSON.stringify(roster), "roster.json"), roster);
  for (
    const [text, reason] of [
      ["{", /roster\.json is not a list of a cluster's nodes: .*JSON/],
      ["[]", /it has no 'joined'/],
      ['{"joined":[{"id":"n4"}],"leaving":[],"gone":[]}', /lacks its id or url/],
      ['{"joined":[],"leaving":"n1","gone":[]}', /'leaving' must list ids/],
      ['{"joined":[],"leaving":[],"gone":[1]}', /'gone' must list ids/],
    ] satisfies [string, RegExp][]
  ) assert.throws(() => parseRoster(text, "roster.json"), reason);
});

Deno.test("an id is not given that somebody else's node has", () => {
  assert.equal(nextId(founding, FOUNDING_ROSTER, ["n4", "n7", "alpha"]), "n8");
});
