/**
 * `/membership`: who belongs to the cluster, changed in two steps. A request with `plan: true` says what
 * an act would move and changes nothing; one with the `planId` commits it, unless the membership has
 * changed in between. All of it asks for the cluster's secret.
 *
 * Whoever is to join is called at its address first: it must answer as a node of this cluster that
 * knows its secret, and says itself what it is called.
 */
import type { AdminReply, MembershipOrder } from "../../lib/dynamo/types/admin.ts";
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { Member } from "../../lib/dynamo/types/ids.ts";
import type {
  MembershipAct,
  MembershipPlan,
  Newcomer,
} from "../../lib/dynamo/types/membership_plan.ts";
import { objectOf, shownValue } from "../faults/fault_settings.ts";
import { type Identity, initialConfigDifference, parseIdentity } from "../host/node_identity.ts";
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem, problemOf } from "../http/problems.ts";
import { requireWeight, requireZone } from "../process/cluster_config_file.ts";
import { askNode, OneShotCallError } from "../rpc/one_shot_call.ts";
import { isNodeUrl } from "../rpc/validate_membership.ts";
import { isNodeId } from "../rpc/validation.ts";
import type { Route, RouteTable } from "./api_route.ts";
import type { SchemaName } from "./openapi_schemas.ts";
import { jsonOf } from "./orders.ts";

type ActKind = MembershipAct["kind"];

type Fields = Readonly<Record<string, unknown>>;

interface ActText {
  readonly summary: string;
  readonly description: string;
  readonly schema: SchemaName;
  /** What can be asked for besides `plan` and `planId`. */
  readonly fields: readonly string[];
  readonly example: Fields;
}

const ACTS: Record<ActKind, ActText> = {
  join: {
    summary: "Let a node join",
    description: "The node must run and know the cluster.",
    schema: "JoinOrder",
    fields: ["url", "weight", "zone"],
    example: { url: "http://127.0.0.1:9106" },
  },
  leave: {
    summary: "Let a node leave",
    description: "It hands over what it holds, and serves until then.",
    schema: "LeaveOrder",
    fields: ["node"],
    example: { node: "n1" },
  },
  remove: {
    summary: "Remove a dead node",
    description: "Its part is copied from the other owners.",
    schema: "LeaveOrder",
    fields: ["node"],
    example: { node: "n1" },
  },
  replace: {
    summary: "Let a new node take a dead one's part",
    description: "As remove and join in one.",
    schema: "ReplaceOrder",
    fields: ["node", "url", "weight", "zone"],
    example: { node: "n1", url: "http://127.0.0.1:9106" },
  },
};
/** Plans whose kind is remembered: the replica keeps as many. */
const PLANS_MAX = 16;

/** Why an act cannot be, found before the replica was asked. */
class RefusedAct extends Error {
  override name = "RefusedAct";
}

export function membershipRoutes(service: NodeService): RouteTable {
  const kinds = new Map<string, ActKind>();
  const acts = (Object.keys(ACTS) as ActKind[]).map((kind) =>
    [`POST /membership/${kind}`, actRoute(kind, service, kinds)] as const
  );
  return {
    ...Object.fromEntries(acts),
    "GET /membership/transfers": {
      access: "secret",
      summary: "How far changes of the membership have come",
      answers: { 200: { description: "As this node knows", schema: "Transfers" } },
      handle: () => showTransfers(service),
    },
  };
}

function actRoute(kind: ActKind, service: NodeService, kinds: Map<string, ActKind>): Route {
  const { summary, description, schema, example } = ACTS[kind];
  return {
    access: "secret",
    summary,
    description:
      `${description} With \`plan: true\` it says what would move, and nothing changes; ` +
      "with the planId alone it is done. Ask the node that made the plan.",
    body: { schema, example: { plan: true, ...example }, required: true },
    answers: {
      200: { description: "The plan", schema: "Plan" },
      400: "Malformed or out of range",
      404: "No such plan, or it is forgotten",
      409: "It cannot be, or the membership has changed since it was planned",
      503: "The node is starting or stopping",
    },
    handle: async (request) => take(service, kind, kinds, await jsonOf(request)),
  };
}

async function showTransfers(service: NodeService): Promise<Response> {
  const reply = await orderOf(service, { method: "membership.transfers" });
  if (reply.status === "error") return problemOf(reply.error, null);
  const { status: _, ...state } = reply;
  // Launchers end the processes of those who have left: that must not be told before it is durable.
  const members = service.membership.entries()
    .map(({ member, memberStatus }) => ({ ...member, memberStatus }));
  return jsonAnswer({ ...state, members });
}

/** A plan as it is answered: with what it would copy, as far as this node can tell. */
function describePlan(plan: MembershipPlan, service: NodeService): Record<string, unknown> {
  const { planId, act, moves, balance } = plan;
  const copied = moves.filter(({ to }) => to !== null);
  const share = copied.reduce((sum, move) => sum + move.share, 0);
  // What this node holds per part of the ring, taken for what everybody does.
  const { keys, recordBytes } = service.store.stats();
  const own = balance.before[service.self.id]?.share ?? 0;
  const estimate = (all: number) => own === 0 ? 0 : Math.round(all * share / own);
  return {
    planId,
    act,
    moves,
    ranges: new Set(moves.map(({ range }) => range)).size,
    copies: copied.length,
    keys: estimate(keys),
    bytes: estimate(recordBytes),
    balance,
  };
}

