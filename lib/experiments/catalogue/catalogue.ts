/** The catalogue of all experiments. Only these can be run. */
import { type Engine, type Experiment, type Prepared } from "../experiment.ts";
import { ParameterError } from "../parameters.ts";
import { ANTI_ENTROPY_COST } from "./anti_entropy_cost.ts";
import { AVAILABILITY } from "./availability.ts";
import { COORDINATION } from "./coordination.ts";
import { DELTA_P } from "./delta_p.ts";
import { DIVERGENCE } from "./divergence.ts";
import { EARLY_REAPING } from "./early_reaping.ts";
import { FAILING_NODES } from "./failing_nodes.ts";
import { FAILURE_DETECTION } from "./failure_detection.ts";
import { FAILURE_RATE } from "./failure_rate.ts";
import { GOSSIP_CONVERGENCE } from "./gossip_convergence.ts";
import { HINT_STORM } from "./hint_storm.ts";
import { HOT_KEYS } from "./hot_keys.ts";
import { LATEST_PROPORTION } from "./latest_proportion.ts";
import { LOAD_BALANCE } from "./load_balance.ts";
import { PARTITION_TRIALS } from "./partition_trials.ts";
import { PBS_EXPONENTIAL } from "./pbs_exponential.ts";
import { PBS_REPLICATION } from "./pbs_replication.ts";
import { PBS_TABLE } from "./pbs_table.ts";
import { RESPONSE_TIMES } from "./response_times.ts";
import { SIBLING_EXPLOSION } from "./sibling_explosion.ts";
import { TABLE_1 } from "./table_1.ts";
import { THREE_WAYS } from "./three_ways.ts";
import { TUNING } from "./tuning.ts";
import { WRITE_BUFFER } from "./write_buffer.ts";

export const CATALOGUE: readonly Experiment[] = [
  TABLE_1,
  RESPONSE_TIMES,
  HOT_KEYS,
  FAILURE_RATE,
  FAILING_NODES,
  DELTA_P,
  LATEST_PROPORTION,
  PBS_TABLE,
  PBS_EXPONENTIAL,
  PBS_REPLICATION,
  LOAD_BALANCE,
  COORDINATION,
  WRITE_BUFFER,
  DIVERGENCE,
  SIBLING_EXPLOSION,
  GOSSIP_CONVERGENCE,
  FAILURE_DETECTION,
  ANTI_ENTROPY_COST,
  AVAILABILITY,
  PARTITION_TRIALS,
  HINT_STORM,
  EARLY_REAPING,
  TUNING,
  THREE_WAYS,
];

/** The experiment of that name. Throws `ParameterError` with the known names. */
export function experimentNamed(name: string): Experiment {
  const found = CATALOGUE.find((experiment) => experiment.name === name);
  if (found !== undefined) return found;
  const names = CATALOGUE.map((experiment) => experiment.name).join(", ");
  throw new ParameterError(`unknown experiment '${name}': there are ${names}`);
}

/** Parses the parameters. Throws `ParameterError` with the name and what is allowed. */
export function prepare(
  name: string,
  engine: Engine | undefined,
  given: Readonly<Record<string, string>>,
): Prepared {
  const experiment = experimentNamed(name);
  const chosen = engine ?? experiment.engines[0] as Engine;
  if (!experiment.engines.includes(chosen)) {
    throw new ParameterError(
      `experiment '${name}' has no engine '${chosen}': it has ${experiment.engines.join(", ")}`,
    );
  }
  return experiment.prepare(chosen, given);
}
