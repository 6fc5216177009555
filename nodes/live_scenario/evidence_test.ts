/** What the checkers find in a run on real processes, from REST answers and the contents of the disks. */
import { deepEqual, equal, match } from "node:assert/strict";
import { resolveOptions } from "../../lib/dynamo/requests/request_options.ts";
import { Ring } from "../../lib/dynamo/ring/ring.ts";
import { runCheckers } from "../../lib/simulation/checkers/mod.ts";
import type { Holding } from "../../lib/simulation/healing.ts";
import { parseScenario } from "../../lib/simulation/scenario/scenario.ts";
import { History, type Operation } from "../../lib/simulation/workload/history.ts";
import { initialConfigOf } from "../../lib/simulation/world/cluster.ts";
import { evidenceOf, LIVE_CHECKERS, type LiveRun } from "./evidence.ts";
import { outcomeOf, type RestAnswer } from "./requests.ts";

const SCENARIO = parseScenario({ nodes: 3 });
const IDS = ["n1", "n2", "n3"];

function begin(history: History, kind: Operation["kind"]): Operation {
  return history.begin({
    client: 0,
    act: kind,
    kind,
    key: "k",
    node: "n1",
    options: resolveOptions({}, SCENARIO.config),
    startedAt: history.size * 10,
    parents: [],
    contextFrom: 0,
    blind: false,
    healing: false,
  });
}

/** One put of key k that n1 and n2 acknowledged. */
function acknowledged(): { readonly history: History; readonly put: Operation } {
  const history = new History(16);
  const put = begin(history, "put");
  const body = { context: "t", coordinator: "n1", acks: ["n1", "n2"], hints: [] };
  const { end } = outcomeOf(put, { kind: "answer", status: 200, body }, history);
  history.end(put.id, { endedAt: 5, ...end });
  return { history, put };
}

function found(run: Partial<LiveRun> & Pick<LiveRun, "history">, value: string | null) {
  const { ring } = initialConfigOf(SCENARIO);
  const version = {
    value,
    contentType: "",
    dot: ["n1/a/1.1", 1],
    clock: [["n1/a/1.1", 1]],
    stampUs: 0,
  } as const;
  const holdings = IDS.map((node): Holding => ({
    node,
    siblings: value === null ? undefined : [version],
  }));
  const convergence = {
    converged: true,
    tookMs: 0,
    hintsTookMs: 0,
    hintsLeft: 0,
    keysDiffering: [],
  };
  const whole: LiveRun = {
    scenario: SCENARIO,
    keys: new Set(["k"]),
    rings: [Ring.over(ring, 3)],
    hasMoved: false,
    settling: null,
    wipes: [],
    crashes: [],
    convergence,
    ...run,
  };
  const checks = runCheckers(
    SCENARIO,
    evidenceOf(whole, new Map([["k", holdings]]), { hintsLeft: [], orphanedReplicas: [] }),
    LIVE_CHECKERS,
  );
  return {
    names: checks.filter((check) => check.found > 0).map(({ name }) => name),
    excused: checks.reduce((sum, check) => sum + check.excused, 0),
  };
}

Deno.test("live run: an acknowledged write is reported lost only if it is on no disk", () => {
  const { history, put } = acknowledged();
  deepEqual(found({ history }, put.value).names, []);
  deepEqual(found({ history }, null).names, ["no-lost-write"]);
});

Deno.test("live run: a lost write is excused if every disk that acknowledged it was wiped later", () => {
  const { history } = acknowledged();
  const wipe = (node: string, at: number) => ({ node, at });
  const both = found({ history, wipes: [wipe("n1", 20), wipe("n2", 30)] }, null);
  deepEqual([both.names, both.excused], [[], 1]);
  deepEqual(found({ history, wipes: [wipe("n1", 20)] }, null).names, ["no-lost-write"]);
});

Deno.test("live run: once ranges have moved, as many wiped disks as acknowledgements excuse a loss", () => {
  const { history } = acknowledged();
  const wipes = [{ node: "n1", at: 20 }, { node: "n3", at: 30 }];
  deepEqual(found({ history, wipes }, null).names, ["no-lost-write"]);
  const moved = found({ history, wipes, hasMoved: true }, null);
  deepEqual([moved.names, moved.excused], [[], 1]);
  const one = found({ history, wipes: wipes.slice(1), hasMoved: true }, null);
  deepEqual(one.names, ["no-lost-write"]);
});

Deno.test("live run: members with different rings at the end are reported", () => {
  const { history, put } = acknowledged();
  const three = Ring.over(initialConfigOf(SCENARIO).ring, 3);
  const four = Ring.over(initialConfigOf(parseScenario({ nodes: 4 })).ring, 3);
  deepEqual(found({ history, rings: [three, four] }, put.value).names, ["ownership"]);
});

Deno.test("live run: a value that nobody wrote and a refused write that appears are reported", () => {
  const { history } = acknowledged();
  deepEqual(found({ history }, btoa("nobody's")).names, ["no-lost-write", "unique-dots"]);
  const refused = new History(16);
  const put = begin(refused, "put");
  const body = { type: "urn:dynamo-simulator:problem:overloaded", definite: true };
  const { end } = outcomeOf(put, { kind: "answer", status: 503, body }, refused);
  equal(end.outcome, "failed");
  refused.end(put.id, { endedAt: 5, ...end });
  deepEqual(found({ history: refused }, put.value).names, ["honest-replies"]);
});

Deno.test("live run: REST answers become the outcomes that the simulator's clients would record", () => {
  const { history, put } = acknowledged();
  const text = atob(put.value ?? "");
  const outcome = (kind: Operation["kind"], answer: RestAnswer) =>
    outcomeOf(begin(history, kind), answer, history);
  const answer = (status: number, body: unknown): RestAnswer => ({ kind: "answer", status, body });

  const replicas = [{ node: "n1", outcome: "answered" }, { node: "n2", outcome: "pending" }];
  const siblings = [{ value: text }, { valueBase64: "/w==" }];
  const several = outcome(
    "get",
    answer(300, { context: "t", coordinator: "n3", replicas, siblings }),
  );
  deepEqual(several.end, {
    outcome: "ok",
    coordinator: "n3",
    acks: ["n1"],
    returned: [put.id],
    foreign: ["/w=="],
  });
  deepEqual(several.seen, { token: "t", sources: [put.id] });

  const absent = outcome("get", answer(404, { context: null, coordinator: "n1", replicas }));
  deepEqual([absent.end.outcome, absent.end.returned, absent.seen], ["ok", [], null]);
  const unsure = outcome("put", answer(503, { type: "urn:x:quorum-not-met", definite: false }));
  equal(unsure.end.outcome, "indeterminate");
  match(unsure.end.reason ?? "", /quorum-not-met$/);

  const ends = (kind: Operation["kind"]) =>
    (["silence", "refused", "reset"] as const).map((how) => {
      const { outcome: ended, reason } = outcome(kind, { kind: how }).end;
      return `${ended}: ${reason}`;
    });
  deepEqual(ends("get"), ["failed: no answer", "failed: refused", "failed: reset"]);
  const writes = ["indeterminate: no answer", "failed: refused", "indeterminate: reset"];
  deepEqual(ends("put"), writes);
  deepEqual(ends("delete"), writes);
});
