/** Reads and validates request input: bodies up to a limit, JSON, and values with a schema. */
import type { z } from "@hono/zod-openapi";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { readBody } from "../../../nodes/http/request_body.ts";

/** The maximum length of a JSON body. */
const JSON_BYTES_MAX = 65_536;

/** Validates an input. Throws a 400 {@link ProblemError} that lists all errors. */
export function parse<S extends z.ZodType>(schema: S, input: unknown): z.infer<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({
    field: issue.code === "unrecognized_keys" ? issue.keys.join(", ") : issue.path.join("."),
    message: issue.code === "unrecognized_keys"
      ? `there is no field ${issue.keys.map((key) => `'${key}'`).join(", ")}`
      : issue.message,
  }));
  const detail = errors.map((error) => error.message).join("; ");
  throw new ProblemError("invalid", detail, { errors });
}

/** The body as JSON; `{}` if it is empty. Throws {@link ProblemError}: 400, 413 or 415. */
export async function jsonBody(request: Request): Promise<unknown> {
  const bytes = await limitedBody(request, JSON_BYTES_MAX);
  if (bytes.length === 0) return {};
  const type = request.headers.get("Content-Type") ?? "";
  if (!/^application\/(\S+\+)?json\b/i.test(type)) {
    throw new ProblemError(
      "unsupported-media-type",
      `Content-Type must be application/json: it is '${type}'`,
    );
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ProblemError("invalid", `The body is not JSON: ${(error as Error).message}`);
  }
}

/** The whole body. Throws {@link ProblemError}: 400 if it is incomplete, 413 if it is too large. */
export async function limitedBody(
  request: Request,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const body = await readBody(request, bytesMax);
  if (body.kind === "too-large") {
    throw new ProblemError("too-large", `The body must be at most ${bytesMax} bytes`);
  }
  if (body.kind === "broken") {
    throw new ProblemError("invalid", "The body is incomplete: the connection ended first");
  }
  return body.bytes;
}
