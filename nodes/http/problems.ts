/**
 * Errors as clients of a node and of the dashboard see them: RFC 9457 problem details. `type` is stable
 * and ends in the problem's code; `detail` says what was wrong, its value, and what is allowed.
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
  "unauthorized": { status: 401, title: "The request does not show the secret" },
  "forbidden": { status: 403, title: "The request comes from another site" },
  "forbidden-host": { status: 403, title: "The Host header names another host" },
  "faults-not-allowed": { status: 403, title: "The node does not allow fault injection" },
  "not-found": { status: 404, title: "Not found" },
  "absent": { status: 404, title: "The key has no value" },
  "method-not-allowed": { status: 405, title: "The resource does not support the method" },
  "unknown-plan": { status: 404, title: "There is no such plan" },
  "conflict": { status: 409, title: "Not possible in the present state" },
  "ring-moved": { status: 409, title: "The membership has changed meanwhile" },
  "act-refused": { status: 409, title: "The change of membership is not possible" },
  "too-many-siblings": { status: 409, title: "The key has too many siblings" },
  "too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body has another type than expected" },
  "wrong-owner": { status: 421, title: "The node does not hold the key" },
  "internal": { status: 500, title: "The server failed" },
  "cluster-failed": { status: 500, title: "The cluster did not start" },
  "unknown-method": { status: 500, title: "The node called a method that its peer does not know" },
  "node-unreachable": { status: 502, title: "The node did not answer" },
  "hints-full": { status: 503, title: "The node holds as many hints as it may" },
  "quorum-not-met": { status: 503, title: "Too few replicas answered" },
  "overloaded": { status: 503, title: "The node is overloaded" },
  "storage-failed": { status: 503, title: "The node's disk failed" },
  "record-damaged": { status: 503, title: "The node's record of the key is damaged" },
  "recovering": {
    status: 503,
    title: "The node's data may be incomplete until peers have filled it",
  },
  "too-late": { status: 503, title: "The request arrived after its time" },
  "removed": { status: 503, title: "The node was removed from the cluster" },
  "not-ready": { status: 503, title: "The node is starting or stopping" },
};

/** Problems of clusters, pages and their forms, with which no node answers. */
const OF_DASHBOARD: readonly string[] = [
  "forbidden",
  "conflict",
  "unsupported-media-type",
  "cluster-failed",
  "node-unreachable",
];

/** With which a node answers. */
export const PROBLEM_CODES = (Object.keys(KINDS) as readonly ProblemCode[])
  .filter((code) => !OF_DASHBOARD.includes(code));
export const PROBLEM_TYPE_PREFIX = "urn:dynamo-simulator:problem:";
const PROBLEM_HEADERS = { "content-type": "application/problem+json" };
const RETRY_AFTER_S = "1";

/** The status that a problem of this code has. */
export function statusOf(code: ProblemCode): number {
  return KINDS[code].status;
}

interface FieldError {
  /** The field's path, such as `keys` or `plan.count`; empty for the whole document. */
  readonly field: string;
  readonly message: string;
}

/** What a problem may say besides; others are allowed. */
interface ProblemMembers {
  /** In place of the code's own. */
  readonly status?: number;
  readonly errors?: readonly FieldError[];
  /** Whether a write certainly left nothing behind. */
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
 * The problem as a node's response. `definite` is true unless `members` say otherwise: most problems
 * are found before anything is done.
 */
export function problem(
  code: ProblemCode,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Response {
  return problemResponse(problemDocument(code, detail, { definite: true, ...members }), headers);
}

/** Thrown where a request cannot be answered; whoever serves it answers with the document. */
export class ProblemError extends Error {
  override name = "ProblemError";
  readonly problem: ProblemDocument;

  constructor(code: ProblemCode, detail: string, members: ProblemMembers = {}) {
    super(detail);
    this.problem = problemDocument(code, detail, members);
  }
}

/** The core's error as a response; `token` is its context, sealed, where it has one. */
export function problemOf(error: DynamoError, token: string | null): Response {
  // Registers are for peers: a client that knows the ring asks for it anew.
  const { code, message, context: _, registers: __, ...members } = error;
  if (token === null) return problem(code, message, members);
  return problem(code, message, { ...members, context: token }, { "x-dynamo-context": token });
}
