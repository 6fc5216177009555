/** Makes this node's calls to its peers, over one {@link PeerLink} for each. */
import type { Boot } from "../../lib/dynamo/types/boot.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import {
  dynamoErrorIn,
  type Envelope,
  envelopeOf,
  parseEnvelope,
  refuseEnvelope,
  RpcCode,
  RpcWriter,
} from "./messages.ts";
import type { CallAnswer, PeerCaller } from "./peer_caller.ts";
import { PeerLink } from "./peer_link.ts";
import { RpcTraffic } from "./traffic.ts";
import { validateRegisters, validateReply } from "./validate_replies.ts";
import { isObject } from "./validation.ts";

interface RpcClientOptions {
  readonly initialConfig: InitialClusterConfig;
  readonly boot: Boot;
  /** The current member with this id; null if there is none. */
  readonly memberOf: (id: NodeId) => Member | null;
  readonly secret: string | null;
  /** Certificates to trust beside the system's, PEM. */
  readonly ca?: string | undefined;
}

interface Peer {
  readonly link: PeerLink;
  readonly url: string;
}

export class RpcClient implements PeerCaller {
  private readonly peers = new Map<NodeId, Peer>();
  private readonly writer = new RpcWriter(null);
  private lastCall = 0;
  readonly traffic = new RpcTraffic();

  constructor(private readonly options: RpcClientOptions) {}

  /** A node's membership has changed. If its address has changed too, its old link is closed. */
  onMember(id: NodeId): void {
    const peer = this.peers.get(id);
    if (peer === undefined || peer.url === this.options.memberOf(id)?.url) return;
    this.peers.delete(id);
    peer.link.close();
  }

  call(
    to: NodeId,
    request: PeerRequest,
    timeoutMs: number,
    answer: (answer: CallAnswer) => void,
  ): void {
    const peer = this.peers.get(to) ?? this.connect(to);
    if (peer === null) {
      const reason = `'${to}' is not a member of the cluster`;
      queueMicrotask(() => answer({ kind: "failed", reason, undelivered: true }));
      return;
    }
    const id = ++this.lastCall;
    const text = this.writer.request(id, request);
    const traffic = this.traffic.sent(request, text);
    const counted = (outcome: CallAnswer, bytes: number) => {
      traffic.receivedBytes += bytes;
      answer(outcome);
    };
    peer.link.send({ id, text, deadline: performance.now() + timeoutMs, answer: counted });
  }

  /** Sums over all peers: calls, the batches in which they were written, and sessions opened. */
  get counters(): { calls: number; pieces: number; sessions: number } {
    const sum = { calls: 0, pieces: 0, sessions: 0 };
    for (const { link: { counters } } of this.peers.values()) {
      sum.calls += counters.calls;
      sum.pieces += counters.pieces;
      sum.sessions += counters.sessions;
    }
    return sum;
  }

  close(): void {
    for (const { link } of this.peers.values()) link.close();
  }

  /** Makes the link at the first call to a member; null if the node is not a member. */
  private connect(id: NodeId): Peer | null {
    const { memberOf, boot } = this.options;
    const member = memberOf(id);
    if (member === null || id === boot.self) return null;
    const peer = this.newPeer(member);
    this.peers.set(id, peer);
    return peer;
  }

  private newPeer(member: Member): Peer {
    const { secret, ca, initialConfig, boot } = this.options;
    const envelope = JSON.stringify({ ...envelopeOf(initialConfig, boot), to: member.id });
    const validateEnvelope = (given: string | undefined) =>
      validatePeerEnvelope(given, member.id, initialConfig.config.cluster);
    const link = new PeerLink(
      { url: member.url, secret, ca, envelope, validateEnvelope },
      readReply,
    );
    return { link, url: member.url };
  }
}

/** What is wrong with the envelope of `peer`'s answers; null if nothing is. */
function validatePeerEnvelope(
  given: string | undefined,
  peer: NodeId,
  cluster: string,
): string | null {
  const envelope = parseEnvelope(given);
  const refused = refuseEnvelope(envelope, cluster);
  if (refused !== null) return `another cluster answers: ${refused.message}`;
  const { sender } = envelope as Envelope;
  return sender === peer ? null : `another node answers at this address: '${sender}'`;
}

/** Reads one reply; null if it is not JSON-RPC. */
export function readReply(text: string): { id: number | null; answer: CallAnswer } | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(json)) return null;
  const { id, result, error } = json;
  const answer = isObject(error) ? readError(error) : readResult(result);
  return { id: typeof id === "number" ? id : null, answer };
}

function readResult(result: unknown): CallAnswer {
  const invalid = validateReply(result);
  if (invalid !== null) return failed(`the reply is malformed: ${invalid}`);
  return { kind: "reply", reply: result as PeerReply };
}

/** A protocol error of the peer is a reply. After any other error the peer did not accept the call. */
function readError({ code, message, data }: Record<string, unknown>): CallAnswer {
  const error = dynamoErrorIn(data);
  if (error !== null) {
    const invalid = validateRegisters(error.registers);
    if (invalid !== null) return failed(`the reply is malformed: ${invalid}`);
    return { kind: "reply", reply: { status: "error", error } };
  }
  const undelivered = typeof code === "number" && code !== RpcCode.internal;
  return { kind: "failed", reason: `${message} (JSON-RPC ${code})`, undelivered };
}

function failed(reason: string): CallAnswer {
  return { kind: "failed", reason, undelivered: false };
}
