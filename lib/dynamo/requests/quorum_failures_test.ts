/** The error of a failed request names what was missing: replies, or replies of primaries. */
import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import { Placement } from "../ring/placement.ts";
import { Ring } from "../ring/ring.ts";
import { clusterConfig } from "../types/config.ts";
import { versioning } from "../versions/versions.ts";
import { GetCoordinator } from "./get_coordinator.ts";
import { PutCoordinator } from "./put_coordinator.ts";
import { resolveOptions } from "./request_options.ts";

const config = clusterConfig({ n: 3, r: 2, w: 2 });
const members = ["n1", "n2", "n3", "n4", "n5"].map((id) => ({ id, weight: 1 }));
const ring = new Ring(makeInitialRing(members, config, SeededRandom.from(7)), 3);
const placement = new Placement(ring, 0, true, ring.primaries(0)[0] as string);

function put(pw: number): PutCoordinator {
  const request = { method: "put", key: "k", value: "", contentType: "", context: null } as const;
  return new PutCoordinator(1, request, null, resolveOptions({ pw }, config), 0, placement);
}

function get(pr: number): GetCoordinator {
  const options = resolveOptions({ pr }, config);
  const request = { method: "get", key: "k" } as const;
  return new GetCoordinator(1, request, "get", options, 0, placement, versioning("dvv"));
}

/** One primary has answered, two have failed, and two fallbacks are asked instead. */
function isolate({ responses }: PutCoordinator | GetCoordinator): void {
  for (const [slot, node] of ["a", "b", "c"].entries()) {
    responses.add({ node, primary: true, slot }, 0);
  }
  responses.answer("a", [], 0);
  responses.fail("b", "gone", 0);
  responses.fail("c", "gone", 0);
  responses.add({ node: "d", primary: false, slot: null }, 0);
  responses.add({ node: "e", primary: false, slot: null }, 0);
}

Deno.test("a request that cannot reach PW or PR fails and names it, even if W or R is possible", () => {
  for (const coordinator of [put(2), get(2)]) {
    isolate(coordinator);
    assert.equal(coordinator.hopeless, true);
    const { message, needed, got } = coordinator.failure();
    assert.match(
      message,
      /^Only 1 of the 2 (acknowledgements|replies) from primaries needed \(P[WR]=2\) arrived/,
    );
    assert.deepEqual([needed, got], [2, 1]);
  }
});

Deno.test("a request that cannot reach W or R fails and names it", () => {
  for (const coordinator of [put(0), get(0)]) {
    isolate(coordinator);
    assert.equal(coordinator.hopeless, false);
    coordinator.addFailure("d", "gone", 0);
    coordinator.addFailure("e", "gone", 0);
    assert.equal(coordinator.hopeless, true);
    assert.match(
      coordinator.failure().message,
      /^Only 1 of the 2 (acknowledgements|replies) needed \([WR]=2\) arrived/,
    );
  }
});
