import assert from "node:assert/strict";
import {
  currentMembers,
  INITIAL_MEMBER_LIST,
  type MemberList,
  nextId,
  parseMemberList,
  withChange,
  withGone,
  withLeaving,
  withoutChange,
} from "./member_list.ts";

const member = (id: string) => ({ id, url: `http://127.0.0.1:1/${id}`, weight: 1 });
const initial = ["n1", "n2", "n3"].map(member);
const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id);

const JOIN = { act: "join", goes: null, member: member("n4") } as const;
const LEAVE = { act: "leave", goes: "n1", member: null } as const;
const REMOVE = { act: "remove", goes: "n1", member: null } as const;
const REPLACE = { act: "replace", goes: "n1", member: member("n4") } as const;
const JOINED = withChange(INITIAL_MEMBER_LIST, JOIN);

Deno.test("current members: initial and joined ones, without those that are gone", () => {
  assert.deepEqual(ids(currentMembers(initial, INITIAL_MEMBER_LIST)), ["n1", "n2", "n3"]);
  const gone = withGone(withLeaving(JOINED, "n2"), "n2");
  assert.deepEqual(ids(currentMembers(initial, gone)), ["n1", "n3", "n4"]);
  assert.deepEqual(gone.leaving, []);
  assert.deepEqual(withGone(gone, "n2"), gone);
});

Deno.test("an id is never given twice, not even that of a node that is gone", () => {
  assert.equal(nextId(initial, INITIAL_MEMBER_LIST), "n4");
  assert.equal(nextId(initial, withGone(JOINED, "n4")), "n5");
  assert.equal(nextId([member("alpha")], INITIAL_MEMBER_LIST), "n1");
});

Deno.test("a change adds the new node, and marks the other one as leaving or gone", () => {
  const partsOf = ({ joined, leaving, gone }: MemberList) => [ids(joined), leaving, gone];
  assert.deepEqual(partsOf(JOINED), [["n4"], [], []]);
  assert.deepEqual(partsOf(withChange(JOINED, LEAVE)), [["n4"], ["n1"], []]);
  assert.deepEqual(partsOf(withChange(JOINED, REMOVE)), [["n4"], [], ["n1"]]);
  assert.deepEqual(partsOf(withChange(INITIAL_MEMBER_LIST, REPLACE)), [["n4"], [], ["n1"]]);
});

Deno.test("a refused change is undone", () => {
  for (const change of [JOIN, LEAVE, REMOVE, REPLACE]) {
    const changed = withChange(INITIAL_MEMBER_LIST, change);
    assert.notDeepEqual(changed, INITIAL_MEMBER_LIST);
    assert.deepEqual(withoutChange(changed, change), INITIAL_MEMBER_LIST);
  }
});

Deno.test("a damaged file is refused with the reason", () => {
  const memberList = withLeaving(JOINED, "n1");
  assert.deepEqual(parseMemberList(JSON.stringify(memberList), "members.json"), memberList);
  for (
    const [text, reason] of [
      ["{", /members\.json is not a launcher's member list: .*JSON/],
      ["[]", /it has no 'joined'/],
      ['{"joined":[{"id":"n4"}],"leaving":[],"gone":[]}', /has no id or no url/],
      ['{"joined":[],"leaving":"n1","gone":[]}', /'leaving' must be a list of ids/],
      ['{"joined":[],"leaving":[],"gone":[1]}', /'gone' must be a list of ids/],
    ] satisfies [string, RegExp][]
  ) assert.throws(() => parseMemberList(text, "members.json"), reason);
});

Deno.test("an id that a node of another launcher has is not used", () => {
  assert.equal(nextId(initial, INITIAL_MEMBER_LIST, ["n4", "n7", "alpha"]), "n8");
});
