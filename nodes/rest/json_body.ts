/** Reads the JSON body of an administrative request. */
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import { readBody } from "../http/request_body.ts";

const BODY_BYTES_MAX = 65_536;

/** An empty body is `{}`. Throws {@link ConfigError} if the body is too large or is not JSON. */
export async function jsonOf(request: Request): Promise<unknown> {
  const body = await readBody(request, BODY_BYTES_MAX);
  if (body.kind === "too-large") {
    throw new ConfigError(`the body must have at most ${BODY_BYTES_MAX} bytes: it has more`);
  }
  if (body.kind === "broken") throw new ConfigError("the request's body ended too early");
  if (body.bytes.length === 0) return {};
  const text = new TextDecoder().decode(body.bytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`the body must be JSON: ${(error as Error).message}`);
  }
}
