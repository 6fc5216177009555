/** Outcomes of this node's own disk accesses, passed on to the parts that wait for them. */
import { coordinatorOf } from "./coordinators.ts";
import { SiblingWatch } from "./counters.ts";
import type { NodeContext } from "./node_context.ts";
import type { Parts } from "./parts.ts";
import type { Change, StorageCompletion } from "./records/record_changes.ts";
import { refusal } from "./types/errors.ts";
import type { NodeId } from "./types/ids.ts";

export class StorageCompletions {
  private readonly siblingWatch: SiblingWatch;

  constructor(private readonly node: NodeContext, private readonly parts: Parts) {
    this.siblingWatch = new SiblingWatch(node.config.siblingsWarn);
  }

  /** Keys with many siblings. */
  crowdedKeys(): string[] {
    return this.siblingWatch.keys();
  }

  handle(completions: readonly StorageCompletion[]): void {
    this.parts.rangeSender.settleFences();
    for (const completion of completions) {
      switch (completion.kind) {
        case "read":
          this.onRead(completion);
          break;
        case "read-failed":
          this.onReadFailed(completion);
          break;
        case "changed":
          this.onChanged(completion);
          break;
        case "change-failed":
          this.onChangeFailed(completion);
          break;
        case "unreadable":
          this.parts.reads.recover(completion.key);
          break;
      }
    }
  }

  private onRead({ read, key, record }: StorageCompletion & { kind: "read" }): void {
    const { node } = this;
    if (read.kind === "request") {
      node.out.respond(read.request, { status: "record", siblings: record?.siblings ?? [] });
      return;
    }
    if (read.kind === "orphan") {
      this.parts.orphanedReplicas.onRead(read.request, key, record);
      return;
    }
    if (read.kind === "reap") {
      this.parts.reaping.onAsked(read.request, key, read.digest, record);
      return;
    }
    const conversation = node.conversations.get(read.conversation);
    if (conversation === undefined) return;
    const coordinator = coordinatorOf(conversation);
    if (coordinator.kind === "get") this.parts.reads.onOwnRead(conversation, coordinator, record);
    else if (coordinator.kind === "handoff") {
      this.parts.handoff.onRead(conversation, coordinator, record);
    } else if (coordinator.kind === "key-repair") {
      this.parts.antiEntropy.onOwnRecord(conversation, coordinator, record);
    }
  }

  private onReadFailed(
    { read, key, reason, unreadable }: StorageCompletion & { kind: "read-failed" },
  ): void {
    const { node } = this;
    node.noteStorageFailure(key, reason);
    if (read.kind === "orphan") {
      this.parts.orphanedReplicas.onRead(read.request, key, null);
      return;
    }
    if (read.kind !== "conversation") {
      const code = unreadable ? "record-damaged" : "storage-failed";
      node.refuse(read.request, refusal(code, `Cannot read '${key}': ${reason}`));
      return;
    }
    const conversation = node.conversations.get(read.conversation);
    if (conversation === undefined) return;
    const coordinator = coordinatorOf(conversation);
    if (coordinator.kind === "get") {
      this.parts.reads.onCallFailed(conversation, coordinator, node.self, reason);
    } else if (coordinator.kind === "handoff") this.parts.handoff.onReadFailed(coordinator);
    else if (coordinator.kind === "key-repair") {
      this.parts.antiEntropy.finishRepair(coordinator, false);
    }
  }

  private onChanged(completion: StorageCompletion & { kind: "changed" }): void {
    const { change, key, siblings } = completion;
    const { out } = this.node;
    this.siblingWatch.note(key, siblings.length);
    if (siblings.length > 1) out.emit({ type: "siblings", key, count: siblings.length });
    if (isAcknowledged(change)) this.parts.rangeSender.requireUnfenced(key);
    if (!("hintFor" in change) || change.hintFor === null) this.noteForeign(key);
    switch (change.kind) {
      case "write":
        if (change.hintFor !== null) this.noteHint(key, change.hintFor);
        this.parts.writes.onChanged(completion, change.conversation);
        break;
      case "merge":
        if (change.hintFor !== null) this.noteHint(key, change.hintFor);
        if (change.repair !== undefined) {
          this.parts.antiEntropy.onMerged(change.repair, siblings, change.siblings);
        }
        if (change.pull !== undefined) this.parts.rangeReceiver.onMerged(change.pull, true);
        if (change.request === null) break;
        this.parts.handoff.release(change.request);
        out.respond(change.request, { status: "stored" });
        break;
      case "drop":
        if (change.request !== null) out.respond(change.request, { status: "stored" });
        break;
      case "hint-done":
      case "let-go":
        break;
      case "recover":
        this.parts.reads.onRecovered(key, true);
        break;
    }
  }

  private onChangeFailed(
    { change, key, error }: StorageCompletion & { kind: "change-failed" },
  ): void {
    if (error.code === "storage-failed" || error.code === "record-damaged") {
      this.node.noteStorageFailure(key, error.message);
    }
    this.noteForeign(key);
    switch (change.kind) {
      case "write":
        this.parts.writes.onChangeFailed(change.conversation, error);
        break;
      case "merge":
        if (change.repair !== undefined) this.parts.antiEntropy.onMergeFailed(change.repair);
        if (change.pull !== undefined) this.parts.rangeReceiver.onMerged(change.pull, false);
        if (change.request === null) break;
        this.parts.handoff.release(change.request);
        this.node.refuse(change.request, error);
        break;
      case "drop":
        if (change.request !== null) this.node.refuse(change.request, error);
        break;
      case "hint-done":
      case "let-go":
        break;
      case "recover":
        this.parts.reads.onRecovered(key, false);
        break;
    }
  }

  /**
   * This node may hold a copy of a key that it does not own, or no longer: a delivered hint, or a
   * late write. The owners have to be asked whether they hold it.
   */
  private noteForeign(key: string): void {
    if (this.node.membership.version === "" || !this.node.isForeign(key)) return;
    this.parts.orphanedReplicas.onLeftBehind();
    this.parts.acts.wake();
  }

  private noteHint(key: string, target: NodeId): void {
    this.node.counters.hintsStored++;
    this.node.out.emit({ type: "hint-stored", key, for: target });
  }
}

/** Whether this node acknowledges the change as an owner. */
function isAcknowledged(change: Change): boolean {
  return (change.kind === "write" || (change.kind === "merge" && change.request !== null)) &&
    change.hintFor === null;
}
