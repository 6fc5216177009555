/**
 * Turns a validated request body into the launcher's options. This includes the checks that a
 * schema cannot do: fields that depend on each other, such as R, W and N, and the syntax of the
 * latency.
 */
import {
  type ClusterConfig,
  clusterConfig,
  ConfigError,
} from "../../../lib/dynamo/types/config.ts";
import { parseLegs, SpecError } from "../../../lib/random/latency.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { requireFits } from "../../../nodes/process/cluster_config_file.ts";
import { type LaunchBody, NAME } from "../api/schemas.ts";
import type { ClusterRegistry, Registered, SizedOptions } from "./registry.ts";

/** Starts a cluster and waits until it is running. Throws {@link ProblemError}. */
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

/** The launcher's options. Throws a 400 {@link ProblemError} that names the field. */
export function launchOptions(body: LaunchBody): SizedOptions {
  const { nodes, latency, seed } = body;
  const config = configOf(body);
  validateConfig(
    config,
    nodes,
    (field) => field in (body.config ?? {}) ? `config.${field}` : field,
  );
  const spec = latency?.trim() ?? "";
  if (spec !== "") validateLatency(spec);
  return {
    nodes,
    config,
    port: 0,
    ...(spec === "" ? {} : { latency: spec }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** Merges the top-level fields with those in `config`. The launcher adds the defaults. */
function configOf(body: LaunchBody): Partial<ClusterConfig> {
  const { name, nodes: _nodes, latency: _latency, seed: _seed, config, ...topLevel } = body;
  const merged: Record<string, unknown> = { ...config };
  for (const [field, value] of Object.entries({ ...topLevel, cluster: name })) {
    if (value === undefined) continue;
    const other = merged[field];
    if (other !== undefined && other !== value) {
      const given = field === "cluster" ? "name" : field;
      throw invalid(given, `${given} must have one value: it is ${value}, and ${other} in config`);
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

function validateConfig(
  given: Partial<ClusterConfig>,
  nodes: number,
  pathOf: (field: string) => string,
): void {
  try {
    requireFits(clusterConfig(given), nodes);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [field = "", ...rest] = error.message.split(" ");
    throw invalid(pathOf(field), [pathOf(field), ...rest].join(" "));
  }
}

function validateLatency(spec: string): void {
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
