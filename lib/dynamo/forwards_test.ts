/** A node that owns no copy of a key, and primaries that it believes down. */
import assert from "node:assert/strict";
import { SeededRandom } from "../random/seeded.ts";
import { clusterConfig } from "./config.ts";
import type { ClientRequest, Effect } from "./events.ts";
import { foundRing } from "./founding.ts";
import { Replica } from "./replica.ts";
import { Ring } from "./ring.ts";

const KEY = "greeting";
const IDS = ["n1", "n2", "n3", "n4", "n5"];
const START = 1_000_000;
const MINUTE = 60_000_000;

/** What a node outside the primaries does with a request, `silence` µs after it last heard of anybody. */
function asked(request: Partial<ClientRequest>, silence: number): readonly Effect[] {
  const config = clusterConfig({ n: 3 });
  const members = IDS.map((id) => ({ id, url: `http://${id}`, weight: 1 }));
  const ring = foundRing(members, config, SeededRandom.from(7));
  const primaries = new Ring(ring, 3).primariesOfKey(KEY);
  const self = IDS.find((id) => !primaries.includes(id)) as string;
  const boot = { self, dataId: "d1", incarnation: 1 };
  const replica = new Replica({ config, members, ring }, SeededRandom.from(7), boot);
  replica.step(START, { kind: "start" }, []);
  const effects: Effect[] = [];
  const put = { method: "put", key: KEY, value: "", contentType: "", context: null } as const;
  const whole = { ...put, ...request } as ClientRequest;
  replica.step(START + silence, { kind: "client", id: 1, request: whole }, effects);
  return effects;
}

function forwards(effects: readonly Effect[]): number {
  return effects.filter((each) => each.kind === "call" && each.request.method === "forward").length;
}

function loads(effects: readonly Effect[]): number {
  return effects.filter((each) => each.kind === "load").length;
}

for (const method of ["put", "get"] as const) {
  Deno.test(`forward: a ${method} goes to a primary that is up`, () => {
    assert.equal(forwards(asked({ method }, 0)), 1);
  });

  Deno.test(`forward: a ${method} waits for no primary that is believed down`, () => {
    const effects = asked({ method }, MINUTE);
    assert.equal(forwards(effects), 0, "a silent one would take the whole of its time");
    assert.equal(loads(effects), 1, "this node coordinates by itself");
  });

  Deno.test(`forward: a strict ${method} tries even a primary that is believed down`, () => {
    const effects = asked({ method, sloppy: false }, MINUTE);
    assert.equal(forwards(effects), 1, "nobody else may serve it");
    assert.equal(loads(effects), 0);
  });
}
