/**
 * How a node that was started with `--join` becomes a member: it asks a running node for a plan, tells
 * what would move, and commits it. Explicit acts both, as anybody with the cluster's secret can order
 * them over REST; the cluster changes only because somebody started this node to join it.
 */
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

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Looking at all ranges, and making the commit durable, take a moment. */
const ANSWER_MS = 15_000;
/** Other changes may get in between a plan and its commit; so often it is planned anew. */
const PLANS_MAX = 5;
const HTTP_CONFLICT = 409;

/** Resolves when the node knows itself admitted. Throws {@link JoinError}. */
export async function admit(
  { service, url }: RunningNode,
  options: JoinOptions,
): Promise<void> {
  const { join, joinAttributes, log } = options;
  const id = service.boot.self;
  const heard = untilMember(service);
  try {
    for (let attempt = 1;; attempt++) {
      const order = { plan: true, url: service.self.url, ...defined(joinAttributes) };
      const plan = accepted(await post(options, order), id, join);
      log.info(`joining the cluster of ${join} as '${id}' at ${url}: ${describe(plan)}`);
      const done = await post(options, { planId: plan["planId"] });
      const hasMoved = done.status === HTTP_CONFLICT && attempt < PLANS_MAX &&
        String(done.body["type"]).endsWith(":ring-moved");
      if (hasMoved) continue;
      accepted(done, id, join);
      break;
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
function describe({ ranges, copies, keys, bytes }: Answer["body"]): string {
  return `${ranges} ranges change owners, ${copies} copies of ranges move, about ${keys} keys and ` +
    `${bytes} bytes`;
}

function accepted({ status, body }: Answer, id: string, join: string): Answer["body"] {
  if (status === 200) return body;
  throw new JoinError(
    `The cluster of --join ${join} does not admit '${id}': ${body["detail"] ?? `HTTP ${status}`}`,
  );
}

async function post(
  { join, secret, ca }: JoinOptions,
  order: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const client = ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [ca] });
  try {
    const response = await fetch(new URL("/membership/join", join), {
      method: "POST",
      headers: { "authorization": `Bearer ${secret}`, "content-type": "application/json" },
      body: JSON.stringify(order),
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(client === undefined ? {} : { client }),
    });
    const text = await response.text();
    return { status: response.status, body: objectIn(text) };
  } catch (error) {
    throw new JoinError(`Cannot join through --join ${join}: ${(error as Error).message}`);
  } finally {
    client?.close();
  }
}

function objectIn(text: string): Answer["body"] {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function defined({ weight, zone }: JoinAttributes): JoinAttributes {
  return { ...(weight === undefined ? {} : { weight }), ...(zone === undefined ? {} : { zone }) };
}

/** Whoever committed tells the newcomer; should that be lost, gossip does. */
function untilMember(service: RunningNode["service"]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const forget = service.onMemberStatus(() => {
    if (service.memberStatus === "member" satisfies MemberStatus) resolve();
  });
  return { promise, forget };
}
