/**
 * The server side of `POST /rpc`, with two content types.
 *
 * `application/json` is one call or one batch, answered when all its calls are: for use with curl.
 * `application/jsonl` is a stream, which peers use: each line of the request is a call or a batch, and
 * each line of the response is a result, sent as soon as it is available. So a call that waits for a
 * disk, or for the timeout of a dead node, does not delay others.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { readBody } from "../http/request_body.ts";
import {
  BATCH_CALLS_LIMIT,
  type Envelope,
  ENVELOPE_HEADER,
  JSON_LINES,
  parseEnvelope,
  refuseEnvelope,
  RPC_BYTES_MAX,
  RpcCode,
  type RpcError,
  RpcWriter,
  shown,
} from "./messages.ts";
import { respondWithLines } from "./stream.ts";
import { isPeerMethod, PEER_METHODS, validateParams } from "./validate_requests.ts";
import { isObject } from "./validation.ts";

/** The limit of calls in progress, over all peers; further calls are refused. */
const RPC_CALLS_MAX = 20_000;
const HTTP_CONFLICT = 409;
const JSON_HEADERS = { "content-type": "application/json" };

type PeerHandler = (
  from: NodeId,
  request: PeerRequest,
  answer: (reply: PeerReply) => void,
) => void;

/** The methods that need the secret but no envelope. */
export interface OpenMethods {
  /** The initial configuration and the current membership, for a node that wants to join. */
  readonly initialConfig: () => object;
  /** The identity of this node. */
  readonly identify: () => object;
}

type OpenMethod = "ping" | "initial-config" | "identify";
const OPEN_METHODS: readonly OpenMethod[] = ["ping", "initial-config", "identify"];

/** The request or stream that a call belongs to. */
interface CallContext {
  readonly writer: RpcWriter;
  /** The stream's sender; null if each call has its own envelope. */
  readonly from: NodeId | null;
}

export class RpcServer {
  private callsInProgress = 0;
  private isStopping = false;
  /** For single calls. In a stream the headers have the envelope. */
  private readonly writer: RpcWriter;
  private readonly bareWriter = new RpcWriter(null);

  constructor(
    private readonly initialConfig: InitialClusterConfig,
    private readonly envelope: Envelope,
    private readonly onPeer: PeerHandler,
    private readonly openMethods: OpenMethods = {
      initialConfig: () => ({ initialConfig }),
      identify: () => ({ id: envelope.sender }),
    },
  ) {
    this.writer = new RpcWriter(envelope);
  }

  /** Answers a request. The caller has checked the secret. */
  async handle(request: Request): Promise<Response> {
    if (request.headers.get("content-type")?.startsWith(JSON_LINES) === true) {
      return this.stream(request);
    }
    const body = await readBody(request, RPC_BYTES_MAX);
    if (body.kind !== "read") {
      const message = body.kind === "too-large"
        ? `a request must have at most ${RPC_BYTES_MAX} bytes`
        : "the request's body is incomplete";
      return jsonResponse(
        this.writer.error("null", { code: RpcCode.invalidRequest, message }),
        body.kind === "too-large" ? 413 : 400,
      );
    }
    const text = new TextDecoder().decode(body.bytes);
    const answer = await new Promise<string | null>((resolve) =>
      this.onText(text, { writer: this.writer, from: null }, resolve)
    );
    return answer === null ? new Response(null, { status: 204 }) : jsonResponse(`${answer}\n`);
  }

  private stream({ headers, body }: Request): Response {
    const header = headers.get(ENVELOPE_HEADER);
    // Without an envelope in the header, for example from curl, each line must have one.
    if (header === null) {
      const context = { writer: this.writer, from: null };
      return respondWithLines(body, (line, send) => this.onText(line, context, send));
    }
    const envelope = parseEnvelope(header);
    const refused = refuseEnvelope(envelope, this.initialConfig.config.cluster) ??
      this.refuseTarget(envelope as Envelope);
    if (refused !== null) return jsonResponse(this.writer.error("null", refused), HTTP_CONFLICT);
    const context = { writer: this.bareWriter, from: (envelope as Envelope).sender };
    const response = respondWithLines(body, (line, send) => this.onText(line, context, send));
    response.headers.set(ENVELOPE_HEADER, JSON.stringify(this.envelope));
    return response;
  }

  private refuseTarget({ to }: Envelope): RpcError | null {
    const { sender } = this.envelope;
    if (to === undefined || to === sender) return null;
    return {
      code: RpcCode.otherNode,
      message: `this is node '${sender}': the stream is for '${shown(to)}'`,
    };
  }

  /** Refuses new calls from now on, because the node is stopping. */
  stopAccepting(): void {
    this.isStopping = true;
  }

