/**
 * How a node that was started with `--join` becomes a member: it asks a running node for a plan, tells
 * what would move, and commits it. Explicit acts both, as anybody with the cluster's secret can order
 * them over REST; the cluster changes only because somebody started this node to join it.
 */
import type { Fetch } from "../../lib/client/http.ts";
import { MembershipClient, type PlanAnswer } from "../../lib/client/membership_client.ts";
import { NodeError } from "../../lib/client/node_requests.ts";
import type { MemberStatus } from "../../lib/dynamo/types/ids.ts";
import type { JoinAttributes } from "../host/node_service.ts";
import type { NodeLog, RunningNode } from "./node.ts";

interface JoinOptions {
  /** A member. */
  readonly join: string;
  readonly secret: string | null;
  readonly ca?: string | undefined;
  readonly joinAttributes: JoinAttributes;
  readonly log: NodeLog;
}

/** Why the node was not admitted, for the person who started it. */
export class JoinError extends Error {
  override name = "JoinError";
}

/** How long the members may say nothing before the log does, ms. */
const REMIND_MS = 15_000;

/** Resolves when the node knows itself admitted. Throws {@link JoinError}. */
export async function admit(
  { service, url }: RunningNode,
  options: JoinOptions,
): Promise<void> {
  const { join, secret, ca, joinAttributes, log } = options;
  const id = service.boot.self;
  const heard = untilMember(service);
  try {
    using trusting = ca === undefined ? null : Deno.createHttpClient({ caCerts: [ca] });
    const fetchFrom: Fetch = trusting === null
      ? fetch
      : (url, init) => fetch(url, { ...init, client: trusting });
    const client = new MembershipClient(secret, fetchFrom);
    const fields = { url: service.self.url, ...joinAttributes };
    await client.planAndCommit(join, "join", fields, (plan) => {
      log.info(`joining the cluster of ${join} as '${id}' at ${url}: ${describe(plan)}`);
    }).catch((error) => {
      throw error instanceof NodeError ? joinError(error, id, join) : error;
    });
    await toldWhileWaiting(heard.promise, () => {
      const reach = `can the members reach ${service.self.url}?`;
      log.warn(`'${id}' is admitted but has not heard so from any member yet; ${reach}`);
    });
    log.info(`'${id}' is admitted; GET /membership/transfers tells how far its data has come`);
  } finally {
    heard.forget();
  }
}

/** Waits for as long as it takes, and says so every {@link REMIND_MS}. */
async function toldWhileWaiting(done: Promise<void>, tell: () => void): Promise<void> {
  const reminder = setInterval(tell, REMIND_MS);
  try {
    await done;
  } finally {
    clearInterval(reminder);
  }
}

/** What a plan means, in a line. */
function describe({ ranges, copies, keys, bytes }: PlanAnswer): string {
  return `${ranges} ranges change owners, ${copies} copies of ranges move, about ${keys} keys and ` +
    `${bytes} bytes`;
}

function joinError({ status, message }: NodeError, id: string, join: string): JoinError {
  return new JoinError(
    status === null
      ? `Cannot join through --join ${join}: ${message}`
      : `The cluster of --join ${join} does not admit '${id}': ${message}`,
  );
}

/** Whoever committed tells the newcomer; should that be lost, gossip does. */
function untilMember(service: RunningNode["service"]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const forget = service.onMemberStatus(() => {
    if (service.memberStatus === "member" satisfies MemberStatus) resolve();
  });
  return { promise, forget };
}
