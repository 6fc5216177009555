/**
 * The options of a request, with the cluster's defaults filled in and every bound checked. The core
 * checks them, so that a request is refused in the same way over REST, in a simulation and when
 * forwarded.
 */
import type { ClientRequest, RequestOptions } from "../types/client_messages.ts";
import {
  type ClusterConfig,
  KEY_BYTES_MAX,
  TIMEOUT_MS_MAX,
  TIMEOUT_MS_MIN,
  VALUE_BYTES_MAX,
} from "../types/config.ts";

export type ResolvedOptions = Required<RequestOptions>;

export function resolveOptions(given: RequestOptions, config: ClusterConfig): ResolvedOptions {
  return {
    r: given.r ?? config.r,
    w: given.w ?? config.w,
    pr: given.pr ?? config.pr,
    pw: given.pw ?? config.pw,
    sloppy: given.sloppy ?? config.sloppy,
    timeoutMs: given.timeoutMs ?? config.timeoutMs,
  };
}

/** Why the request is not valid, for the person who sent it; null when it is. */
export function validateRequest(request: ClientRequest, config: ClusterConfig): string | null {
  const options = resolveOptions(request, config);
  return validateKey(request.key) ??
    outside("r", options.r, 1, config.n) ??
    outside("w", options.w, 1, config.n) ??
    outside("pr", options.pr, 0, config.n) ??
    outside("pw", options.pw, 0, config.n) ??
    outside("timeoutMs", options.timeoutMs, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX) ??
    (request.method === "put" ? validateValue(request.value) : null);
}

function outside(name: string, value: number, least: number, most: number): string | null {
  if (Number.isInteger(value) && value >= least && value <= most) return null;
  const meaning = most === TIMEOUT_MS_MAX ? "" : ` (N is ${most})`;
  return `${name} must be a whole number from ${least} to ${most}${meaning}: current value is ${value}`;
}

function validateKey(key: string): string | null {
  const bytes = utf8Length(key);
  if (bytes >= 1 && bytes <= KEY_BYTES_MAX) return null;
  return `key must have 1 to ${KEY_BYTES_MAX} bytes of UTF-8: current length is ${bytes}`;
}

function validateValue(base64: string): string | null {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  const bytes = base64.length / 4 * 3 - padding;
  if (bytes <= VALUE_BYTES_MAX) return null;
  return `value must have at most ${VALUE_BYTES_MAX} bytes: current length is ${bytes}`;
}

/** Bytes of the string in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes++;
    // A surrogate pair is two units and four bytes; every other unit above 0x7ff is three.
    if (unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff)) bytes++;
  }
  return bytes;
}
