/** The front page: the running clusters, and the form that starts a new one. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { FailureText } from "../components/failure_text.tsx";
import { LaunchForm } from "./launch_form.tsx";
import type { ClusterSummary, Problem } from "./models/api.ts";
import { plural } from "./models/format.ts";
import type { LaunchFields } from "./models/presets.ts";

export interface ClustersPageProps {
  readonly clusters: readonly ClusterSummary[];
  readonly fields: LaunchFields;
  readonly problem: Problem | null;
}

const REFRESH_MS = 1_500;

export function ClustersPage(props: ClustersPageProps) {
  const clusters = useSignal(props.clusters);
  const fields = useSignal(props.fields);
  const busy = useSignal(false);
  useEffect(() => {
    const timer = setInterval(async () => {
      const list = await listClusters();
      if (list !== null) clusters.value = list;
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <header class="lede">
        <h1>Clusters</h1>
        <p>
          A cluster is a working Dynamo store: real processes on this machine that partition,
          replicate and version your keys as Amazon’s Dynamo paper describes. Start one, put it
          under load, break it, and watch what happens.
        </p>
      </header>
      <div class="front">
        <section aria-labelledby="running-title">
          <h2 id="running-title">Running now</h2>
          {clusters.value.length === 0
            ? <p class="empty">No cluster is running. Start one with the form.</p>
            : (
              <ul class="clusters">
                {clusters.value.map((cluster) => (
                  <ClusterItem
                    key={cluster.id}
                    cluster={cluster}
                  />
                ))}
              </ul>
            )}
        </section>
        <section id="start" aria-labelledby="start-title">
          <h2 id="start-title">Start a cluster</h2>
          <LaunchForm fields={fields} busy={busy} problem={props.problem} />
        </section>
      </div>
    </>
  );
}

function ClusterItem({ cluster }: { readonly cluster: ClusterSummary }) {
  const { config, nodes } = cluster;
  const running = nodes.filter((node) => node.state === "running");
  return (
    <li>
      <a href={`/clusters/${cluster.id}`}>{cluster.id}</a>
      <p>
        {cluster.state === "starting" && <span aria-busy="true">starting</span>}
        {cluster.state === "failed" && <span class="state state-crashed">did not start</span>}
        {cluster.state === "running" &&
          `${
            running.length === nodes.length
              ? plural(running.length, "node")
              : `${running.length} of ${plural(nodes.length, "node")} running`
          }`}
        {cluster.state === "ending" && "ending"}
        , N {config.n}, R {config.r}, W {config.w}
        {cluster.latency !== null && (
          <>
            , latency <code>{cluster.latency}</code>
          </>
        )}
      </p>
      {cluster.failure !== null && (
        <div class="problem">
          <FailureText text={cluster.failure} />
        </div>
      )}
      {running[0] !== undefined && (
        <pre
          class="curl"
          tabIndex={0}
          aria-label={`A curl command for ${cluster.id}`}
        >curl -X PUT --data-binary hello {running[0].url}/kv/greeting</pre>
      )}
    </li>
  );
}

/** Null while the server does not answer; the page then keeps showing the last list. */
async function listClusters(): Promise<readonly ClusterSummary[] | null> {
  try {
    const response = await fetch("/api/clusters");
    return (await response.json() as { clusters: ClusterSummary[] }).clusters;
  } catch {
    return null;
  }
}
