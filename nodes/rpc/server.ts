/**
 * The answering side of `POST /rpc`, in two forms.
 *
 * `application/json` is one call or one batch and is answered when all of it is: for people with curl.
 * `application/jsonl` is a stream, and what peers hold with each other: each line of the request
 * is a call or a batch, each line of the answer a result, sent as soon as it is there. So a call that
 * waits for a disk, or for a dead node's timeout, holds up no other.
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

/** Calls being answered at once, over all peers; past it they are refused. */
const RPC_CALLS_MAX = 20_000;
const HTTP_CONFLICT = 409;
const JSON_HEADERS = { "content-type": "application/json" };

type PeerHandler = (
  from: NodeId,
  request: PeerRequest,
  answer: (reply: PeerReply) => void,
) => void;

/** What this node tells whoever knows the secret, before any envelope. */
export interface OpenMethods {
  /** What a node that is yet to join needs to know: the initial configuration, and what has changed since. */
  readonly initialConfig: () => object;
  /** Who listens here. */
  readonly identify: () => object;
}

type OpenMethod = "ping" | "initial-config" | "identify";
const OPEN_METHODS: readonly OpenMethod[] = ["ping", "initial-config", "identify"];

/** What a call is part of. */
interface Aside {
  readonly writer: RpcWriter;
  /** The stream's sender; null when each call brings its own envelope. */
  readonly from: NodeId | null;
}

export class RpcServer {
  private callsInHand = 0;
  private isStopping = false;
  /** For calls on their own; in a stream its head carries the envelope. */
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

  /** Answers a request whose sender has shown the secret. */
  async handle(request: Request): Promise<Response> {
    if (request.headers.get("content-type")?.startsWith(JSON_LINES) === true) {
      return this.stream(request);
    }
    const body = await readBody(request, RPC_BYTES_MAX);
    if (body.kind !== "read") {
      const message = body.kind === "too-large"
        ? `a request must have at most ${RPC_BYTES_MAX} bytes`
        : "the request's body broke off";
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
    // Without an envelope of its own each line has to bring one: a person trying things out.
    if (header === null) {
      const aside = { writer: this.writer, from: null };
      return respondWithLines(body, (line, say) => this.onText(line, aside, say));
    }
    const envelope = parseEnvelope(header);
    const refused = refuseEnvelope(envelope, this.initialConfig.config.cluster) ??
      this.refuseTarget(envelope as Envelope);
    if (refused !== null) return jsonResponse(this.writer.error("null", refused), HTTP_CONFLICT);
    const aside = { writer: this.bareWriter, from: (envelope as Envelope).sender };
    const response = respondWithLines(body, (line, say) => this.onText(line, aside, say));
    response.headers.set(ENVELOPE_HEADER, JSON.stringify(this.envelope));
    return response;
  }

  private refuseTarget({ to }: Envelope): RpcError | null {
    const { sender } = this.envelope;
    if (to === undefined || to === sender) return null;
    return {
      code: RpcCode.otherNode,
      message: `this is node '${sender}': the stream is meant for '${shown(to)}'`,
    };
  }

  /** New calls are refused from now on: the node is stopping. */
  stopAccepting(): void {
    this.isStopping = true;
  }

  /** Calls back once, with null when there is nothing to answer. */
  private onText(text: string, aside: Aside, done: (answer: string | null) => void): void {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      const message = `the request is no JSON: ${(error as Error).message}`;
      done(aside.writer.error("null", { code: RpcCode.parse, message }));
      return;
    }
    if (Array.isArray(json)) this.onBatch(json, aside, done);
    else this.onCall(json, aside, done);
  }

  private onBatch(
    calls: readonly unknown[],
    aside: Aside,
    done: (answer: string | null) => void,
  ): void {
    if (calls.length === 0 || calls.length > BATCH_CALLS_LIMIT) {
      const message = `a batch must hold 1 to ${BATCH_CALLS_LIMIT} calls: it holds ${calls.length}`;
      done(aside.writer.error("null", { code: RpcCode.invalidRequest, message }));
      return;
    }
    const results: string[] = [];
    let missing = calls.length;
    for (const call of calls) {
      this.onCall(call, aside, (text) => {
        // A notification gets no answer.
        if (text !== null) results.push(text);
        if (--missing === 0) done(results.length === 0 ? null : `[${results.join(",")}]`);
      });
    }
  }

  /** Calls back once with the result's text, null for a notification. */
  private onCall(call: unknown, aside: Aside, done: (text: string | null) => void): void {
    const id = idOf(call);
    if (!isObject(call) || id === undefined || call["jsonrpc"] !== "2.0") {
      done(aside.writer.error("null", {
        code: RpcCode.invalidRequest,
        message:
          'a call must be an object with "jsonrpc":"2.0", a method, and a text or number as id',
      }));
      return;
    }
    const finish = id === null ? () => done(null) : done;
    const idText = JSON.stringify(id);
    const params = call["params"] ?? {};
    const { method } = call;
    if (!isObject(params)) {
      const message = "params must be an object";
      finish(aside.writer.error(idText, { code: RpcCode.invalidParams, message }));
      return;
    }
    const open = OPEN_METHODS.find((each) => each === method);
    if (open !== undefined) {
      finish(this.openMethod(open, idText, aside, params["envelope"]));
      return;
    }
    const request = this.peerRequest(method, params, aside);
    if ("code" in request) {
      finish(aside.writer.error(idText, request));
      return;
    }
    if (this.isStopping || this.callsInHand >= RPC_CALLS_MAX) {
      const message = this.isStopping
        ? "the node is stopping"
        : `too many calls in hand: at most ${RPC_CALLS_MAX} are taken on`;
      finish(aside.writer.error(idText, { code: RpcCode.overloaded, message }));
      return;
    }
    this.callsInHand++;
    const from = aside.from ?? (params["envelope"] as Envelope).sender;
    this.onPeer(from, request, (reply) => {
      this.callsInHand--;
      finish(aside.writer.reply(idText, reply));
    });
  }

  /** Methods that need no envelope, for a person with curl and for a node that is yet to join. */
  private openMethod(
    method: OpenMethod,
    id: string,
    aside: Aside,
    envelope: unknown,
  ): string {
    const refused = envelope === undefined
      ? null
      : refuseEnvelope(envelope, this.initialConfig.config.cluster);
    if (refused !== null) return aside.writer.error(id, refused);
    return aside.writer.result(id, this.openAnswer(method));
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
    { from }: Aside,
  ): PeerRequest | RpcError {
    if (!isPeerMethod(method)) {
      return {
        code: RpcCode.unknownMethod,
        message: `the method must be ${[...OPEN_METHODS, ...PEER_METHODS].join(", ")}: it is '${
          shown(method)
        }'`,
      };
    }
    const refused = from === null
      ? refuseEnvelope(params["envelope"], this.initialConfig.config.cluster)
      : null;
    if (refused !== null) return refused;
    const invalid = validateParams(method, params);
    if (invalid !== null) return { code: RpcCode.invalidParams, message: invalid };
    // An envelope stays in: leaving a member out costs more than all the rest of this.
    return { ...params, method } as unknown as PeerRequest;
  }
}

/** The call's id; null for a notification, undefined when it cannot be one. */
function idOf(call: unknown): string | number | null | undefined {
  if (!isObject(call)) return undefined;
  const { id } = call;
  if (id === undefined) return null;
  return typeof id === "number" || (typeof id === "string" && id.length <= 128) ? id : undefined;
}

function jsonResponse(text: string, status = 200): Response {
  return new Response(text, { status, headers: JSON_HEADERS });
}
