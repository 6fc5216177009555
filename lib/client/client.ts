/**
 * A client of the store: get, put, delete and update over any node's REST, in Deno and in browsers.
 *
 * It never throws for what a store or a network does: each operation answers with its outcome. It goes
 * on to another node when one does not answer, a write only where it certainly did not arrive: a copy
 * sent twice would leave two versions of one write.
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
import { NodeBook } from "./routing.ts";

export type { ContextToken, GetResult, PutResult, RequestError, Sibling } from "./results.ts";

export interface ClientOptions {
  /** URLs of nodes, at least one. A partition-aware client learns of the others from the ring. */
  readonly nodes: readonly string[];
  readonly routing?: "any" | "partition-aware";
  /** Partition-aware: which replica of a key is asked. */
  readonly coordinator?: CoordinatorChoice;
  /** Makes one value of several siblings. Without it a get that finds several says so. */
  readonly resolve?: Resolver;
  /** The whole operation, all attempts together, ms. */
  readonly timeoutMs?: number;
  /**
   * Remembers the context last seen of so many keys and writes over it when none is given: what a
   * session does that reads before it writes. 0: none.
   */
  readonly rememberContexts?: number;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Where random choices come from. */
  readonly random?: FloatSource;
  /** How old the ring may grow before it is asked for again, ms (section 6.4: every 10 s). */
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
  /** The node's own limit for this request, ms; the client then waits a little longer than that. */
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
  /** What to write over; null: nothing, even if a context is remembered. */
  readonly context?: ContextToken | null;
}
export interface PutOptions extends DeleteOptions {
  readonly contentType?: string;
}

type KeyMethod = "GET" | "PUT" | "DELETE";

const TIMEOUT_MS = 5_000;
const RING_MAX_AGE_MS = 10_000;
/** So much longer than the node may take does the client wait for it. */
const GRACE_MS = 500;
const OCTETS = "application/octet-stream";
const TEXT = "text/plain; charset=utf-8";

export class DynamoClient {
  private readonly book: NodeBook;
  private readonly contexts = new Map<string, ContextToken>();
  private ring: RingView | null = null;
  private ringAskedMs = -Infinity;
  private ringArriving: Promise<void> | null = null;

