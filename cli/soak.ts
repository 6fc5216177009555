/**
 * `deno task soak`: does a cluster of real processes keep acknowledged writes while its nodes are
 * killed, paused and cut off from each other? Exits with 1 when a write was lost or the cluster did
 * not converge.
 *
 * With `--scenario`, the faults are not random but come from a file, which `simulate --replay` can
 * also run in virtual time.
 */
import { InvalidArgumentError, Option } from "commander";
import { ConfigError } from "../lib/dynamo/types/config.ts";
import type { Scenario } from "../lib/simulation/scenario/scenario.ts";
import type { Convergence } from "../nodes/cluster/cluster_convergence.ts";
import { LaunchError } from "../nodes/cluster/launcher.ts";
import {
  clusterFlags,
  EXIT_REFUSED,
  fail,
  flagged,
  initialConfigOptions,
  integer,
  items,
  newCommand,
  readArguments,
  writeAll,
} from "./options.ts";
import { readScenarioFile, requireAlone } from "./scenario_flag.ts";
import type { Availability, AvailabilityByPhase, Share } from "./soak/availability.ts";
import { type Act, ACTS, ACTS_DEFAULT } from "./soak/nemesis.ts";
import { runSoak, type SoakOptions, type SoakReport } from "./soak/run.ts";
import { describeFaultMoment, describeLiveRun, runScenarioFile } from "./soak/scenario.ts";

const SHOWN_MAX = 10;
const say = (text: string) => writeAll(Deno.stderr, `${text}\n`);
const print = (text: string) => writeAll(Deno.stdout, `${text}\n`);

interface Options {
  readonly json: boolean;
  readonly scenario: Scenario | null;
  readonly skipUnsupported: boolean;
  readonly soak: SoakOptions;
}

const BESIDE_SCENARIO: readonly string[] = ["skipUnsupported", "json"];

function readOptions(): Options {
  const count = (flags: string, description: string, most: number, preset: number) =>
    new Option(flags, description).argParser(integer(1, most)).default(preset);
  const command = clusterFlags(
    newCommand("soak", "Kills, pauses and cuts off nodes under load, then looks for lost writes."),
  )
    .addOption(count("--clients <count>", "number of clients", 1_000, 16))
    .addOption(count("--keys <count>", "number of keys that they write", 100_000, 256))
    .addOption(count("--seconds <seconds>", "duration of the load", 86_400, 60))
    .addOption(
      count("--act-ms <ms>", "mean duration of a kill, pause or cut", 600_000, 3_000),
    )
    .addOption(count("--settle-seconds <seconds>", "time to converge afterwards", 3_600, 120))
    .addOption(
      new Option("--acts <list>", `what happens to the nodes, some of ${ACTS.join(",")}`)
        .argParser(actsIn).default(ACTS_DEFAULT, ACTS_DEFAULT.join(",")),
    )
    .option("--scenario <file>", "run the scenario in this file, as simulate --replay does")
    .option("--skip-unsupported", "skip faults that real processes do not support")
    .option("--json", "prints one JSON line");
  readArguments(command);
  const flags = command.opts();
  const path: string | undefined = flags.scenario;
  if (path !== undefined) requireAlone(command, "scenario", BESIDE_SCENARIO);
  else if (flags.skipUnsupported === true) {
    fail("--skip-unsupported needs --scenario, which is not given", EXIT_REFUSED);
  }
  const seed = flags.seed ?? String(crypto.getRandomValues(new Uint32Array(1))[0]);
  const { clients, keys, seconds, acts, actMs, settleSeconds } = flags;
  return {
    json: flags.json === true,
    scenario: path === undefined ? null : readScenarioFile("scenario", path),
    skipUnsupported: flags.skipUnsupported === true,
    soak: {
      launch: { ...initialConfigOptions({ ...flags, seed }), port: 0, onOutput: sayFor },
      clients,
      keys,
      seconds,
      acts,
      actMs,
      seed,
      settleMs: settleSeconds * 1_000,
      signal: untilAskedToEnd(),
      onAct: (act, nodes, atMs) => say(`${seconds1(atMs)} ${act} ${nodes.join(", ")}`),
      onHealing,
    },
  };
}

const onHealing = () => say("healed; waiting until all replicas are equal");

function actsIn(text: string): Act[] {
  const acts = items(text).map((item) => {
    const act = ACTS.find((each) => each === item);
    if (act !== undefined) return act;
    throw new InvalidArgumentError(`It must be some of ${ACTS.join(", ")}: '${item}' is not.`);
  });
  if (!acts.includes("leave") || acts.includes("join")) return acts;
  throw new InvalidArgumentError("leave needs join: only nodes that have joined leave again.");
}

function sayFor(id: string, line: string): void {
  say(`${id} | ${line}`);
}

