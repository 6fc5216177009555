/**
 * A client of the dashboard's JSON API. Problems are returned as values, not thrown: the page shows
 * what the store refused, and why.
 */
import type {
  ChangeKind,
  ChangePlan,
  LoadPlan,
  LoadRunView,
  NodeAct,
  Problem,
  ReadEnvelope,
  WriteEnvelope,
} from "./api.ts";

export type Answer<T> =
  | { readonly ok: true; readonly status: number; readonly value: T; readonly node: string | null }
  | { readonly ok: false; readonly problem: Problem; readonly node: string | null };

interface ReadOptions {
  /** A node's id; undefined: any running node. */
  readonly node?: string | undefined;
  readonly r?: number | undefined;
}

interface WriteOptions {
  readonly node?: string | undefined;
  readonly w?: number | undefined;
  readonly context?: string | undefined;
}

/** With this header a node also reports how each replica answered. */
const ACCEPT_JSON = { Accept: "application/json" };

/** A requested change of the membership. */
export interface WantedChange {
  readonly kind: ChangeKind;
  /** The node to remove or to replace. */
  readonly node?: string | undefined;
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
}

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

export class ClusterApi {
  readonly #base: string;
  readonly #fetch: Fetch;

  constructor(clusterId: string, fetchFrom: Fetch = (url, init) => fetch(url, init)) {
    this.#base = `/api/clusters/${encodeURIComponent(clusterId)}`;
    this.#fetch = fetchFrom;
  }

  get eventsUrl(): string {
    return `${this.#base}/events`;
  }

  act(node: string, act: NodeAct): Promise<Answer<unknown>> {
    return this.#call(`/nodes/${encodeURIComponent(node)}/${act}`, { method: "POST" });
  }

  /** Plans a change of the membership; nothing moves yet. */
  planChange(change: WantedChange): Promise<Answer<ChangePlan>> {
    return this.#change(change, "plan=true");
  }

  /** Commits the change exactly as planned. */
  commitChange(change: WantedChange, planId: string): Promise<Answer<ChangePlan>> {
    return this.#change(change, `planId=${encodeURIComponent(planId)}`);
  }

  /** Tells the server that the plan will not be committed. */
  discardPlan(planId: string): Promise<Answer<unknown>> {
    return this.#call(`/plans/${encodeURIComponent(planId)}`, { method: "DELETE" });
  }

  #change({ kind, node = "", weight, zone }: WantedChange, query: string) {
    const path = `/nodes/${encodeURIComponent(node)}`;
    switch (kind) {
      case "add":
        return this.#call<ChangePlan>(`/nodes?${query}`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ weight, zone }),
        });
      case "remove":
        return this.#call<ChangePlan>(`${path}?${query}`, { method: "DELETE" });
      case "replace":
        return this.#call<ChangePlan>(`${path}/replace?${query}`, { method: "POST" });
    }
  }

  /** Reads a key. For a key that is absent the problem (404) may carry a tombstone's context. */
  get(key: string, options: ReadOptions): Promise<Answer<ReadEnvelope>> {
    return this.#call(kvPath(key, { node: options.node, r: options.r }), {
      headers: ACCEPT_JSON,
    });
  }

  put(
    key: string,
    value: string,
    contentType: string,
    options: WriteOptions,
  ): Promise<Answer<WriteEnvelope>> {
    return this.#call(kvPath(key, { node: options.node, w: options.w }), {
      method: "PUT",
      headers: { ...ACCEPT_JSON, "Content-Type": contentType, ...contextHeader(options.context) },
      body: value,
    });
  }

  remove(key: string, options: WriteOptions): Promise<Answer<WriteEnvelope>> {
    return this.#call(kvPath(key, { node: options.node, w: options.w }), {
      method: "DELETE",
      headers: { ...ACCEPT_JSON, ...contextHeader(options.context) },
    });
  }

  startLoad(plan: LoadPlan): Promise<Answer<LoadRunView>> {
    return this.#call("/load", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(plan),
    });
  }

  stopLoad(run: number): Promise<Answer<LoadRunView>> {
    return this.#call(`/load/${run}/stop`, { method: "POST" });
  }

  clearLoads(): Promise<Answer<unknown>> {
    return this.#call("/load", { method: "DELETE" });
  }

  async #call<T>(path: string, init: RequestInit): Promise<Answer<T>> {
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.#base + path, init);
      text = await response.text();
    } catch {
      return {
        ok: false,
        node: null,
        problem: {
          type: "about:blank",
          title: "The dashboard did not answer",
          status: 0,
          detail: "It may have stopped. Start it again with: deno task start",
        },
      };
    }
    const node = response.headers.get("X-Dynamo-Node");
    const json = parseJson(text);
    const problem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
    if (problem || (!response.ok && response.status !== 300)) {
      const title = `The server answered ${response.status}`;
      return {
        ok: false,
        node,
        problem: { type: "about:blank", title, status: response.status, ...(json as object) },
      };
    }
    return { ok: true, status: response.status, value: json as T, node };
  }
}

function kvPath(key: string, query: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return `/kv/${encodeURIComponent(key)}${search.size === 0 ? "" : `?${search}`}`;
}

function contextHeader(context: string | undefined): Record<string, string> {
  return context === undefined ? {} : { "X-Dynamo-Context": context };
}

function parseJson(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
