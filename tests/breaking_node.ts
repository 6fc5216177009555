const ABSENT = "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\n" +
  "content-length: 2\r\n\r\n{}";

/** A server that answers the first request on a connection, and closes the connection at the second. */
export class BreakingNode {
  readonly received: string[] = [];
  private readonly open = new Set<Deno.Conn>();
  private readonly listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly url = `http://127.0.0.1:${this.listener.addr.port}`;
  readonly ended = this.serve();

  /** `json`: what it answers with 200; left out, 404. */
  constructor(private readonly json?: unknown) {}

  private async serve(): Promise<void> {
    const connections: Promise<void>[] = [];
    for await (const connection of this.listener) {
      this.open.add(connection);
      connections.push(this.handle(connection));
    }
    await Promise.all(connections);
  }

  private async handle(connection: Deno.Conn): Promise<void> {
    await this.read(connection);
    await connection.write(new TextEncoder().encode(this.answer()));
    await this.read(connection);
    this.end(connection);
  }

  private end(connection: Deno.Conn): void {
    if (this.open.delete(connection)) connection.close();
  }

  private answer(): string {
    if (this.json === undefined) return ABSENT;
    const body = JSON.stringify(this.json);
    const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    return `${head}content-length: ${body.length}\r\n\r\n${body}`;
  }

  /** One request, with a body that may come in pieces. */
  private async read(connection: Deno.Conn): Promise<void> {
    const bytes = new Uint8Array(65_536);
    let got = "";
    while (!isWhole(got)) {
      const length = await connection.read(bytes).catch(() => null);
      // Given up by the other side, or by the end of the test.
      if (length === null) return;
      got += new TextDecoder().decode(bytes.subarray(0, length));
    }
    this.received.push(got.slice(0, got.indexOf(" ")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    for (const connection of [...this.open]) this.end(connection);
    await this.ended;
  }
}

function isWhole(request: string): boolean {
  const end = request.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const head = request.slice(0, end).toLowerCase();
  if (head.includes("transfer-encoding: chunked")) return request.endsWith("0\r\n\r\n");
  const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
  return request.length - end - 4 >= length;
}
