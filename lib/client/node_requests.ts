/**
 * JSON requests to a node, to read its state or to administer it. Reads and writes of keys use
 * `client.ts`.
 */
import { attemptHttp, type Fetch, type NodeRequest } from "./http.ts";
import { readRefusal, type Refusal } from "./results.ts";

export interface JsonRequest extends Omit<NodeRequest, "method" | "body"> {
  /** Default: GET. */
  readonly method?: NodeRequest["method"];
  /** The body. */
  readonly json?: unknown;
}

/** The node answered with an error (RFC 9457), or not at all. The message is for a person. */
export class NodeError extends Error {
  override name = "NodeError";
  /** Null if there was no answer. */
  readonly status: number | null;
  /** As in `RequestError`. */
  readonly code: string;
  /** The request certainly had no effect. */
  readonly definite: boolean;

  constructor({ error, definite }: Refusal) {
    super(error.message);
    this.status = error.status;
    this.code = error.code;
    this.definite = definite;
  }
}

/** Throws {@link NodeError} unless the node answers with a success and JSON. */
export async function askForJson<T>(request: JsonRequest, fetchFrom: Fetch = fetch): Promise<T> {
  const { method = "GET", json, headers, ...rest } = request;
  const answer = await attemptHttp(
    fetchFrom,
    json === undefined ? { ...rest, method, headers } : {
      ...rest,
      method,
      headers: { ...headers, "content-type": "application/json" },
      body: new TextEncoder().encode(JSON.stringify(json)),
    },
  );
  if (!("response" in answer)) throw new NodeError(answer);
  const { response } = answer;
  if (!response.ok) throw new NodeError(await readRefusal(response));
  try {
    return await response.json();
  } catch (error) {
    const message = `the answer to ${request.url} is not JSON: ${(error as Error).message}`;
    const { status } = response;
    throw new NodeError({ definite: false, error: { code: "bad-answer", message, status } });
  }
}
