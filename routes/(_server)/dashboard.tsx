/**
 * The dashboard as one application: guard, pages, API, files. Built without a socket, so that tests ask
 * it directly (`app.request()`).
 */
import { Hono } from "hono";
import { renderToString } from "preact-render-to-string";
import { Document } from "../../components/document.tsx";
import { ProblemNote } from "../../components/problem_note.tsx";
import { apiApp, type ApiOptions } from "./api/frame.ts";
import { clusterRoutes } from "../api_clusters.ts";
import { eventRoutes } from "../api_events.ts";
import { kvRoutes } from "../api_kv.ts";
import { loadRoutes } from "../api_load.ts";
import { membershipRoutes } from "../api_membership.ts";
import type { Assets } from "./assets.ts";
import { pageRoutes } from "../pages.tsx";
import { type ProblemDocument, ProblemError, problemResponse } from "../../nodes/http/problems.ts";
import type { ClusterRegistry } from "./clusters/registry.ts";
import { checkHostAndOrigin, securityHeaders } from "./security.ts";

interface DashboardOptions {
  readonly registry: ClusterRegistry;
  readonly assets: Promise<Assets>;
  /** Told of errors that are this server's own fault. */
  readonly onError?: (error: unknown) => void;
  readonly api?: ApiOptions;
}

export function createDashboard({ registry, assets, onError, api }: DashboardOptions): Hono {
  const app = new Hono();
  app.use(securityHeaders());
  app.use(checkHostAndOrigin());
  app.route(
    "/",
    apiApp([
      // Before the acts on processes: a replacement is none of them.
      ...membershipRoutes(registry),
      ...clusterRoutes(registry),
      ...kvRoutes(registry),
      ...loadRoutes(registry),
      ...eventRoutes(registry),
    ], api),
  );
  app.route("/", pageRoutes(registry, assets));
  app.get("/icon.svg", (c) => file(assets, c.req.path));
  app.get("/assets/*", (c) => file(assets, c.req.path));
  app.notFound((c) =>
    answer(
      c.req.raw,
      new ProblemError("not-found", `Nothing is at ${c.req.path}`).problem,
      assets,
    )
  );
  app.onError((error, c) => {
    if (error instanceof ProblemError) return answer(c.req.raw, error.problem, assets);
    onError?.(error);
    const problem = new ProblemError("internal", "See the dashboard’s own output").problem;
    return answer(c.req.raw, problem, assets);
  });
  return app;
}

async function file(assets: Promise<Assets>, path: string): Promise<Response> {
  const asset = (await assets).files.get(path);
  if (asset === undefined) throw new ProblemError("not-found", `Nothing is at ${path}`);
  const forGood = path.startsWith("/assets/");
  return new Response(asset.body, {
    headers: {
      "Content-Type": asset.contentType,
      "Cache-Control": forGood ? "public, max-age=31536000, immutable" : "public, max-age=3600",
    },
  });
}

/** A problem as a document for programs, or as a page for a person who navigated there. */
async function answer(
  request: Request,
  problem: ProblemDocument,
  assets: Promise<Assets>,
): Promise<Response> {
  const isApi = new URL(request.url).pathname.startsWith("/api/");
  if (isApi || !request.headers.get("Accept")?.includes("text/html")) {
    return problemResponse(problem);
  }
  const { styles } = await assets;
  const document = renderToString(
    <Document title={problem.title} styles={styles} script={null} islandProps={null}>
      <header class="lede">
        <h1>{problem.title}</h1>
      </header>
      <ProblemNote problem={{ ...problem, title: `Error ${problem.status}` }} />
      <p>
        <a href="/">All clusters</a>
      </p>
    </Document>,
  );
  return new Response(`<!doctype html>${document}`, {
    status: problem.status,
    headers: { "Content-Type": "text/html; charset=utf-8" },
  });
}
