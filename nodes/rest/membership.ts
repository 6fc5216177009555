/**
 * `/membership`: membership changes, in two steps. A request with `plan: true` says what would
 * move and changes nothing. A request with the `planId` commits the plan, unless the membership has
 * changed since. All requests need the cluster's secret.
 *
 * A node that joins is first called at its address. It must know the cluster's secret and have the same
 * initial configuration, and it tells its own id.
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
import { jsonOf } from "./json_body.ts";
import type { SchemaName } from "./openapi_schemas.ts";

type ActKind = MembershipAct["kind"];

type Fields = Readonly<Record<string, unknown>>;

interface ActText {
  readonly summary: string;
  readonly description: string;
  readonly schema: SchemaName;
  /** The fields that it takes besides `plan` and `planId`. */
  readonly fields: readonly string[];
  readonly example: Fields;
}

const ACTS: Record<ActKind, ActText> = {
  join: {
    summary: "Let a node join",
    description: "The node must be running, and have been started for this cluster.",
    schema: "JoinRequest",
    fields: ["url", "weight", "zone"],
    example: { url: "http://127.0.0.1:9106" },
  },
  leave: {
    summary: "Let a node leave",
    description: "The node hands its data over, and serves until then.",
    schema: "LeaveRequest",
    fields: ["node"],
    example: { node: "n1" },
  },
  remove: {
    summary: "Remove a dead node",
    description: "Its data is copied from the other owners.",
    schema: "LeaveRequest",
    fields: ["node"],
    example: { node: "n1" },
  },
  replace: {
    summary: "Replace a dead node by a new one",
    description: "Removes the dead node; the new one joins and takes its tokens.",
    schema: "ReplaceRequest",
    fields: ["node", "url", "weight", "zone"],
    example: { node: "n1", url: "http://127.0.0.1:9106" },
  },
};
/** How many plans to remember: as many as the replica keeps. */
const PLANS_MAX = 16;

/** The change is not possible, which was found before the replica was asked. */
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
      summary: "The progress of membership changes",
      answers: { 200: { description: "The progress as this node knows it", schema: "Transfers" } },
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
      `${description} With \`plan: true\` the answer says what would move, and nothing changes. With ` +
      "`planId` alone that plan is committed. Send it to the node that made the plan.",
    body: { schema, example: { plan: true, ...example }, required: true },
    answers: {
      200: { description: "The plan", schema: "Plan" },
      400: "Malformed or out of range",
      404: "There is no such plan any more",
      409: "The change is not possible, or the membership has changed since it was planned",
      503: "The node is starting or stopping",
    },
    handle: async (request) => planOrCommit(service, kind, kinds, await jsonOf(request)),
  };
}

async function showTransfers(service: NodeService): Promise<Response> {
  const reply = await askReplica(service, { method: "membership.transfers" });
  if (reply.status === "error") return problemOf(reply.error, null);
  const { status: _, ...state } = reply;
  // A launcher ends the process of a node that has left, so statuses are shown only once durable.
  const members = service.membership.entries()
    .map(({ member, memberStatus }) => ({ ...member, memberStatus }));
  return jsonAnswer({ ...state, members });
}

