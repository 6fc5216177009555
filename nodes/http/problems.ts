/**
 * Errors as clients see them: RFC 9457 problem details. `type` is stable and ends in the error's code;
 * `detail` says what was wrong, its value, and what is allowed; `definite` tells whether a write
 * certainly left nothing behind.
 */
import type { DynamoError, ErrorCode } from "../../lib/dynamo/types/errors.ts";

type ProblemCode =
  | ErrorCode
  | "unauthorized"
  | "forbidden-host"
  | "faults-not-allowed"
  | "not-found"
  | "absent"
  | "method-not-allowed"
  | "too-large"
  | "not-ready"
  | "internal";

interface Kind {
  readonly status: number;
  readonly title: string;
}

const KINDS: Record<ProblemCode, Kind> = {
  "invalid": { status: 400, title: "The request is malformed or out of range" },
  "unauthorized": { status: 401, title: "The request does not show the secret" },
  "forbidden-host": { status: 403, title: "The Host header names another host" },
  "faults-not-allowed": { status: 403, title: "The node takes no orders to misbehave" },
  "not-found": { status: 404, title: "There is no such resource" },
  "absent": { status: 404, title: "The key has no value" },
  "method-not-allowed": { status: 405, title: "The resource does not know the method" },
  "unknown-plan": { status: 404, title: "There is no such plan" },
  "ring-moved": { status: 409, title: "The membership has changed meanwhile" },
  "act-refused": { status: 409, title: "The change of membership cannot be" },
  "too-many-siblings": { status: 409, title: "The key has too many siblings" },
  "too-large": { status: 413, title: "The value is too large" },
  "wrong-owner": { status: 421, title: "The node does not hold the key" },
  "internal": { status: 500, title: "The node made a mistake" },
  "unknown-method": { status: 500, title: "The node asked for what its peer does not know" },
  "hints-full": { status: 503, title: "The node keeps as much for others as it may" },
  "quorum-not-met": { status: 503, title: "Too few replicas answered" },
  "overloaded": { status: 503, title: "The node has too much in hand" },
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

export const PROBLEM_CODES = Object.keys(KINDS) as readonly ProblemCode[];
export const PROBLEM_TYPE_PREFIX = "urn:dynamo-simulator:problem:";
const PROBLEM_HEADERS = { "content-type": "application/problem+json" };
const RETRY_AFTER_S = "1";

/** The status that a problem of this code has. */
export function statusOf(code: ProblemCode): number {
  return KINDS[code].status;
}

/**
 * The problem as a response. `definite` is true unless `members` say otherwise: most problems are
 * found before anything is done.
 */
export function problem(
  code: ProblemCode,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { status, title } = KINDS[code] ?? KINDS.internal;
  const body = {
    type: `${PROBLEM_TYPE_PREFIX}${code}`,
    title,
    status,
    detail,
    definite: true,
    ...members,
  };
  const retry = status === 503 ? { "retry-after": RETRY_AFTER_S } : {};
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { ...PROBLEM_HEADERS, ...retry, ...headers },
  });
}

/** The core's error as a response; `token` is its context, sealed, where it has one. */
export function problemOf(error: DynamoError, token: string | null): Response {
  // Registers are for peers: a client that knows the ring asks for it anew.
  const { code, message, context: _, registers: __, ...members } = error;
  if (token === null) return problem(code, message, members);
  return problem(code, message, { ...members, context: token }, { "x-dynamo-context": token });
}
