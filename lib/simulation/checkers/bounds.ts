/**
 * Checker 7: limits hold. During the run nothing grows beyond its configured limit, and at the end
 * no work is left.
 */
import { CLOCK_ENTRIES_MAX } from "../../dynamo/versions/versions.ts";
import { always, type Checker, type Evidence, type Finding, isRestless } from "./checker.ts";

export const bounds: Checker = {
  name: "bounds",
  about: "requests, hints and clocks stay within their limits, and no work is left at the end",
  asserted: always,
  check(evidence) {
    const findings: Finding[] = [];
    for (const { node, stats } of evidence.stats) {
      for (const name of isRestless(evidence.scenario) ? CLIENT_WORK : ALL_WORK) {
        if (stats[name] !== 0) {
          findings.push({
            message: `${node} still has ${stats[name]} ${name} at the end`,
          });
        }
      }
    }
    const { requestsMax, handoffReceiveMax } = evidence.scenario.config;
    if (evidence.handoffsPeak > handoffReceiveMax) {
      const message = `a node received ${evidence.handoffsPeak} hints at once; the limit ` +
        `handoffReceiveMax is ${handoffReceiveMax}`;
      findings.push({ message });
    }
    if (evidence.requestsInFlightPeak > requestsMax) {
      const message = `a node had ${evidence.requestsInFlightPeak} requests in flight; the limit ` +
        `requestsMax is ${requestsMax}`;
      findings.push({ message });
    }
    const entriesMax = clockEntriesMax(evidence);
    const { clockEntriesPeak } = evidence.record;
    if (clockEntriesPeak > entriesMax) {
      findings.push({
        message: `a clock had ${clockEntriesPeak} entries; the limit is ${entriesMax}`,
      });
    }
    return { examined: evidence.stats.length, findings };
  },
};

const CLIENT_WORK = ["requestsInFlight"] as const;
const ALL_WORK = ["requestsInFlight", "conversations", "calls", "recordsBusy"] as const;

/** Each start of a node adds one actor. So does each record that was replaced or reaped. */
function clockEntriesMax({ scenario, boots, actorsRenewed }: Evidence): number {
  switch (scenario.config.mode) {
    case "vector-clock":
      return CLOCK_ENTRIES_MAX;
    case "lww":
      return 0;
    case "dvv":
      return boots + actorsRenewed;
  }
}
