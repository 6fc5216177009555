/**
 * HMAC-SHA256 (RFC 2104) from two one-shot hashes. Every answer of `/kv` has a sealed context. Sealing
 * takes 4.6 µs this way, and 7.5 µs with `createHmac` (measured on Deno 2.9.6).
 */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

export class HmacSha256 {
  private readonly inner: Buffer;
  /** The input of the outer hash: its block, and space for the inner digest. */
  private readonly outer: Buffer;

  constructor(key: Buffer) {
    const short = key.length > BLOCK_BYTES ? sha256(key) : key;
    const block = Buffer.alloc(BLOCK_BYTES);
    short.copy(block);
    this.inner = Buffer.from(block.map((byte) => byte ^ INNER_PAD));
    this.outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
    Buffer.from(block.map((byte) => byte ^ OUTER_PAD)).copy(this.outer);
  }

  of(message: Buffer): Buffer {
    const input = Buffer.allocUnsafe(BLOCK_BYTES + message.length);
    this.inner.copy(input);
    message.copy(input, BLOCK_BYTES);
    sha256(input).copy(this.outer, BLOCK_BYTES);
    return sha256(this.outer);
  }
}

function sha256(bytes: Buffer): Buffer {
  return hash("sha256", bytes, "buffer");
}
