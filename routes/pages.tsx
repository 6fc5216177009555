/**
 * The pages, and what their forms post. Everything here can be done by the JSON API too; this is the
 * way without scripts.
 */
import { Hono } from "hono";
import type { VNode } from "preact";
import { renderToString } from "preact-render-to-string";
import { Document } from "../components/document.tsx";
import { ClusterPage } from "../islands/cluster_page.tsx";
import { ClustersPage, type ClustersPageProps } from "../islands/clusters_page.tsx";
import type { Problem, ReadEnvelope, WriteEnvelope } from "../islands/models/api.ts";
import { type ChangeStart, NO_CHANGE } from "../islands/models/change_model.ts";
import type { Answer } from "../islands/models/cluster_api.ts";
import { getResult, type KeyRequestResult, type KeysStart } from "../islands/models/keys_model.ts";
import { type LaunchFields, presetFields } from "../islands/models/presets.ts";
import { parse } from "./(_server)/api/frame.ts";
import { requireFitting } from "./api_load.ts";
import type { Assets, Island } from "./(_server)/assets.ts";
import { formObject, readForm } from "./(_server)/pages/forms.ts";
import { addMembershipForms } from "./forms_membership.ts";
import { launchOptions, nameOf } from "./(_server)/clusters/launching.ts";
import { actOnNode } from "./(_server)/clusters/node_acts.ts";
import { askNode, type NodeRequest } from "./(_server)/clusters/node_proxy.ts";
import { ProblemError } from "../nodes/http/problems.ts";
import type { ClusterRegistry, Registered } from "./(_server)/clusters/registry.ts";
import { LaunchBody, LoadBody } from "./(_server)/api/schemas.ts";

const LAUNCH_NUMBERS = ["nodes", "n", "r", "w", "partitions", "tokensPerNode"];
const LOAD_NUMBERS = ["count", "concurrency", "keyCount", "valueBytes", "r", "w"];

export function pageRoutes(registry: ClusterRegistry, assets: Promise<Assets>): Hono {
  const app = new Hono();
  const pages = new Pages(registry, assets);
  app.get("/", (c) => pages.front(presetFields(c.req.query("preset")), null));
  app.get("/clusters/:id", async (c) => {
    const registered = registry.find(c.req.param("id"));
    const key = c.req.query("key") ?? "";
    const asked = c.req.query("op") === "get" && key !== "";
    const outcome = asked ? await getForPage(registry, registered, key, c.req.query()) : null;
    return pages.cluster(registered, { keys: { key, outcome } });
  });
  addForms(app, registry, pages);
  addMembershipForms(
    app,
    registry,
    (registered, change, status) => pages.cluster(registered, { change }, status),
  );
  return app;
}

const NO_KEY: KeysStart = { key: "", outcome: null };

class Pages {
  constructor(
    private readonly registry: ClusterRegistry,
    private readonly assets: Promise<Assets>,
  ) {}

  front(fields: LaunchFields, problem: Problem | null): Promise<Response> {
    const clusters = this.registry.list().map(({ live }) => live.summary());
    const props: ClustersPageProps = { clusters, fields, problem };
    const body = <ClustersPage {...props} />;
    const status = problem?.status ?? 200;
    return this.#html({ title: "Clusters", island: "clusters", props, body }, status);
  }

  async cluster(
    { live, loads }: Registered,
    { keys = NO_KEY, change = NO_CHANGE }: { keys?: KeysStart; change?: ChangeStart },
    status = 200,
  ): Promise<Response> {
    await live.refresh();
    const props = { cluster: live.detail(), runs: loads.list(), keys, change };
    const body = <ClusterPage {...props} />;
    return this.#html({ title: live.id, island: "cluster", props, body }, status);
  }

  async #html(
    page: { title: string; island: Island; props: unknown; body: VNode },
    status: number,
  ): Promise<Response> {
    const { styles, scriptOf } = await this.assets;
    const document = renderToString(
      <Document
        title={page.title}
        styles={styles}
        script={scriptOf(page.island)}
        islandProps={page.props}
      >
        {page.body}
      </Document>,
    );
    return new Response(`<!doctype html>${document}`, {
      status,
      headers: { "Content-Type": "text/html; charset=utf-8" },
    });
  }
}

