/**
 * Reading a request's body up to a limit.
 *
 * A body that is too large is refused early where its length is announced. Before that answer a
 * bounded amount is read and thrown away: a client that is still sending when an HTTP/2 stream is
 * answered and reset may report a framing error instead of the answer.
 */

type Body =
  | { readonly kind: "read"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "too-large" }
  /** The client went away, or broke the protocol. */
  | { readonly kind: "broken" };

/** How much of a refused body is read, and for how long. */
const DRAIN_BYTES_MAX = 64 * 1_048_576;
const DRAIN_MS_MAX = 2_000;

export async function readBody(request: Request, bytesMax: number): Promise<Body> {
  const announced = request.headers.get("content-length");
  try {
    if (announced === null) return await readUpTo(request.body, bytesMax);
    if (Number(announced) > bytesMax) {
      if (request.body !== null) await drain(request.body.getReader());
      return { kind: "too-large" };
    }
    // The server holds a client to the length it announced. Asking for `body` first would make a
    // stream of what can be had in one piece.
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
    // It broke off by itself: there is nothing left to drain.
  } finally {
    clearTimeout(late);
  }
}
