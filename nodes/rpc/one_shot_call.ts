/**
 * A single call to an address that may not belong to a member, or not to a node at all: the open
 * methods of `POST /rpc`. Members call each other over `PeerLink`s.
 */
import { RpcSession } from "./session.ts";
import { isObject } from "./validation.ts";

/** How long to wait for the answer, in ms. */
const ANSWER_MS = 5_000;

interface OneShotCallOptions {
  readonly secret: string | null;
  /** Certificates to trust in addition to the system's, PEM. */
  readonly ca?: string | undefined;
  readonly timeoutMs?: number;
}

/** Why there is no answer. The message is made to follow "Cannot …: ". */
export class OneShotCallError extends Error {
  override name = "OneShotCallError";
}

/** The result of a call of `method`. Throws {@link OneShotCallError}. */
export async function askNode(
  url: string,
  method: "initial-config" | "identify",
  { secret, ca, timeoutMs = ANSWER_MS }: OneShotCallOptions,
): Promise<Record<string, unknown>> {
  let session: RpcSession | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      const fail = (reason: string) => reject(new OneShotCallError(reason));
      timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
      const opened: RpcSession = new RpcSession({ url, secret, ca }, {
        onWritable: () => opened.write(`{"jsonrpc":"2.0","id":1,"method":"${method}"}\n`),
        onLines: ([text]) => resolve(text ?? ""),
        onClosing: () => {},
        onEnd: fail,
      });
      session = opened;
    });
    return resultIn(answer);
  } finally {
    clearTimeout(timer);
    session?.drop("done");
  }
}

function resultIn(answer: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(answer);
  } catch {
    throw new OneShotCallError("the answer is not JSON");
  }
  const { result, error } = isObject(json) ? json : {};
  if (isObject(error)) throw new OneShotCallError(String(error["message"]).slice(0, 500));
  if (!isObject(result)) throw new OneShotCallError("the answer has no result");
  return result;
}
