/** The TLS proxy in front of a server on a unix socket, with a peer's session as client. */
import { equal, match } from "node:assert/strict";
import { RpcSession } from "../rpc/session.ts";
import { respondWithLines } from "../rpc/stream.ts";
import { openTlsFront, socketPathIn } from "./tls_front.ts";

/** A self-signed certificate for `localhost`, used only in this test; valid until 2126. */
const CERT = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUHhwtR9iGjUxUGXgOzeSGDwXdFzcwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjIyMTg1MloYDzIxMjYxMDI5
MjIxODUyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARvcV2FCZ0+RIjhc5vaqls03NCsX695EKNTRYmWovyFs2LrBXUDS6UN
Mdeie70bBcN1SIywY38aGuJPIm9ovruJo28wbTAdBgNVHQ4EFgQU5fWRc6lmza/O
3y3v17PcjE0D5+0wHwYDVR0jBBgwFoAU5fWRc6lmza/O3y3v17PcjE0D5+0wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgYSbrTJQEsY+Jagdvob5a0YCnLdarWq8tR0OrzpdcqKYCIQDo
VEgVVneEjYQUD0XRCxS/MrMLyFOgijpcq1VPdJ2+9g==
-----END CERTIFICATE-----
`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgObksm8WIV/ojsQKP
xjkDdR/Jwkzy+I/gEzf7cHvNWEihRANCAARvcV2FCZ0+RIjhc5vaqls03NCsX695
EKNTRYmWovyFs2LrBXUDS6UNMdeie70bBcN1SIywY38aGuJPIm9ovruJ
-----END PRIVATE KEY-----
`;

/** Sends one line over a session to `url`. Returns the answer, or why there is none. */
async function exchange(url: string, ca: string | undefined, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let written = false;
  const session: RpcSession = new RpcSession({ url, secret: null, ca }, {
    onWritable: () => {
      if (!written) session.write(`${text}\n`);
      written = true;
    },
    onLines: ([line]) => resolve(line ?? ""),
    onClosing: () => {},
    onEnd: (reason) => resolve(`ended: ${reason}`),
  });
  const answer = await promise;
  session.drop("done");
  return answer;
}

Deno.test("peers use HTTP/2 through the proxy, and accept only a certificate that they trust", async () => {
  const directory = await Deno.makeTempDir({ prefix: "dynamo-tls-" });
  const path = await socketPathIn(directory);
  const server = Deno.serve(
    { path, onListen: () => {} },
    ({ url, body }) =>
      respondWithLines(body, ({ length }, send) => send(JSON.stringify({ length, url }))),
  );
  const front = await openTlsFront({ cert: CERT, key: KEY }, "127.0.0.1", 0, path);
  const url = `https://localhost:${front.port}`;
  try {
    // More than a socket's buffers hold.
    const answer = JSON.parse(await exchange(url, CERT, "x".repeat(3_000_000)));
    equal(answer.length, 3_000_000);
    match(answer.url, new RegExp(`//localhost:${front.port}/rpc$`));
    match(await exchange(url, undefined, "x"), /ended: .*(certificate|issuer|self)/i);
  } finally {
    await front.close();
    await server.shutdown();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a taken port is reported", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  let code = "";
  try {
    await openTlsFront({ cert: CERT, key: KEY }, "127.0.0.1", port, "unused");
  } catch (error) {
    code = (error as { code: string }).code;
  }
  listener.close();
  equal(code, "EADDRINUSE");
});
