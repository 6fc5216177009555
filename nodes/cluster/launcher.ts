/**
 * Launches a cluster of real node processes on this machine. `deno task cluster`, the dashboard, live
 * experiments and many tests use it.
 *
 * The launcher knows nothing of the protocol. It creates the initial configuration, the secret and the
 * directories, chooses the ports, and then only starts and signals processes.
 */
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import { parseLegs } from "../../lib/random/latency.ts";
import { makeInitialConfig, reopenedConfig, requireNodes } from "../process/cluster_config_file.ts";
import { ClusterDirectory } from "./cluster_directory.ts";
import { HOST, portsFor, portsOf, requireFree, sparesAt } from "./cluster_ports.ts";
import { LaunchError } from "./launch_error.ts";
import type { LaunchOptions } from "./launch_options.ts";
import { currentMembers } from "./member_list.ts";
import { fetchPackages } from "./package_cache.ts";
import { RunningCluster } from "./running_cluster.ts";

export { PORT_DEFAULT } from "./cluster_ports.ts";
export { LaunchError } from "./launch_error.ts";
export type { LaunchOptions } from "./launch_options.ts";
export type { ChangePlan, ChangeRequest, ClusterTransfers } from "./membership.ts";
export type { FaultRequest } from "../faults/fault_settings.ts";
export type { NodeExit } from "./node_process.ts";
export type { NodeChange, RunningCluster } from "./running_cluster.ts";
export type { NodeProcess, NodeState } from "./supervised_node.ts";

/** How many times to choose free ports, because another program can take one before a node listens. */
const PORT_CHOICES_MAX = 3;

/**
 * Starts a cluster and resolves when every node serves. Throws `ConfigError` or `SpecError` for invalid
 * options, and {@link LaunchError} if the directory or the ports are in use or a node does not start.
 * Then no process and no new initial configuration is left.
 */
export async function launchCluster(options: LaunchOptions): Promise<RunningCluster> {
  if (options.nodes !== undefined) requireNodes(options.nodes);
  if (options.latency !== undefined) parseLegs(options.latency);
  const directory = await ClusterDirectory.open(options.dataDir);
  try {
    return await launchIn(directory, options);
  } catch (error) {
    await directory.close();
    throw error;
  }
}

async function launchIn(
  directory: ClusterDirectory,
  options: LaunchOptions,
): Promise<RunningCluster> {
  let hasFetched = false;
  for (let choices = 1;; choices++) {
    // Options are checked before ports, because a wrong option is the more useful error.
    const ports = portsFor(directory.stored, directory.storedMemberList, options);
    const initialConfig = initialConfigAt(directory.stored, options, ports);
    await requireFree(portsOf(currentMembers(initialConfig.members, directory.storedMemberList)));
    await directory.write(initialConfig);
    const spares = sparesAt(options.spares ?? [], ports);
    for (const { id } of spares) await directory.createNodeDirectory(id);
    const cluster = new RunningCluster(options, initialConfig, directory, spares);
    try {
      await cluster.begin();
      return cluster;
    } catch (error) {
      await cluster.endAll("SIGKILL");
      await directory.undoWrite(initialConfig);
      const reason = error instanceof LaunchError ? error.reason : null;
      if (reason === "package-missing" && !hasFetched) {
        hasFetched = await fetchPackages().then(() => true, () => false);
        // Without a network, the node's error is more useful than the fetch's.
        if (hasFetched) continue;
      }
      const mayRetry = options.port === 0 && choices < PORT_CHOICES_MAX && reason === "port-taken";
      if (!mayRetry) throw error;
    }
  }
}

function initialConfigAt(
  stored: InitialClusterConfig | null,
  options: LaunchOptions,
  ports: readonly number[],
): InitialClusterConfig {
  const urls = ports.map((port) => `http://${HOST}:${port}`);
  return stored === null ? makeInitialConfig(options, urls) : reopenedConfig(stored, options, urls);
}
