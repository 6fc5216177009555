import assert from "node:assert/strict";
import { ProblemError } from "../../../nodes/http/problems.ts";
import type { RouteContext, RouteFile, State } from "../define.ts";
import type { HandlerByMethod, HandlerFn } from "../fresh/fresh.ts";
import { withStatusCheck } from "./describe.ts";
import { response } from "./operation.ts";

Deno.test("a status that is not described is reported, whether returned or thrown", async () => {
  const reported: string[] = [];
  const route = (handle: HandlerFn<unknown, State>): RouteFile => ({
    handler: { GET: handle },
    openapi: { GET: { responses: response(200, "Fine") } },
  });
  const routes = withStatusCheck({
    "./api/fine.ts": route(() => new Response()),
    "./api/odd.ts": route(() => new Response(null, { status: 202 })),
    "./api/[id]/thrown.ts": route(() => {
      throw new ProblemError("conflict", "not now");
    }),
    "./api/unknown.ts": { handler: { GET: () => new Response(null, { status: 418 }) } },
  }, (name, status) => reported.push(`${name} ${status}`));
  const ctx = {} as RouteContext;
  for (const file of Object.values(routes)) {
    await Promise.try(() => (file.handler as HandlerByMethod<unknown, State>).GET?.(ctx))
      .catch((error) => assert.ok(error instanceof ProblemError));
  }
  assert.deepEqual(reported, ["GET /api/odd 202", "GET /api/{id}/thrown 409"]);
});
