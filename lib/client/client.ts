/**
 * A client of the store: get, put, delete and update over the nodes' REST API, in Deno and in browsers.
 *
 * It never throws because of the store or the network: each operation returns its outcome. If a node
 * does not answer, the client tries another one. It repeats a write only if the first attempt certainly
 * did not arrive, because a write that arrives twice would leave two versions.
 */
import type { CoordinatorChoice } from "../dynamo/types/config.ts";
import type { FloatSource } from "../random/seeded.ts";
import { type Answer, attemptHttp, type NodeRequest } from "./http.ts";
import {
  type ContextToken,
  type GetResult,
  type PutResult,
  readGetAnswer,
  readPutAnswer,
  readRefusal,
  type Refusal,
  type RequestError,
  type Sibling,
} from "./results.ts";
import { RingView } from "./ring_view.ts";
import { NodeSelection } from "./routing.ts";

export type { ContextToken, GetResult, PutResult, RequestError, Sibling } from "./results.ts";

export interface ClientOptions {
  /** URLs of nodes, at least one. A partition-aware client learns the others from the ring. */
  readonly nodes: readonly string[];
  readonly routing?: "any" | "partition-aware";
  /** Partition-aware: which replica of a key is asked first. */
  readonly coordinator?: CoordinatorChoice;
  /** Merges siblings into one value. Without it, a get returns all siblings. */
  readonly resolve?: Resolver;
  /** For the whole operation with all its attempts, ms. */
  readonly timeoutMs?: number;
  /**
   * For how many keys to remember the last context. A write without a context then uses the remembered
   * one, like a session that reads before it writes. 0: none.
   */
  readonly rememberContexts?: number;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** The source of random choices. */
  readonly random?: FloatSource;
  /** The age at which the ring is fetched again, ms (section 6.4: every 10 s). */
  readonly ringMaxAgeMs?: number;
}

export interface Value {
  readonly value: Uint8Array | string;
  readonly contentType?: string;
}
export type Resolver = (
  siblings: readonly Sibling[],
) => Uint8Array | string | Value | Promise<Uint8Array | string | Value>;

interface CommonOptions {
  readonly sloppy?: boolean;
  /** The node's time limit for this request, ms. The client waits a little longer. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}
export interface GetOptions extends CommonOptions {
  readonly r?: number;
  readonly pr?: number;
}
export interface DeleteOptions extends CommonOptions {
  readonly w?: number;
  readonly pw?: number;
  /** The context of the versions to replace; null: none, even if one is remembered. */
  readonly context?: ContextToken | null;
}
export interface PutOptions extends DeleteOptions {
  readonly contentType?: string;
}

type KeyMethod = "GET" | "PUT" | "DELETE";

const TIMEOUT_MS = 5_000;
const RING_MAX_AGE_MS = 10_000;
/** How much longer than the node's time limit the client waits. */
const GRACE_MS = 500;
const OCTETS = "application/octet-stream";
const TEXT = "text/plain; charset=utf-8";

export class DynamoClient {
  private readonly selection: NodeSelection;
  private readonly contexts = new Map<string, ContextToken>();
  private ring: RingView | null = null;
  private ringAskedMs = -Infinity;
  private ringFetch: Promise<void> | null = null;

  /** Throws {@link RangeError} if no node is given. */
  constructor(private readonly options: ClientOptions) {
    if (options.nodes.length === 0) {
      throw new RangeError("nodes must have at least one URL: it is empty");
    }
    const random = options.random ?? { float: Math.random };
    this.selection = new NodeSelection(options.nodes.map(withoutSlash), random);
  }

  /** Reads a key. */
  async get(key: string, options: GetOptions = {}): Promise<GetResult> {
    const asked = await this.ask("GET", key, options, {}, undefined);
    if ("refusal" in asked) return failed(asked);
    const { answer, node } = asked;
    let read: Awaited<ReturnType<typeof readGetAnswer>>;
    try {
      read = await readGetAnswer(answer);
    } catch (error) {
      return { outcome: "failed", error: badAnswer(error, asked) };
    }
    if (read === null) return failed({ ...asked, refusal: await readRefusal(answer) });
    const { siblings, context } = read;
    this.remember(key, context);
    const [only] = siblings;
    if (only === undefined) return { outcome: "ok", found: false, context, node };
    if (context === null) {
      return {
        outcome: "failed",
        error: badAnswer(new TypeError("a value without context"), asked),
      };
    }
    const { resolve } = this.options;
    if (siblings.length === 1) {
      return { outcome: "ok", found: true, ...only, context, siblings, node };
    }
    if (resolve === undefined) return { outcome: "ok", found: "siblings", siblings, context, node };
    const resolved = encoded(await resolve(siblings));
    return { outcome: "ok", found: true, ...resolved, context, siblings, node };
  }

  /** Writes a key. A string is stored as UTF-8 text. */
  put(key: string, value: Uint8Array | string, options: PutOptions = {}): Promise<PutResult> {
    const given = options.contentType === undefined
      ? { value }
      : { value, contentType: options.contentType };
    return this.write("PUT", key, encoded(given), options);
  }

