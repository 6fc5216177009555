/**
 * Context tokens: a causal context as an opaque text that clients keep and send back.
 *
 * A token is plain JSON and a seal, in base64url. The seal is an HMAC-SHA256 with a key derived from
 * the cluster's secret, cut to 128 bits. So every node of the cluster can open a token of any other
 * node, and nobody else can make one. A forged clock would be worse than a wrong value, because entries
 * from the future would silently supersede writes that are yet to be made.
 *
 * The token contains the first half of its key's MD5. So a context that is sent with another key is
 * refused, instead of overwriting versions that the client has never seen.
 */
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { positionOf } from "../../lib/dynamo/ring/position.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { CausalContext } from "../../lib/dynamo/versions/versions.ts";
import { HmacSha256 } from "../process/hmac.ts";
import { validateContext } from "../rpc/validation.ts";

export const TOKEN_CHARACTERS_MAX = 65_536;
const SEAL_BYTES = 16;
const TAG_BYTES = 9;
const KEY_DIGITS = 16;
/** The number of cached seals, and the longest cached text: about 2 MB at most. */
const SEALED_MAX = 2_048;
const SEALED_CHARACTERS_MAX = 512;

/** The token cannot be used. The message is for the client. */
export class TokenError extends Error {
  override name = "TokenError";
}

interface SealedContext {
  readonly token: string;
  /** For an ETag: it depends only on the key and the context, not on the fastest replica. */
  readonly tag: string;
}

export interface OpenedContext {
  readonly context: CausalContext;
  /** The replica that answered the read fastest, if that chooses the coordinator of the next write. */
  readonly fastest?: NodeId;
}

/** A tuple, because field names would make every answer longer. */
type Payload = readonly [
  key: string,
  clock: CausalContext["clock"],
  stampUs: number,
  dots: CausalContext["dots"] | 0,
  fastest: NodeId | 0,
];

export class ContextTokens {
  private readonly hmac: HmacSha256;
  private readonly sealed = new Map<string, SealedContext>();

  /** Nodes with the same secret can open each other's tokens. */
  constructor(secret: string) {
    // A derived key, so that a seal tells nothing about the secret itself.
    const purpose = Buffer.from("dynamo context token v1");
    this.hmac = new HmacSha256(new HmacSha256(Buffer.from(secret)).of(purpose));
  }

  seal(key: string, context: CausalContext, fastest?: NodeId): SealedContext {
    const { clock, stampUs, dots = 0 } = context;
    const k = keyDigits(key);
    const plain = this.sealText(JSON.stringify([k, clock, stampUs, dots, 0] satisfies Payload));
    if (fastest === undefined) return plain;
    const payload: Payload = [k, clock, stampUs, dots, fastest];
    return { token: this.sealText(JSON.stringify(payload)).token, tag: plain.tag };
  }

  /** Throws {@link TokenError} that says what is wrong with the token. */
  open(key: string, token: string): OpenedContext {
    if (token.length > TOKEN_CHARACTERS_MAX) {
      throw new TokenError(
        `the context must have at most ${TOKEN_CHARACTERS_MAX} characters: it has ${token.length}`,
      );
    }
    if (!/^[A-Za-z0-9_-]+$/.test(token)) {
      throw new TokenError(
        "the context is garbled: it must be a token from this cluster, unchanged",
      );
    }
    const bytes = Buffer.from(token, "base64url");
    // Each context has one valid token, so the spare bits of the last character must be zero.
    if (bytes.length <= SEAL_BYTES || bytes.toString("base64url") !== token) {
      throw new TokenError("the context is garbled: it was cut or changed");
    }
    const plain = bytes.subarray(0, bytes.length - SEAL_BYTES);
    if (!timingSafeEqual(this.sealOf(plain), bytes.subarray(bytes.length - SEAL_BYTES))) {
      throw new TokenError("the context was changed, or comes from another cluster");
    }
    return openPayload(key, plain);
  }

  /** Cached, because hot keys are read again and again. */
  private sealText(text: string): SealedContext {
    const known = this.sealed.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(text);
    const seal = this.sealOf(bytes);
    const sealed = {
      token: Buffer.concat([bytes, seal]).toString("base64url"),
      tag: seal.toString("base64url", 0, TAG_BYTES),
    };
    if (this.sealed.size >= SEALED_MAX) this.sealed.clear();
    if (text.length <= SEALED_CHARACTERS_MAX) this.sealed.set(text, sealed);
    return sealed;
  }

  private sealOf(bytes: Buffer): Buffer {
    return this.hmac.of(bytes).subarray(0, SEAL_BYTES);
  }
}

/** The seal is valid, but another version of this program may have used another format. */
function openPayload(key: string, plain: Buffer): OpenedContext {
  const [k, clock, stampUs, dots, fastest] = parsed(plain);
  const context = { clock, stampUs, ...(dots === 0 ? {} : { dots }) } as CausalContext;
  const invalid = validateContext(context);
  if (invalid !== null || typeof k !== "string") {
    throw new TokenError(`the context comes from another version of this program: ${invalid}`);
  }
  if (k !== keyDigits(key)) {
    throw new TokenError(
      "the context belongs to another key: it must come from a read or write of this key",
    );
  }
  return typeof fastest === "string" ? { context, fastest } : { context };
}

function parsed(plain: Buffer): Partial<Payload> {
  try {
    const payload = JSON.parse(plain.toString());
    return Array.isArray(payload) ? payload as unknown as Payload : [];
  } catch {
    return [];
  }
}

function keyDigits(key: string): string {
  return positionOf(key).slice(0, KEY_DIGITS);
}
