/**
 * Sends one request of a scenario's client to a real node and turns the answer into an outcome for the
 * history. The scenario's faults may delay, lose or refuse the messages between client and node.
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
  /** For puts: the bytes. */
  readonly value?: Uint8Array;
  /** The context of a write. */
  readonly token?: string;
}

/** What came back. */
export type RestAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown }
  /** The node was down: the request certainly did not arrive. */
  | { readonly kind: "refused" }
  /** The connection broke: the request may have arrived. */
  | { readonly kind: "reset" }
  /** No answer came in time. */
  | { readonly kind: "silence" };

export interface RequestSender {
  send(request: ScenarioRequest, patienceMs: number): Promise<RestAnswer>;
}

/** The options that REST accepts for each method. A scenario's options apply to all methods. */
const OPTIONS: Readonly<Record<Operation["kind"], readonly (keyof RequestOptions)[]>> = {
  get: ["r", "pr", "sloppy", "timeoutMs"],
  put: ["w", "pw", "sloppy", "timeoutMs"],
  delete: ["r", "pr", "w", "pw", "sloppy", "timeoutMs"],
};

/** The part of a `NodeProcess` that is needed. */
export type TargetProcess = Pick<NodeProcess, "url" | "pid" | "exit">;

/**
 * Sends requests over HTTP. A refused connection counts as proof that nothing arrived only if the node
 * had no process during the whole request. An error message alone is not enough for the history to say
 * that a write had no effect.
 */
export class RestSender implements RequestSender {
  constructor(
    private readonly processOf: (node: NodeId) => TargetProcess,
    private readonly links: LinkFaults,
    private readonly latency: Distribution,
    private readonly random: SeededRandom,
  ) {}

  async send(request: ScenarioRequest, patienceMs: number): Promise<RestAnswer> {
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
      // When an answer is refused, only its sender learns of it.
      const back = await this.travels(node, CLIENTS, answer, limit.signal);
      return back === "refused" ? { kind: "reset" } : answer;
    } catch (error) {
      if (isOver()) return { kind: "silence" };
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when the message has arrived or was refused. Rejects when `limit` aborts. */
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

  /** `refused` means here that no connection was made. */
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
      // A node always answers in JSON, so it is unknown what happened.
      return { kind: "reset" };
    }
  }
}

/** Whether no other process ran in between, which would have left another exit. */
function isSame(before: TargetProcess, now: TargetProcess): boolean {
  return now.pid === null && now.exit?.pid === before.exit?.pid;
}

/** The context that a client has seen in an answer, and the writes that it came from. */
export interface SeenContext {
  readonly token: string;
  readonly sources: readonly number[];
}

/** How the operation ended, and the context that its client has seen; null: none. */
export function outcomeOf(
  operation: Operation,
  answer: RestAnswer,
  history: History,
): { readonly end: Omit<OperationEnd, "endedAt">; readonly seen: SeenContext | null } {
  const unsure = operation.kind === "get" ? "failed" : "indeterminate";
  switch (answer.kind) {
    case "silence":
      return { end: { outcome: unsure, reason: "no answer" }, seen: null };
    case "refused":
      return { end: { outcome: "failed", reason: "refused" }, seen: null };
    case "reset":
      return { end: { outcome: unsure, reason: "reset" }, seen: null };
  }
  const { status } = answer;
  const body = isObject(answer.body) ? answer.body as Record<string, unknown> : {};
  const isAbsent = operation.kind === "get" && status === 404;
  if (status !== 200 && status !== 300 && !isAbsent) {
    const reason = String(body["type"] ?? status).replace(PROBLEM_TYPE_PREFIX, "");
    return {
      end: { outcome: body["definite"] === true ? "failed" : unsure, reason },
      seen: null,
    };
  }
  const token = typeof body["context"] === "string" ? body["context"] : null;
  const coordinator = typeof body["coordinator"] === "string" ? body["coordinator"] : null;
  if (operation.kind !== "get") {
    const acks = listOf(body["acks"]).map(String);
    const hints = listOf(body["hints"]) as { readonly holder: NodeId; readonly for: NodeId }[];
    const seen = token === null ? null : { token, sources: [operation.id] };
    return { end: { outcome: "ok", coordinator, acks, hints }, seen };
  }
  const { returned, foreign } = writersOf(listOf(body["siblings"]), history);
  const acks = listOf(body["replicas"]).map((each) => each as Record<string, unknown>)
    .filter((each) => each["outcome"] === "answered").map((each) => String(each["node"]));
  const seen = token === null ? null : { token, sources: returned };
  return { end: { outcome: "ok", returned, foreign, coordinator, acks }, seen };
}

/** The writes that the values came from, and the values that no write explains. */
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

/** A value as REST shows it: as text if it is UTF-8, otherwise in base64. */
export interface ShownValue {
  readonly value?: string;
  readonly valueBase64?: string;
  readonly deleted?: true;
}

/** The value in base64; null for a tombstone. */
export function valueOf({ value, valueBase64, deleted }: ShownValue): string | null {
  if (deleted === true) return null;
  return valueBase64 ?? new TextEncoder().encode(value ?? "").toBase64();
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
