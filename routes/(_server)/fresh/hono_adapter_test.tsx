import { deepEqual, equal, match, throws } from "node:assert/strict";
import { type Context, createDefine, HttpError, page, type RouteModule } from "./fresh.ts";
import { requestHandler } from "./hono_adapter.ts";

interface State {
  readonly trail: string[];
}

const define = createDefine<State>();

/** A middleware that records its mark before the handler and sends all marks in a header. */
const marking = (mark: string) => async ({ state, next }: Context<State>) => {
  state.trail.push(mark);
  const response = await next();
  response.headers.set("trail", state.trail.join(" "));
  return response;
};

const ROUTES: Record<string, RouteModule<State>> = {
  "./_app.tsx": {
    default: ({ Component, params }) => (
      <html lang={params.id}>
        <Component />
      </html>
    ),
  },
  "./_error.tsx": {
    handler: define.handlers(({ error }) =>
      new Response(String(error), { status: error instanceof HttpError ? error.status : 500 })
    ),
  },
  "./_middleware.ts": { handler: define.middleware([marking("outer"), marking("second")]) },
  "./api/_middleware.ts": { handler: define.middleware([marking("api")]) },
  "./api/[id]/[act].ts": {
    handler: define.handlers({
      GET: ({ params, url }) => Response.json({ params, path: url.pathname, by: "act" }),
      POST: (ctx) => ctx.redirect("/", 303),
    }),
  },
  "./api/[id]/stop.ts": { handler: define.handlers({ GET: () => new Response("stop") }) },
  "./page/[id].tsx": {
    handler: define.handlers({
      GET: ({ params }) => page({ name: params.id }, { status: 202 }),
      POST: () => {
        throw new RangeError("no");
      },
    }),
    default: define.page(({ data }) => <p>{JSON.stringify(data)}</p>),
  },
  "./plain.tsx": { default: define.page(() => <b>plain</b>) },
};

const ask = async (path: string, method = "GET"): Promise<Response> =>
  await requestHandler({ routes: ROUTES, newState: () => ({ trail: [] }) })(
    new Request(`http://localhost${path}`, { method }),
  );

Deno.test("a route gets its parameters, and a literal segment wins over a parameter", async () => {
  const params = { id: "a b", act: "go" };
  deepEqual(await (await ask("/api/a%20b/go")).json(), {
    params,
    path: "/api/a%20b/go",
    by: "act",
  });
  equal(await (await ask("/api/a/stop")).text(), "stop");
  const redirect = await ask("/api/a/go", "POST");
  equal(redirect.status, 303);
  equal(redirect.headers.get("location"), "/");
});

Deno.test("middlewares run in order for everything below their folder, also for errors", async () => {
  equal((await ask("/api/a/stop")).headers.get("trail"), "outer second api");
  equal((await ask("/plain")).headers.get("trail"), "outer second");
  equal((await ask("/nowhere")).headers.get("trail"), "outer second");
  equal((await ask("/page/x", "POST")).headers.get("trail"), "outer second");
});

Deno.test("the page renders the handler's data inside _app, with the handler's status", async () => {
  const response = await ask("/page/x");
  equal(response.status, 202);
  match(response.headers.get("content-type") ?? "", /^text\/html/);
  const html = '<html lang="x"><p>{"name":"x"}</p></html>';
  equal((await response.text()).replaceAll("&quot;", '"'), `<!doctype html>${html}`);
  equal(await (await ask("/plain")).text(), "<!doctype html><html><b>plain</b></html>");
});

Deno.test("_error responds to thrown errors, unknown URLs and unknown methods", async () => {
  const thrown = await ask("/page/x", "POST");
  equal(thrown.status, 500);
  equal(await thrown.text(), "RangeError: no");
  equal((await ask("/nowhere")).status, 404);
  const refused = await ask("/api/a/stop", "DELETE");
  equal(refused.status, 405);
  equal(refused.headers.get("allow"), "GET, HEAD");
  equal(await refused.text(), "HttpError: the method must be GET, HEAD: it is DELETE");
});

Deno.test("an unsupported special file is refused", () => {
  const newState = () => ({ trail: [] });
  const routes = { ...ROUTES, "./api/_error.tsx": ROUTES["./_error.tsx"] ?? {} };
  throws(() => requestHandler({ routes, newState }), /found \.\/api\/_error\.tsx/);
  throws(() => requestHandler({ routes: {}, newState }), /routes must have \.\/_app\.tsx/);
});
