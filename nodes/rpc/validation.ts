/**
 * Validation of the data that peers send. Bytes from outside are input, never an invariant: data that
 * does not match the types in `lib/dynamo/types` is refused before the core sees it. The checks are
 * written by hand for speed, because they run for every message.
 *
 * Each function returns what is wrong, or null. They also check the order of clocks (by actor) and
 * siblings (by dot): the core relies on it, and would compare unsorted clocks wrongly without an error.
 */
import { TIMEOUT_MS_MAX } from "../../lib/dynamo/types/config.ts";
import { type ClockEntry, compareDots, type Dot } from "../../lib/dynamo/versions/clock.ts";
import type { CausalContext, Version } from "../../lib/dynamo/versions/versions.ts";

/** What is wrong with a value; null if it is valid. */
export type Invalid = string | null;

const CLOCK_ENTRIES_LIMIT = 10_000;
const SIBLINGS_LIMIT = 20_000;
const ACTOR_CHARACTERS_MAX = 256;
const CONTENT_TYPE_CHARACTERS_MAX = 255;
const ID_CHARACTERS_MAX = 128;

export function isObject(given: unknown): given is Record<string, unknown> {
  return typeof given === "object" && given !== null && !Array.isArray(given);
}

export function isCount(given: unknown): given is number {
  return Number.isSafeInteger(given) && (given as number) >= 0;
}

/** Printable, so that it can be sent in a header. */
export function isContentType(given: unknown): given is string {
  return typeof given === "string" && given.length >= 1 &&
    given.length <= CONTENT_TYPE_CHARACTERS_MAX && /^[ -~]+$/.test(given);
}

/** A key: well-formed Unicode. The core checks its exact length. */
export function isKey(given: unknown): given is string {
  return typeof given === "string" && given.length <= 4_096 && given.isWellFormed();
}

export function isNodeId(given: unknown): given is string {
  return typeof given === "string" && given.length >= 1 && given.length <= ID_CHARACTERS_MAX;
}

function isBase64(given: unknown): given is string {
  return typeof given === "string" && given.length % 4 === 0 &&
    /^[A-Za-z0-9+/]*={0,2}$/.test(given);
}

function isDot(given: unknown): given is Dot {
  return Array.isArray(given) && given.length === 2 && typeof given[0] === "string" &&
    given[0].length <= ACTOR_CHARACTERS_MAX && isCount(given[1]) && given[1] > 0;
}

function validateClock(clock: unknown): Invalid {
  if (!Array.isArray(clock) || clock.length > CLOCK_ENTRIES_LIMIT) return "a clock must be a list";
  let last = "";
  for (const entry of clock as ClockEntry[]) {
    if (
      !Array.isArray(entry) || entry.length < 2 || entry.length > 3 ||
      typeof entry[0] !== "string" || entry[0].length > ACTOR_CHARACTERS_MAX ||
      !isCount(entry[1]) || (entry.length === 3 && !isCount(entry[2]))
    ) return "a clock's entry must be [actor, counter] or [actor, counter, stampUs]";
    if (entry[0] <= last) return "a clock's entries must be sorted by actor, one for each actor";
    last = entry[0];
  }
  return null;
}

function validateDots(dots: unknown): Invalid {
  if (dots === undefined) return null;
  if (!Array.isArray(dots) || dots.length > CLOCK_ENTRIES_LIMIT) return "dots must be a list";
  let last: Dot | null = null;
  for (const dot of dots) {
    if (!isDot(dot)) return "a dot must be [actor, counter] with a counter of at least 1";
    if (last !== null && compareDots(last, dot) >= 0) {
      return "dots must be sorted, without duplicates";
    }
    last = dot;
  }
  return null;
}

export function validateContext(given: unknown): Invalid {
  if (!isObject(given)) return "a context must be an object";
  const { clock, dots, stampUs } = given as Partial<CausalContext>;
  if (!isCount(stampUs)) return "a context's stampUs must be a whole number from 0";
  return validateClock(clock) ?? validateDots(dots);
}

function validateVersion(given: unknown): Invalid {
  if (!isObject(given)) return "a version must be an object";
  const version = given as Partial<Version>;
  if (version.value !== null && !isBase64(version.value)) return "a value must be base64 or null";
  if (!isContentType(version.contentType)) {
    return "a version's contentType must be 1 to 255 printable characters";
  }
  if (!isDot(version.dot)) {
    return "a version's dot must be [actor, counter] with a counter of at least 1";
  }
  if (!isCount(version.stampUs)) return "a version's stampUs must be a whole number from 0";
  return validateClock(version.clock) ?? validateDots(version.dots);
}

export function validateSiblings(given: unknown): Invalid {
  if (!Array.isArray(given)) return "siblings must be a list";
  if (given.length > SIBLINGS_LIMIT) return `siblings must be at most ${SIBLINGS_LIMIT}`;
  let last: Dot | null = null;
  for (const version of given) {
    const invalid = validateVersion(version);
    if (invalid !== null) return invalid;
    const { dot } = version as Version;
    // With `vector-clock`, two copies of one version can differ by truncation and have the same dot.
    if (last !== null && compareDots(last, dot) > 0) return "siblings must be sorted by dot";
    last = dot;
  }
  return null;
}

const OPTIONS = ["r", "w", "pr", "pw", "timeoutMs"] as const;

/** A forwarded client request. This checks types; the core checks the ranges of values. */
export function validateClientRequest(given: unknown): Invalid {
  if (!isObject(given)) return "a request must be an object";
  const { method, key, sloppy, fastest, context } = given;
  if (!isKey(key)) return "a request's key must be a string";

  for (const name of OPTIONS) {
    const value = given[name];
    if (value !== undefined && (!isCount(value) || value > TIMEOUT_MS_MAX)) {
      return `${name} must be a whole number`;
    }
  }
  if (sloppy !== undefined && typeof sloppy !== "boolean") return "sloppy must be true or false";
  if (method === "get") return null;
  if (fastest !== undefined && !isNodeId(fastest)) return "fastest must be a node's id";
  const wrong = context === null ? null : validateContext(context);
  if (wrong !== null || method === "delete") return wrong;
  if (method !== "put") return "a request's method must be get, put or delete";
  if (!isBase64(given["value"])) return "a put's value must be base64";
  return isContentType(given["contentType"])
    ? null
    : "a put's contentType must be 1 to 255 printable characters";
}