  /** Deletes a key. Without a context, the node deletes the versions that it reads with R. */
  delete(key: string, options: DeleteOptions = {}): Promise<PutResult> {
    return this.write("DELETE", key, null, options);
  }

  /**
   * Reads a key, changes the value and replaces what was read. `change` gets the value, after resolving
   * siblings, or null if there is none. If `change` returns null, nothing is written. Fails for siblings
   * without a resolver. Nothing is locked: concurrent updates are both kept as siblings.
   */
  async update(
    key: string,
    change: (current: Sibling | null) => Uint8Array | string | Value | null,
    options: PutOptions & GetOptions = {},
  ): Promise<PutResult | { readonly outcome: "ok"; readonly unchanged: true }> {
    const read = await this.get(key, options);
    if (read.outcome !== "ok") return read;
    if (read.found === "siblings") {
      const message =
        `Cannot update '${key}': it has ${read.siblings.length} siblings and there is no resolver`;
      return { outcome: "failed", error: ownError("invalid", message, [read.node]) };
    }
    const changed = change(read.found ? read : null);
    if (changed === null) return { outcome: "ok", unchanged: true };
    return this.write("PUT", key, encoded(changed), { ...options, context: read.context });
  }

  private async write(
    method: "PUT" | "DELETE",
    key: string,
    body: Sibling | null,
    options: PutOptions,
  ): Promise<PutResult> {
    const headers: Record<string, string> = {};
    const context = options.context === undefined ? this.contexts.get(key) : options.context;
    if (context !== undefined && context !== null) headers["x-dynamo-context"] = context;
    if (body !== null) headers["content-type"] = body.contentType;
    const asked = await this.ask(method, key, options, headers, body?.value);
    if ("refusal" in asked) return failedWrite(asked);
    const { answer, node } = asked;
    if (answer.status !== 200) return failedWrite({ ...asked, refusal: await readRefusal(answer) });
    try {
      const written = await readPutAnswer(answer);
      this.remember(key, written.context);
      return { outcome: "ok", ...written, node };
    } catch (error) {
      return { outcome: "indeterminate", error: badAnswer(error, asked) };
    }
  }

  /** Asks one node after another, as long as repeating the request is safe. */
  private async ask(
    method: KeyMethod,
    key: string,
    options: GetOptions & PutOptions,
    headers: Record<string, string>,
    body: Uint8Array | undefined,
  ): Promise<Asked> {
    const path = pathOf(key, options);
    const tried: string[] = [];
    if (path.wrong !== undefined) {
      return { tried, refusal: { definite: true, error: ownError("invalid", path.wrong, []) } };
    }
    const startedMs = performance.now();
    const limitMs = this.limitOf(options);
    await this.freshRing();
    const { coordinator } = this.options;
    const nodes = this.selection.order(key, this.ring, coordinator ?? "first", startedMs);
    let refusal: Refusal = NOT_ASKED;
    for (const node of nodes) {
      const leftMs = limitMs - (performance.now() - startedMs);
      if (leftMs <= 0) break;
      // A read leaves time for another node. A write is not repeated after a timeout.
      const isLast = tried.length === nodes.length - 1;
      const timeoutMs = method === "GET" && !isLast ? leftMs / 2 : leftMs;
      tried.push(node);
      const { signal } = options;
      const url = `${node}${path.path}`;
      const answer = await this.attempt({ method, url, headers, body, timeoutMs, signal }, node);
      if ("response" in answer) {
        const { response } = answer;
        if (response.status !== 503 && response.status !== 421) {
          return { answer: response, node, tried };
        }
        refusal = await readRefusal(response);
        if (!refusal.definite || !mayServeElsewhere(method, refusal.error.code)) break;
      } else {
        // For a read, one node's error is more useful than another node's silence.
        if (method !== "GET" || refusal.error.status === null) refusal = answer;
        if (answer.error.code === "aborted") break;
        if (method !== "GET" && !answer.definite) break;
      }
    }
    return { tried, refusal };
  }

  private async attempt(request: NodeRequest, node: string): Promise<Answer> {
    const startedMs = performance.now();
    this.selection.sent(node);
    const answer = await attemptHttp(this.options.fetch ?? fetch, request);
    const nowMs = performance.now();
    if ("response" in answer) this.selection.answered(node, nowMs - startedMs);
    else if (answer.error.code === "aborted") this.selection.dropped(node);
    else {
      this.selection.failed(node, nowMs);
      // The node may have left the cluster, so the ring is fetched again.
      this.ringAskedMs = -Infinity;
    }
    return answer;
  }

  private limitOf(options: CommonOptions): number {
    return options.timeoutMs === undefined
      ? this.options.timeoutMs ?? TIMEOUT_MS
      : options.timeoutMs + GRACE_MS;
  }

