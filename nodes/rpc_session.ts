/**
 * One HTTP/2 session to a peer: sends batches, hands back each result line as it comes.
 *
 * Made with `node:http2` and not `fetch`, whose connections leave Nagle's algorithm on (measured:
 * 44 ms for a body over 1 KB). What that client does on Deno 2.9.6 shapes this file, all measured: a
 * peer that is killed shows as a `close` with rstCode 8 and no `error`, so a batch is done only if a
 * status came, the stream ended and rstCode is 0; many resets at once make the server end the whole
 * session, so a session is dropped rather than its streams reset; a session counts as open when the
 * peer's settings came, since a stopped process's kernel accepts connections in its name.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { RPC_PATH } from "./rpc_messages.ts";

export interface SessionOptions {
  /** `http://host:port`, or `https://…` for TLS with HTTP/2 negotiated by ALPN. */
  readonly url: string;
  readonly secret: string | null;
  /** Certificates to trust beside the system's, PEM. */
  readonly ca?: string | undefined;
}

/** What becomes of a batch. Results come first, each once; then exactly one of the ends. */
export interface BatchListener {
  /** Complete JSON texts, each one call's reply. */
  onResults(texts: readonly string[]): void;
  /** The peer has answered all that it will. */
  onDone(): void;
  /** `undelivered`: the peer certainly took nothing of the batch on. */
  onFailed(reason: string, undelivered: boolean): void;
}

/** HTTP/2's REFUSED_STREAM: the peer says that it did nothing. */
const REFUSED_STREAM = 7;
const HTTP_OK = 200;
/** Answers that come before any call of the batch is looked at. */
const NOTHING_DONE = [400, 401, 403, 404, 413, 503];

export class RpcSession {
  state: "connecting" | "open" | "closed" = "connecting";
  /** Batches without an end. */
  streams = 0;
  /** When something last came from the peer, ms of `performance.now()`. */
  heardAt = -Infinity;
  readonly startedAt = performance.now();
  private readonly session: ClientHttp2Session;
  private readonly headers: Record<string, string>;
  private whyClosed = "the connection was closed";

  /** `onChange` is called when the session opens, when it takes no more batches, and when it is gone. */
  constructor(options: SessionOptions, private readonly onChange: () => void) {
    this.headers = {
      ":method": "POST",
      ":path": RPC_PATH,
      "content-type": "application/json",
      ...(options.secret === null ? {} : { authorization: `Bearer ${options.secret}` }),
    };
    this.session = connect(options.url, options.ca === undefined ? {} : { ca: options.ca });
    this.session.once("remoteSettings", () => this.opened());
    this.session.on("error", (error) => this.closed(reasonOf(error)));
    this.session.on("goaway", () => this.closed("the peer is shutting down"));
    this.session.on("close", () => this.closed("the connection was closed"));
  }

  /** Why it is closed, for a person. */
  get reason(): string {
    return this.whyClosed;
  }

  /** Sends the text of a batch on an open session. */
  send(text: string, listener: BatchListener): void {
    this.streams++;
    let stream: ClientHttp2Stream;
    try {
      stream = this.session.request(this.headers);
    } catch (error) {
      this.streams--;
      const reason = reasonOf(error);
      this.closed(reason);
      // Never within the call: whoever sends is not ready to hear.
      queueMicrotask(() => listener.onFailed(reason, true));
      return;
    }
    new Exchange(stream, listener, () => this.heardAt = performance.now(), () => {
      this.streams--;
      if (this.state === "closed" && this.streams === 0) this.session.close();
      this.onChange();
    });
    stream.end(text);
  }

  /** Ends the session and with it whatever is under way on it. */
  drop(): void {
    this.closed("the connection was dropped");
    this.session.destroy();
  }

  /** Ends the session when what is under way has ended. */
  retire(): void {
    this.closed("the connection was given up");
    if (this.streams === 0) this.session.close();
  }

  private opened(): void {
    if (this.state !== "connecting") return;
    this.state = "open";
    this.heardAt = performance.now();
    this.onChange();
  }

  private closed(reason: string): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.whyClosed = reason;
    this.onChange();
  }
}

/** One batch on its stream. */
class Exchange {
  private status = 0;
  private ended = false;
  /** What came after the last line, in the pieces that it came in: joining each time would copy it all. */
  private pieces: string[] = [];
  private failure: string | null = null;

  constructor(
    stream: ClientHttp2Stream,
    private readonly listener: BatchListener,
    private readonly heard: () => void,
    private readonly over: () => void,
  ) {
    stream.setEncoding("utf8");
    // On Deno the first data may come before the head that it came with.
    stream.on("response", (headers) => {
      this.status = Number(headers[":status"]);
      this.takeLines();
    });
    stream.on("data", (chunk: string) => {
      this.heard();
      this.pieces.push(chunk);
      if (chunk.includes("\n")) this.takeLines();
    });
    stream.on("end", () => this.ended = true);
    stream.on("error", (error) => this.failure = reasonOf(error));
    stream.on("close", () => this.onClose(stream.rstCode ?? 0));
  }

  private takeLines(): void {
    if (this.status !== HTTP_OK || this.pieces.length === 0) return;
    const text = this.pieces.join("");
    const end = text.lastIndexOf("\n");
    this.pieces = end === text.length - 1 ? [] : [text.slice(end + 1)];
    if (end === -1) return;
    // Each line is a result after the bracket or comma that joins it to the others.
    const texts: string[] = [];
    for (let start = 0; start <= end;) {
      const next = text.indexOf("\n", start);
      texts.push(text.slice(start + 1, next));
      start = next + 1;
    }
    this.listener.onResults(texts);
  }

  private onClose(rstCode: number): void {
    if (this.status === HTTP_OK && this.ended && rstCode === 0) {
      this.listener.onDone();
    } else if (this.status !== 0 && this.status !== HTTP_OK) {
      const refused = NOTHING_DONE.includes(this.status);
      this.listener.onFailed(
        `HTTP ${this.status} ${refusalIn(this.pieces.join(""))}`.trim(),
        refused,
      );
    } else {
      const reason = this.failure ?? `the connection broke off (HTTP/2 code ${rstCode})`;
      this.listener.onFailed(reason, rstCode === REFUSED_STREAM);
    }
    this.over();
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
