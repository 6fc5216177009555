/**
 * What every record store must know of itself: which opening this is, which was the one before, what
 * the node found out about the disk, and whether the disk is older than it was.
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
  on("the incarnation rises at every opening, the data id stays until a wipe", async (disk) => {
    const lives: { dataId: string; incarnation: number }[] = [];
    for (const how of ["close", "crash", "crash", "close"] as const) {
      const store = await disk.open();
      lives.push({ dataId: store.dataId, incarnation: store.incarnation });
      await (how === "close" ? store.close() : disk.crash(store));
    }
    assert.equal(new Set(lives.map((life) => life.dataId)).size, 1);
    assert.notEqual(lives[0]?.dataId, "");
    for (const [i, life] of lives.entries()) {
      assert.ok(life.incarnation > (lives[i - 1]?.incarnation ?? 0));
    }
    await disk.wipe();
    await withStore(disk, (store) => {
      assert.notEqual(store.dataId, lives[0]?.dataId);
      assert.equal(store.count(), 0);
      return Promise.resolve();
    });
  });

  on("an opening knows the one before it, and what was saved of the disk", async (disk) => {
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
      assert.equal(store.condition, undefined, "no member's disk yet");
      const raised = store.incarnation + 5;
      await store.saveDiskState({ incarnation: raised, condition: "recovering" });
      assert.equal(store.condition, "recovering");
      assert.equal(store.incarnation, raised - 5, "this opening keeps its own");
    });
    const crashed = await disk.open();
    assert.equal(crashed.opening.condition, "recovering");
    assert.equal(crashed.opening.previous?.incarnation, opening.incarnation + 6);
    assert.ok(crashed.incarnation > opening.incarnation + 6, "above any that was ever told of");
    // A lower one takes nothing back.
    await crashed.saveDiskState({ incarnation: 1, condition: "whole" });
    await disk.crash(crashed);
    await withStore(disk, (store) => {
      assert.equal(store.condition, "whole");
      assert.ok(store.incarnation > crashed.incarnation);
      return Promise.resolve();
    });
  });

  on("writes rise with every durable change, and outlast a restart", async (disk) => {
    let told = 0;
    for (const how of ["close", "crash", "close", "crash"] as const) {
      const store = await disk.open();
      assert.ok(store.opening.writes >= told, `${store.opening.writes} after ${told} were told of`);
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
      told = store.writes;
      await (how === "close" ? store.close() : disk.crash(store));
    }
  });

  on("an older copy of the disk is told by its writes, however it was used since", async (disk) => {
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
        const putBack = await disk.copy();
        const store = await disk.open();
        await use(store, how);
        const told = store.writes;
        await (end === "close" ? store.close() : disk.crash(store));
        await putBack();
        await withStore(disk, (older) => {
          assert.ok(older.opening.writes < told, `${older.opening.writes}, ${how}: ${told}`);
          return Promise.resolve();
        });
      }
    }
  });
}
