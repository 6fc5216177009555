/**
 * From what a person asked for to what the launcher is told, with the checks that concern several
 * fields at once: R and W against N, and the latency's own little language.
 */
import {
  type ClusterConfig,
  clusterConfig,
  ConfigError,
} from "../../../lib/dynamo/types/config.ts";
import { parseLegs, SpecError } from "../../../lib/random/latency.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { type LaunchBody, NAME } from "../api/schemas.ts";
import type { ClusterRegistry, Registered, SizedOptions } from "./registry.ts";

/** Starts a cluster and waits until it runs. Throws {@link ProblemError}. */
export async function launchAndWait(
  registry: ClusterRegistry,
  body: LaunchBody,
): Promise<Registered> {
  const registered = registry.launch(launchOptions(body));
  await registered.live.settled;
  if (registered.live.failure !== null) {
    throw new ProblemError("cluster-failed", registered.live.failure);
  }
  return registered;
}

/** Throws a 400 {@link ProblemError} that names the field. */
export function launchOptions(body: LaunchBody): SizedOptions {
  const { nodes, latency, seed } = body;
  const config = configOf(body);
  requireConfig(config, nodes, (field) => field in (body.config ?? {}) ? `config.${field}` : field);
  const spec = latency?.trim() ?? "";
  if (spec !== "") requireLatency(spec);
  return {
    nodes,
    config,
    port: 0,
    ...(spec === "" ? {} : { latency: spec }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** What was given of a configuration, beside the other fields or in `config`; the launcher has the defaults. */
function configOf(body: LaunchBody): Partial<ClusterConfig> {
  const { name, nodes: _nodes, latency: _latency, seed: _seed, config, ...beside } = body;
  const merged: Record<string, unknown> = { ...config };
  for (const [field, value] of Object.entries({ ...beside, cluster: name })) {
    if (value === undefined) continue;
    const other = merged[field];
    if (other !== undefined && other !== value) {
      const own = field === "cluster" ? "name" : field;
      throw invalid(own, `${own} is given twice: as ${value}, and in config as ${other}`);
    }
    merged[field] = value;
  }
  const { cluster } = merged;
  if (typeof cluster === "string" && !NAME.test(cluster)) {
    throw invalid(
      "config.cluster",
      `config.cluster must be 1 to 40 of a-z 0-9 - and not start with -: it is "${cluster}"`,
    );
  }
  return merged;
}

function requireConfig(
  given: Partial<ClusterConfig>,
  nodes: number,
  pathOf: (field: string) => string,
): void {
  let config: ClusterConfig;
  try {
    config = clusterConfig(given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [field = "", ...rest] = error.message.split(" ");
    throw invalid(pathOf(field), [pathOf(field), ...rest].join(" "));
  }
  const { partitioning, partitions } = config;
  if (partitioning === "equal-partitions" && partitions < nodes) {
    throw invalid(
      pathOf("partitions"),
      `${
        pathOf("partitions")
      } must be at least the number of nodes, ${nodes}, so that each has one: ` +
        `it is ${partitions}`,
    );
  }
}

function requireLatency(spec: string): void {
  try {
    parseLegs(spec);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    throw invalid("latency", `latency: ${error.message}`);
  }
}

function invalid(field: string, message: string): ProblemError {
  return new ProblemError("invalid", message, { errors: [{ field, message }] });
}
