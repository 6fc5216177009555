/**
 * The outcomes of a client's operations, and how they are read from HTTP answers.
 *
 * A write can end in three ways: acknowledged, certainly without effect, or *indeterminate*. An
 * indeterminate write may become visible later, because some replica may have stored it. A read is ok or
 * failed, because it has no effect.
 */

/** One of several versions, none of which supersedes another. */
export interface Sibling {
  readonly value: Uint8Array;
  readonly contentType: string;
}

/** Opaque: the versions of a key that a client has seen. Send it with the next write of that key. */
export type ContextToken = string;

export type GetResult =
  | {
    readonly outcome: "ok";
    readonly found: true;
    readonly value: Uint8Array;
    readonly contentType: string;
    readonly context: ContextToken;
    /** One sibling, or several that the resolver merged into `value`. */
    readonly siblings: readonly Sibling[];
    /** The URL of the node that answered. */
    readonly node: string;
  }
  | {
    readonly outcome: "ok";
    readonly found: false;
    /** A deleted key has a context; null if the key has never had a value. */
    readonly context: ContextToken | null;
    readonly node: string;
  }
  /** Several siblings and no resolver: write one value with this context to reconcile them. */
  | {
    readonly outcome: "ok";
    readonly found: "siblings";
    readonly siblings: readonly Sibling[];
    readonly context: ContextToken;
    readonly node: string;
  }
  | { readonly outcome: "failed"; readonly error: RequestError };

export type PutResult =
  | {
    readonly outcome: "ok";
    readonly context: ContextToken;
    /** The node that coordinated the write. */
    readonly coordinator: string;
    /** The nodes that had stored the write before the answer, including fallbacks. */
    readonly acks: readonly string[];
    readonly hints: readonly { readonly holder: string; readonly for: string }[];
    readonly node: string;
  }
  | { readonly outcome: "failed" | "indeterminate"; readonly error: RequestError };

/** Why an operation failed. It is safe to log, as it contains no value and no secret. */
export interface RequestError {
  /** For a person. */
  readonly message: string;
  /** The HTTP status; null if there was no answer. */
  readonly status: number | null;
  /**
   * The last part of the problem's type, such as `quorum-not-met`. The client itself adds `unreachable`,
   * `timed-out`, `aborted`, `invalid` and `bad-answer`.
   */
  readonly code: string;
  readonly needed?: number;
  readonly got?: number;
  readonly unreachable?: readonly string[];
  /** For `too-many-siblings`: the context for a write that reconciles them. */
  readonly context?: ContextToken;
  /** The nodes that were asked, in order. */
  readonly tried: readonly string[];
}

/** Why one attempt failed. `definite`: a write certainly had no effect. */
export interface Refusal {
  readonly error: Omit<RequestError, "tried">;
  readonly definite: boolean;
}

const CONTEXT_HEADER = "x-dynamo-context";
const OCTETS = "application/octet-stream";

/** Reads a 200, 300 or 404 of `GET /kv/{key}`; null for other statuses. Throws on a malformed body. */
export async function readGetAnswer(
  response: Response,
): Promise<{ siblings: Sibling[]; context: ContextToken | null } | null> {
  const context = response.headers.get(CONTEXT_HEADER);
  if (response.status === 404) {
    await response.body?.cancel();
    return { siblings: [], context };
  }
  const contentType = response.headers.get("content-type") ?? OCTETS;
  if (response.status === 200) {
    return { siblings: [{ value: await bytesOf(response), contentType }], context };
  }
  if (response.status !== 300) return null;
  const body = await jsonOf(response);
  if (!Array.isArray(body["siblings"])) throw new TypeError("a 300 without siblings");
  return { siblings: body["siblings"].map(siblingOf), context: textOr(body["context"], context) };
}

/** Reads the 200 of a PUT or DELETE. Throws on a malformed body. */
export async function readPutAnswer(
  response: Response,
): Promise<Omit<Extract<PutResult, { outcome: "ok" }>, "outcome" | "node">> {
  const body = await jsonOf(response);
  const context = textOr(body["context"], response.headers.get(CONTEXT_HEADER));
  if (context === null) throw new TypeError("an acknowledged write without a context");
  return {
    context,
    coordinator: textOr(body["coordinator"], null) ?? "",
    acks: Array.isArray(body["acks"]) ? body["acks"].map(String) : [],
    hints: Array.isArray(body["hints"]) ? body["hints"].map(hintOf) : [],
  };
}

/** Reads an error: problem details (RFC 9457), if there are any. */
export async function readRefusal(response: Response): Promise<Refusal> {
  const { status } = response;
  const isProblem = response.headers.get("content-type")?.includes("json") === true;
  let body: Record<string, unknown> = {};
  try {
    if (isProblem) body = await jsonOf(response);
    else await response.body?.cancel();
  } catch {
    // The body is malformed: the status is enough.
  }
  const message = textOr(body["detail"], null) ?? textOr(body["title"], null) ?? `HTTP ${status}`;
  const type = textOr(body["type"], null) ?? "";
  const context = textOr(body["context"], null);
  const unreachable = body["unreachable"];
  return {
    // A 4xx had no effect. For other statuses only the node's `definite` counts.
    definite: typeof body["definite"] === "boolean"
      ? body["definite"]
      : status >= 400 && status < 500,
    error: {
      message,
      status,
      code: /[A-Za-z0-9-]+$/.exec(type)?.[0] ?? `http-${status}`,
      ...(typeof body["needed"] === "number" ? { needed: body["needed"] } : {}),
      ...(typeof body["got"] === "number" ? { got: body["got"] } : {}),
      ...(Array.isArray(unreachable) ? { unreachable: unreachable.map(String) } : {}),
      ...(context === null ? {} : { context }),
    },
  };
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  const body: unknown = await response.json();
  if (typeof body !== "object" || body === null) {
    throw new TypeError("a body that is not an object");
  }
  return body as Record<string, unknown>;
}

function siblingOf(given: unknown): Sibling {
  const { value, valueBase64, contentType } = (given ?? {}) as Record<string, unknown>;
  const type = textOr(contentType, null) ?? OCTETS;
  if (typeof valueBase64 === "string") {
    return { value: Uint8Array.from(atob(valueBase64), (c) => c.charCodeAt(0)), contentType: type };
  }
  if (typeof value !== "string") throw new TypeError("a sibling without a value");
  return { value: new TextEncoder().encode(value), contentType: type };
}

function hintOf(given: unknown): { holder: string; for: string } {
  const hint = (given ?? {}) as Record<string, unknown>;
  return { holder: String(hint["holder"]), for: String(hint["for"]) };
}

function textOr<T>(given: unknown, otherwise: T): string | T {
  return typeof given === "string" ? given : otherwise;
}
