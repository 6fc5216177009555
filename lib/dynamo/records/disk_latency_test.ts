import assert from "node:assert/strict";
import { DiskLatency } from "./disk_latency.ts";

const SECOND = 1_000_000;
Deno.test("disk: background work waits while more than 1% of a minute's accesses are slow", () => {
  const disk = new DiskLatency(50_000);
  let id = 0;
  const access = (at: number, tookUs: number) => {
    id += 8;
    disk.onStart(id, at);
    disk.onEnd(id, at + tookUs);
  };
  for (let i = 0; i < 200; i++) access(i * 1_000, 100);
  assert.ok(!disk.isBusy(SECOND));
  for (let i = 0; i < 3; i++) access(SECOND, 60_000);
  assert.ok(disk.isBusy(2 * SECOND));
  assert.ok(!disk.isBusy(5 * SECOND), "it is no longer in use");
  access(5 * SECOND, 100);
  assert.ok(disk.isBusy(5 * SECOND), "it is in use again, and was slow within the last minute");
  access(70 * SECOND, 100);
  assert.ok(!disk.isBusy(70 * SECOND), "after a minute the slow accesses no longer count");
});
