/** The schemas of the REST API's bodies as JSON Schema, for its description. */
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

/** If present, it is true. */
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
/** An object with any names. */
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
  "Opaque: the versions that the client has seen. Send it back with the next write of the key.",
);
const position: Schema = {
  ...text("A position on the ring: 32 hex digits", "699e0311097c48b46019dcfc07c772a1"),
  pattern: "^[0-9a-f]{32}$",
};
const probability = (description: string): Schema => ({
  ...number(description),
  minimum: 0,
  maximum: 1,
});

const dot = tuple(
  [text(), integer()],
  "[actor, counter]: identifies the write of the version",
  ["n1/8t3938c1/1.1", 3],
);

const hintTargets = list(
  object({ node: nodeId, sinceMs: number() }),
  "The nodes that the record is a hint for, and since when (ms since 1970)",
);
const heldKey = { key: text(), hash: position, siblings: integer() };

const memberFields = { id: nodeId, url: text(), weight: number() };
const memberOptions = { zone: text(), dataId: text("The id of the member's data directory") };
const memberStatus = oneOf(
  ["member", "leaving", "left", "removed"],
  "`leaving`: still serves while it hands its data over; `removed`: was dead",
);
const members = (description?: string) =>
  list(object({ ...memberFields, memberStatus }, memberOptions), description);

const actFields = {
  node: nodeId,
  url: text(
    "The new node's address; it is called there and tells its id",
    "http://127.0.0.1:9106",
  ),
  weight: number("Its capacity relative to the others; default 1"),
  zone: text(),
};
const actRequest = (fields: Fields) =>
  object({}, {
    plan: onlyTrue("Plan the change, and say what it would move"),
    ...fields,
    planId: text("Commit this plan; without any other field"),
  });
const { node, url, weight, zone } = actFields;

const rangeMove = {
  range: integer(),
  from: orNull(nodeId),
  to: orNull(nodeId),
};
const balance = map(object({
  tokens: integer(),
  ranges: integer("The ranges that the node owns"),
  share: number("Their share of the ring; the shares of all nodes add up to N"),
}));

const antiEntropyState = {
  paused: flag(),
  ready: flag("Whether the trees have been built"),
  underWay: orNull(nodeId, "The peer of the comparison in progress"),
  last: map(ref("Exchange"), "The last comparison with each peer"),
};

const faultFields = {
  latency: orNull(
    text("Extra latency of messages, written as for --latency", "uniform(0,20)"),
  ),
  drop: probability("The probability that a message is lost"),
  duplicate: probability("The probability that a call is sent twice"),
  partition: orNull(object({
    nodes: nodeIds(),
    direction: oneOf(
      ["both", "out", "in"],
      "Which calls are lost: `out`, this node's calls to them; `in`, their calls to it; or both",
    ),
  })),
  disk: object({
    slowMs: integer("Extra time of every access, ms"),
    failing: probability(
      "The probability that an access fails; half of the failed writes are stored anyway",
    ),
    operations: oneOf(["loads", "stores", "both"], "Which accesses may fail"),
    full: flag("Every store fails"),
  }),
  links: list(
    map(ANYTHING),
    "Link faults as in a scenario, without atMs and forMs: loss, duplicate, reorder, delay, " +
      "bandwidth, clog, partition, partition-oneway, flapping. They affect the calls that this node " +
      "makes and their answers, so set them on every node",
    [{ kind: "loss", from: ["n1"], to: ["n2"], legs: ["W"], probability: 0.5 }],
  ),
};

