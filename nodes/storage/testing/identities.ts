/**
 * Conformance tests for the identity of a record store: this opening, the one before, the saved
 * condition of the disk, and how an older copy of the disk is recognised.
 */
import assert from "node:assert/strict";
import { positionOf } from "../../../lib/dynamo/ring/position.ts";
import {
  type ConformingStore,
  put,
  recordFor,
  type Register,
  withStore,
} from "./storage_under_test.ts";

export function identityCases(on: Register): void {
  on("the incarnation increases at every opening, the data id stays until a wipe", async (disk) => {
    const openings: { dataId: string; incarnation: number }[] = [];
    for (const how of ["close", "crash", "crash", "close"] as const) {
      const store = await disk.open();
      openings.push({ dataId: store.dataId, incarnation: store.incarnation });
      await (how === "close" ? store.close() : disk.crash(store));
    }
    assert.equal(new Set(openings.map((one) => one.dataId)).size, 1);
    assert.notEqual(openings[0]?.dataId, "");
    for (const [i, one] of openings.entries()) {
      assert.ok(one.incarnation > (openings[i - 1]?.incarnation ?? 0));
    }
    await disk.wipe();
    await withStore(disk, (store) => {
      assert.notEqual(store.dataId, openings[0]?.dataId);
      assert.equal(store.count(), 0);
      return Promise.resolve();
    });
  });

  on("an opening knows the one before, and the saved condition of the disk", async (disk) => {
    const first = await disk.open();
    const { opening } = first;
    assert.deepEqual(
      [opening.previous, opening.condition, first.condition],
      [undefined, undefined, undefined],
    );
    await first.close();
    await withStore(disk, async (store) => {
      const { incarnation, bootNumber } = opening;
      assert.deepEqual(store.opening.previous, { incarnation, bootNumber });
      assert.equal(store.condition, undefined, "the disk does not belong to a member yet");
      const raised = store.incarnation + 5;
      await store.saveDiskState({ incarnation: raised, condition: "recovering" });
      assert.equal(store.condition, "recovering");
      assert.equal(store.incarnation, raised - 5, "this opening keeps its incarnation");
    });
    const crashed = await disk.open();
    assert.equal(crashed.opening.condition, "recovering");
    assert.equal(crashed.opening.previous?.incarnation, opening.incarnation + 6);
    assert.ok(crashed.incarnation > opening.incarnation + 6, "higher than the saved incarnation");
    // Saving a lower incarnation does not decrease it.
    await crashed.saveDiskState({ incarnation: 1, condition: "whole" });
    await disk.crash(crashed);
    await withStore(disk, (store) => {
      assert.equal(store.condition, "whole");
      assert.ok(store.incarnation > crashed.incarnation);
      return Promise.resolve();
    });
  });

  on("writes increase with every durable change, and survive a restart", async (disk) => {
    let lastWrites = 0;
    for (const how of ["close", "crash", "close", "crash"] as const) {
      const store = await disk.open();
      assert.ok(
        store.opening.writes >= lastWrites,
        `${store.opening.writes} writes at opening, ${lastWrites} before`,
      );
      assert.ok(store.writes > store.opening.writes, "the opening itself is a change");
      const changes = [
        () => put(store, recordFor("k", how)),
        () => put(store, recordFor("large", "x".repeat(200_000))),
        () => store.saveDiskState({ incarnation: 1, condition: "whole" }),
        () => store.delete("k", positionOf("k")),
      ];
      for (const change of changes) {
        const before = store.writes;
        await change();
        assert.ok(store.writes > before);
      }
      lastWrites = store.writes;
      await (how === "close" ? store.close() : disk.crash(store));
    }
  });

  on("an older copy of the disk is recognised by its writes after any later use", async (disk) => {
    const use = async (store: ConformingStore, how: string) => {
      if (how === "written") await put(store, recordFor("k", how));
      if (how === "deleted") await store.delete("k", positionOf("k"));
      if (how === "described") {
        await store.saveDiskState({ incarnation: 1, condition: "whole" });
      }
    };
    await withStore(disk, (store) => put(store, recordFor("k", "v")));
    for (const how of ["written", "deleted", "described", "only opened"]) {
      for (const end of ["close", "crash"] as const) {
        const restore = await disk.copy();
        const store = await disk.open();
        await use(store, how);
        const lastWrites = store.writes;
        await (end === "close" ? store.close() : disk.crash(store));
        await restore();
        await withStore(disk, (older) => {
          assert.ok(
            older.opening.writes < lastWrites,
            `${older.opening.writes} writes in the copy, ${lastWrites} after it was ${how}`,
          );
          return Promise.resolve();
        });
      }
    }
  });
}
