/**
 * How a node that was started with `--join` becomes a member: it asks a running member for a plan, logs
 * what would move, and commits the plan. It uses the same REST requests as an operator. Joining stays an
 * explicit membership change (SOSP 2007, section 4.8.1), as this node was started in order to join.
 */
import type { Fetch } from "../../lib/client/http.ts";
import { MembershipClient, type PlanAnswer } from "../../lib/client/membership_client.ts";
import { NodeError } from "../../lib/client/node_requests.ts";
import type { MemberStatus } from "../../lib/dynamo/types/ids.ts";
import type { JoinAttributes } from "../host/node_service.ts";
import type { NodeLog, RunningNode } from "./node.ts";

interface JoinOptions {
  /** The URL of a member. */
  readonly join: string;
  readonly secret: string | null;
  readonly ca?: string | undefined;
  readonly joinAttributes: JoinAttributes;
  readonly log: NodeLog;
}

/** The node could not join. The message is for the person who started it. */
export class JoinError extends Error {
  override name = "JoinError";
}

/** The time between two warnings while the node waits to learn of its admission. */
const WARN_INTERVAL_MS = 15_000;

/** Resolves when the node knows that it is a member. Throws {@link JoinError}. */
export async function admit(
  { service, url }: RunningNode,
  options: JoinOptions,
): Promise<void> {
  const { join, secret, ca, joinAttributes, log } = options;
  const id = service.boot.self;
  const membership = untilMember(service);
  try {
    using httpClient = ca === undefined ? null : Deno.createHttpClient({ caCerts: [ca] });
    const fetchFrom: Fetch = httpClient === null
      ? fetch
      : (url, init) => fetch(url, { ...init, client: httpClient });
    const client = new MembershipClient(secret, fetchFrom);
    const fields = { url: service.self.url, ...joinAttributes };
    await client.planAndCommit(join, "join", fields, (plan) => {
      log.info(`joining the cluster of ${join} as '${id}' at ${url}: ${describe(plan)}`);
    }).catch((error) => {
      throw error instanceof NodeError ? joinError(error, id, join) : error;
    });
    await warningMeanwhile(membership.promise, () => {
      const reach = `can the members reach ${service.self.url}?`;
      log.warn(`'${id}' is admitted, but no member has told it so yet; ${reach}`);
    });
    log.info(`'${id}' is admitted; GET /membership/transfers shows how much data still moves`);
  } finally {
    membership.stop();
  }
}

/** Waits as long as it takes, and calls `warn` every {@link WARN_INTERVAL_MS}. */
async function warningMeanwhile(done: Promise<void>, warn: () => void): Promise<void> {
  const interval = setInterval(warn, WARN_INTERVAL_MS);
  try {
    await done;
  } finally {
    clearInterval(interval);
  }
}

/** Describes a plan in one line. */
function describe({ ranges, copies, keys, bytes }: PlanAnswer): string {
  return `${ranges} ranges change owners, and ${copies} copies of ranges move: about ${keys} keys, ` +
    `${bytes} bytes`;
}

function joinError({ status, message }: NodeError, id: string, join: string): JoinError {
  return new JoinError(
    status === null
      ? `Cannot join through --join ${join}: ${message}`
      : `The cluster of --join ${join} does not admit '${id}': ${message}`,
  );
}

/** The node that committed the plan tells the new node. If that message is lost, gossip brings it. */
function untilMember(service: RunningNode["service"]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = service.onMemberStatus(() => {
    if (service.memberStatus === "member" satisfies MemberStatus) resolve();
  });
  return { promise, stop };
}
