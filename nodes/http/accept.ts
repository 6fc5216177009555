/** What a client's Accept header asks for (RFC 9110, section 12.5.1). */
import { parseAccept } from "hono/utils/accept";

/**
 * Whether the header names this media type and prefers no other. A client that accepts anything has
 * not named it.
 */
export function prefers(accept: string | null, type: string): boolean {
  // Most requests have no such header or one without the type: they need not be parsed.
  if (accept === null || !accept.toLowerCase().includes(type)) return false;
  const ranges = parseAccept(accept);
  const named = ranges.filter((range) => range.type.toLowerCase() === type);
  const weight = Math.max(0, ...named.map(({ q }) => q));
  return weight > 0 && ranges.every(({ q }) => q <= weight);
}