/** By the names that routes and references use. */
export const SCHEMAS = {
  Alive: object({ status: oneOf(["alive"]) }),
  AntiEntropy: object({
    ...antiEntropyState,
    exchanges: list(ref("Exchange"), "The comparisons of this request"),
    unreachable: nodeIds("Co-owners that are believed down and were not compared"),
  }),
  AntiEntropyRequest: object({}, {
    range: integer("Compare only this range of the ring"),
    key: text("Compare only the range that this key is in"),
    pause: flag("Pause or resume scheduled comparisons; without range or key, compare nothing"),
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
    completed: flag("false: the peer did not answer or refused"),
  }),
  FaultRequest: object({}, {
    ...faultFields,
    strangers: nodeIds(
      "Nodes that partition and links may name although they are not members, not yet or no longer",
    ),
  }),
  Faults: object({
    ...faultFields,
    injected: map(number(), "How often each fault has been injected"),
  }),
  HeldRecord: object({
    key: text(),
    hash: position,
    node: nodeId,
    primary: flag(),
    actor: orNull(text()),
    hintFor: hintTargets,
    siblings: list(ref("Version")),
  }),
  JoinRequest: actRequest({ url, weight, zone }),
  KeyPage: object({
    keys: list(object(heldKey)),
    hints: list(
      object({ ...heldKey, for: hintTargets }),
      "Records kept for other nodes until they can be delivered",
    ),
    next: orNull(text(), "`after` of the next page"),
  }),
  LeaveRequest: actRequest({ node }),
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
    moves: list(object({ ...rangeMove, share: number("The range's share of the ring, 0 to 1") })),
    ranges: integer("Ranges whose owners change"),
    copies: integer("Copies of ranges that move over the network"),
    keys: integer("The keys that move, estimated from what this node stores"),
    bytes: integer("The bytes of JSON that move, estimated likewise"),
    balance: object({ before: balance, after: balance }),
  }, { committed: onlyTrue() }),
  Problem: object({
    type: text(`${PROBLEM_TYPE_PREFIX} and one of: ${PROBLEM_CODES.join(", ")}`),
    title: text(),
    status: integer(),
    detail: text(),
    definite: flag(
      "Writes: true if the write certainly had no effect; false if it may exist on some replicas",
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
  ReplaceRequest: actRequest(actFields),
  ReplicaTrace: object({
    node: nodeId,
    primary: flag(),
    outcome: oneOf(["answered", "failed", "pending"]),
    sentUs: number("µs after the coordinator received the request"),
  }, {
    answeredUs: number(),
    dots: list(dot, "Reads: the versions that the replica had"),
    reason: text(),
  }),
  Ring: object({
    ringVersion: text(),
    n: integer(),
    partitioning: text(),
    partitions: integer(),
    members: members("Members and leaving nodes, which may still own ranges"),
    tokens: list(object({ position, owner: nodeId, epoch: integer() })),
    ranges: list(object({
      index: integer(),
      start: position,
      end: position,
      share: number("Its share of the ring, 0 to 1"),
      primaries: nodeIds(),
      epoch: integer("Starts at 1 and grows with every change of an owner"),
    })),
  }, {
    segments: list(
      object({ start: position, owners: nodeIds(), epoch: integer() }, {
        slots: list(
          integer(),
          "The slot of each owner, which its successor inherits; 0, 1, 2, … if missing",
        ),
      }),
      "After a membership change: the current owners, until all data has moved to the owners that the " +
        "tokens name",
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
      "Its own status; null: it has never been a member, and may join",
    ),
    recovery: object(
      {
        status: oneOf(
          ["settled", "unconfirmed", "recovering"],
          "`unconfirmed`: no peer has confirmed yet that the disk is not an older copy; `recovering`: " +
            "the disk was replaced or restored, and is filled from peers",
        ),
        cause: orNull(oneOf(["replaced", "restored"])),
        ranges: integer("The ranges whose data may be incomplete"),
        waitingFor: nodeIds(),
      },
      {},
      "Whether the node's answers count for reads, and the peers that it waits for",
    ),
    members: members("Current and former members"),
    latency: orNull(text()),
    keys: integer(),
    bytesOnDisk: orNull(number()),
    requests: object({ inFlight: number(), served: number(), failed: number() }),
    hints: map(integer(), "The hints that this node keeps, by the node that they are for"),
    peers: map(ANYTHING, "The other nodes' health as this node sees it"),
    antiEntropy: object(antiEntropyState),
    traffic: map(
      object({ calls: number(), sentBytes: number(), receivedBytes: number() }),
      "The calls that this node made to its peers, by method and purpose",
    ),
    faults: orNull(object(faultFields), "As in /faults; null without --allow-faults"),
    counters: map(number()),
    memory: object({ rssBytes: number(), heapUsedBytes: number() }),
    warnings: list(text()),
  }),
  Text: text(),
  Transfers: object({
    members: members(),
    left: integer(
      "Changes of one owner that are still to be made; 0: all ranges have their new owners",
    ),
    moves: list(object({
      ...rangeMove,
      start: position,
      epoch: integer(),
      phase: oneOf(
        ["reading", "copying", "fencing", "closing", "saving", "advancing", "waiting"],
        "On nodes other than the receiver it is always `waiting`",
      ),
      keys: integer("Copied by this node so far"),
    })),
    orphanedReplicas: flag(
      "Whether this node still stores copies of ranges that it no longer owns",
    ),
    hints: integer("Records that this node keeps for others and has not delivered yet"),
  }),
  Value: { ...text(), format: "binary" },
  Version: object({
    contentType: text(),
    clock: list(
      tuple([text(), integer()]),
      "The vector clock, sorted by actor: the versions that the writer had seen",
      [["n1/8t3938c1/1.1", 2], ["n3/1dj1p1c9/1.1", 7]],
    ),
    dot,
    stampUs: integer("The coordinator's time, µs since 1970"),
  }, {
    value: text("The value, if it is UTF-8 text"),
    valueBase64: text("The value in base64, if it is not"),
    deleted: onlyTrue("A tombstone, in /debug only"),
    dots: list(dot, "Dots that the writer had seen and the clock does not cover"),
  }),
  Written: object({
    key: text(),
    context: token,
    coordinator: nodeId,
    acks: nodeIds("The nodes that had stored it before this answer"),
    hints: list(
      object({ holder: nodeId, for: nodeId }),
      "The nodes among them that keep it as a hint for another node",
    ),
  }, {
    replicas: list(
      ref("ReplicaTrace"),
      "Only with Accept: application/json: what each replica did",
    ),
  }),
};

export type SchemaName = keyof typeof SCHEMAS;
