/**
 * A 64-bit digest of text, as two 32-bit halves: fast, the same on every engine, and not meant to
 * withstand forged records: forging needs the cluster's secret anyway. Two lanes of
 * multiply and xor-shift with MurmurHash3's constants and its finalizer.
 */
export interface Digest64 {
  readonly high: number;
  readonly low: number;
}

export function digest64(text: string): Digest64 {
  let high = 0x9747b28c ^ text.length;
  let low = 0x1b873593 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0xcc9e2d51);
    high ^= high >>> 15;
    low = Math.imul(low ^ unit, 0x85ebca6b);
    low ^= low >>> 13;
  }
  return { high: finish(high ^ low), low: finish(low ^ Math.imul(high, 0x27d4eb2f)) };
}

function finish(lane: number): number {
  let h = lane ^ (lane >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
