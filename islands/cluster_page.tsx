/**
 * The cluster page: one model, one event stream, and panels that read from the model. The server
 * renders the same tree first, so the page is useful before scripts load, and without them.
 */
import { useEffect, useMemo } from "preact/hooks";
import { ConfigFacts } from "../components/config_facts.tsx";
import { FailureText } from "../components/failure_text.tsx";
import { Sparkline } from "../components/sparkline.tsx";
import { ChangePanel } from "./change_panel.tsx";
import { FeedPanel } from "./feed_panel.tsx";
import { KeysPanel } from "./keys_panel.tsx";
import { LoadPanel } from "./load_panel.tsx";
import {
  type ClusterDetail,
  LIVE_EVENTS,
  type LiveMessage,
  type LoadRunView,
} from "./models/api.ts";
import type { ChangeStart } from "./models/change_model.ts";
import { ClusterApi } from "./models/cluster_api.ts";
import { ClusterModel } from "./models/cluster_model.ts";
import { KeysModel, type KeysStart } from "./models/keys_model.ts";
import { LoadModel } from "./models/load_model.ts";
import { NodePanel } from "./node_panel.tsx";
import { NodeTable } from "./node_table.tsx";
import { RingFigure } from "./ring_figure.tsx";

export interface ClusterPageProps {
  readonly cluster: ClusterDetail;
  readonly runs: readonly LoadRunView[];
  readonly keys: KeysStart;
  readonly change: ChangeStart;
}

/** How often the feed shows new events: fast enough to feel live, slow enough to read. */
const FLUSH_MS = 200;

export function ClusterPage(props: ClusterPageProps) {
  const model = useMemo(() => {
    const api = new ClusterApi(props.cluster.id);
    const load = new LoadModel(api, props.runs);
    const keys = new KeysModel(api, props.keys);
    return new ClusterModel(props.cluster, api, load, keys, props.change);
  }, []);
  useEffect(() => connect(model), []);
  const cluster = model.cluster.value;
  return (
    <>
      <ClusterHead model={model} />
      {cluster.state === "starting" && (
        <p class="notice" role="status">
          <span aria-busy="true">Starting the nodes</span>{" "}
          <span class="no-js-only">Reload this page in a second.</span>
        </p>
      )}
      {cluster.failure !== null && (
        <div class="problem" role="alert">
          <strong>The cluster did not start</strong>
          <FailureText text={cluster.failure} />
        </div>
      )}
      {cluster.state === "running" && (
        <div class="columns">
          <div class="ring-side">
            <RingFigure model={model} />
            <NodePanel model={model} />
          </div>
          <div class="work">
            <section id="nodes" aria-labelledby="nodes-title">
              <h2 id="nodes-title">Nodes</h2>
              <NodeTable model={model} />
              <ChangePanel model={model} />
            </section>
            <KeysPanel model={model} />
            <LoadPanel model={model} />
            <FeedPanel model={model} />
          </div>
        </div>
      )}
    </>
  );
}

function ClusterHead({ model }: { readonly model: ClusterModel }) {
  const cluster = model.cluster.value;
  const points = model.throughput.value;
  return (
    <header class="cluster-head">
      <div class="cluster-title">
        <p class="crumb">
          <a href="/">Clusters</a>
        </p>
        <h1>{cluster.id}</h1>
        <ConnectionMark model={model} />
      </div>
      <ConfigFacts cluster={cluster} />
      <div class="cluster-side">
        {points.length > 2 && <Sparkline points={points} />}
        <details class="end">
          <summary>End this cluster</summary>
          <form method="post" action={`/clusters/${cluster.id}/end`}>
            <p>
              Stops its {cluster.nodes.length} processes and deletes their data.
            </p>
            <button type="submit" class="act-hard">End {cluster.id}</button>
          </form>
        </details>
      </div>
    </header>
  );
}

function ConnectionMark({ model }: { readonly model: ClusterModel }) {
  const labels = {
    static: "as of page load",
    live: "live",
    lost: "connection lost, reconnecting",
    ended: "this cluster has ended",
  };
  const connection = model.connection.value;
  return <p class={`connection connection-${connection}`} role="status">{labels[connection]}</p>;
}

/** Opens the page's event stream. Returns a function that closes it. */
function connect(model: ClusterModel): () => void {
  const stream = new EventSource(
    `/api/clusters/${encodeURIComponent(model.cluster.peek().id)}/events`,
  );
  stream.onopen = () => model.connection.value = "live";
  stream.onerror = () => {
    if (model.connection.peek() !== "ended") model.connection.value = "lost";
  };
  for (const event of LIVE_EVENTS) {
    stream.addEventListener(event, (message) => {
      model.apply({ event, data: JSON.parse(message.data) } as LiveMessage);
      // Otherwise the browser would keep reconnecting to a cluster that no longer exists.
      if (event === "ended") stream.close();
    });
  }
  const flushing = setInterval(() => model.feed.flush(), FLUSH_MS);
  return () => {
    clearInterval(flushing);
    stream.close();
  };
}
