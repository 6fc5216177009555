/**
 * One request of a scenario's client to one real node, through the client's side of the network (which
 * the scenario may slow down, lose or cut), and what its answer means for the history.
 */
import { attemptHttp } from "../../lib/client/http.ts";
import type { RequestOptions } from "../../lib/dynamo/types/client_messages.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { Distribution } from "../../lib/random/latency.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import { CLIENTS } from "../../lib/simulation/faults/faults.ts";
import type { History, Operation, OperationEnd } from "../../lib/simulation/workload/history.ts";
import type { NodeProcess } from "../cluster/supervised_node.ts";
import type { LinkFaults } from "../faults/link_faults.ts";
import { PROBLEM_TYPE_PREFIX } from "../http/problems.ts";
import { isObject } from "../rpc/validation.ts";

interface ScenarioRequest {
  readonly kind: Operation["kind"];
  readonly key: string;
  readonly node: NodeId;
  readonly options: RequestOptions;
  /** Puts: the bytes. */
  readonly value?: Uint8Array;
  /** What it writes over. */
  readonly token?: string;
}

/** What came back. */
export type RestAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown }
  /** Nobody was there: it never arrived. */
  | { readonly kind: "refused" }
  /** The connection broke: it may have arrived. */
  | { readonly kind: "reset" }
  /** The client gave up waiting. */
  | { readonly kind: "silence" };

export interface NodeAsker {
  ask(request: ScenarioRequest, patienceMs: number): Promise<RestAnswer>;
}

/** REST refuses an option that means nothing to the method; a scenario gives them for all that is drawn. */
const OPTIONS: Readonly<Record<Operation["kind"], readonly (keyof RequestOptions)[]>> = {
  get: ["r", "pr", "sloppy", "timeoutMs"],
  put: ["w", "pw", "sloppy", "timeoutMs"],
  delete: ["r", "pr", "w", "pw", "sloppy", "timeoutMs"],
};

/** What is known of a node's process: of a `NodeProcess`. */
export type AskedProcess = Pick<NodeProcess, "url" | "pid" | "exit">;

/**
 * Asks over HTTP. A connection that is refused is taken for a proof that nothing arrived only where the
 * node had no process all the time: a history must not say of a write that it certainly never was on the
 * word of a message.
 */
export class RestAsker implements NodeAsker {
  constructor(
    private readonly processOf: (node: NodeId) => AskedProcess,
    private readonly links: LinkFaults,
    private readonly latency: Distribution,
    private readonly random: SeededRandom,
  ) {}