  /** Throws {@link RangeError} when no node is given. */
  constructor(private readonly options: ClientOptions) {
    if (options.nodes.length === 0) {
      throw new RangeError("nodes must name at least one URL: it names none");
    }
    const random = options.random ?? { float: Math.random };
    this.book = new NodeBook(options.nodes.map(withoutSlash), random);
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

  /** Writes a key. A string is UTF-8 text. */
  put(key: string, value: Uint8Array | string, options: PutOptions = {}): Promise<PutResult> {
    const given = options.contentType === undefined
      ? { value }
      : { value, contentType: options.contentType };
    return this.write("PUT", key, encoded(given), options);
  }

  /** Deletes a key; without a context, what the node reads at R. */
  delete(key: string, options: DeleteOptions = {}): Promise<PutResult> {
    return this.write("DELETE", key, null, options);
  }

  /**
   * Reads, changes and writes back over what was read. `change` gets the value, resolved if need be, or
   * null where there is none; null from it means: leave it. Siblings without a resolver fail.
   * Concurrent updates both survive as siblings: nothing is locked.
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
        `Cannot update '${key}': it has ${read.siblings.length} siblings, give a resolver`;
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

  /** Asks one node after the other, as far as that is safe. */
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
    const nodes = this.book.order(key, this.ring, coordinator ?? "first", startedMs);
    let refusal: Refusal = UNASKED;
    for (const node of nodes) {
      const leftMs = limitMs - (performance.now() - startedMs);
      if (leftMs <= 0) break;
      // A read leaves time for another node; a write that may have arrived is not sent again.
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
        // Of a read, what a node said tells more than that another one said nothing.
        if (method !== "GET" || refusal.error.status === null) refusal = answer;
        if (answer.error.code === "aborted") break;
        if (method !== "GET" && !answer.definite) break;
      }
    }
    return { tried, refusal };
  }

  private async attempt(request: NodeRequest, node: string): Promise<Answer> {
    const startedMs = performance.now();
    this.book.sent(node);
    const answer = await attemptHttp(this.options.fetch ?? fetch, request);
    const nowMs = performance.now();
    if ("response" in answer) this.book.answered(node, nowMs - startedMs);
    else if (answer.error.code === "aborted") this.book.dropped(node);
    else {
      this.book.failed(node, nowMs);
      // Whoever does not answer may have left.
      this.ringAskedMs = -Infinity;
    }
    return answer;
  }

  private limitOf(options: CommonOptions): number {
    return options.timeoutMs === undefined
      ? this.options.timeoutMs ?? TIMEOUT_MS
      : options.timeoutMs + GRACE_MS;
  }

  /** Sees to a ring that is not too old. Waits only for the first: an old one routes well enough. */
  private async freshRing(): Promise<void> {
    if (this.options.routing !== "partition-aware") return;
    const maxAgeMs = this.options.ringMaxAgeMs ?? RING_MAX_AGE_MS;
    const isOld = performance.now() - this.ringAskedMs >= maxAgeMs;
    if (isOld && this.ringArriving === null) {
      this.ringArriving = this.fetchRing().finally(() => this.ringArriving = null);
    }
    if (this.ring === null && this.ringArriving !== null) await this.ringArriving;
  }

  /** Without an answer the client goes on as it is: any node can serve any key. */
  private async fetchRing(): Promise<void> {
    this.ringAskedMs = performance.now();
    const timeoutMs = this.options.timeoutMs ?? TIMEOUT_MS;
    for (const node of this.book.order("", null, "random", this.ringAskedMs)) {
      this.book.sent(node);
      const url = `${node}/ring`;
      const answer = await attemptHttp(this.options.fetch ?? fetch, {
        method: "GET",
        url,
        timeoutMs: timeoutMs / 4,
      });
      const nowMs = performance.now();
      if (!("response" in answer)) {
        this.book.failed(node, nowMs);
        continue;
      }
      this.book.answered(node, nowMs - this.ringAskedMs);
      try {
        this.ring = RingView.from(await answer.response.json());
        this.book.keepOnly(this.ring.nodes);
        return;
      } catch {
        // Not a ring: the next node may be in better shape.
      }
    }
  }

  private remember(key: string, context: ContextToken | null): void {
    const most = this.options.rememberContexts ?? 0;
    if (most === 0 || context === null) return;
    // Re-inserted, so that a Map's order is that of last use.
    this.contexts.delete(key);
    this.contexts.set(key, context);
    if (this.contexts.size > most) {
      const oldest = this.contexts.keys().next().value;
      if (oldest !== undefined) this.contexts.delete(oldest);
    }
  }
}

/** Refusals that another node may not share. */
const ELSEWHERE: readonly string[] = ["overloaded", "not-ready", "storage-failed", "wrong-owner"];

/**
 * For a write, a quorum that is not there is not there for the others either: they ask the same
 * replicas. A read may have come to the wrong side of a cut, and costs the other side little.
 */
function mayServeElsewhere(method: KeyMethod, code: string): boolean {
  return ELSEWHERE.includes(code) || (method === "GET" && code === "quorum-not-met");
}

type Asked =
  | { readonly answer: Response; readonly node: string; readonly tried: readonly string[] }
  | { readonly refusal: Refusal; readonly tried: readonly string[] };

const UNASKED: Refusal = {
  definite: true,
  error: { message: "no time was left to ask a node", status: null, code: "timed-out" },
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

/** The path and query of a key, or what is wrong with it. */
function pathOf(
  key: string,
  options: GetOptions & PutOptions,
): { readonly path: string; readonly wrong?: undefined } | { readonly wrong: string } {
  if (key === "") return { wrong: "a key must have at least one character: it is empty" };
  // A URL drops these segments, encoded or not: the request would go to another path.
  if (key === "." || key === "..") return { wrong: `a key cannot be '${key}': URLs drop it` };
  if (!key.isWellFormed()) return { wrong: "a key must be text: it has half a surrogate pair" };
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
