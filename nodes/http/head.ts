/**
 * Answers HEAD like GET without the body, and with its length (RFC 9110, section 9.3.2). The request
 * stays the one that came: a copy as GET would make Deno print a warning about `request.signal`.
 */
import type { MiddlewareHandler } from "hono";

/** From the answer to GET, the one to HEAD. */
export async function headOf(got: Response): Promise<Response> {
  const { status, body } = got;
  const headers = new Headers(got.headers);
  if (body !== null) headers.set("content-length", `${(await got.arrayBuffer()).byteLength}`);
  return new Response(null, { status, headers });
}

/** Hono's first middleware: Hono itself only drops the body. */
export const measureHead: MiddlewareHandler = async (c, next) => {
  await next();
  if (c.req.method !== "HEAD") return;
  if (c.res.headers.get("content-type")?.startsWith("text/event-stream")) {
    // It has no end and so no length.
    await c.res.body?.cancel();
    return;
  }
  const head = await headOf(c.res);
  // Without this line, Hono would merge the headers of the earlier response into the new one.
  c.res = undefined;
  c.res = head;
};
