/**
 * Contexts as clients carry them: one opaque text that says what its holder has seen of a key.
 *
 * It is made of plain JSON and a seal, in base64url. The seal is an HMAC-SHA256 under a key derived
 * from the cluster's secret, cut to 128 bits: every node of the cluster can open what any other
 * sealed, and nobody else can make one. A forged clock would be worse than a wrong value: entries
 * from the future would silently swallow writes that nobody has made yet.
 *
 * The token names its key by the first half of the key's MD5, so that a context of one key, sent with
 * another, is refused instead of destroying what its holder never saw.
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
/** Seals remembered, and the longest text that is: some 2 MB at most. */
const SEALED_MAX = 2_048;
const SEALED_CHARACTERS_MAX = 512;

/** A context that cannot be used; the message is for the client. */
export class TokenError extends Error {
  override name = "TokenError";
}

interface SealedContext {
  readonly token: string;
  /** The same for the same context of the same key, whoever answered fastest: fit for an ETag. */
  readonly tag: string;
}

export interface OpenedContext {
  readonly context: CausalContext;
  /** The replica that answered the read fastest, where the coordinator is chosen by that. */
  readonly fastest?: NodeId;
}

/** A list, since the token goes with every answer and its names would go with it. */
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

  /** Nodes with the same secret open each other's tokens. */
  constructor(secret: string) {
    // A key of its own purpose: showing seals must tell nothing about the secret itself.
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
      throw new TokenError("the context is garbled: it must be a token as this cluster gave it");
    }
    const bytes = Buffer.from(token, "base64url");
    // One context has one token: spare bits at the end must be as they were sealed.
    if (bytes.length <= SEAL_BYTES || bytes.toString("base64url") !== token) {
      throw new TokenError("the context is garbled: it was cut or changed on its way");
    }
    const plain = bytes.subarray(0, bytes.length - SEAL_BYTES);
    if (!timingSafeEqual(this.sealOf(plain), bytes.subarray(bytes.length - SEAL_BYTES))) {
      throw new TokenError("the context was changed, or given by another cluster");
    }
    return openPayload(key, plain);
  }

  /** Sealing is pure, and hot keys are read again and again. */
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

/** Sealed, so it is ours; but an older or newer version of this program may have written it otherwise. */
function openPayload(key: string, plain: Buffer): OpenedContext {
  const [k, clock, stampUs, dots, fastest] = parsed(plain);
  const context = { clock, stampUs, ...(dots === 0 ? {} : { dots }) } as CausalContext;
  const invalid = validateContext(context);
  if (invalid !== null || typeof k !== "string") {
    throw new TokenError(`the context is of another version of this program: ${invalid}`);
  }
  if (k !== keyDigits(key)) {
    throw new TokenError(
      "the context is another key's: it must come from a read or write of this key",
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
