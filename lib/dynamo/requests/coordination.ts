/**
 * Carries out a request here: as a read, as a write, or for a delete without a context as both in
 * turn.
 */
import type { Origin } from "../conversations.ts";
import type { NodeContext } from "../node_context.ts";
import type { ClientRequest } from "../types/client_messages.ts";
import { Reads } from "./reads.ts";
import { resolveOptions } from "./request_options.ts";
import { Writes } from "./writes.ts";

export class Coordination {
  readonly reads: Reads;
  readonly writes: Writes;

  constructor(private readonly node: NodeContext) {
    this.writes = new Writes(node);
    this.reads = new Reads(node, this.writes);
  }

  start(request: ClientRequest, origin: Origin): void {
    const options = resolveOptions(request, this.node.config);
    if (request.method === "get" || (request.method === "delete" && request.context === null)) {
      this.reads.coordinate(request, request.method, options, origin);
    } else {
      this.writes.start(request, request.context, options, this.node.out.now, origin);
    }
  }
}
