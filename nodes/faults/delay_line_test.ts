import { deepEqual, equal } from "node:assert/strict";
import { DelayLine } from "./delay_line.ts";

/** A line whose clock stands still until it is let go: messages set out at the very same moment. */
function standingLine(): { line: DelayLine; go(): void } {
  const stoodUs = performance.now() * 1_000;
  let stands = true;
  const line = new DelayLine(() => stands ? stoodUs : performance.now() * 1_000);
  return { line, go: () => stands = false };
}

Deno.test("without a delay nothing waits", () => {
  const line = new DelayLine();
  let acted = 0;
  line.after(0, () => acted++);
  line.after(-1, () => acted++);
  line.after(NaN, () => acted++);
  equal(acted, 3);
  line.close();
});

Deno.test("messages end in the order of their delays, and equal ones in that of their start", async () => {
  const { line, go } = standingLine();
  const ended: string[] = [];
  const last = new Promise<void>((resolve) => line.after(40, resolve));
  for (const [ms, name] of [[20, "d"], [2, "a"], [9, "b"], [9, "c"], [30, "e"]] as const) {
    line.after(ms, () => ended.push(name));
  }
  go();
  await last;
  deepEqual(ended, ["a", "b", "c", "d", "e"]);
  line.close();
});

Deno.test("no message is early by more than the line allows itself", async () => {
  const line = new DelayLine();
  for (const ms of [0.3, 2.5, 12]) {
    const startedAt = performance.now();
    await new Promise<void>((resolve) => line.after(ms, resolve));
    const tookMs = performance.now() - startedAt;
    equal(tookMs >= ms - 0.1, true, `${ms} ms took ${tookMs}`);
  }
  line.close();
});

Deno.test("a message set out from another's arrival is delayed too", async () => {
  const line = new DelayLine();
  const startedAt = performance.now();
  await new Promise<void>((resolve) => line.after(4, () => line.after(4, resolve)));
  equal(performance.now() - startedAt >= 7.8, true);
  line.close();
});

Deno.test("in order, nobody overtakes, also when delays become shorter", async () => {
  const line = new DelayLine();
  const ended: number[] = [];
  line.afterInOrder(0, () => ended.push(0));
  deepEqual(ended, [0], "nothing to wait for");
  await new Promise<void>((resolve) => {
    line.afterInOrder(20, () => ended.push(1));
    line.afterInOrder(0, () => ended.push(2));
    line.afterInOrder(5, resolve);
  });
  deepEqual(ended, [0, 1, 2]);
  line.afterInOrder(0, () => ended.push(3));
  deepEqual(ended, [0, 1, 2, 3], "nothing is waited for any more");
  line.close();
});

Deno.test("a closed line forgets what it held", async () => {
  const line = new DelayLine();
  let acted = false;
  line.after(5, () => acted = true);
  equal(line.length, 1);
  line.close();
  equal(line.length, 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(acted, false);
});
