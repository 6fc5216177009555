import assert from "node:assert/strict";
import {
  INITIAL_MEMBER_LIST,
  livingMembers,
  nextId,
  parseMemberList,
  withGone,
  withJoined,
  withLeaving,
  withoutGone,
  withoutJoined,
} from "./member_list.ts";

const member = (id: string) => ({ id, url: `http://127.0.0.1:1/${id}`, weight: 1 });
const initialConfig = ["n1", "n2", "n3"].map(member);
const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id);

Deno.test("who is to run: the initial members, and those who came, without those who went", () => {
  assert.deepEqual(ids(livingMembers(initialConfig, INITIAL_MEMBER_LIST)), ["n1", "n2", "n3"]);
  const joined = withJoined(INITIAL_MEMBER_LIST, member("n4"));
  const gone = withGone(withLeaving(joined, "n2"), "n2");
  assert.deepEqual(ids(livingMembers(initialConfig, gone)), ["n1", "n3", "n4"]);
  assert.deepEqual(gone.leaving, []);
  assert.deepEqual(withGone(gone, "n2"), gone);
});

Deno.test("an id is never given twice, whoever is gone", () => {
  assert.equal(nextId(initialConfig, INITIAL_MEMBER_LIST), "n4");
  const memberList = withGone(withJoined(INITIAL_MEMBER_LIST, member("n4")), "n4");
  assert.equal(nextId(initialConfig, memberList), "n5");
  assert.equal(nextId([member("alpha")], INITIAL_MEMBER_LIST), "n1");
});

Deno.test("a refused change is taken back", () => {
  const joined = withJoined(INITIAL_MEMBER_LIST, member("n4"));
  assert.deepEqual(withoutJoined(joined, "n4"), INITIAL_MEMBER_LIST);
  assert.deepEqual(withoutGone(withGone(INITIAL_MEMBER_LIST, "n1"), "n1"), INITIAL_MEMBER_LIST);
  assert.deepEqual(withoutGone(withLeaving(INITIAL_MEMBER_LIST, "n1"), "n1"), INITIAL_MEMBER_LIST);
});

Deno.test("a damaged file is refused with what is wrong with it", () => {
  const memberList = withLeaving(withJoined(INITIAL_MEMBER_LIST, member("n4")), "n1");
  assert.deepEqual(parseMemberList(JSON.stringify(memberList), "members.json"), memberList);
  for (
    const [text, reason] of [
      ["{", /members\.json is not a list of a cluster's nodes: .*JSON/],
      ["[]", /it has no 'joined'/],
      ['{"joined":[{"id":"n4"}],"leaving":[],"gone":[]}', /lacks its id or url/],
      ['{"joined":[],"leaving":"n1","gone":[]}', /'leaving' must list ids/],
      ['{"joined":[],"leaving":[],"gone":[1]}', /'gone' must list ids/],
    ] satisfies [string, RegExp][]
  ) assert.throws(() => parseMemberList(text, "members.json"), reason);
});

Deno.test("an id is not given that somebody else's node has", () => {
  assert.equal(nextId(initialConfig, INITIAL_MEMBER_LIST, ["n4", "n7", "alpha"]), "n8");
});
