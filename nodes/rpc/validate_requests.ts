/** Validation of the requests of peers, method by method; see `rpc/validation.ts`. */
import { DEPTH, FAN_OUT, LEAVES } from "../../lib/dynamo/repair/merkle.ts";
import type { LifeStatus } from "../../lib/dynamo/types/life.ts";
import type { PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { shown } from "./messages.ts";
import {
  isEpoch,
  isIncarnation,
  isLife,
  isNodeIdOrNull,
  isPosition,
  isVersionName,
  validateMembership,
} from "./validate_membership.ts";
import {
  type Invalid,
  isCount,
  isKey,
  isNodeId,
  isObject,
  validateClientRequest,
  validateSiblings,
} from "./validation.ts";

type Params = Record<string, unknown>;

const LIST_LIMIT = 100_000;
const HASH = /^[0-9a-f]{16}$/;
/** A former owner asks about one page of its disk at a time. */
const ASKED_KEYS_LIMIT = 10_000;
const LIFE_STATUSES: Record<LifeStatus, true> = {
  unconfirmed: true,
  recovering: true,
  settled: true,
};

const VALIDATORS: Record<PeerRequest["method"], (params: Params) => Invalid> = {
  "replica.get": ({ key, purpose, standIn }) => {
    if (!isKey(key)) return "key must be a string";
    if (standIn !== undefined && standIn !== true) return "standIn can only be true";
    return purpose === undefined || purpose === "repair" ? null : "purpose can only be repair";
  },
  "replica.put": validatePut,
  "gossip": ({ digest, membership }) =>
    isVersionName(membership)
      ? validateList("digest", digest, isDigestLine)
      : "membership must be the version of the sender's membership",
  "gossip.states": ({ states }) => validateList("states", states, isNodeState),
  "boot.check": ({ life, status, membership }) => {
    if (!isLife(life)) {
      return "life must have a dataId, and incarnation, bootNumber and writes as whole numbers from 0";
    }
    if (!isLifeStatus(status)) return "status must be unconfirmed, recovering or settled";
    return isVersionName(membership)
      ? null
      : "membership must be the version of the sender's membership";
  },
  "membership": ({ state }) => validateMembership(state),
  "range.keys": (params) => {
    const { after, purpose } = params;
    if (purpose !== undefined && purpose !== "recovery") return "purpose can only be recovery";
    if (after !== null && !isPlace(after)) return "after must be null or a key and its position";
    return validatePlace(params);
  },
  "range.fence": validatePlace,
  "range.advance": (params) =>
    isNodeIdOrNull(params["sender"]) && isNodeIdOrNull(params["receiver"])
      ? validatePlace(params)
      : "sender and receiver must each be null or a node's id",
  "orphan.check": ({ keys }) => validateList("keys", keys, isKeyDigest, ASKED_KEYS_LIMIT),
  "reap.ask": (params) =>
    isVersionName(params["plan"])
      ? validateReap(params)
      : "plan must be the version of the sender's membership",
  "reap.drop": validateReap,
  "tree.roots": ({ grid, roots }) =>
    isVersionName(grid)
      ? validateList("roots", roots, isTreeNode)
      : "grid must be the version of the sender's ranges",
  "tree.children": ({ range, level, nodes }) => {
    if (!isCount(range)) return "range must be a whole number from 0";
    if (!isCount(level) || level >= DEPTH) return `level must be a whole number below ${DEPTH}`;
    const within = (node: unknown) => isCount(node) && node < FAN_OUT ** level;
    return validateList("nodes", nodes, within);
  },
  "tree.keys": ({ range, leaves, after }) => {
    if (!isCount(range)) return "range must be a whole number from 0";
    if (after !== null && !isPlace(after)) return "after must be null or a key and its position";
    return validateList("leaves", leaves, (leaf) => isCount(leaf) && leaf < LEAVES);
  },
  "forward": ({ requestId, ringVersion, request }) => {
    if (typeof requestId !== "string" || requestId.length > 256) {
      return "requestId must be a string of at most 256 characters";
    }
    if (typeof ringVersion !== "string") return "ringVersion must be a string";
    return validateClientRequest(request);
  },
};

export const PEER_METHODS = Object.keys(VALIDATORS) as readonly PeerRequest["method"][];

export function isPeerMethod(method: unknown): method is PeerRequest["method"] {
  return typeof method === "string" && Object.hasOwn(VALIDATORS, method);
}

/** The error in the params of a peer's call; null if they are valid. */
export function validateParams(method: PeerRequest["method"], params: Params): Invalid {
  return VALIDATORS[method](params);
}

function validatePlace({ start, end, epoch }: Params): Invalid {
  if (!isPosition(start) || !isPosition(end)) {
    return "start and end must be ring positions of 32 hex digits";
  }
  return isEpoch(epoch) ? null : "epoch must be a whole number from 1";
}

function validateReap({ key, digest }: Params): Invalid {
  if (!isKey(key)) return "key must be a string";
  return typeof digest === "string" && HASH.test(digest) ? null : "digest must be 16 hex digits";
}

function validatePut({ key, purpose, hintFor, buffered, siblings }: Params): Invalid {
  if (!isKey(key)) return "key must be a string";
  if (purpose !== "replicate" && purpose !== "repair" && purpose !== "handoff") {
    return `purpose must be replicate, repair or handoff: it is '${shown(purpose)}'`;
  }
  if (hintFor !== undefined && !isNodeId(hintFor)) return "hintFor must be a node's id";
  if (buffered !== undefined && buffered !== true) return "buffered can only be true";
  return validateSiblings(siblings);
}

export function validateList(
  name: string,
  given: unknown,
  isItem: (item: unknown) => boolean,
  itemsMax = LIST_LIMIT,
): Invalid {
  if (!Array.isArray(given) || given.length > itemsMax) {
    return `${name} must be a list of at most ${itemsMax}`;
  }
  const wrong = given.find((item) => !isItem(item));
  return wrong === undefined ? null : `${name} must have valid items: one is ${shown(wrong)}`;
}

function isDigestLine(line: unknown): boolean {
  return Array.isArray(line) && line.length === 4 && isNodeId(line[0]) && isIncarnation(line[1]) &&
    line.slice(2).every(isCount);
}

export function isLifeStatus(given: unknown): given is LifeStatus {
  return typeof given === "string" && Object.hasOwn(LIFE_STATUSES, given);
}

/** A settled node omits its status, because most nodes are settled and every message would have it. */
export function isNodeState(state: unknown): boolean {
  return isObject(state) && isNodeId(state["id"]) && isLife(state) &&
    isCount(state["heartbeat"]) && isCount(state["intervalMs"]) && state["intervalMs"] > 0 &&
    (state["status"] === undefined ||
      (isLifeStatus(state["status"]) && state["status"] !== "settled"));
}

function isTreeNode(node: unknown): boolean {
  return Array.isArray(node) && node.length === 2 && isCount(node[0]) &&
    typeof node[1] === "string" && HASH.test(node[1]);
}

/** The hashes of a tree node's children; an empty string for an empty child. */
export function areChildren(hashes: unknown): boolean {
  return Array.isArray(hashes) && hashes.length === FAN_OUT &&
    hashes.every((hash) => hash === "" || (typeof hash === "string" && HASH.test(hash)));
}

export function isPlace(place: unknown): boolean {
  return isObject(place) && isKey(place["key"]) && isPosition(place["position"]);
}

export function isKeyDigest(pair: unknown): boolean {
  return Array.isArray(pair) && pair.length === 2 && isKey(pair[0]) &&
    typeof pair[1] === "string" && HASH.test(pair[1]);
}
