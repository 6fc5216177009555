/**
 * The shapes of the REST API's bodies as JSON Schema, for its description: whatever a route names, and
 * what those refer to.
 */
import { PROBLEM_CODES, PROBLEM_TYPE_PREFIX } from "../http/problems.ts";

type Schema = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, Schema>>;

const ofType = (type: string) => (description?: string, example?: unknown): Schema => (
  { type, description, example }
);
const text = ofType("string");
const number = ofType("number");
const integer = ofType("integer");
const flag = ofType("boolean");

/** Present it can only be true. */
const onlyTrue = (description?: string): Schema => ({ ...flag(description), enum: [true] });
const oneOf = (values: readonly string[], description?: string): Schema => ({
  ...text(description),
  enum: values,
});
const list = (items: Schema, description?: string, example?: unknown): Schema => ({
  ...ofType("array")(description, example),
  items,
});
const tuple = (items: readonly Schema[], description?: string, example?: unknown): Schema => ({
  ...ofType("array")(description, example),
  prefixItems: items,
});
/** Values by names that are not known ahead. */
const map = (values: Schema, description?: string): Schema => ({
  ...ofType("object")(description),
  additionalProperties: values,
});
const object = (required: Fields, optional: Fields = {}, description?: string): Schema => ({
  ...ofType("object")(description),
  properties: { ...required, ...optional },
  required: Object.keys(required),
});
const orNull = (schema: Schema, description?: string): Schema => ({
  description,
  anyOf: [schema, { type: "null" }],
});
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

const ANYTHING: Schema = {};
const nodeId = text(undefined, "n1");
const nodeIds = (description?: string) => list(nodeId, description);
const token = text(
  "Opaque: what the client has seen of the key. Send it back with the next write.",
);
const position: Schema = {
  ...text("A point of the ring: 32 hex digits", "699e0311097c48b46019dcfc07c772a1"),
  pattern: "^[0-9a-f]{32}$",
};
const probability = (description: string): Schema => ({
  ...number(description),
  minimum: 0,
  maximum: 1,
});

const dot = tuple(
  [text(), integer()],
  "[actor, counter]: the write that made the version",
  ["n1/8t3938c1/1.1", 3],
);

const hintTargets = list(
  object({ node: nodeId, sinceMs: number() }),
  "Nodes that the record is kept for, and since when (ms since 1970)",
);
const heldKey = { key: text(), hash: position, siblings: integer() };

const memberFields = { id: nodeId, url: text(), weight: number() };
const memberOptions = { zone: text(), dataId: text("The data directory that is the member's") };
const memberStatus = oneOf(
  ["member", "leaving", "left", "removed"],
  "`leaving` hands over what it holds and serves it until then; `removed` was dead",
);
const members = (description?: string) =>
  list(object({ ...memberFields, memberStatus }, memberOptions), description);

const actFields = {
  node: nodeId,
  url: text(
    "Where the new node listens: it is called there and says its id itself",
    "http://127.0.0.1:9106",
  ),
  weight: number("Its capacity beside the others', 1"),
  zone: text(),
};
const actOrder = (fields: Fields) =>
  object({}, {
    plan: onlyTrue("Say what the act would move"),
    ...fields,
    planId: text("Alone: commit that plan"),
  });
const { node, url, weight, zone } = actFields;

const rangeMove = {
  range: integer(),
  from: orNull(nodeId),
  to: orNull(nodeId),
};
const balance = map(object({
  tokens: integer(),
  ranges: integer("Ranges that it holds, counting every owner"),
  share: number("Their part of the ring; all nodes' add up to N"),
}));

const antiEntropyState = {
  paused: flag(),
  ready: flag("Whether the trees have been built"),
  underWay: orNull(nodeId, "Who it compares with at the moment"),
  last: map(ref("Exchange"), "By peer"),
};