/** The first Ctrl-C aborts the signal: the load ends and is verified. The second one exits. */
function untilAskedToEnd(): AbortSignal {
  const aborter = new AbortController();
  const onSignal = () => {
    // The nodes end when this process closes their pipes.
    if (aborter.signal.aborted) Deno.exit(130);
    aborter.abort(new LaunchError("failed", "Ended before all nodes were ready"));
  };
  Deno.addSignalListener("SIGINT", onSignal);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", onSignal);
  return aborter.signal;
}

const seconds1 = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

function shareOf(...shares: readonly Share[]): string {
  const requests = shares.reduce((sum, share) => sum + share.requests, 0);
  const served = shares.reduce((sum, share) => sum + share.served, 0);
  if (requests === 0) return "no requests";
  return `${(100 * served / requests).toFixed(3)}% (${served} of ${requests})`;
}

/** Gets and puts, together and separately. */
function inAll({ whole, cut }: AvailabilityByPhase): string {
  const both = (pick: (from: Availability) => Share) => shareOf(pick(whole), pick(cut));
  return `${shareOf(whole.gets, whole.puts, cut.gets, cut.puts)}; ` +
    `gets ${both(({ gets }) => gets)}, puts ${both(({ puts }) => puts)}`;
}

function hintsOf({ hintsLeft, hintsTookMs }: Convergence): string {
  return hintsTookMs === null
    ? `${hintsLeft} hints left`
    : `no hint after ${seconds1(hintsTookMs)}`;
}

function describe(report: SoakReport): string {
  const { operations, availability: { requests, attempts }, convergence, verdict, acts } = report;
  const { moves } = report;
  const lines = [
    `Cluster ${report.cluster}: ${report.nodes} nodes, N=${report.n} R=${report.r} W=${report.w}, ` +
    `${report.clients} clients for ${seconds1(report.loadMs)}, seed ${report.seed}`,
    `  faults        ${acts.kill} kills, ${acts.pause} pauses, ${acts.cut} partitions, ` +
    `${acts.lossy} lossy networks, ${acts.disk} bad disks` +
    (moves === null ? "" : `, ${acts.join} joins, ${acts.leave} leaves`),
    `  operations    ${operations.gets + operations.puts}: ` +
    `${operations.gets} gets (${operations.getsFailed} failed), ${operations.puts} puts`,
    `  puts          ${operations.acknowledged} acknowledged, ${operations.failed} failed, ` +
    `${operations.indeterminate} indeterminate`,
    `  served        ${inAll(requests)} of the requests that tried a node that was up`,
    `                ${shareOf(requests.cut.gets, requests.cut.puts)} of them during partitions`,
    `  attempts      ${inAll(attempts)} of the attempts at single nodes that were up`,
    ...(moves === null ? [] : [
      `  moved         ${moves.settled ? "" : "NOT within "}${
        seconds1(moves.tookMs)
      } after healing`,
    ]),
    `  converged     ${convergence.converged ? "" : "NOT within "}${
      seconds1(convergence.tookMs)
    } after ${moves === null ? "healing" : "that"}: ${hintsOf(convergence)}, ` +
    `${convergence.keysDiffering.length} keys differ`,
    `  lost          ${verdict.lost.length} acknowledged writes`,
    `  surfaced      ${verdict.surfaced.length} writes that had been refused, ` +
    `${verdict.strangers.length} that no client made`,
  ];
  for (const { key, element, coordinator, acks, hints, atMs } of verdict.lost.slice(0, SHOWN_MAX)) {
    const forWhom = hints.map(({ holder, for: target }) => `${holder} for ${target}`);
    lines.push(
      `    lost: '${element}' of ${key}, acknowledged at ${seconds1(atMs)} by ${coordinator}, ` +
        `on ${acks.join(", ")}${forWhom.length === 0 ? "" : `; hints: ${forWhom.join(", ")}`}`,
    );
  }
  return lines.join("\n");
}

/** The text to print, and whether the run succeeded. */
async function carryOut(
  options: Options,
): Promise<{ readonly text: string; readonly ok: boolean }> {
  const { json, scenario, skipUnsupported, soak } = options;
  if (scenario === null) {
    const report = await runSoak(soak);
    return { text: json ? JSON.stringify(report) : describe(report), ok: report.ok };
  }
  const result = await runScenarioFile(scenario, {
    skipUnsupported,
    onHealing,
    onOutput: sayFor,
    onFault: (fault, begins, atMs) =>
      say(`${seconds1(atMs)} ${describeFaultMoment(fault, begins)}`),
    ...(soak.signal === undefined ? {} : { signal: soak.signal }),
  });
  return { text: json ? JSON.stringify(result) : describeLiveRun(scenario, result), ok: result.ok };
}

async function main(): Promise<void> {
  const options = readOptions();
  try {
    const { text, ok } = await carryOut(options);
    print(text);
    Deno.exit(ok ? 0 : 1);
  } catch (error) {
    if (error instanceof ConfigError) fail(flagged(error), EXIT_REFUSED);
    if (error instanceof LaunchError) {
      fail(error.message, error.kind === "refused" ? EXIT_REFUSED : 1);
    }
    throw error;
  }
}

if (import.meta.main) await main();