/** A form posts, the server acts, and the browser is sent back to the page. */
function addForms(app: Hono, registry: ClusterRegistry, pages: Pages): void {
  app.post("/clusters", async (c) => {
    const given = formObject(await readForm(c.req.raw), LAUNCH_NUMBERS);
    try {
      const body = parse(LaunchBody, given);
      // Not awaited: the cluster's page shows how it starts.
      const { live } = registry.launch(launchOptions(body), nameOf(body));
      return c.redirect(`/clusters/${live.id}`, 303);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      return pages.front({ ...presetFields(undefined), ...given }, error.problem);
    }
  });

  app.post("/clusters/:id/end", async (c) => {
    await registry.end(c.req.param("id"));
    return c.redirect("/", 303);
  });

  app.post("/clusters/:id/nodes/:node/:act", async (c) => {
    const { id, node, act } = c.req.param();
    await actOnNode(registry.find(id).live, node, act);
    return c.redirect(`/clusters/${id}#nodes`, 303);
  });

  app.post("/clusters/:id/load", async (c) => {
    const id = c.req.param("id");
    const registered = registry.find(id);
    const body = parse(LoadBody, formObject(await readForm(c.req.raw), LOAD_NUMBERS));
    requireFitting(registered, body);
    registered.loads.start(body);
    return c.redirect(`/clusters/${id}#load`, 303);
  });

  app.post("/clusters/:id/kv", async (c) => {
    const id = c.req.param("id");
    const registered = registry.find(id);
    const form = await readForm(c.req.raw);
    const key = form.get("key") ?? "";
    if (form.get("op") === "get") {
      const query = new URLSearchParams({ key, op: "get" });
      for (const name of ["r", "node"]) if (form.get(name)) query.set(name, form.get(name) ?? "");
      return c.redirect(`/clusters/${id}?${query}#keys`, 303);
    }
    const outcome = await writeForPage(registry, registered, key, form);
    return pages.cluster(registered, { keys: { key, outcome } }, statusOf(outcome));
  });
}

function statusOf(outcome: KeyRequestResult): number {
  return outcome.kind === "problem" ? outcome.problem.status : 200;
}

async function getForPage(
  registry: ClusterRegistry,
  { live }: Registered,
  key: string,
  query: Record<string, string>,
): Promise<KeyRequestResult> {
  const search = new URLSearchParams(query["r"] ? { r: query["r"] } : {});
  const answer = await askForPage<ReadEnvelope>(registry, live, {
    method: "GET",
    path: `/kv/${encodeURIComponent(key)}`,
    search,
    headers: new Headers({ Accept: "application/json" }),
    node: query["node"] || null,
  });
  return getResult(key, answer);
}

async function writeForPage(
  registry: ClusterRegistry,
  { live }: Registered,
  key: string,
  form: URLSearchParams,
): Promise<KeyRequestResult> {
  const method = form.get("op") === "delete" ? "delete" : "put";
  const context = form.get("useContext") ? form.get("context") ?? "" : "";
  const headers = new Headers({
    "Accept": "application/json",
    "Content-Type": "text/plain; charset=utf-8",
  });
  if (context !== "") headers.set("X-Dynamo-Context", context);
  const w = form.get("w");
  const answer = await askForPage<WriteEnvelope>(registry, live, {
    method: method === "put" ? "PUT" : "DELETE",
    path: `/kv/${encodeURIComponent(key)}`,
    search: new URLSearchParams(w ? { w } : {}),
    headers,
    node: form.get("node") || null,
    // A browser's form turns every line end into CR LF.
    body: new TextEncoder().encode((form.get("value") ?? "").replaceAll("\r\n", "\n")),
  });
  return answer.ok
    ? { kind: "written", method, written: answer.value }
    : { kind: "problem", method, problem: answer.problem };
}

/** The node's answer, or why none came, as a page's own scripts would see it. */
async function askForPage<T>(
  registry: ClusterRegistry,
  live: Registered["live"],
  request: NodeRequest,
): Promise<Answer<T>> {
  try {
    const response = await askNode(live, request, registry.fetch);
    const json: unknown = await response.json();
    const { status } = response;
    const node = response.headers.get("X-Dynamo-Node");
    return response.ok || status === 300
      ? { ok: true, status, node, value: json as T }
      : { ok: false, node, problem: json as Problem };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { ok: false, node: null, problem: error.problem };
  }
}
