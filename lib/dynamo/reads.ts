/**
 * How a replica carries reads: it asks, lets `GetCoordinator` decide, answers, and repairs. The same
 * road serves a delete that came without a context, and the healing of a damaged record.
 */
import type { Conversation, Origin } from "./conversations.ts";
import type { ClientRequest, DeleteRequest, PeerReply } from "./events.ts";
import { GetCoordinator, type ReadPurpose } from "./get_coordinator.ts";
import type { Outcome } from "./local_records.ts";
import type { NodeContext } from "./node_context.ts";
import { type ResolvedOptions, resolveOptions } from "./request_options.ts";
import type { NodeId } from "./ring.ts";
import { contextOf } from "./versions.ts";
import { reasonOf, type Writes } from "./writes.ts";

export class Reads {
  private readonly recovering = new Set<string>();

  constructor(private readonly node: NodeContext, private readonly writes: Writes) {}

  /** Reads for a client; `delete` goes on to write a tombstone over what was read. */
  coordinate(
    request: ClientRequest,
    purpose: "get" | "delete",
    options: ResolvedOptions,
    origin: Origin,
  ): void {
    this.start(request, purpose, options, this.node.primariesOf(request.key), origin);
  }

  /**
   * Replaces a damaged record by the merge of what *every* other primary holds: one missing answer
   * could be the one that mattered. Until then its reads fail, and are never taken for absent.
   */
  recover(key: string): void {
    const others = this.node.primariesOf(key).filter((node) => node !== this.node.self);
    if (others.length === 0 || this.recovering.has(key)) return;
    this.recovering.add(key);
    const options = { ...resolveOptions({}, this.node.config), r: others.length, pr: 0 };
    this.start({ method: "get", key }, "recover", options, others, { kind: "self" });
  }

  onRecovered(key: string, succeeded: boolean): void {
    this.recovering.delete(key);
    if (!succeeded) return;
    this.node.counters.recovered++;
    this.node.out.emit({ type: "recovered", key });
  }

  private start(
    request: ClientRequest,
    purpose: ReadPurpose,
    options: ResolvedOptions,
    nodes: readonly NodeId[],
    origin: Origin,
  ): void {
    const { now } = this.node.out;
    const id = this.node.out.nextId();
    const get = new GetCoordinator(id, request, purpose, options, now, this.node.versioning);
    const conversation = this.node.conversations.add(get, origin);
    for (const node of nodes) {
      get.participants.add(node, true, now);
      if (node === this.node.self) {
        this.node.records.read(
          request.key,
          { kind: "conversation", conversation: id },
          this.node.out,
        );
      } else {
        const call = { method: "replica.get", key: request.key } as const;
        this.node.call(conversation, node, call, options.timeoutMs);
      }
    }
    this.node.watch(id, now, options.timeoutMs);
  }

  onReply(conversation: Conversation, get: GetCoordinator, from: NodeId, reply: PeerReply): void {
    const { now } = this.node.out;
    if (reply.status === "record") get.addReply(from, reply.siblings, now);
    else get.addFailure(from, reasonOf(reply), now);
    this.onProgress(conversation, get);
  }

  onCallFailed(conversation: Conversation, get: GetCoordinator, to: NodeId, reason: string): void {
    get.addFailure(to, reason, this.node.out.now);
    this.onProgress(conversation, get);
  }

  /** This node's own record has been read, for a peer or for a conversation here. */
  onRead({ read, siblings }: Outcome & { kind: "read" }): void {
    const { node } = this;
    if (read.kind === "request") {
      node.out.respond(read.request, { status: "record", siblings });
      return;
    }
    const conversation = node.conversations.get(read.conversation);
    if (conversation?.coordinator.kind !== "get") return;
    conversation.coordinator.addReply(node.self, siblings, node.out.now);
    this.onProgress(conversation, conversation.coordinator);
  }

  onReadFailed({ read, key, reason }: Outcome & { kind: "read-failed" }): void {
    const { node } = this;
    node.noteStorageFailure(key, reason);
    if (read.kind === "request") {
      const message = `Cannot read '${key}': ${reason}`;
      node.refuse(read.request, { code: "storage-failed", message, definite: true });
      return;
    }
    const conversation = node.conversations.get(read.conversation);
    if (conversation?.coordinator.kind !== "get") return;
    this.onCallFailed(conversation, conversation.coordinator, node.self, reason);
  }

  onTimeout(conversation: Conversation, get: GetCoordinator): void {
    if (!get.replied) this.fail(conversation, get);
    this.conclude(get);
  }

  private onProgress(conversation: Conversation, get: GetCoordinator): void {
    if (!get.replied) {
      if (get.enough) this.onEnough(conversation, get);
      else if (get.hopeless) this.fail(conversation, get);
    }
    if (get.settled) this.conclude(get);
  }

  private onEnough(conversation: Conversation, get: GetCoordinator): void {
    get.replied = true;
    switch (get.purpose) {
      case "get":
        this.node.finish(conversation.origin, get.reply(this.node.self));
        break;
      case "delete": {
        const { origin } = conversation;
        conversation.origin = { kind: "self" };
        const request = get.request as DeleteRequest;
        const context = contextOf(get.merged);
        this.writes.start(request, context, get.options, get.startedAt, origin);
        break;
      }
      case "recover":
        this.node.records.change(get.key, { kind: "recover", siblings: get.merged }, this.node.out);
        break;
    }
  }

  private fail(conversation: Conversation, get: GetCoordinator): void {
    get.replied = true;
    if (get.purpose === "recover") this.recovering.delete(get.key);
    else this.node.finish(conversation.origin, { status: "error", error: get.failure() });
  }

  /** All have answered or time is up: the moment for read repair. */
  private conclude(get: GetCoordinator): void {
    if (get.purpose !== "recover" && this.node.config.readRepair && get.merged.length > 0) {
      for (const node of get.stale()) this.repair(get, node);
    }
    this.node.conversations.end(get.id);
    if (get.purpose !== "get") return;
    const outcome = !get.enough ? "quorum-not-met" : get.merged.length === 0 ? "absent" : "ok";
    this.node.noteRequest(get, "get", outcome, get.options.r);
  }

  private repair(get: GetCoordinator, node: NodeId): void {
    const { key, merged: siblings } = get;
    this.node.counters.readRepairs++;
    this.node.out.emit({ type: "read-repair", key, to: node });
    if (node === this.node.self) {
      this.node.records.change(key, { kind: "merge", siblings, request: null }, this.node.out);
    } else {
      const call = { method: "replica.put", key, siblings, purpose: "repair" } as const;
      this.node.out.call(node, call, this.node.config.timeoutMs);
    }
  }
}