  /** Calls `done` once, with null if there is nothing to answer. */
  private onText(text: string, context: CallContext, done: (answer: string | null) => void): void {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      const message = `the request is not JSON: ${(error as Error).message}`;
      done(context.writer.error("null", { code: RpcCode.parse, message }));
      return;
    }
    if (Array.isArray(json)) this.onBatch(json, context, done);
    else this.onCall(json, context, done);
  }

  private onBatch(
    calls: readonly unknown[],
    context: CallContext,
    done: (answer: string | null) => void,
  ): void {
    if (calls.length === 0 || calls.length > BATCH_CALLS_LIMIT) {
      const message = `a batch must have 1 to ${BATCH_CALLS_LIMIT} calls: it has ${calls.length}`;
      done(context.writer.error("null", { code: RpcCode.invalidRequest, message }));
      return;
    }
    const results: string[] = [];
    let missing = calls.length;
    for (const call of calls) {
      this.onCall(call, context, (text) => {
        // A notification gets no answer.
        if (text !== null) results.push(text);
        if (--missing === 0) done(results.length === 0 ? null : `[${results.join(",")}]`);
      });
    }
  }

  /** Calls `done` once with the result's text; null for a notification. */
  private onCall(call: unknown, context: CallContext, done: (text: string | null) => void): void {
    const id = idOf(call);
    if (!isObject(call) || id === undefined || call["jsonrpc"] !== "2.0") {
      done(context.writer.error("null", {
        code: RpcCode.invalidRequest,
        message:
          'a call must be an object with "jsonrpc":"2.0", a method, and a string or number as id',
      }));
      return;
    }
    const finish = id === null ? () => done(null) : done;
    const idText = JSON.stringify(id);
    const params = call["params"] ?? {};
    const { method } = call;
    if (!isObject(params)) {
      const message = "params must be an object";
      finish(context.writer.error(idText, { code: RpcCode.invalidParams, message }));
      return;
    }
    const open = OPEN_METHODS.find((each) => each === method);
    if (open !== undefined) {
      finish(this.openMethod(open, idText, context, params["envelope"]));
      return;
    }
    const request = this.peerRequest(method, params, context);
    if ("code" in request) {
      finish(context.writer.error(idText, request));
      return;
    }
    if (this.isStopping || this.callsInProgress >= RPC_CALLS_MAX) {
      const message = this.isStopping
        ? "the node is stopping"
        : `the node is overloaded: at most ${RPC_CALLS_MAX} calls can be in progress`;
      finish(context.writer.error(idText, { code: RpcCode.overloaded, message }));
      return;
    }
    this.callsInProgress++;
    const from = context.from ?? (params["envelope"] as Envelope).sender;
    this.onPeer(from, request, (reply) => {
      this.callsInProgress--;
      finish(context.writer.reply(idText, reply));
    });
  }

  /** Methods that need no envelope, for use with curl and for nodes that want to join. */
  private openMethod(
    method: OpenMethod,
    id: string,
    context: CallContext,
    envelope: unknown,
  ): string {
    const refused = envelope === undefined
      ? null
      : refuseEnvelope(envelope, this.initialConfig.config.cluster);
    if (refused !== null) return context.writer.error(id, refused);
    return context.writer.result(id, this.openAnswer(method));
  }

  private openAnswer(method: OpenMethod): object {
    switch (method) {
      case "ping":
        return { status: "pong" };
      case "initial-config":
        return this.openMethods.initialConfig();
      case "identify":
        return this.openMethods.identify();
    }
  }

  private peerRequest(
    method: unknown,
    params: Record<string, unknown>,
    { from }: CallContext,
  ): PeerRequest | RpcError {
    if (!isPeerMethod(method)) {
      return {
        code: RpcCode.unknownMethod,
        message: `the method must be one of ${
          [...OPEN_METHODS, ...PEER_METHODS].join(", ")
        }: it is '${shown(method)}'`,
      };
    }
    const refused = from === null
      ? refuseEnvelope(params["envelope"], this.initialConfig.config.cluster)
      : null;
    if (refused !== null) return refused;
    const invalid = validateParams(method, params);
    if (invalid !== null) return { code: RpcCode.invalidParams, message: invalid };
    // The envelope stays in the request: removing a member would be the most expensive step here.
    return { ...params, method } as unknown as PeerRequest;
  }
}

/** The call's id; null for a notification, undefined if it is invalid. */
function idOf(call: unknown): string | number | null | undefined {
  if (!isObject(call)) return undefined;
  const { id } = call;
  if (id === undefined) return null;
  return typeof id === "number" || (typeof id === "string" && id.length <= 128) ? id : undefined;
}

function jsonResponse(text: string, status = 200): Response {
  return new Response(text, { status, headers: JSON_HEADERS });
}
