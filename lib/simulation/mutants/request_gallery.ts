/** Mutants of requests: forwards, quorums, replies, timers and failure detection. */
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
      "a forwarded write whose call was interrupted is sent to another node, though it may have " +
      "arrived",
    story: "MongoDB 4.2.6 executed operations twice because of its own retries (Jepsen, 2020)",
    caughtBy: "unique-dots",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "restart"] },
    createHook: forwardRetried,
  },
  {
    name: "request-ids-forgotten",
    about: "a coordinator does not recognise the duplicate of a forwarded write",
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
    about: "a write that some replica may have stored is reported as definitely failed",
    story:
      "a client that relies on this retries a write that may have taken effect. FoundationDB " +
      "has a special error for this case, commit_unknown_result",
    caughtBy: "honest-replies",
    seeds: 20,
    createHook: failureCalledCertain,
  },
  {
    name: "quorum-ignored",
    about: "a read returns after the first answer, whatever R is",
    story: "MongoDB answered reads from any node that believed it was primary, without asking a " +
      "majority. The results were stale, or were of writes that were later rolled back (Jepsen, " +
      "2015)",
    caughtBy: "quorum-reads",
    seeds: 200,
    createHook: quorumIgnored,
  },
  {
    name: "fallbacks-unused",
    about: "no fallback accepts a write for a primary that is down",
    story:
      "if two of three replicas are down, no write to the key succeeds. Amazon could not accept " +
      "that for its shopping cart, and built Dynamo (SOSP 2007, section 1)",
    caughtBy: "always-writeable",
    seeds: 200,
    limits: { kinds: ["crash"], calm: true },
    createHook: fallbacksUnused,
  },
  {
    name: "failures-swallowed",
    about: "a client whose request has failed gets no answer",
    story:
      "in September 2015 DynamoDB's storage servers did not get their membership data in time " +
      "and retried. The retries overloaded the metadata service, so that it could not answer " +
      "other requests",
    caughtBy: "answers-in-time",
    seeds: 200,
    createHook: failuresSwallowed,
  },
  {
    name: "timers-lost",
    about: "no timer fires, so requests wait for silent replicas for ever",
    story:
      "connections that leaked after one unhandled exception, and calls that waited for a free " +
      "one without a timeout, grounded an airline: the first case study in Nygard's Release It!",
    caughtBy: "bounds",
    seeds: 200,
    createHook: timersLost,
  },
  {
    name: "gossip-silenced",
    about: "no gossip arrives, so nodes believe that live nodes are down",
    story:
      "in July 2008 one corrupt bit in gossip messages took S3 down. Its servers were so busy " +
      "gossiping about failures that they served no requests",
    caughtBy: "convergence",
    seeds: 20,
    limits: { kinds: [] },
    createHook: gossipSilenced,
  },
];
