/** A flag that names a scenario file. Such a file determines a whole run. */
import type { Command, Option } from "commander";
import { ConfigError } from "../lib/dynamo/types/config.ts";
import { ScenarioError } from "../lib/simulation/scenario/fields.ts";
import { parseScenarioText, type Scenario } from "../lib/simulation/scenario/scenario.ts";
import { EXIT_REFUSED, fail } from "./options.ts";

/**
 * Reads the file of a flag such as `replay`. Exits with 2, naming the file or field, if it is
 * invalid.
 */
export function readScenarioFile(flag: string, path: string): Scenario {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : `${error}`;
    fail(`Cannot read --${flag} '${path}': ${why}`, EXIT_REFUSED);
  }
  try {
    return parseScenarioText(text);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof ScenarioError) {
      fail(error.message, EXIT_REFUSED);
    }
    throw error;
  }
}

/** Exits with 2 when any flag is given that is not in `beside`: the file determines the rest. */
export function requireAlone(command: Command, flag: string, beside: readonly string[]): void {
  const isAllowed = (option: Option) => beside.includes(option.attributeName());
  const given = command.options.filter((option) =>
    !isAllowed(option) && option.attributeName() !== flag &&
    command.getOptionValueSource(option.attributeName()) === "cli"
  );
  if (given.length === 0) return;
  const flags = (list: readonly Option[]) => list.map((option) => option.long).join(", ");
  fail(
    `--${flag} runs a scenario file unchanged, so ${flags(given)} cannot be given with it: ` +
      `only ${flags(command.options.filter(isAllowed))} can. Change the file instead`,
    EXIT_REFUSED,
  );
}