  async ask(request: ScenarioRequest, patienceMs: number): Promise<RestAnswer> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), patienceMs);
    const { node } = request;
    const before = this.processOf(node);
    const wasDown = () => before.pid === null && isSame(before, this.processOf(node));
    const isOver = () => limit.signal.aborted;
    try {
      if (await this.travels(CLIENTS, node, request, limit.signal) === "refused") {
        return { kind: "refused" };
      }
      const answer = await this.attempt(request, patienceMs, limit.signal);
      if (isOver()) return { kind: "silence" };
      if (answer.kind === "refused") return wasDown() ? answer : { kind: "reset" };
      if (answer.kind !== "answer") return answer;
      // A router that turns an answer back tells its sender, which has nobody to tell.
      const back = await this.travels(node, CLIENTS, answer, limit.signal);
      return back === "refused" ? { kind: "reset" } : answer;
    } catch (error) {
      if (isOver()) return { kind: "silence" };
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when the message has arrived. Rejects when nothing has happened by the limit. */
  private async travels(
    from: string,
    to: string,
    content: unknown,
    limit: AbortSignal,
  ): Promise<"arrived" | "refused"> {
    limit.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<"arrived" | "refused">();
    limit.addEventListener("abort", () => reject(limit.reason), { once: true });
    this.links.judge({ from, to, leg: "other", content }, {
      deliver: (laterMs) => {
        const ms = laterMs + this.latency.sample(this.random);
        if (ms > 0) setTimeout(() => resolve("arrived"), ms);
        else resolve("arrived");
      },
      refuse: () => resolve("refused"),
    });
    return await promise;
  }

  /** "refused": no connection was made. */
  private async attempt(
    request: ScenarioRequest,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<RestAnswer> {
    const { kind, key, node, value, token } = request;
    const headers: Record<string, string> = { accept: "application/json" };
    if (token !== undefined) headers["x-dynamo-context"] = token;
    if (value !== undefined) headers["content-type"] = "text/plain";
    const query = new URLSearchParams();
    for (const name of OPTIONS[kind]) {
      const option = request.options[name];
      if (option !== undefined) query.set(name, `${option}`);
    }
    const path = `/kv/${encodeURIComponent(key)}${query.size === 0 ? "" : `?${query}`}`;
    const answer = await attemptHttp(fetch, {
      method: kind === "get" ? "GET" : kind === "put" ? "PUT" : "DELETE",
      url: `${this.processOf(node).url}${path}`,
      headers,
      body: kind === "get" ? undefined : value,
      timeoutMs,
      signal,
    });
    if (!("response" in answer)) {
      if (answer.error.code === "timed-out") return { kind: "silence" };
      return { kind: answer.definite ? "refused" : "reset" };
    }
    const { response } = answer;
    try {
      return { kind: "answer", status: response.status, body: await response.json() };
    } catch {
      // Not what a node says: what it has done, nobody knows.
      return { kind: "reset" };
    }
  }
}

/** No other process has been there in between: it would have left another exit. */
function isSame(before: AskedProcess, now: AskedProcess): boolean {
  return now.pid === null && now.exit?.pid === before.exit?.pid;
}

/** What a client knows of a key after an answer. */
export interface Learnt {
  readonly token: string;
  readonly sources: readonly number[];
}

/** How the operation ended, and what its client has learnt; null: nothing. */
export function outcomeOf(
  operation: Operation,
  answer: RestAnswer,
  history: History,
): { readonly end: Omit<OperationEnd, "endedAt">; readonly learnt: Learnt | null } {
  const unsure = operation.kind === "get" ? "failed" : "indeterminate";
  switch (answer.kind) {
    case "silence":
      return { end: { outcome: unsure, reason: "no answer" }, learnt: null };
    case "refused":
      return { end: { outcome: "failed", reason: "refused" }, learnt: null };
    case "reset":
      return { end: { outcome: unsure, reason: "reset" }, learnt: null };
  }
  const { status } = answer;
  const body = isObject(answer.body) ? answer.body as Record<string, unknown> : {};
  const isAbsent = operation.kind === "get" && status === 404;
  if (status !== 200 && status !== 300 && !isAbsent) {
    const reason = String(body["type"] ?? status).replace(PROBLEM_TYPE_PREFIX, "");
    return {
      end: { outcome: body["definite"] === true ? "failed" : unsure, reason },
      learnt: null,
    };
  }
  const token = typeof body["context"] === "string" ? body["context"] : null;
  const coordinator = typeof body["coordinator"] === "string" ? body["coordinator"] : null;
  if (operation.kind !== "get") {
    const acks = listOf(body["acks"]).map(String);
    const hints = listOf(body["hints"]) as { readonly holder: NodeId; readonly for: NodeId }[];
    const learnt = token === null ? null : { token, sources: [operation.id] };
    return { end: { outcome: "ok", coordinator, acks, hints }, learnt };
  }
  const { returned, foreign } = writersOf(listOf(body["siblings"]), history);
  const acks = listOf(body["replicas"]).map((each) => each as Record<string, unknown>)
    .filter((each) => each["outcome"] === "answered").map((each) => String(each["node"]));
  const learnt = token === null ? null : { token, sources: returned };
  return { end: { outcome: "ok", returned, foreign, coordinator, acks }, learnt };
}

/** The writes that the values came from, and the values that none did. */
function writersOf(siblings: readonly unknown[], history: History) {
  const returned: number[] = [];
  const foreign: string[] = [];
  for (const sibling of siblings) {
    const value = valueOf(sibling as ShownValue);
    const writer = value === null ? undefined : history.writerOf(value);
    if (writer !== undefined) returned.push(writer);
    else foreign.push(value ?? "a tombstone");
  }
  return { returned, foreign };
}

/** A value as REST shows it: as text where it is text. */
export interface ShownValue {
  readonly value?: string;
  readonly valueBase64?: string;
  readonly deleted?: true;
}

/** In base64; null for a tombstone. */
export function valueOf({ value, valueBase64, deleted }: ShownValue): string | null {
  if (deleted === true) return null;
  return valueBase64 ?? new TextEncoder().encode(value ?? "").toBase64();
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