  /** Fetches the ring if it is too old. Waits only for the first one, as an old ring still works. */
  private async freshRing(): Promise<void> {
    if (this.options.routing !== "partition-aware") return;
    const maxAgeMs = this.options.ringMaxAgeMs ?? RING_MAX_AGE_MS;
    const isOld = performance.now() - this.ringAskedMs >= maxAgeMs;
    if (isOld && this.ringFetch === null) {
      this.ringFetch = this.fetchRing().finally(() => this.ringFetch = null);
    }
    if (this.ring === null && this.ringFetch !== null) await this.ringFetch;
  }

  /** If no node answers, the client keeps the ring that it has: any node can serve any key. */
  private async fetchRing(): Promise<void> {
    this.ringAskedMs = performance.now();
    const timeoutMs = this.options.timeoutMs ?? TIMEOUT_MS;
    for (const node of this.selection.order("", null, "random", this.ringAskedMs)) {
      this.selection.sent(node);
      const url = `${node}/ring`;
      const answer = await attemptHttp(this.options.fetch ?? fetch, {
        method: "GET",
        url,
        timeoutMs: timeoutMs / 4,
      });
      const nowMs = performance.now();
      if (!("response" in answer)) {
        this.selection.failed(node, nowMs);
        continue;
      }
      this.selection.answered(node, nowMs - this.ringAskedMs);
      try {
        this.ring = RingView.from(await answer.response.json());
        this.selection.keepOnly(this.ring.nodes);
        return;
      } catch {
        // The answer is not a ring: tries the next node.
      }
    }
  }

  private remember(key: string, context: ContextToken | null): void {
    const most = this.options.rememberContexts ?? 0;
    if (most === 0 || context === null) return;
    // Inserted again, so that the map is ordered by last use.
    this.contexts.delete(key);
    this.contexts.set(key, context);
    if (this.contexts.size > most) {
      const oldest = this.contexts.keys().next().value;
      if (oldest !== undefined) this.contexts.delete(oldest);
    }
  }
}

/** Errors that concern one node, so that another one may succeed. */
const ERRORS_OF_ONE_NODE: readonly string[] = [
  "overloaded",
  "not-ready",
  "storage-failed",
  "wrong-owner",
];

/**
 * Whether another node may serve the request. A missing write quorum is the same for all coordinators,
 * as they ask the same replicas. A read may have reached the smaller side of a partition, and trying a
 * node of the other side is cheap.
 */
function mayServeElsewhere(method: KeyMethod, code: string): boolean {
  return ERRORS_OF_ONE_NODE.includes(code) || (method === "GET" && code === "quorum-not-met");
}

type Asked =
  | { readonly answer: Response; readonly node: string; readonly tried: readonly string[] }
  | { readonly refusal: Refusal; readonly tried: readonly string[] };

const NOT_ASKED: Refusal = {
  definite: true,
  error: { message: "the time was over before a node was asked", status: null, code: "timed-out" },
};

function failed(
  { refusal, tried }: { readonly refusal: Refusal; readonly tried: readonly string[] },
): { outcome: "failed"; error: RequestError } {
  return { outcome: "failed", error: { ...refusal.error, tried } };
}

function failedWrite(
  { refusal, tried }: { readonly refusal: Refusal; readonly tried: readonly string[] },
): PutResult {
  const outcome = refusal.definite ? "failed" : "indeterminate";
  return { outcome, error: { ...refusal.error, tried } };
}

function ownError(code: string, message: string, tried: readonly string[]): RequestError {
  return { message, status: null, code, tried };
}

function badAnswer(error: unknown, asked: { readonly tried: readonly string[] }): RequestError {
  const reason = error instanceof Error ? error.message : String(error);
  return ownError("bad-answer", `the node's answer cannot be read: ${reason}`, asked.tried);
}

/** The path and query of a key, or why the key is not possible. */
function pathOf(
  key: string,
  options: GetOptions & PutOptions,
): { readonly path: string; readonly wrong?: undefined } | { readonly wrong: string } {
  if (key === "") return { wrong: "a key must have at least one character: it is empty" };
  // URLs resolve these segments, encoded or not, so the request would go to another path.
  if (key === "." || key === "..") {
    return { wrong: `a key cannot be '${key}': URLs give it another meaning` };
  }
  if (!key.isWellFormed()) {
    return { wrong: "a key must be valid Unicode text: it has a lone surrogate" };
  }
  const query = new URLSearchParams();
  for (const name of ["r", "pr", "w", "pw", "sloppy", "timeoutMs"] as const) {
    if (options[name] !== undefined) query.set(name, String(options[name]));
  }
  return { path: `/kv/${encodeURIComponent(key)}${query.size === 0 ? "" : `?${query}`}` };
}

function encoded(given: Uint8Array | string | Value): Sibling {
  if (typeof given === "string") {
    return { value: new TextEncoder().encode(given), contentType: TEXT };
  }
  if (given instanceof Uint8Array) return { value: given, contentType: OCTETS };
  const { value, contentType } = encoded(given.value);
  return { value, contentType: given.contentType ?? contentType };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
