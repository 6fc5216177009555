/**
 * The cluster's secret: whoever shows it is a peer, or a person who looks after the cluster. It comes
 * from a file or the environment, never from the command line, and is compared in constant time, so
 * that how long a refusal takes tells nothing about how much of a guess was right.
 */
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";

const SECRET_CHARACTERS_MIN = 8;
const SECRET_CHARACTERS_MAX = 1_024;

/** The secret of a cluster that was launched here. */
export async function readSecret(file: string): Promise<string> {
  return (await Deno.readTextFile(file)).trim();
}

/** Why the text cannot be a secret; null when it can. Never quotes it. */
export function validateSecret(secret: string): string | null {
  if (secret.length < SECRET_CHARACTERS_MIN || secret.length > SECRET_CHARACTERS_MAX) {
    return `it must have ${SECRET_CHARACTERS_MIN} to ${SECRET_CHARACTERS_MAX} characters: it has ${secret.length}`;
  }
  if (!/^[!-~]+$/.test(secret)) {
    return "it must be of printable ASCII without spaces, as it travels in a header";
  }
  return null;
}

/** Checks `Authorization: Bearer …` against one secret. */
export class BearerCheck {
  private readonly expected: Buffer | null;

  /** Without a secret nothing passes. */
  constructor(secret: string | null) {
    this.expected = secret === null ? null : Buffer.from(`Bearer ${secret}`);
  }

  /** The header's value, or null where there is none. */
  passes(authorization: string | null): boolean {
    if (this.expected === null || authorization === null) return false;
    const given = Buffer.from(authorization);
    // The length of a secret is no secret; the comparison needs equal lengths.
    return given.length === this.expected.length && timingSafeEqual(given, this.expected);
  }
}
