/** Checks of what peers answer: see `rpc/validation.ts`. */
import type { ClientReply } from "../../lib/dynamo/types/client_messages.ts";
import type { PeerReply } from "../../lib/dynamo/types/peer_messages.ts";
import { complaintAboutMembership, isLife, isStretch } from "./validate_membership.ts";
import {
  areChildren,
  complaintAboutList,
  isKeyDigest,
  isLifeStatus,
  isNodeState,
  isPlace,
} from "./validate_requests.ts";
import {
  complaintAboutContext,
  complaintAboutSiblings,
  isCount,
  isKey,
  isNodeId,
  isObject,
} from "./validation.ts";

type Complaint = string | null;

/** What is wrong with a reply of a peer; null when it is right. */
export function complaintAboutReply(given: unknown): Complaint {
  if (!isObject(given)) return "a reply must be an object";
  switch (given["status"] as PeerReply["status"]) {
    case "stored":
      return null;
    case "record":
      return complaintAboutSiblings(given["siblings"]);
    case "forwarded":
      return complaintAboutClientReply(given["reply"]);
    case "gossip":
      return complaintAboutList("newer", given["newer"], isNodeState) ??
        complaintAboutList("wanted", given["wanted"], isNodeId) ??
        complaintAboutView(given["membership"]);
    case "boot":
      if (given["remembered"] !== null && !isLife(given["remembered"])) {
        return "remembered must be null or a life of the asker";
      }
      return isLife(given["life"]) && isLifeStatus(given["lifeStatus"])
        ? complaintAboutView(given["membership"])
        : "life and lifeStatus must be those of the answerer";
    case "membership":
      return complaintAboutMembership(given["state"]);
    case "missing":
      return complaintAboutList("keys", given["keys"], isKey);
    case "reap":
      return typeof given["agrees"] === "boolean" ? null : "agrees must be true or false";
    case "roots":
      return complaintAboutList("differing", given["differing"], isCount) ??
        complaintAboutList("unknown", given["unknown"], isCount);
    case "tree":
      return complaintAboutList("children", given["children"], areChildren);
    case "keys":
      return given["next"] === null || isPlace(given["next"])
        ? complaintAboutList("keys", given["keys"], isKeyDigest)
        : "next must be null or a key and its position";
    default:
      return "a reply's status must be one that a replica gives";
  }
}

/** The answerer's view of the membership comes along where it is another. */
function complaintAboutView(given: unknown): Complaint {
  return given === undefined ? null : complaintAboutMembership(given);
}

function complaintAboutClientReply(given: unknown): Complaint {
  if (!isObject(given)) return "a forwarded reply must be an object";
  switch (given["status"] as ClientReply["status"]) {
    case "error":
      return complaintAboutError(given["error"]);
    case "read":
      if (!isNodeId(given["fastest"])) return "a read's fastest must be a node's id";
      return complaintAboutTraffic(given) ?? complaintAboutSiblings(given["siblings"]) ??
        (given["context"] === null ? null : complaintAboutContext(given["context"]));
    case "written":
      if (!isIdList(given["acks"])) return "a write's acks must be a list of ids";
      if (!Array.isArray(given["hints"]) || !given["hints"].every(isHint)) {
        return "a write's hints must be a list of holders and targets";
      }
      return complaintAboutTraffic(given) ?? complaintAboutContext(given["context"]);
    default:
      return "a forwarded reply's status must be read, written or error";
  }
}

function complaintAboutTraffic(given: Record<string, unknown>): Complaint {
  if (!isKey(given["key"])) return "a reply's key must be text";
  if (!isNodeId(given["coordinator"])) return "a reply's coordinator must be a node's id";
  return Array.isArray(given["replicas"]) && given["replicas"].every(isObject)
    ? null
    : "a reply's replicas must be a list";
}

/** The registers that come with a refusal. */
export function complaintAboutStretches(given: unknown): Complaint {
  return given === undefined ? null : complaintAboutList("stretches", given, isStretch);
}

function complaintAboutError(given: unknown): Complaint {
  if (!isObject(given)) return "an error must be an object";
  const { code, message, definite, context, stretches } = given;
  if (typeof code !== "string" || typeof message !== "string" || typeof definite !== "boolean") {
    return "an error needs a code, a message and whether it is definite";
  }
  const wrong = complaintAboutStretches(stretches);
  if (wrong !== null) return wrong;
  return context === undefined ? null : complaintAboutContext(context);
}

function isHint(given: unknown): boolean {
  return isObject(given) && isNodeId(given["holder"]) && isNodeId(given["for"]);
}

function isIdList(given: unknown): boolean {
  return Array.isArray(given) && given.every(isNodeId);
}