const faultFields = {
  latency: orNull(
    text("Extra latency of messages, as --latency takes it", "uniform(0,20)"),
  ),
  drop: probability("The probability that a message is lost"),
  duplicate: probability("The probability that a call is sent twice"),
  partition: orNull(object({
    nodes: nodeIds(),
    direction: oneOf(
      ["both", "out", "in"],
      "Which calls are lost: this node's to them, theirs to it, or both",
    ),
  })),
  disk: object({
    slowMs: integer("Every access takes so much longer"),
    failing: probability(
      "The probability that an access fails; half of such writes happen all the same",
    ),
    operations: oneOf(["loads", "stores", "both"], "Which accesses may fail"),
    full: flag("Nothing can be stored"),
  }),
  links: list(
    map(ANYTHING),
    "Faults of links in the words of a scenario, without atMs and forMs: loss, duplicate, " +
      "reorder, delay, bandwidth, clog, partition, partition-oneway, flapping. They concern the " +
      "calls that this node makes and their answers, so tell every node",
    [{ kind: "loss", from: ["n1"], to: ["n2"], legs: ["W"], probability: 0.5 }],
  ),
};

/** By the names that routes and references use. */
export const SCHEMAS = {
  Alive: object({ status: oneOf(["alive"]) }),
  AntiEntropy: object({
    ...antiEntropyState,
    exchanges: list(ref("Exchange"), "Those that were ordered"),
    unreachable: nodeIds("Co-owners believed down: not compared"),
  }),
  AntiEntropyOrder: object({}, {
    range: integer("One range of the ring"),
    key: text("The range that this key lies in"),
    pause: flag("Stops or resumes scheduled comparisons; alone it compares nothing"),
  }),
  Anything: ANYTHING,
  Exchange: object({
    peer: nodeId,
    startedAt: number("µs since 1970"),
    tookUs: number(),
    ranges: integer("Ranges whose trees were compared"),
    rangesDiffering: integer(),
    keysRepaired: integer(),
    keysFailed: integer(),
    completed: flag("false: the peer fell silent or refused"),
  }),
  FaultOrder: object({}, {
    ...faultFields,
    strangers: nodeIds(
      "Nodes that may be no members, not yet or not any more: partition and links may name them too",
    ),
  }),
  Faults: object({ ...faultFields, injected: map(number(), "What has been done so far") }),
  HeldRecord: object({
    key: text(),
    hash: position,
    node: nodeId,
    primary: flag(),
    actor: orNull(text()),
    hintFor: hintTargets,
    siblings: list(ref("Version")),
  }),
  JoinOrder: actOrder({ url, weight, zone }),
  KeyPage: object({
    keys: list(object(heldKey)),
    hints: list(
      object({ ...heldKey, for: hintTargets }),
      "Records kept for other nodes, to be handed to them",
    ),
    next: orNull(text(), "`after` of the next page"),
  }),
  LeaveOrder: actOrder({ node }),
  Member: object(memberFields, memberOptions),
  Place: object({
    key: text(),
    hash: position,
    partition: integer(),
    preferenceList: list(object({ id: nodeId, url: text(), primary: flag() })),
    ringVersion: text(),
  }),
  Plan: object({
    planId: text(),
    act: object(
      { kind: oneOf(["join", "leave", "remove", "replace"]) },
      { node: nodeId, member: ref("Member"), dataId: text() },
    ),
    moves: list(object({ ...rangeMove, share: number("The range's part of the ring, 0 to 1") })),
    ranges: integer("Ranges whose owners change"),
    copies: integer("Copies of ranges that go over the network"),
    keys: integer("About so many keys, by what this node holds"),
    bytes: integer("About so many bytes of JSON"),
    balance: object({ before: balance, after: balance }),
  }, { committed: onlyTrue() }),
  Problem: object({
    type: text(`${PROBLEM_TYPE_PREFIX} and one of: ${PROBLEM_CODES.join(", ")}`),
    title: text(),
    status: integer(),
    detail: text(),
    definite: flag(
      "Writes: true when it certainly left nothing; false when it may exist somewhere",
    ),
  }, {
    needed: integer(),
    got: integer(),
    unreachable: nodeIds(),
    context: orNull(token),
  }),
  Read: object({
    key: text(),
    context: token,
    siblings: list(ref("Version")),
    coordinator: nodeId,
    replicas: list(ref("ReplicaTrace")),
  }),
  Ready: object({ status: oneOf(["ready"]) }),
  ReplaceOrder: actOrder(actFields),
  ReplicaTrace: object({
    node: nodeId,
    primary: flag(),
    outcome: oneOf(["answered", "failed", "pending"]),
    sentUs: number("µs after the coordinator took the request on"),
  }, {
    answeredUs: number(),
    dots: list(dot, "Reads: the versions it held"),
    reason: text(),
  }),
  Ring: object({
    ringVersion: text(),
    n: integer(),
    partitioning: text(),
    partitions: integer(),
    members: members("Those that are members or leaving: the latter may still hold ranges"),
    tokens: list(object({ position, owner: nodeId, epoch: integer() })),
    ranges: list(object({
      index: integer(),
      start: position,
      end: position,
      share: number("Of the whole ring, 0 to 1"),
      primaries: nodeIds(),
      epoch: integer("How often its owners have changed, from 1"),
    })),
  }, {
    segments: list(
      object({ start: position, owners: nodeIds(), epoch: integer() }),
      "After a change of membership: who holds what until all data has moved to whom the tokens name",
    ),
  }),
  RpcRefusal: object({ jsonrpc: oneOf(["2.0"]), id: { type: "null" }, error: ANYTHING }),
  Status: object({
    id: nodeId,
    cluster: text(),
    url: text(),
    pid: integer(),
    incarnation: integer(),
    dataId: text(),
    uptimeMs: number(),
    ready: flag(),
    config: map(ANYTHING),
    ringVersion: text(),
    memberStatus: orNull(
      memberStatus,
      "Its own part in the cluster; null: it never was a member, and may join",
    ),
    recovery: object(
      {
        status: oneOf(
          ["settled", "unconfirmed", "recovering"],
          "`unconfirmed`: no peer has said yet that the disk is not an older copy; `recovering`: the " +
            "disk was replaced or restored, and peers fill it",
        ),
        cause: orNull(oneOf(["replaced", "restored"])),
        ranges: integer("Ranges that are not complete yet"),
        waitingFor: nodeIds(),
      },
      {},
      "Whether the node's answers count for reads, and what it waits for",
    ),
    members: members("Who is or was a member"),
    latency: orNull(text()),
    keys: integer(),
    bytesOnDisk: orNull(number()),
    requests: object({ inFlight: number(), served: number(), failed: number() }),
    hints: map(integer(), "Hints held, by the node they are meant for"),
    peers: map(ANYTHING, "What this node thinks of the others"),
    antiEntropy: object(antiEntropyState),
    traffic: map(
      object({ calls: number(), sentBytes: number(), receivedBytes: number() }),
      "Calls that this node made of its peers, by method and purpose",
    ),
    faults: orNull(object(faultFields), "What /faults says; null without --allow-faults"),
    counters: map(number()),
    memory: object({ rssBytes: number(), heapUsedBytes: number() }),
    warnings: list(text()),
  }),
  Text: text(),
  Transfers: object({
    members: members(),
    left: integer(
      "Changes of one owner that are still to be made; 0: all is where it should be",
    ),
    moves: list(object({
      ...rangeMove,
      start: position,
      epoch: integer(),
      phase: oneOf(
        ["reading", "copying", "fencing", "closing", "saving", "advancing", "waiting"],
        "Only the node that takes over knows more than that it waits",
      ),
      keys: integer("Copied by this node so far"),
    })),
    orphanedReplicas: flag(
      "Whether this node still has copies of ranges that it does not own any more",
    ),
  }),
  Value: { ...text(), format: "binary" },
  Version: object({
    contentType: text(),
    clock: list(
      tuple([text(), integer()]),
      "The vector clock, sorted by actor: what the version's writer had seen",
      [["n1/8t3938c1/1.1", 2], ["n3/1dj1p1c9/1.1", 7]],
    ),
    dot,
    stampUs: integer("The coordinator's time, µs since 1970"),
  }, {
    value: text("The value, where it is UTF-8 text"),
    valueBase64: text("The value, where it is not"),
    deleted: onlyTrue("A tombstone, in /debug only"),
    dots: list(dot, "Dots seen beyond the clock"),
  }),
  Written: object({
    key: text(),
    context: token,
    coordinator: nodeId,
    acks: nodeIds("Nodes that had stored it before this answer"),
    hints: list(object({ holder: nodeId, for: nodeId }), "Those of them that keep it for another"),
  }, {
    replicas: list(
      ref("ReplicaTrace"),
      "With Accept: application/json: how each replica took part",
    ),
  }),
};

export type SchemaName = keyof typeof SCHEMAS;
