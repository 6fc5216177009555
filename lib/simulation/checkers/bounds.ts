/**
 * Checker 7: bounds hold. Nothing is left over once a run has ended, and nothing ever grew past what
 * the configuration allows.
 */
import { CLOCK_ENTRIES_MAX } from "../../dynamo/versions/versions.ts";
import { always, type Checker, type Evidence, type Finding, isRestless } from "./checker.ts";

export const bounds: Checker = {
  name: "bounds",
  about: "requests, calls, queues and clocks stay within their bounds and drain in the end",
  asserted: always,
  check(evidence) {
    const findings: Finding[] = [];
    for (const { node, stats } of evidence.stats) {
      for (const name of isRestless(evidence.scenario) ? CLIENT_WORK : ALL_WORK) {
        if (stats[name] !== 0) {
          findings.push({
            message: `${node} has ${stats[name]} ${name} when nothing is under way`,
          });
        }
      }
    }
    const { requestsMax, handoffReceiveMax } = evidence.scenario.config;
    if (evidence.handoffsPeak > handoffReceiveMax) {
      const message = `a node was taking in ${evidence.handoffsPeak} hints at once, more than ` +
        `${handoffReceiveMax}`;
      findings.push({ message });
    }
    if (evidence.requestsInFlightPeak > requestsMax) {
      const message =
        `a node had ${evidence.requestsInFlightPeak} requests in flight, more than ${requestsMax}`;
      findings.push({ message });
    }
    const entriesMax = clockEntriesMax(evidence);
    const { clockEntriesPeak } = evidence.record;
    if (clockEntriesPeak > entriesMax) {
      findings.push({
        message: `a clock had ${clockEntriesPeak} entries, more than ${entriesMax}`,
      });
    }
    return { examined: evidence.stats.length, findings };
  },
};

const CLIENT_WORK = ["requestsInFlight"] as const;
const ALL_WORK = ["requestsInFlight", "conversations", "calls", "recordsBusy"] as const;

/** An actor a node and start, and one more for every record that was replaced or forgotten. */
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
