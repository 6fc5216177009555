import { deepEqual, equal } from "node:assert/strict";
import { DelayLine } from "./delay_line.ts";

/** A line whose clock stands still until `startClock`, so messages can start at the same instant. */
function lineWithStoppedClock(): { line: DelayLine; startClock(): void } {
  const stoppedUs = performance.now() * 1_000;
  let isStopped = true;
  const line = new DelayLine(() => isStopped ? stoppedUs : performance.now() * 1_000);
  return { line, startClock: () => isStopped = false };
}

Deno.test("an action without a delay runs at once", () => {
  const line = new DelayLine();
  let acted = 0;
  line.after(0, () => acted++);
  line.after(-1, () => acted++);
  line.after(NaN, () => acted++);
  equal(acted, 3);
  line.close();
});

Deno.test("messages arrive in the order of their delays, and equal delays in the order of sending", async () => {
  const { line, startClock } = lineWithStoppedClock();
  const ended: string[] = [];
  const last = new Promise<void>((resolve) => line.after(40, resolve));
  for (const [ms, name] of [[20, "d"], [2, "a"], [9, "b"], [9, "c"], [30, "e"]] as const) {
    line.after(ms, () => ended.push(name));
  }
  startClock();
  await last;
  deepEqual(ended, ["a", "b", "c", "d", "e"]);
  line.close();
});

Deno.test("no message is earlier than the tolerance allows", async () => {
  const line = new DelayLine();
  for (const ms of [0.3, 2.5, 12]) {
    const startedAt = performance.now();
    await new Promise<void>((resolve) => line.after(ms, resolve));
    const tookMs = performance.now() - startedAt;
    equal(tookMs >= ms - 0.1, true, `${ms} ms took ${tookMs}`);
  }
  line.close();
});

Deno.test("a message sent when another one arrives is delayed too", async () => {
  const line = new DelayLine();
  const startedAt = performance.now();
  await new Promise<void>((resolve) => line.after(4, () => line.after(4, resolve)));
  equal(performance.now() - startedAt >= 7.8, true);
  line.close();
});

Deno.test("afterInOrder keeps the order, even when delays become shorter", async () => {
  const line = new DelayLine();
  const ended: number[] = [];
  line.afterInOrder(0, () => ended.push(0));
  deepEqual(ended, [0], "nothing is held, so it runs at once");
  await new Promise<void>((resolve) => {
    line.afterInOrder(20, () => ended.push(1));
    line.afterInOrder(0, () => ended.push(2));
    line.afterInOrder(5, resolve);
  });
  deepEqual(ended, [0, 1, 2]);
  line.afterInOrder(0, () => ended.push(3));
  deepEqual(ended, [0, 1, 2, 3], "nothing is held any more");
  line.close();
});

Deno.test("a closed line drops what it held", async () => {
  const line = new DelayLine();
  let acted = false;
  line.after(5, () => acted = true);
  equal(line.length, 1);
  line.close();
  equal(line.length, 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(acted, false);
});