/** The answer to a plan, with this node's estimate of what would be copied. */
function describePlan(plan: MembershipPlan, service: NodeService): Record<string, unknown> {
  const { planId, act, moves, balance } = plan;
  const copied = moves.filter(({ to }) => to !== null);
  const share = copied.reduce((sum, move) => sum + move.share, 0);
  // The estimate assumes that every node stores as much as this one for its share of the ring.
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

async function planOrCommit(
  service: NodeService,
  kind: ActKind,
  kinds: Map<string, ActKind>,
  body: unknown,
): Promise<Response> {
  const notReady = service.whyNotReady();
  if (notReady !== null) return problem("not-ready", notReady);
  const fields = objectOf("the request", body, ["plan", "planId", ...ACTS[kind].fields]);
  const { planId } = fields;
  if (planId !== undefined) {
    const others = Object.keys(fields).filter((name) => name !== "planId");
    if (others.length > 0) {
      throw new ConfigError(
        `give planId alone: the plan has all other fields; also given: ${others[0]}`,
      );
    }
    return await commit(service, kind, kinds.get(planIdOf(planId)), planIdOf(planId));
  }
  if (fields["plan"] !== true) {
    throw new ConfigError(
      `plan must be true, or planId must name a plan of this node: current value is ${
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
  const reply = await askReplica(service, { method: "membership.plan", act });
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
    throw new ConfigError(
      `plan '${planId}' is for ${planned}: commit it at /membership/${planned}`,
    );
  }
  const reply = await askReplica(service, { method: "membership.commit", planId });
  if (reply.status === "error") return problemOf(reply.error, null);
  return jsonAnswer({ committed: true, ...describePlan(reply.plan, service) });
}

type PlanReply = Extract<AdminReply, { status: "plan" | "committed" | "error" }>;
type TransfersReply = Extract<AdminReply, { status: "transfers" | "error" }>;

function askReplica(
  service: NodeService,
  request: MembershipOrder & { readonly method: "membership.transfers" },
): Promise<TransfersReply>;
function askReplica(
  service: NodeService,
  request: MembershipOrder & { readonly method: "membership.plan" | "membership.commit" },
): Promise<PlanReply>;
function askReplica(service: NodeService, request: MembershipOrder): Promise<AdminReply> {
  return new Promise((resolve) => service.host.admin(request, resolve));
}

// The membership change -----------------------------------------------------------------------------

async function actOf(service: NodeService, kind: ActKind, fields: Fields): Promise<MembershipAct> {
  switch (kind) {
    case "leave":
    case "remove":
      return { kind, node: nodeOf(fields["node"]) };
    case "join":
      return { kind, ...await identifyNewNode(service, kind, fields, null) };
    case "replace": {
      const node = nodeOf(fields["node"]);
      const replaced = service.memberOf(node);
      return { kind, node, ...await identifyNewNode(service, kind, fields, replaced) };
    }
  }
}

/** Calls the new node. It takes the weight and the zone of the `replaced` node if none are given. */
async function identifyNewNode(
  service: NodeService,
  kind: ActKind,
  fields: Fields,
  replaced: Member | null,
): Promise<Newcomer> {
  const url = urlOf(fields["url"]);
  const weight = fields["weight"] === undefined ? undefined : requireWeight(fields["weight"]);
  const zone = fields["zone"] === undefined ? undefined : requireZone(fields["zone"]);
  const refuse = (why: string) => new RefusedAct(`Cannot ${kind} with the node at ${url}: ${why}`);
  const identity = await identityAt(service, url, refuse);
  const difference = initialConfigDifference(service.initialConfig, identity);
  if (difference !== null) {
    throw refuse(`it is a node of another cluster, for ${difference}`);
  }
  const knownZone = zone ?? identity.zone ?? replaced?.zone;
  const member = {
    id: identity.id,
    url,
    weight: weight ?? identity.weight ?? replaced?.weight ?? 1,
    ...(knownZone === undefined ? {} : { zone: knownZone }),
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
    if (identity === null) throw refuse("its answer is not a node's");
    return identity;
  } catch (error) {
    if (!(error instanceof OneShotCallError)) throw error;
    if (!/\bHTTP 401\b/.test(error.message)) throw refuse(error.message);
    throw refuse(
      "it does not accept this cluster's secret: it belongs to another cluster, or was started " +
        "with another secret",
    );
  }
}

function nodeOf(given: unknown): string {
  if (isNodeId(given)) return given;
  throw new ConfigError(`node must be a member's id: current value is ${shownValue(given)}`);
}

function planIdOf(given: unknown): string {
  if (typeof given === "string" && given !== "" && given.length <= 256) return given;
  throw new ConfigError(`planId must be the id of a plan: current value is ${shownValue(given)}`);
}

function urlOf(given: unknown): string {
  if (isNodeUrl(given)) return new URL(given).origin;
  throw new ConfigError(
    `url must be where the node listens, such as http://127.0.0.1:9106: current value is ${
      shownValue(given)
    }`,
  );
}
