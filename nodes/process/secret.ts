/**
 * The cluster's secret. It authenticates peers and administrators. It comes from a file or the
 * environment, never from the command line. It is compared in constant time, so that the time of a
 * refusal does not reveal how much of a guess was right.
 */
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";

const SECRET_CHARACTERS_MIN = 8;
const SECRET_CHARACTERS_MAX = 1_024;

/** The secret of a cluster that was launched here. */
export async function readSecret(file: string): Promise<string> {
  return (await Deno.readTextFile(file)).trim();
}

/** Why the text is not a valid secret; null if it is. The result never contains the text. */
export function validateSecret(secret: string): string | null {
  if (secret.length < SECRET_CHARACTERS_MIN || secret.length > SECRET_CHARACTERS_MAX) {
    return `it must have ${SECRET_CHARACTERS_MIN} to ${SECRET_CHARACTERS_MAX} characters: it has ${secret.length}`;
  }
  if (!/^[!-~]+$/.test(secret)) {
    return "it must be printable ASCII without spaces, as it is sent in a header";
  }
  return null;
}

/** Checks `Authorization: Bearer …` against one secret. */
export class BearerCheck {
  private readonly expected: Buffer | null;

  /** Null: nothing passes. */
  constructor(secret: string | null) {
    this.expected = secret === null ? null : Buffer.from(`Bearer ${secret}`);
  }

  /** `authorization`: the header's value; null if there is none. */
  passes(authorization: string | null): boolean {
    if (this.expected === null || authorization === null) return false;
    const given = Buffer.from(authorization);
    // timingSafeEqual needs equal lengths; the length itself need not be hidden.
    return given.length === this.expected.length && timingSafeEqual(given, this.expected);
  }
}
