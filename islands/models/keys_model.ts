/**
 * The state of the key panel: the key, the result of the last request, and the context of the last
 * read. With that context a put replaces what was read instead of adding a sibling (SOSP 2007,
 * section 4.4).
 */
import { batch, signal } from "@preact/signals";
import type { ReplicaTrace } from "../../lib/dynamo/types/client_messages.ts";
import type { Problem, ProtocolEvent, ReadEnvelope, WriteEnvelope } from "./api.ts";
import type { Answer, ClusterApi } from "./cluster_api.ts";
import { type SiblingCard, siblingCards } from "./siblings.ts";
import { type Waterfall, waterfallOf, waterfallOfReply } from "./waterfall.ts";

/** The result of the last request. */
export type KeyRequestResult =
  | { readonly kind: "read"; readonly read: ReadResult }
  | { readonly kind: "written"; readonly method: "put" | "delete"; readonly written: WriteEnvelope }
  | { readonly kind: "problem"; readonly method: Method; readonly problem: Problem };

export interface ReadResult {
  readonly key: string;
  readonly siblings: readonly SiblingCard[];
  /** Null: no replica that answered knows the key. */
  readonly context: string | null;
  readonly coordinator: string | null;
  readonly replicas: readonly ReplicaTrace[];
}

type Method = "get" | "put" | "delete";

/** The state that the server rendered from the URL, so that the page works without scripts. */
export interface KeysStart {
  readonly key: string;
  readonly outcome: KeyRequestResult | null;
}

export class KeysModel {
  readonly key = signal("");
  readonly value = signal("");
  readonly contentType = signal("text/plain; charset=utf-8");
  /** Empty: the cluster's default. */
  readonly r = signal("");
  readonly w = signal("");
  /** Empty: any running node. */
  readonly node = signal("");
  /** Whether a put sends the context of the last request. */
  readonly useContext = signal(true);
  /** The context of the last request, with its key. */
  readonly held = signal<{ readonly key: string; readonly context: string } | null>(null);
  readonly busy = signal<Method | null>(null);
  readonly outcome = signal<KeyRequestResult | null>(null);
  readonly waterfall = signal<Waterfall | null>(null);
  readonly #api: ClusterApi;
  #awaited: { readonly method: Method; readonly key: string } | null = null;

  constructor(api: ClusterApi, start: KeysStart) {
    this.#api = api;
    this.key.value = start.key;
    if (start.outcome !== null) this.#take(start.outcome);
  }

  #take(outcome: KeyRequestResult): void {
    this.outcome.value = outcome;
    if (outcome.kind === "problem") return;
    const { key, context } = outcome.kind === "read" ? outcome.read : outcome.written;
    this.held.value = context === null ? null : { key, context };
    const { coordinator, replicas } = outcome.kind === "read" ? outcome.read : outcome.written;
    const method = outcome.kind === "read" ? "get" : outcome.method;
    // The event stream may have reported the complete request already.
    const known = this.waterfall.value !== null && this.#awaited === null;
    if (coordinator !== null && replicas !== undefined && replicas.length > 0 && !known) {
      this.waterfall.value = waterfallOfReply({ method, key, coordinator, replicas });
    }
  }

  /** The context that a put of the current key sends. */
  contextForPut(): string | undefined {
    const held = this.held.value;
    return this.useContext.value && held?.key === this.key.value ? held.context : undefined;
  }

  async get(): Promise<void> {
    const key = this.key.value;
    if (!this.#begin("get", key)) return;
    const answer = await this.#api.get(key, {
      node: optionalText(this.node.value),
      r: optionalNumber(this.r.value),
    });
    batch(() => {
      this.busy.value = null;
      this.#take(getResult(key, answer));
    });
  }

  put(): Promise<void> {
    return this.#write("put", this.value.value, this.contextForPut());
  }

  /** Deletes the version that was read. Without a context the coordinator reads first, then deletes. */
  remove(): Promise<void> {
    return this.#write("delete", "", this.contextForPut());
  }

  /** Replaces all siblings of the last read by one value. */
  async reconcile(value: string): Promise<void> {
    const outcome = this.outcome.value;
    if (outcome?.kind !== "read" || outcome.read.context === null) return;
    this.key.value = outcome.read.key;
    await this.#write("put", value, outcome.read.context);
    if (this.outcome.value?.kind === "written") await this.get();
  }

  async #write(
    method: "put" | "delete",
    value: string,
    context: string | undefined,
  ): Promise<void> {
    const key = this.key.value;
    if (!this.#begin(method, key)) return;
    const options = {
      node: optionalText(this.node.value),
      w: optionalNumber(this.w.value),
      context,
    };
    const answer = method === "put"
      ? await this.#api.put(key, value, this.contentType.value, options)
      : await this.#api.remove(key, options);
    batch(() => {
      this.busy.value = null;
      this.#take(
        answer.ok
          ? { kind: "written", method, written: answer.value }
          : { kind: "problem", method, problem: answer.problem },
      );
    });
  }

  #begin(method: Method, key: string): boolean {
    if (this.busy.value !== null || key === "") return false;
    this.busy.value = method;
    this.#awaited = { method, key };
    return true;
  }

  /** Takes in a request event from the stream. For the page's own request it shows the waterfall. */
  observe(event: Extract<ProtocolEvent, { type: "request" }>): void {
    if (event.method !== this.#awaited?.method || event.key !== this.#awaited.key) return;
    this.#awaited = null;
    this.waterfall.value = waterfallOf(event);
  }

  /** Shows the waterfall of a request from the feed. */
  show(event: Extract<ProtocolEvent, { type: "request" }>): void {
    this.#awaited = null;
    this.waterfall.value = waterfallOf(event);
  }
}

/** The result of a get. Absence is a valid result, not a problem. */
export function getResult(key: string, answer: Answer<ReadEnvelope>): KeyRequestResult {
  if (answer.ok) return { kind: "read", read: readResult(key, answer.value) };
  const read = absentRead(key, answer.problem);
  return read === null
    ? { kind: "problem", method: "get", problem: answer.problem }
    : { kind: "read", read };
}

function readResult(key: string, envelope: ReadEnvelope): ReadResult {
  return {
    key,
    siblings: siblingCards(envelope.siblings),
    context: envelope.context,
    coordinator: envelope.coordinator ?? null,
    replicas: envelope.replicas ?? [],
  };
}

/** The result for an absent key (404), perhaps with a tombstone's context. Null for other problems. */
function absentRead(
  key: string,
  problem: Problem & Partial<Pick<ReadEnvelope, "context" | "coordinator" | "replicas">>,
): ReadResult | null {
  if (problem.status !== 404 || !problem.type.endsWith(":absent")) return null;
  return {
    key,
    siblings: [],
    context: problem.context ?? null,
    coordinator: problem.coordinator ?? null,
    replicas: problem.replicas ?? [],
  };
}

function optionalText(text: string): string | undefined {
  return text === "" ? undefined : text;
}

function optionalNumber(text: string): number | undefined {
  return text === "" ? undefined : Number(text);
}
