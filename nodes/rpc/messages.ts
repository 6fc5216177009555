/**
 * The messages between nodes: JSON-RPC 2.0 (https://www.jsonrpc.org/specification) over `POST /rpc`,
 * with support for batches.
 *
 * Every request and reply has an envelope: protocol version, cluster, sender and the sender's
 * incarnation. So a node detects that another cluster uses a peer's port, or that a peer has another
 * version. A stream sends the envelope once in each direction, in the headers of its request and
 * response. A single call has it in its params, and a reply in its result or in the error's data.
 *
 * Messages are composed as text, so that a record for several peers is serialised once.
 */
import type { Boot } from "../../lib/dynamo/types/boot.ts";
import type { DynamoError } from "../../lib/dynamo/types/errors.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import type { Siblings } from "../../lib/dynamo/versions/versions.ts";
import { isNodeId, isObject } from "./validation.ts";

/** Incremented when a message changes. Nodes with different versions refuse each other's calls. */
export const PROTOCOL_VERSION = 4;
export const RPC_PATH = "/rpc";
/** The content type of a stream: one JSON-RPC message in each line (https://jsonlines.org). */
export const JSON_LINES = "application/jsonl";
/** The header with the envelope of a stream, as JSON. */
export const ENVELOPE_HEADER = "dynamo-envelope";

/** A server refuses larger batches; our client sends smaller ones. */
export const BATCH_CALLS_LIMIT = 1_024;
/** Enough for a record with the maximum of siblings, in JSON. */
export const RPC_BYTES_MAX = 80 * 1_048_576;

export const RpcCode = {
  parse: -32700,
  invalidRequest: -32600,
  unknownMethod: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** The node is overloaded; nothing was done. */
  overloaded: -32000,
  otherVersion: -32001,
  otherCluster: -32002,
  /** The call is for another node than the one that received it. */
  otherNode: -32003,
  /** The protocol core refused; `data.error` has the reason. */
  refused: -32010,
} as const;

export interface Envelope {
  readonly protocol: number;
  readonly cluster: string;
  readonly sender: NodeId;
  readonly incarnation: number;
  /** Only in a stream's request: the node that the stream is for. */
  readonly to?: NodeId;
}

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export function envelopeOf(initialConfig: InitialClusterConfig, boot: Boot): Envelope {
  const { config: { cluster } } = initialConfig;
  return {
    protocol: PROTOCOL_VERSION,
    cluster,
    sender: boot.self,
    incarnation: boot.incarnation,
  };
}

/** The error of an envelope from outside `cluster`, or of a malformed one; null if it is valid. */
export function refuseEnvelope(given: unknown, cluster: string): RpcError | null {
  if (!isObject(given)) {
    return { code: RpcCode.invalidParams, message: "params need an envelope: it is missing" };
  }
  if (given["protocol"] !== PROTOCOL_VERSION) {
    return {
      code: RpcCode.otherVersion,
      message: `the protocol version must be ${PROTOCOL_VERSION}: it is ${
        shown(given["protocol"])
      }`,
    };
  }
  if (given["cluster"] !== cluster) {
    return {
      code: RpcCode.otherCluster,
      message: `the cluster must be '${cluster}': it is '${shown(given["cluster"])}'`,
    };
  }
  if (!isNodeId(given["sender"]) || !Number.isSafeInteger(given["incarnation"])) {
    return {
      code: RpcCode.invalidParams,
      message: "an envelope needs a sender and a whole number as its incarnation",
    };
  }
  return null;
}

