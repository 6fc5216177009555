/**
 * From what a person asked for to what the launcher is told, with the checks that concern several
 * fields at once: R and W against N, and the latency's own little language.
 */
import { type ClusterConfig, clusterConfig, ConfigError } from "../lib/dynamo/config.ts";
import { parseLegs, SpecError } from "../lib/random/latency.ts";
import { ProblemError } from "./problem.ts";
import type { SizedOptions } from "./registry.ts";
import type { LaunchBody } from "./schemas.ts";

/** Throws a 400 {@link ProblemError} that names the field. */
export function launchOptions(body: LaunchBody): SizedOptions {
  const { name, nodes, latency, seed, ...given } = body;
  // The launcher's own defaults stand where nothing was given.
  const config = Object.fromEntries(
    Object.entries({ ...given, cluster: name }).filter(([, value]) => value !== undefined),
  );
  requireConfig(config, nodes);
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

function requireConfig(given: Partial<ClusterConfig>, nodes: number): void {
  let config: ClusterConfig;
  try {
    config = clusterConfig(given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw invalid(error.message.split(" ")[0] ?? "", error.message);
  }
  const { partitioning, partitions } = config;
  if (partitioning === "equal-partitions" && partitions < nodes) {
    throw invalid(
      "partitions",
      `partitions must be at least the number of nodes, ${nodes}, so that each has one: it is ${partitions}`,
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
  return new ProblemError(400, "invalid", message, { errors: [{ field, message }] });
}
