/**
 * A minimal keep-alive HTTP/1.1 connection with one request at a time.
 *
 * The load generator should cost little compared with the server. `fetch` takes 70 µs of processor
 * time per request and this takes 10, so half a core is enough to load a fast server. It reads only
 * the status and the length of an answer.
 */
const BUFFER_BYTES = 16_384;
const CR = 13;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Answer {
  readonly status: number;
  /** Bytes of the body. */
  readonly length: number;
}

export class HttpConnection {
  private readonly buffer = new Uint8Array(BUFFER_BYTES);
  /** Bytes of the last answer in the buffer. */
  private filled = 0;
  private bodyFrom = 0;

  private constructor(private readonly connection: Deno.TcpConn) {}

  static async open(hostname: string, port: number): Promise<HttpConnection> {
    const connection = await Deno.connect({ hostname, port });
    connection.setNoDelay(true);
    return new HttpConnection(connection);
  }

  /**
   * Sends a request and reads the answer. Throws when the connection ends or the answer is not
   * HTTP.
   */
  async exchange(request: Uint8Array): Promise<Answer> {
    for (let sent = 0; sent < request.length;) {
      sent += await this.connection.write(sent === 0 ? request : request.subarray(sent));
    }
    this.filled = 0;
    let head = -1;
    while (head < 0) {
      await this.fill();
      head = endOfHead(this.buffer, this.filled);
    }
    this.bodyFrom = head;
    const status = digits(this.buffer, 9);
    const length = contentLength(decoder.decode(this.buffer.subarray(0, head)));
    if (length === null) await this.readChunks();
    else if (head + length > this.buffer.length) await this.skip(head + length - this.filled);
    else while (this.filled < head + length) await this.fill();
    return { status, length: length ?? this.filled - head };
  }

  /** The body of the last answer, including chunk headers if it was chunked. */
  body(): string {
    return decoder.decode(this.buffer.subarray(this.bodyFrom, this.filled));
  }

  close(): void {
    this.connection.close();
  }

  private async fill(): Promise<void> {
    if (this.filled === this.buffer.length) {
      throw new Error(`the answer must have at most ${BUFFER_BYTES} bytes: it is longer`);
    }
    const read = await this.connection.read(this.buffer.subarray(this.filled));
    if (read === null) throw new Error("the server closed the connection");
    this.filled += read;
  }

  private async readChunks(): Promise<void> {
    while (
      !decoder.decode(this.buffer.subarray(this.bodyFrom, this.filled)).endsWith("0\r\n\r\n")
    ) {
      await this.fill();
    }
  }

  private async skip(bytes: number): Promise<void> {
    for (let left = bytes; left > 0;) {
      const read = await this.connection.read(this.buffer.subarray(this.bodyFrom));
      if (read === null) throw new Error("the server closed the connection");
      left -= read;
    }
    this.filled = this.bodyFrom;
  }
}

/** Formats a request. */
export function httpRequest(
  method: string,
  path: string,
  host: string,
  body?: { readonly contentType: string; readonly text: string },
): Uint8Array {
  const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
  if (body === undefined) return encoder.encode(`${head}\r\n`);
  return encoder.encode(
    `${head}Content-Type: ${body.contentType}\r\nContent-Length: ${body.text.length}\r\n\r\n${body.text}`,
  );
}

function endOfHead(bytes: Uint8Array, filled: number): number {
  for (let i = 3; i < filled; i++) {
    if (bytes[i] === 10 && bytes[i - 1] === CR && bytes[i - 2] === 10 && bytes[i - 3] === CR) {
      return i + 1;
    }
  }
  return -1;
}

function digits(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let i = from; i < from + 3; i++) value = value * 10 + ((bytes[i] as number) - 48);
  if (!(value >= 100 && value < 600)) throw new Error("the server did not answer in HTTP");
  return value;
}

/** The length of the body; null when it is chunked. */
function contentLength(head: string): number | null {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return Number(length);
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return null;
  return 0;
}
