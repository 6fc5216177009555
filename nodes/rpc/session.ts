/**
 * One HTTP/2 session to a peer, and the stream on it: lines go out, lines come back (see
 * `rpc/stream.ts`).
 *
 * Made with `node:http2` and not `fetch`, whose connections leave Nagle's algorithm on (measured:
 * 44 ms for a body over 1 KB). What that client does on Deno 2.9.6 shapes this file, all measured: a
 * peer that is killed shows as a `close` with rstCode 8 and no `error`; a session counts as open when
 * the peer's settings came, since a stopped process's kernel accepts connections in its name; and a
 * session in doubt is dropped whole, its stream with it.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { LineSplitter } from "./line_splitter.ts";
import { ENVELOPE_HEADER, JSON_LINES, RPC_BYTES_MAX, RPC_PATH } from "./messages.ts";

export interface SessionOptions {
  /** `http://host:port`, or `https://…` for TLS with HTTP/2 negotiated by ALPN. */
  readonly url: string;
  readonly secret: string | null;
  /** Certificates to trust beside the system's, PEM. */
  readonly ca?: string | undefined;
  /** The envelope of what is written, as JSON. */
  readonly envelope?: string;
  /** Told the envelope of the answers; what is wrong with it, or null. Nothing is handed over before. */
  readonly validateEnvelope?: (envelope: string | undefined) => string | null;
}

interface SessionListener {
  /** It may be written to: the session opened, or its buffers have room again. */
  onWritable(): void;
  onLines(lines: readonly string[]): void;
  /** No more can be written; lines may still come until {@link SessionListener.onEnd}. */
  onClosing(): void;
  /** Nothing more will come. `undelivered`: the peer certainly looked at none of what was written. */
  onEnd(reason: string, undelivered: boolean): void;
}

/** HTTP/2's REFUSED_STREAM: the peer says that it did nothing. */
const REFUSED_STREAM = 7;
const HTTP_OK = 200;
/** Answers that come before any call is looked at. */
const NOTHING_DONE = [400, 401, 403, 404, 409, 413, 503];
/** What one stream and one session may have under way towards us, bytes: a large record in one go. */
const WINDOW_BYTES = 4 * 1_048_576;
const REFUSAL_CHARACTERS_MAX = 1_048_576;

export class RpcSession {
  state: "connecting" | "open" | "closing" | "ended" = "connecting";
  /** When something last came from the peer, ms of `performance.now()`. */
  heardAt = -Infinity;
  readonly startedAt = performance.now();
  private readonly session: ClientHttp2Session;
  private stream: ClientHttp2Stream | null = null;
  private isFull = false;
  private status = 0;
  /** What came before the head, or instead of answers. */
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

  /** Sends text that ends with a line's end. Only while {@link isWritable}. */
  write(text: string): void {
    this.isFull = this.stream?.write(text) === false;
  }

  /** Ends the session and with it whatever is under way on it. */
  drop(reason: string): void {
    this.failure ??= reason;
    this.end(0);
  }

  /** Writes no more; what is under way may still come back. */
  retire(): void {
    this.close("the connection was given up");
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
    // On Deno the first data may come before the head that it came with.
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
      const whole = lines.take(early === "" ? text : early + text);
      if (whole.length > 0) this.listener.onLines(whole);
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
      const reason = this.failure ?? "the connection broke off";
      this.listener.onEnd(reason, !wasOpen || rstCode === REFUSED_STREAM);
    }
  }
}

/** The words of a refusal's body: a problem's or a JSON-RPC error's. */
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
