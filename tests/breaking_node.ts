/** A server that answers the first request on a connection, and closes the connection at the second. */
export class BreakingNode {
  readonly received: string[] = [];
  private readonly listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly url = `http://127.0.0.1:${this.listener.addr.port}`;
  readonly ended = this.serve();

  private async serve(): Promise<void> {
    const connections: Promise<void>[] = [];
    for await (const connection of this.listener) connections.push(this.handle(connection));
    await Promise.all(connections);
  }

  private async handle(connection: Deno.Conn): Promise<void> {
    await this.read(connection);
    const head = "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\n";
    await connection.write(new TextEncoder().encode(`${head}content-length: 2\r\n\r\n{}`));
    await this.read(connection);
    connection.close();
  }

  private async read(connection: Deno.Conn): Promise<void> {
    const bytes = new Uint8Array(65_536);
    const got = new TextDecoder().decode(bytes.subarray(0, await connection.read(bytes) ?? 0));
    if (/^[A-Z]+ \//.test(got)) this.received.push(got.slice(0, got.indexOf(" ")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    await this.ended;
  }
}