/** An untrusted value, shortened for an error message. */
export function shown(given: unknown): string {
  const text = typeof given === "string" ? given : JSON.stringify(given) ?? "missing";
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** The envelope in a stream's header; null if it is missing or not JSON. */
export function parseEnvelope(header: string | null | undefined): unknown {
  try {
    return JSON.parse(header ?? "null");
  } catch {
    return null;
  }
}

/** Composes the messages of one node. */
export class RpcWriter {
  /** The envelope as a JSON member, with a comma after it. */
  private readonly envelope: string;
  private lastSiblings: Siblings | null = null;
  private lastSiblingsText = "";

  /** `envelope` is added to every message; null if the stream's header has it. */
  constructor(envelope: Envelope | null) {
    this.envelope = envelope === null ? "" : `"envelope":${JSON.stringify(envelope)},`;
  }

  request(id: number, request: PeerRequest): string {
    return `{"jsonrpc":"2.0","id":${id},"method":"${request.method}","params":{${this.envelope}${
      this.params(request)
    }}}`;
  }

  /** The answer to a call. A refusal of the core becomes a JSON-RPC error. */
  reply(id: string, reply: PeerReply): string {
    switch (reply.status) {
      case "stored":
        return `{"jsonrpc":"2.0","id":${id},"result":{${this.envelope}"status":"stored"}}`;
      case "record":
        return `{"jsonrpc":"2.0","id":${id},"result":{${this.envelope}"status":"record","siblings":${
          JSON.stringify(reply.siblings)
        }}}`;
      case "forwarded":
      case "gossip":
      case "boot":
      case "membership":
      case "missing":
      case "reap":
      case "roots":
      case "tree":
      case "keys":
        return this.result(id, reply);
      case "error": {
        const { error } = reply;
        const code = error.code === "unknown-method" ? RpcCode.unknownMethod : RpcCode.refused;
        return this.error(id, { code, message: error.message, data: { error } });
      }
    }
  }

  /** A result from an object, with the envelope added. */
  result(id: string, result: object): string {
    const members = JSON.stringify(result).slice(1, -1);
    return `{"jsonrpc":"2.0","id":${id},"result":{${this.envelope}${members}}}`;
  }

  error(id: string, { code, message, data }: RpcError): string {
    const members = data === undefined ? "" : JSON.stringify(data).slice(1, -1);
    // Without other members the comma after the envelope is removed.
    const all = members === "" ? this.envelope.slice(0, -1) : `${this.envelope}${members}`;
    return `{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":${
      JSON.stringify(message)
    },"data":{${all}}}}`;
  }

  private params(request: PeerRequest): string {
    switch (request.method) {
      case "replica.get":
        return `"key":${JSON.stringify(request.key)}${
          request.purpose === undefined ? "" : `,"purpose":"${request.purpose}"`
        }${request.standIn === undefined ? "" : ',"standIn":true'}`;
      case "replica.put":
        return `"key":${JSON.stringify(request.key)},"purpose":"${request.purpose}"${
          request.hintFor === undefined ? "" : `,"hintFor":${JSON.stringify(request.hintFor)}`
        }${request.buffered === undefined ? "" : ',"buffered":true'},"siblings":${
          this.siblings(request.siblings)
        }`;
      case "gossip":
      case "gossip.states":
      case "boot.check":
      case "membership":
      case "range.keys":
      case "range.fence":
      case "range.advance":
      case "orphan.check":
      case "reap.ask":
      case "reap.drop":
      case "tree.roots":
      case "tree.children":
      case "tree.keys":
      case "forward": {
        const { method: _, ...params } = request;
        return JSON.stringify(params).slice(1, -1);
      }
    }
  }

  /** Cached, because a put is sent to several replicas in succession. */
  private siblings(siblings: Siblings): string {
    if (siblings !== this.lastSiblings) {
      this.lastSiblings = siblings;
      this.lastSiblingsText = JSON.stringify(siblings);
    }
    return this.lastSiblingsText;
  }
}

/** The core's error in the data of a JSON-RPC error; null if there is none. */
export function dynamoErrorIn(data: unknown): DynamoError | null {
  if (!isObject(data) || !isObject(data["error"])) return null;
  const { code, message, definite } = data["error"];
  if (typeof code !== "string" || typeof message !== "string" || typeof definite !== "boolean") {
    return null;
  }
  return data["error"] as unknown as DynamoError;
}
