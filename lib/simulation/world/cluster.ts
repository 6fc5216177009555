/** Builds the cluster that a scenario describes. */
import { makeInitialRing } from "../../dynamo/ring/initial_ring.ts";
import type { InitialClusterConfig } from "../../dynamo/types/initial_config.ts";
import { parseDistribution, parseLegs } from "../../random/latency.ts";
import { SeededRandom } from "../../random/seeded.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { FIRST_DATA_ID } from "./disk.ts";
import type { SimulationOptions } from "./simulation.ts";

/** The initial configuration. The ring is drawn from the scenario's seed. */
export function initialConfigOf({ nodes, config, seed }: Scenario): InitialClusterConfig {
  const ring = makeInitialRing(nodes, config, SeededRandom.from(seed).child("founding"));
  const members = nodes.map((node) => ({
    ...node,
    url: `sim://${node.id}`,
    dataId: FIRST_DATA_ID,
  }));
  return { config, members, ring };
}

/** All options of the simulation that follow from the scenario. */
export function worldOf(scenario: Scenario): Omit<SimulationOptions, "driver" | "json"> {
  return {
    initialConfig: initialConfigOf(scenario),
    spares: scenario.spares.map((node) => ({ ...node, url: `sim://${node.id}` })),
    seed: scenario.seed,
    latency: parseLegs(scenario.network.latency),
    clientLatency: parseDistribution(scenario.network.clients),
    disk: {
      load: parseDistribution(scenario.disk.load),
      store: parseDistribution(scenario.disk.store),
    },
  };
}
