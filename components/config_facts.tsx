/** A cluster's configuration, each value with an explanation. */
import type { ClusterSummary } from "../islands/models/api.ts";
import { explainQuorum } from "../islands/models/quorum.ts";

const PARTITIONINGS = {
  "equal-partitions": "equal partitions",
  "random-tokens": "random tokens",
  "random-tokens-equal-partitions": "random tokens over equal partitions",
};
const MODES = {
  "dvv": "dotted version vectors",
  "vector-clock": "plain vector clocks",
  "lww": "last writer wins",
};

export function ConfigFacts({ cluster }: { readonly cluster: ClusterSummary }) {
  const { config, latency } = cluster;
  const quorum = explainQuorum(config.n, config.r, config.w);
  const facts: [string, string | number, string][] = [
    ["N", config.n, "replicas of each key"],
    ["R", config.r, "replicas must answer a get"],
    ["W", config.w, "replicas must commit a put"],
  ];
  return (
    <div class="facts">
      <dl class="nrw">
        {facts.map(([name, value, why]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {value} <span>{why}</span>
            </dd>
          </div>
        ))}
      </dl>
      <p>
        {quorum !== null && <>{quorum.rule}. {quorum.meaning}</>}
      </p>
      <p class="small">
        Partitioning: {PARTITIONINGS[config.partitioning]}. Versions:{" "}
        {MODES[config.mode]}. Coordinator: {config.coordinator}. Injected latency:{" "}
        {latency === null ? "none" : <code>{latency}</code>}
        {latency !== null && " ms"}.
      </p>
    </div>
  );
}
