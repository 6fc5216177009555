/**
 * Asking a node for JSON: the way of everything that reads its state or gives it orders. Reads and
 * writes of keys go through `client.ts`.
 */
import { attemptHttp, type Fetch, type NodeRequest } from "./http.ts";
import { readRefusal, type Refusal } from "./results.ts";

export interface JsonRequest extends Omit<NodeRequest, "method" | "body"> {
  /** Left out: GET. */
  readonly method?: NodeRequest["method"];
  /** What is sent. */
  readonly json?: unknown;
}

/** The node refused (RFC 9457), or gave no answer that can be read. The message is for a person. */
export class NodeError extends Error {
  override name = "NodeError";
  /** Null when no answer came. */
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