async function take(
  service: NodeService,
  kind: ActKind,
  kinds: Map<string, ActKind>,
  body: unknown,
): Promise<Response> {
  const notReady = service.whyNotReady();
  if (notReady !== null) return problem("not-ready", notReady);
  const fields = objectOf("the order", body, ["plan", "planId", ...ACTS[kind].fields]);
  const { planId } = fields;
  if (planId !== undefined) {
    const others = Object.keys(fields).filter((name) => name !== "planId");
    if (others.length > 0) {
      throw new ConfigError(`give planId alone: the plan says the rest; given too: ${others[0]}`);
    }
    return await commit(service, kind, kinds.get(planIdOf(planId)), planIdOf(planId));
  }
  if (fields["plan"] !== true) {
    throw new ConfigError(
      `plan must be true, or planId that of a plan made here: current value is ${
        shownValue(fields["plan"])
      }`,
    );
  }
  return await plan(service, kind, kinds, fields);
}

async function plan(
  service: NodeService,
  kind: ActKind,
  kinds: Map<string, ActKind>,
  fields: Fields,
): Promise<Response> {
  let act: MembershipAct;
  try {
    act = await actOf(service, kind, fields);
  } catch (error) {
    if (error instanceof RefusedAct) return problem("act-refused", error.message);
    throw error;
  }
  const reply = await orderOf(service, { method: "membership.plan", act });
  if (reply.status === "error") return problemOf(reply.error, null);
  const [oldest] = kinds.keys();
  if (kinds.size >= PLANS_MAX && oldest !== undefined) kinds.delete(oldest);
  kinds.set(reply.plan.planId, kind);
  return jsonAnswer(describePlan(reply.plan, service));
}

async function commit(
  service: NodeService,
  kind: ActKind,
  planned: ActKind | undefined,
  planId: string,
): Promise<Response> {
  if (planned !== undefined && planned !== kind) {
    throw new ConfigError(`plan '${planId}' is to ${planned}: commit it at /membership/${planned}`);
  }
  const reply = await orderOf(service, { method: "membership.commit", planId });
  if (reply.status === "error") return problemOf(reply.error, null);
  return jsonAnswer({ committed: true, ...describePlan(reply.plan, service) });
}

type PlanReply = Extract<AdminReply, { status: "plan" | "committed" | "error" }>;
type TransfersReply = Extract<AdminReply, { status: "transfers" | "error" }>;

function orderOf(
  service: NodeService,
  order: MembershipOrder & { readonly method: "membership.transfers" },
): Promise<TransfersReply>;
function orderOf(
  service: NodeService,
  order: MembershipOrder & { readonly method: "membership.plan" | "membership.commit" },
): Promise<PlanReply>;
function orderOf(service: NodeService, order: MembershipOrder): Promise<AdminReply> {
  return new Promise((resolve) => service.host.admin(order, resolve));
}

// The act -------------------------------------------------------------------------------------------

async function actOf(service: NodeService, kind: ActKind, fields: Fields): Promise<MembershipAct> {
  switch (kind) {
    case "leave":
    case "remove":
      return { kind, node: nodeOf(fields["node"]) };
    case "join":
      return { kind, ...await newcomer(service, kind, fields, null) };
    case "replace": {
      const node = nodeOf(fields["node"]);
      return { kind, node, ...await newcomer(service, kind, fields, service.memberOf(node)) };
    }
  }
}

/** Calls the node that is to join. `before`: whose place it takes, and with that its weight and zone. */
async function newcomer(
  service: NodeService,
  kind: ActKind,
  fields: Fields,
  before: Member | null,
): Promise<Newcomer> {
  const url = urlOf(fields["url"]);
  const weight = fields["weight"] === undefined ? undefined : requireWeight(fields["weight"]);
  const zone = fields["zone"] === undefined ? undefined : requireZone(fields["zone"]);
  const refuse = (why: string) => new RefusedAct(`Cannot ${kind} with the node at ${url}: ${why}`);
  const identity = await identityAt(service, url, refuse);
  const difference = initialConfigDifference(service.initialConfig, identity);
  if (difference !== null) {
    throw refuse(`it answers as a node of another cluster, for ${difference}`);
  }
  const zoneOfIt = zone ?? identity.zone ?? before?.zone;
  const member = {
    id: identity.id,
    url,
    weight: weight ?? identity.weight ?? before?.weight ?? 1,
    ...(zoneOfIt === undefined ? {} : { zone: zoneOfIt }),
  };
  const { dataId, condition } = identity;
  return condition === null ? { member, dataId } : { member, dataId, condition };
}

async function identityAt(
  { secret, ca }: NodeService,
  url: string,
  refuse: (why: string) => Error,
): Promise<Identity> {
  try {
    const identity = parseIdentity(await askNode(url, "identify", { secret, ca }));
    if (identity === null) throw refuse("what answers there does not say who it is");
    return identity;
  } catch (error) {
    if (!(error instanceof OneShotCallError)) throw error;
    if (!/\bHTTP 401\b/.test(error.message)) throw refuse(error.message);
    throw refuse(
      "it does not accept this cluster's secret: it is of another cluster, or was started with " +
        "another secret",
    );
  }
}

function nodeOf(given: unknown): string {
  if (isNodeId(given)) return given;
  throw new ConfigError(`node must be a member's id: current value is ${shownValue(given)}`);
}

function planIdOf(given: unknown): string {
  if (typeof given === "string" && given !== "" && given.length <= 256) return given;
  throw new ConfigError(`planId must be that of a plan: current value is ${shownValue(given)}`);
}

function urlOf(given: unknown): string {
  if (isNodeUrl(given)) return new URL(given).origin;
  throw new ConfigError(
    `url must be where the node listens, such as http://127.0.0.1:9106: current value is ${
      shownValue(given)
    }`,
  );
}
