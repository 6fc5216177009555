/**
 * Errors as RFC 9457 problem documents: what was wrong, the value given, what is allowed.
 */

export interface ProblemDocument {
  /** Stable: clients may switch on it. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly definite?: boolean;
}

interface FieldError {
  /** The field's path, such as `keys` or `plan.count`; empty for the whole document. */
  readonly field: string;
  readonly message: string;
}

type ProblemCode =
  | "invalid"
  | "not-found"
  | "forbidden"
  | "conflict"
  | "too-large"
  | "unsupported-media-type"
  | "node-unreachable"
  | "cluster-failed"
  | "internal";

const TITLES: Record<ProblemCode, string> = {
  "invalid": "The request is not valid",
  "not-found": "There is no such thing",
  "forbidden": "The request comes from elsewhere",
  "conflict": "Not in the present state",
  "too-large": "The request is too large",
  "unsupported-media-type": "The body is of another type than expected",
  "node-unreachable": "The node did not answer",
  "cluster-failed": "The cluster did not start",
  "internal": "The dashboard failed",
};

/** Thrown by handlers; the application answers with its document. */
export class ProblemError extends Error {
  override name = "ProblemError";
  readonly problem: ProblemDocument;

  constructor(
    status: number,
    code: ProblemCode,
    detail: string,
    extra: Pick<ProblemDocument, "errors" | "definite"> = {},
  ) {
    super(detail);
    this.problem = {
      type: `urn:dynamo-simulator:problem:${code}`,
      title: TITLES[code],
      status,
      detail,
      ...extra,
    };
  }
}

export function problemResponse(problem: ProblemDocument): Response {
  return Response.json(problem, {
    status: problem.status,
    headers: { "Content-Type": "application/problem+json" },
  });
}
