/**
 * Errors of nodes and of the dashboard, as RFC 9457 problem details. `type` never changes and ends
 * with the problem's code. `detail` says what was wrong, its value, and what is allowed.
 */
import type { DynamoError, ErrorCode } from "../../lib/dynamo/types/errors.ts";

type ProblemCode =
  | ErrorCode
  | "unauthorized"
  | "forbidden"
  | "forbidden-host"
  | "faults-not-allowed"
  | "not-found"
  | "absent"
  | "method-not-allowed"
  | "conflict"
  | "too-large"
  | "unsupported-media-type"
  | "not-ready"
  | "internal"
  | "cluster-failed"
  | "node-unreachable";

interface Kind {
  readonly status: number;
  readonly title: string;
}

const KINDS: Record<ProblemCode, Kind> = {
  "invalid": { status: 400, title: "The request is malformed or out of range" },
  "unauthorized": { status: 401, title: "The secret is missing or wrong" },
  "forbidden": { status: 403, title: "The request comes from another site" },
  "forbidden-host": { status: 403, title: "The Host header does not name this machine" },
  "faults-not-allowed": { status: 403, title: "The node does not allow fault injection" },
  "not-found": { status: 404, title: "Not found" },
  "absent": { status: 404, title: "The key has no value" },
  "method-not-allowed": { status: 405, title: "The resource does not support the method" },
  "unknown-plan": { status: 404, title: "The plan does not exist" },
  "conflict": { status: 409, title: "Not possible in the current state" },
  "ring-moved": { status: 409, title: "The membership has changed in the meantime" },
  "act-refused": { status: 409, title: "The membership change is not possible" },
  "too-many-siblings": { status: 409, title: "The key has too many siblings" },
  "too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body's type or encoding is not supported" },
  "wrong-owner": { status: 421, title: "The node is not an owner of the key" },
  "internal": { status: 500, title: "The server failed" },
  "cluster-failed": { status: 500, title: "The cluster did not start" },
  "unknown-method": { status: 500, title: "The node called a method that its peer does not know" },
  "node-unreachable": { status: 502, title: "The node did not answer" },
  "hints-full": { status: 503, title: "The node cannot store more hints" },
  "quorum-not-met": { status: 503, title: "Too few replicas answered" },
  "overloaded": { status: 503, title: "The node is overloaded" },
  "storage-failed": { status: 503, title: "The node's disk failed" },
  "record-damaged": { status: 503, title: "The node's record of the key is damaged" },
  "recovering": {
    status: 503,
    title: "The node's data may be incomplete: it is recovering from its peers",
  },
  "too-late": { status: 503, title: "The request arrived after its deadline" },
  "removed": { status: 503, title: "The node was removed from the cluster" },
  "not-ready": { status: 503, title: "The node is starting or stopping" },
};

/** Codes that only the dashboard uses: problems of clusters, pages and forms. */
const DASHBOARD_CODES: readonly string[] = [
  "forbidden",
  "conflict",
  "cluster-failed",
  "node-unreachable",
];

/** The codes of a node's problems. */
export const PROBLEM_CODES = (Object.keys(KINDS) as readonly ProblemCode[])
  .filter((code) => !DASHBOARD_CODES.includes(code));
export const PROBLEM_TYPE_PREFIX = "urn:dynamo-simulator:problem:";
const PROBLEM_HEADERS = { "content-type": "application/problem+json" };
const RETRY_AFTER_S = "1";

/** The HTTP status for this code. */
export function statusOf(code: ProblemCode): number {
  return KINDS[code].status;
}

interface FieldError {
  /** The field's path, such as `keys` or `plan.count`; empty for the document as a whole. */
  readonly field: string;
  readonly message: string;
}

/** Optional members of a problem. More are allowed. */
interface ProblemMembers {
  /** Replaces the status of the code. */
  readonly status?: number;
  readonly errors?: readonly FieldError[];
  /** True if a write is certain to have changed nothing. */
  readonly definite?: boolean;
}

export interface ProblemDocument extends ProblemMembers {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

function problemDocument(
  code: ProblemCode,
  detail: string,
  members: ProblemMembers,
): ProblemDocument {
  // A peer of another version may send a code that is not in the table.
  const { status, title } = KINDS[code] ?? KINDS.internal;
  return { type: `${PROBLEM_TYPE_PREFIX}${code}`, title, status, detail, ...members };
}

export function problemResponse(
  document: ProblemDocument,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { status } = document;
  const retry = status === 503 ? { "retry-after": RETRY_AFTER_S } : {};
  return new Response(`${JSON.stringify(document)}\n`, {
    status,
    headers: { ...PROBLEM_HEADERS, ...retry, ...headers },
  });
}

/**
 * A node's response with a problem. `definite` is true unless `members` say otherwise: most
 * problems are found before the request has changed anything.
 */
export function problem(
  code: ProblemCode,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Response {
  return problemResponse(problemDocument(code, detail, { definite: true, ...members }), headers);
}

/** Thrown when a request fails. The response is its `problem`. */
export class ProblemError extends Error {
  override name = "ProblemError";
  readonly problem: ProblemDocument;

  constructor(code: ProblemCode, detail: string, members: ProblemMembers = {}) {
    super(detail);
    this.problem = problemDocument(code, detail, members);
  }
}

/** The response for an error of the core. `token` is the error's context as a token, or null. */
export function problemOf(error: DynamoError, token: string | null): Response {
  // Range registers are for peers only. A client that caches the ring fetches it again.
  const { code, message, context: _, registers: __, ...members } = error;
  if (token === null) return problem(code, message, members);
  return problem(code, message, { ...members, context: token }, { "x-dynamo-context": token });
}
