/**
 * One HTTP/2 session to a peer, with one stream that sends and receives lines (see `rpc/stream.ts`).
 *
 * It uses `node:http2` and not `fetch`, whose connections leave Nagle's algorithm on (measured: 44 ms
 * for a body over 1 KB). This file depends on the behaviour of that client on Deno 2.9.6, as measured:
 *
 * - When a peer is killed, the client gets a `close` with rstCode 8 and no `error`.
 * - The session counts as open when the peer's settings arrive. A connection alone proves nothing: the
 *   kernel accepts connections for a stopped process.
 * - A session in an unclear state is dropped completely, with its stream.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { LineSplitter } from "./line_splitter.ts";
import { ENVELOPE_HEADER, JSON_LINES, RPC_BYTES_MAX, RPC_PATH } from "./messages.ts";

export interface SessionOptions {
  /** `http://host:port`, or `https://…` for TLS with HTTP/2 negotiated by ALPN. */
  readonly url: string;
  readonly secret: string | null;
  /** Certificates to trust in addition to the system's, PEM. */
  readonly ca?: string | undefined;
  /** Our envelope, as JSON. */
  readonly envelope?: string;
  /** Checks the peer's envelope; null if it is valid. Called before any line is delivered. */
  readonly validateEnvelope?: (envelope: string | undefined) => string | null;
}

interface SessionListener {
  /** The session has opened, or its buffers have room again: it can be written to. */
  onWritable(): void;
  onLines(lines: readonly string[]): void;
  /** It can no longer be written to. Lines can still arrive until {@link SessionListener.onEnd}. */
  onClosing(): void;
  /** The session has ended. `undelivered`: the peer certainly processed nothing of what was written. */
  onEnd(reason: string, undelivered: boolean): void;
}

/** HTTP/2's REFUSED_STREAM: the peer has not processed the stream. */
const REFUSED_STREAM = 7;
const HTTP_OK = 200;
/** A server answers with one of these before it processes any call. */
const NOTHING_DONE = [400, 401, 403, 404, 409, 413, 503];
/** The flow-control window for data from the peer, in bytes: large enough for a large record. */
const WINDOW_BYTES = 4 * 1_048_576;
const REFUSAL_CHARACTERS_MAX = 1_048_576;

export class RpcSession {
  state: "connecting" | "open" | "closing" | "ended" = "connecting";
  /** When data last arrived from the peer, ms of `performance.now()`. */
  heardAt = -Infinity;
  readonly startedAt = performance.now();
  private readonly session: ClientHttp2Session;
  private stream: ClientHttp2Stream | null = null;
  private isFull = false;
  private status = 0;
  /** Data that arrived before the response headers, or the body of a refusal. */
  private early = "";
  private failure: string | null = null;

  constructor(
    private readonly options: SessionOptions,
    private readonly listener: SessionListener,
  ) {
    const { url, ca } = options;
    const settings = { initialWindowSize: WINDOW_BYTES };
    this.session = connect(url, ca === undefined ? { settings } : { settings, ca });
    this.session.once("remoteSettings", () => this.open());
    this.session.on("error", (error) => {
      this.failure ??= reasonOf(error);
      this.end(0);
    });
    this.session.on("goaway", () => this.close("the peer is shutting down"));
    this.session.on("close", () => this.end(0));
  }

  get isWritable(): boolean {
    return this.state === "open" && !this.isFull;
  }

  /** Sends text that ends with a line break. Allowed only while {@link isWritable}. */
  write(text: string): void {
    this.isFull = this.stream?.write(text) === false;
  }

  /** Ends the session and everything in progress on it. */
  drop(reason: string): void {
    this.failure ??= reason;
    this.end(0);
  }

  /** Stops writing. Answers to earlier calls can still arrive. */
  retire(): void {
    this.close("the connection was replaced");
  }

  private open(): void {
    if (this.state !== "connecting") return;
    this.heardAt = performance.now();
    try {
      this.stream = this.newStream();
    } catch (error) {
      this.failure ??= reasonOf(error);
      this.end(0);
      return;
    }
    this.state = "open";
    this.listener.onWritable();
  }

  private newStream(): ClientHttp2Stream {
    const { secret, envelope, validateEnvelope } = this.options;
    const stream = this.session.request({
      ":method": "POST",
      ":path": RPC_PATH,
      "content-type": JSON_LINES,
      ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
      ...(envelope === undefined ? {} : { [ENVELOPE_HEADER]: envelope }),
    }, { endStream: false });
    const lines = new LineSplitter(RPC_BYTES_MAX);
    stream.setEncoding("utf8");
    // On Deno the first data can arrive before the response headers.
    stream.on("response", (headers) => {
      this.status = Number(headers[":status"]);
      const given = headers[ENVELOPE_HEADER];
      const invalid = this.status === HTTP_OK
        ? validateEnvelope?.(typeof given === "string" ? given : undefined) ?? null
        : null;
      if (invalid === null) this.onText(lines, "");
      else this.drop(invalid);
    });
    stream.on("data", (text: string) => this.onText(lines, text));
    stream.on("drain", () => {
      this.isFull = false;
      if (this.state === "open") this.listener.onWritable();
    });
    stream.on("error", (error) => this.failure ??= reasonOf(error));
    stream.on("close", () => this.end(stream.rstCode ?? 0));
    return stream;
  }

  private onText(lines: LineSplitter, text: string): void {
    if (this.state === "ended") return;
    this.heardAt = performance.now();
    if (this.status !== HTTP_OK) {
      if (this.early.length < REFUSAL_CHARACTERS_MAX) this.early += text;
      return;
    }
    const { early } = this;
    this.early = "";
    try {
      const complete = lines.take(early === "" ? text : early + text);
      if (complete.length > 0) this.listener.onLines(complete);
    } catch (error) {
      this.drop(reasonOf(error));
    }
  }

  private close(reason: string): void {
    if (this.state === "connecting") {
      this.drop(reason);
    } else if (this.state === "open") {
      this.failure ??= reason;
      this.state = "closing";
      this.stream?.end();
      this.listener.onClosing();
    }
  }

  private end(rstCode: number): void {
    if (this.state === "ended") return;
    const wasOpen = this.state !== "connecting";
    this.state = "ended";
    this.session.destroy();
    if (this.status !== 0 && this.status !== HTTP_OK) {
      const reason = `HTTP ${this.status} ${refusalIn(this.early)}`.trim();
      this.listener.onEnd(reason, NOTHING_DONE.includes(this.status));
    } else {
      const reason = this.failure ?? "the connection was lost";
      this.listener.onEnd(reason, !wasOpen || rstCode === REFUSED_STREAM);
    }
  }
}

/** The message in a refusal's body, which is a problem report or a JSON-RPC error. */
function refusalIn(text: string): string {
  try {
    const { detail, error } = JSON.parse(text);
    return String(detail ?? error?.message ?? "");
  } catch {
    return "";
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  if (code === "ECONNREFUSED") return "connection refused";
  return message ?? String(error);
}
