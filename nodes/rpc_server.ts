/**
 * The answering side of `POST /rpc`.
 *
 * The results of a batch come as one JSON array, one result a line. They wait for each other for a
 * moment only: when the slowest takes longer, what is there is sent and the rest follows line by line
 * as it comes, so that a call that waits for a disk, or for a dead node's timeout, does not hold up
 * the calls that happened to leave with it.
 */
import type { Founding, PeerReply, PeerRequest } from "../lib/dynamo/events.ts";
import type { NodeId } from "../lib/dynamo/ring.ts";
import { complaintAboutParams, isPeerMethod, PEER_METHODS } from "./peer_guards.ts";
import { readBody } from "./request_body.ts";
import {
  BATCH_CALLS_LIMIT,
  refuseEnvelope,
  RPC_BYTES_MAX,
  RpcCode,
  type RpcError,
  type RpcWriter,
  shown,
} from "./rpc_messages.ts";
import { isObject } from "./wire_guards.ts";

/** How long a batch's first results wait for its last, ms. */
const TOGETHER_MS = 5;
/** Calls being answered at once, over all peers; past it they are refused. */
export const RPC_CALLS_MAX = 20_000;
const JSON_HEADERS = { "content-type": "application/json" };

type PeerHandler = (
  from: NodeId,
  request: PeerRequest,
  answer: (reply: PeerReply) => void,
) => void;

export class RpcServer {
  private callsInHand = 0;

  constructor(
    private readonly founding: Founding,
    private readonly writer: RpcWriter,
    private readonly onPeer: PeerHandler,
  ) {}

  /** Answers a request whose sender has shown the secret. */
  async handle(request: Request): Promise<Response> {
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
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder().decode(body.bytes));
    } catch (error) {
      const message = `the request is no JSON: ${(error as Error).message}`;
      return jsonResponse(this.writer.error("null", { code: RpcCode.parse, message }), 400);
    }
    return Array.isArray(json) ? await this.batch(json) : await this.single(json);
  }

  private single(call: unknown): Promise<Response> {
    return new Promise((resolve) => {
      this.answer(call, (text) => {
        // A notification gets no answer.
        resolve(text === null ? new Response(null, { status: 204 }) : jsonResponse(text));
      });
    });
  }

  private batch(calls: readonly unknown[]): Response | Promise<Response> {
    if (calls.length === 0 || calls.length > BATCH_CALLS_LIMIT) {
      const message = `a batch must hold 1 to ${BATCH_CALLS_LIMIT} calls: it holds ${calls.length}`;
      return jsonResponse(
        this.writer.error("null", { code: RpcCode.invalidRequest, message }),
        400,
      );
    }
    return new Promise((resolve) => {
      const results = new BatchResults(calls.length, resolve);
      for (const call of calls) this.answer(call, (text) => results.add(text));
    });
  }

  /** Calls back once with the result's text, null for a notification. */
  private answer(call: unknown, done: (text: string | null) => void): void {
    const id = idOf(call);
    if (!isObject(call) || id === undefined || call["jsonrpc"] !== "2.0") {
      done(this.writer.error("null", {
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
      finish(this.writer.error(idText, { code: RpcCode.invalidParams, message }));
      return;
    }
    if (method === "ping" || method === "founding") {
      finish(this.openMethod(method, idText, params["envelope"]));
      return;
    }
    const request = this.peerRequest(method, params);
    if ("code" in request) {
      finish(this.writer.error(idText, request));
      return;
    }
    if (this.callsInHand >= RPC_CALLS_MAX) {
      const message = `too many calls in hand: at most ${RPC_CALLS_MAX} are taken on`;
      finish(this.writer.error(idText, { code: RpcCode.overloaded, message }));
      return;
    }
    this.callsInHand++;
    this.onPeer((params["envelope"] as { sender: NodeId }).sender, request, (reply) => {
      this.callsInHand--;
      finish(this.writer.reply(idText, reply));
    });
  }

  /** Methods that need no envelope, for a person with curl and for a node that is yet to join. */
  private openMethod(method: "ping" | "founding", id: string, envelope: unknown): string {
    const refused = envelope === undefined
      ? null
      : refuseEnvelope(envelope, this.founding.config.cluster);
    if (refused !== null) return this.writer.error(id, refused);
    return this.writer.result(
      id,
      method === "ping" ? { status: "pong" } : { founding: this.founding },
    );
  }

  private peerRequest(method: unknown, params: Record<string, unknown>): PeerRequest | RpcError {
    if (!isPeerMethod(method)) {
      return {
        code: RpcCode.unknownMethod,
        message: `the method must be ping, founding, ${PEER_METHODS.join(", ")}: it is '${
          shown(method)
        }'`,
      };
    }
    const refused = refuseEnvelope(params["envelope"], this.founding.config.cluster);
    if (refused !== null) return refused;
    const complaint = complaintAboutParams(method, params);
    if (complaint !== null) return { code: RpcCode.invalidParams, message: complaint };
    const { envelope: _, ...rest } = params;
    return { ...rest, method } as PeerRequest;
  }
}

/** The call's id; null for a notification, undefined when it cannot be one. */
function idOf(call: unknown): string | number | null | undefined {
  if (!isObject(call)) return undefined;
  const { id } = call;
  if (id === undefined) return null;
  return typeof id === "number" || (typeof id === "string" && id.length <= 128) ? id : undefined;
}

/**
 * Collects a batch's results: together when they are quick, as a stream when they are not. The array is
 * written `[result⏎,result⏎]`: a line ends where a result ends, so that a caller can read it at once.
 */
class BatchResults {
  private texts: string[] = [];
  private missing: number;
  /** What stands before the next result. */
  private joint = "[";
  private readonly timer: ReturnType<typeof setTimeout>;
  private stream: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(calls: number, private readonly resolve: (response: Response) => void) {
    this.missing = calls;
    this.timer = setTimeout(() => this.startStream(), TOGETHER_MS);
  }

  add(text: string | null): void {
    this.missing--;
    if (text !== null) this.texts.push(text);
    if (this.missing === 0) this.finish();
    else if (this.stream !== null) this.stream.enqueue(ENCODER.encode(this.takeLines()));
  }

  private finish(): void {
    clearTimeout(this.timer);
    if (this.stream !== null) {
      this.stream.enqueue(ENCODER.encode(`${this.takeLines()}${this.end()}`));
      this.stream.close();
    } else if (this.texts.length === 0) {
      this.resolve(new Response(null, { status: 204 }));
    } else {
      this.resolve(jsonResponse(`${this.takeLines()}]`));
    }
  }

  private startStream(): void {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.stream = controller;
        // Even with nothing to say yet: the head tells the caller that its batch has arrived.
        controller.enqueue(ENCODER.encode(this.takeLines()));
      },
      cancel: () => {
        // The caller is gone; what is still to come goes nowhere.
        this.stream = null;
      },
    });
    this.resolve(new Response(body, { headers: JSON_HEADERS }));
  }

  /** A stream that turned out to hold nothing but notifications is still an array. */
  private end(): string {
    return this.joint === "[" ? "[]" : "]";
  }

  private takeLines(): string {
    if (this.texts.length === 0) return "";
    const lines = `${this.joint}${this.texts.join("\n,")}\n`;
    this.joint = ",";
    this.texts = [];
    return lines;
  }
}

const ENCODER = new TextEncoder();

function jsonResponse(text: string, status = 200): Response {
  return new Response(text, { status, headers: JSON_HEADERS });
}
