/**
 * Lets things go after a while, in the order in which they came: one that is to wait less than the one
 * before it waits for that one. Coarse, to a millisecond or two; `delay_line.ts` is the fine one.
 */
export class FifoDelay {
  private readonly waiting: { readonly at: number; readonly go: () => void }[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastAt = -Infinity;

  get length(): number {
    return this.waiting.length;
  }

  /** Calls `go` after that long; at once when there is nothing to wait for. */
  after(ms: number, go: () => void): void {
    const now = performance.now();
    const at = Math.max(this.lastAt, now + ms);
    if (at <= now && this.waiting.length === 0) {
      go();
      return;
    }
    this.lastAt = at;
    this.waiting.push({ at, go });
    if (this.waiting.length === 1) this.wait(at - now);
  }

  /** Forgets what waits. */
  close(): void {
    clearTimeout(this.timer);
    this.waiting.length = 0;
  }

  private wait(ms: number): void {
    this.timer = setTimeout(() => this.letGo(), Math.max(0, ms));
  }

  private letGo(): void {
    const now = performance.now();
    let due = 0;
    while (due < this.waiting.length && (this.waiting[due]?.at ?? now) <= now) due++;
    const gone = this.waiting.splice(0, due);
    const [next] = this.waiting;
    if (next !== undefined) this.wait(next.at - now);
    for (const { go } of gone) go();
  }
}
