/**
 * How a node that was started with `--join` becomes a member: it asks a running node for a plan, tells
 * what would move, and commits it. Explicit acts both, as anybody with the cluster's secret can order
 * them over REST; the cluster changes only because somebody started this node to join it.
 */
import { askForJson, NodeError } from "../../lib/client/node_requests.ts";
import type { MemberStatus } from "../../lib/dynamo/types/ids.ts";
import type { JoinWishes } from "../host/node_service.ts";
import type { NodeLog, RunningNode } from "./node.ts";

interface JoinOptions {
  /** A member. */
  readonly join: string;
  readonly secret: string | null;
  readonly ca?: string | undefined;
  readonly wishes: JoinWishes;
  readonly log: NodeLog;
}

/** Why the node was not admitted, for the person who started it. */
export class JoinError extends Error {
  override name = "JoinError";
}

/** The part of a plan that a person is told. */
interface Plan {
  readonly planId: string;
  readonly ranges: number;
  readonly copies: number;
  readonly keys: number;
  readonly bytes: number;
}

/** Looking at all ranges, and making the commit durable, take a moment. */
const ANSWER_MS = 15_000;
/** Other changes may get in between a plan and its commit; so often it is planned anew. */
const PLANS_MAX = 5;

/** Resolves when the node knows itself admitted. Throws {@link JoinError}. */
export async function admit(
  { service, url }: RunningNode,
  options: JoinOptions,
): Promise<void> {
  const { join, wishes, log } = options;
  const id = service.boot.self;
  const heard = untilMember(service);
  try {
    for (let attempt = 1;; attempt++) {
      try {
        const { weight, zone } = wishes;
        const plan = await post<Plan>(options, {
          plan: true,
          url: service.self.url,
          weight,
          zone,
        });
        log.info(`joining the cluster of ${join} as '${id}' at ${url}: ${describe(plan)}`);
        await post(options, { planId: plan.planId });
        break;
      } catch (error) {
        if (!(error instanceof NodeError)) throw error;
        if (error.code === "ring-moved" && attempt < PLANS_MAX) continue;
        throw new JoinError(
          error.status === null
            ? `Cannot join through --join ${join}: ${error.message}`
            : `The cluster of --join ${join} does not admit '${id}': ${error.message}`,
        );
      }
    }
    await toldWhileWaiting(heard.promise, () => {
      const reach = `can the members reach ${service.self.url}?`;
      log.warn(`'${id}' is admitted but has not heard so from any member yet; ${reach}`);
    });
    log.info(`'${id}' is admitted; GET /membership/transfers tells how far its data has come`);
  } finally {
    heard.forget();
  }
}

/** Waits for as long as it takes, and says so every {@link ANSWER_MS}. */
async function toldWhileWaiting(done: Promise<void>, tell: () => void): Promise<void> {
  const reminder = setInterval(tell, ANSWER_MS);
  try {
    await done;
  } finally {
    clearInterval(reminder);
  }
}

/** What a plan means, in a line. */
function describe({ ranges, copies, keys, bytes }: Plan): string {
  return `${ranges} ranges change owners, ${copies} copies of ranges move, about ${keys} keys and ` +
    `${bytes} bytes`;
}

async function post<T>({ join, secret, ca }: JoinOptions, order: object): Promise<T> {
  const url = new URL("/membership/join", join).href;
  const request = { method: "POST", url, secret, json: order, timeoutMs: ANSWER_MS } as const;
  if (ca === undefined) return await askForJson<T>(request);
  using client = Deno.createHttpClient({ caCerts: [ca] });
  return await askForJson<T>(request, (url, init) => fetch(url, { ...init, client }));
}

/** Whoever committed tells the newcomer; should that be lost, gossip does. */
function untilMember(service: RunningNode["service"]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const forget = service.onMemberStatus(() => {
    if (service.memberStatus === "member" satisfies MemberStatus) resolve();
  });
  return { promise, forget };
}
