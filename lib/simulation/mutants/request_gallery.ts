/** Mutants of requests: forwards, quorums, replies, and who is asked. */
import type { Mutant } from "./mutant.ts";
import {
  failureCalledCertain,
  failuresSwallowed,
  fallbacksUnused,
  forwardRetried,
  gossipSilenced,
  quorumIgnored,
  requestIdsForgotten,
  timersLost,
} from "./node_mutants.ts";

export const REQUEST_MUTANTS: readonly Mutant[] = [
  {
    name: "forward-retried",
    about:
      "a forwarded write whose call broke off is sent again elsewhere, though it may have arrived",
    story: "MongoDB 4.2.6 showed duplicate effects of its own retries (Jepsen, 2020)",
    caughtBy: "unique-dots",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "restart"] },
    createHook: forwardRetried,
  },
  {
    name: "request-ids-forgotten",
    about: "a coordinator does not recognise the copy of a forwarded write",
    story:
      "Kafka's producers wrote duplicates whenever they retried, until 0.11 gave every message " +
      "a sequence number (KIP-98)",
    caughtBy: "unique-dots",
    seeds: 200,
    limits: { kinds: ["duplicate"] },
    createHook: requestIdsForgotten,
  },
  {
    name: "failure-called-certain",
    about: "a write that some replica may have is reported as certainly failed",
    story:
      "a client that believes it retries what has already happened; FoundationDB has an error " +
      "of its own, commit_unknown_result, to say so",
    caughtBy: "honest-replies",
    seeds: 20,
    createHook: failureCalledCertain,
  },
  {
    name: "quorum-ignored",
    about: "a read is content with the first answer, whatever R says",
    story: "MongoDB's reads came from whichever node believed to be primary, without asking a " +
      "majority, and were stale or of writes later undone (Jepsen, 2015)",
    caughtBy: "quorum-reads",
    seeds: 200,
    createHook: quorumIgnored,
  },
  {
    name: "fallbacks-unused",
    about: "no fallback takes a write for a primary that is down",
    story:
      "two dead replicas of three then stop every write to a key: what Amazon's shopping cart " +
      "could not afford, and the reason why Dynamo was made (SOSP 2007, section 1)",
    caughtBy: "always-writeable",
    seeds: 200,
    limits: { kinds: ["crash"], calm: true },
    createHook: fallbacksUnused,
  },
  {
    name: "failures-swallowed",
    about: "a client whose request has failed is not told",
    story:
      "in September 2015 DynamoDB's storage servers waited for membership data that came too " +
      "late, asked again, and kept the service that should have answered from answering anybody",
    caughtBy: "answers-in-time",
    seeds: 200,
    createHook: failuresSwallowed,
  },
  {
    name: "timers-lost",
    about: "no timer fires, so whoever waits for a silent replica waits for ever",
    story:
      "one leaked connection, and calls that waited for it without end, grounded an airline: " +
      "the story that opens Nygard's Release It!",
    caughtBy: "bounds",
    seeds: 200,
    createHook: timersLost,
  },
  {
    name: "gossip-silenced",
    about: "gossip does not get through, so live nodes are believed to be down",
    story:
      "in July 2008 one corrupt bit in gossiped messages took down S3: its servers were so busy " +
      "telling each other about failures that they served nobody",
    caughtBy: "convergence",
    seeds: 20,
    limits: { kinds: [] },
    createHook: gossipSilenced,
  },
];
