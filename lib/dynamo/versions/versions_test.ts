import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type CausalContext,
  contextOf,
  DETACHED_DOTS_MAX,
  EMPTY_CONTEXT,
  sameSiblings,
  type Siblings,
  VERSION_MODES,
  versioning,
  type VersionMode,
  withDot,
} from "./versions.ts";

/**
 * A small cluster with an oracle. Replicas write and exchange siblings at random. Clients keep
 * contexts from reads or from their own writes. Independently of the clocks, the oracle records for
 * each write which writes it has seen, so it can check the clocks.
 */
const REPLICAS = 3;
const CLIENTS = 3;

type Act =
  | { kind: "write"; replica: number; client: number; blind: boolean }
  | { kind: "read"; replica: number; client: number }
  | { kind: "send"; from: number; to: number };

const replica = fc.nat(REPLICAS - 1);
const client = fc.nat(CLIENTS - 1);
const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("write" as const), replica, client, blind: fc.boolean() }),
    fc.record({ kind: fc.constant("read" as const), replica, client }),
    fc.record({ kind: fc.constant("send" as const), from: replica, to: replica }),
  ),
  { maxLength: 40 },
);

interface World {
  siblings: Siblings[];
  /** The writes that each replica has ever held or received. */
  known: Set<string>[];
  /** For each write, all writes in its causal past. */
  past: Map<string, Set<string>>;
}

function play(mode: VersionMode, script: readonly Act[], check?: (world: World) => void): World {
  const rules = versioning(mode);
  const world: World = {
    siblings: Array.from({ length: REPLICAS }, () => []),
    known: Array.from({ length: REPLICAS }, () => new Set()),
    past: new Map(),
  };
  const contexts: (CausalContext | null)[] = Array(CLIENTS).fill(null);
  const seen = Array.from({ length: CLIENTS }, () => new Set<string>());
  let writes = 0;
  for (const act of script) {
    switch (act.kind) {
      case "write": {
        const name = `w${++writes}`;
        const written = rules.write(world.siblings[act.replica] ?? [], {
          actor: `r${act.replica}`,
          context: act.blind ? EMPTY_CONTEXT : contexts[act.client] ?? EMPTY_CONTEXT,
          value: name,
          contentType: "",
          nowUs: writes,
        });
        const past = new Set(act.blind ? [] : seen[act.client]);
        world.past.set(name, past);
        world.siblings[act.replica] = written.siblings;
        world.known[act.replica]?.add(name);
        for (const older of past) world.known[act.replica]?.add(older);
        contexts[act.client] = written.context;
        seen[act.client] = new Set([...past, name]);
        break;
      }
      case "read": {
        const siblings = world.siblings[act.replica] ?? [];
        contexts[act.client] = contextOf(siblings);
        const values = siblings.map((version) => version.value as string);
        seen[act.client] = new Set(values.flatMap((v) => [v, ...world.past.get(v) ?? []]));
        break;
      }
      case "send":
        world.siblings[act.to] = rules.merge(
          world.siblings[act.to] ?? [],
          world.siblings[act.from] ?? [],
        );
        for (const write of world.known[act.from] ?? []) world.known[act.to]?.add(write);
        break;
    }
    check?.(world);
  }
  return world;
}

/** The writes that the replica has received and that no other of these has seen. */
function concurrentMaxima(world: World, at: number): string[] {
  const known = [...world.known[at] ?? []];
  return known
    .filter((write) => !known.some((other) => world.past.get(other)?.has(write)))
    .toSorted();
}

function values(siblings: Siblings): string[] {
  return siblings.map((version) => version.value as string).toSorted();
}

Deno.test("versions: with dvv the siblings are always exactly the concurrent maxima", () => {
  fc.assert(
    fc.property(acts, (script) => {
      play("dvv", script, (world) => {
        for (let at = 0; at < REPLICAS; at++) {
          assert.deepEqual(values(world.siblings[at] ?? []), concurrentMaxima(world, at));
        }
      });
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("versions: with vector-clock nothing concurrent is lost, but superseded siblings remain", () => {
  fc.assert(
    fc.property(acts, (script) => {
      play("vector-clock", script, (world) => {
        for (let at = 0; at < REPLICAS; at++) {
          const held = values(world.siblings[at] ?? []);
          for (const write of concurrentMaxima(world, at)) assert.ok(held.includes(write));
        }
      });
    }),
    { numRuns: 300 },
  );
});

Deno.test("versions: lww keeps one version, and loses concurrent writes", () => {
  const lost: Act[] = [
    { kind: "write", replica: 0, client: 0, blind: true },
    { kind: "write", replica: 1, client: 1, blind: true },
    { kind: "send", from: 0, to: 1 },
  ];
  const world = play("lww", lost);
  assert.deepEqual(concurrentMaxima(world, 1), ["w1", "w2"]);
  assert.deepEqual(values(world.siblings[1] ?? []), ["w2"]);
});

for (const mode of VERSION_MODES) {
  Deno.test(`versions: merge is commutative, associative and idempotent (${mode})`, () => {
    const { merge } = versioning(mode);
    fc.assert(
      fc.property(acts, (script) => {
        const [a = [], b = [], c = []] = play(mode, script).siblings;
        assert.deepEqual(merge(a, b), merge(b, a));
        assert.deepEqual(merge(merge(a, b), c), merge(a, merge(b, c)));
        assert.deepEqual(merge(a, a), a);
        assert.ok(sameSiblings(merge(a, merge(a, b)), merge(a, b)));
      }),
      { numRuns: 300 },
    );
  });

  Deno.test(`versions: siblings are the same after encoding and decoding (${mode})`, () => {
    fc.assert(fc.property(acts, (script) => {
      for (const siblings of play(mode, script).siblings) {
        assert.deepEqual(JSON.parse(JSON.stringify(siblings)), siblings);
      }
    }));
  });
}

Deno.test("versions: 100 interleaved writers leave 2 siblings with dvv, 100 with vector-clock", () => {
  const interleaved = (mode: VersionMode) => {
    const rules = versioning(mode);
    const contexts: (CausalContext | null)[] = [null, null];
    let siblings: Siblings = [];
    for (let write = 0; write < 100; write++) {
      const written = rules.write(siblings, {
        actor: "a",
        context: contexts[write % 2] ?? EMPTY_CONTEXT,
        value: `w${write}`,
        contentType: "",
        nowUs: write,
      });
      siblings = written.siblings;
      contexts[write % 2] = written.context;
    }
    return siblings.length;
  };
  assert.equal(interleaved("dvv"), 2);
  assert.equal(interleaved("vector-clock"), 100);
});

Deno.test("versions: the context of a write covers its own dot, but not an adjacent one", () => {
  const once = withDot(EMPTY_CONTEXT, ["a", 2]);
  assert.deepEqual(once, { clock: [], stampUs: 0, dots: [["a", 2]] });
  assert.deepEqual(withDot(once, ["a", 1]), { clock: [["a", 2]], stampUs: 0 });
  assert.deepEqual(withDot(once, ["a", 2]), once, "a dot of two siblings counts once");
});

Deno.test("versions: the number of detached dots is limited, and the lowest are dropped", () => {
  let context: CausalContext = EMPTY_CONTEXT;
  for (let n = 1; n <= 100; n++) context = withDot(context, ["a", 2 * n]);
  assert.equal(context.dots?.length, DETACHED_DOTS_MAX);
  assert.deepEqual(context.dots?.at(-1), ["a", 200]);
});
