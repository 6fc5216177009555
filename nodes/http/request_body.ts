/**
 * Reads a request's body up to a limit.
 *
 * If Content-Length is over the limit, the body is refused without being stored. But up to a limit
 * it is still read and discarded first: if an HTTP/2 stream is answered and reset while the client
 * is sending, the client may report a framing error instead of the response.
 */

type Body =
  | { readonly kind: "read"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "too-large" }
  /** The client disconnected or violated the protocol. */
  | { readonly kind: "broken" };

/** How much of a refused body is read and discarded, and for how long. */
const DRAIN_BYTES_MAX = 64 * 1_048_576;
const DRAIN_MS_MAX = 2_000;

export async function readBody(request: Request, bytesMax: number): Promise<Body> {
  const contentLength = request.headers.get("content-length");
  try {
    if (contentLength === null) return await readUpTo(request.body, bytesMax);
    if (Number(contentLength) > bytesMax) {
      if (request.body !== null) await drain(request.body.getReader());
      return { kind: "too-large" };
    }
    // The server enforces Content-Length, so the body can be taken in one piece. Touching
    // `request.body` would turn it into a stream.
    const bytes = await request.bytes();
    return bytes.length > bytesMax ? { kind: "too-large" } : { kind: "read", bytes };
  } catch {
    return { kind: "broken" };
  }
}

async function readUpTo(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<Body> {
  if (body === null) return { kind: "read", bytes: new Uint8Array(0) };
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > bytesMax) {
      await drain(reader);
      return { kind: "too-large" };
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return { kind: "read", bytes };
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const late = setTimeout(() => reader.cancel().catch(() => {}), DRAIN_MS_MAX);
  try {
    let left = DRAIN_BYTES_MAX;
    while (left > 0) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.length;
    }
    await reader.cancel();
  } catch {
    // The client disconnected: nothing is left to drain.
  } finally {
    clearTimeout(late);
  }
}
