/** JSON with a line end: in a terminal the next prompt stands on a line of its own. */
export function jsonAnswer(value: unknown): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    headers: { "content-type": "application/json" },
  });
}
