/** Validation of the replies of peers; see `rpc/validation.ts`. */
import type { ClientReply } from "../../lib/dynamo/types/client_messages.ts";
import type { PeerReply } from "../../lib/dynamo/types/peer_messages.ts";
import { isLife, isRangeRegister, validateMembership } from "./validate_membership.ts";
import {
  areChildren,
  isKeyDigest,
  isLifeStatus,
  isNodeState,
  isPlace,
  validateList,
} from "./validate_requests.ts";
import {
  type Invalid,
  isCount,
  isKey,
  isNodeId,
  isObject,
  validateContext,
  validateSiblings,
} from "./validation.ts";

/** The error in a peer's reply; null if it is valid. */
export function validateReply(given: unknown): Invalid {
  if (!isObject(given)) return "a reply must be an object";
  switch (given["status"] as PeerReply["status"]) {
    case "stored":
      return null;
    case "record":
      return validateSiblings(given["siblings"]);
    case "forwarded":
      return validateClientReply(given["reply"]);
    case "gossip":
      return validateList("newer", given["newer"], isNodeState) ??
        validateList("wanted", given["wanted"], isNodeId) ??
        validateView(given["membership"]);
    case "boot":
      if (given["remembered"] !== null && !isLife(given["remembered"])) {
        return "remembered must be null or a life of the caller";
      }
      return isLife(given["life"]) && isLifeStatus(given["lifeStatus"])
        ? validateView(given["membership"])
        : "life and lifeStatus must be those of the answering node";
    case "membership":
      return validateMembership(given["state"]);
    case "missing":
      return validateList("keys", given["keys"], isKey);
    case "reap":
      return typeof given["agrees"] === "boolean" ? null : "agrees must be true or false";
    case "roots":
      return validateList("differing", given["differing"], isCount) ??
        validateList("unknown", given["unknown"], isCount);
    case "tree":
      return validateList("children", given["children"], areChildren);
    case "keys":
      return given["next"] === null || isPlace(given["next"])
        ? validateList("keys", given["keys"], isKeyDigest)
        : "next must be null or a key and its position";
    default:
      return "a reply's status must be known";
  }
}

/** The answering node's membership. It is sent only if it differs from the caller's. */
function validateView(given: unknown): Invalid {
  return given === undefined ? null : validateMembership(given);
}

function validateClientReply(given: unknown): Invalid {
  if (!isObject(given)) return "a forwarded reply must be an object";
  switch (given["status"] as ClientReply["status"]) {
    case "error":
      return validateError(given["error"]);
    case "read":
      if (!isNodeId(given["fastest"])) return "a read's fastest must be a node's id";
      return validateOutcome(given) ?? validateSiblings(given["siblings"]) ??
        (given["context"] === null ? null : validateContext(given["context"]));
    case "written":
      if (!isIdList(given["acks"])) return "a write's acks must be a list of ids";
      if (!Array.isArray(given["hints"]) || !given["hints"].every(isHint)) {
        return "a write's hints must be a list of holders and targets";
      }
      return validateOutcome(given) ?? validateContext(given["context"]);
    default:
      return "a forwarded reply's status must be read, written or error";
  }
}

/** The fields that answers to reads and writes have in common. */
function validateOutcome(given: Record<string, unknown>): Invalid {
  if (!isKey(given["key"])) return "a reply's key must be a string";
  if (!isNodeId(given["coordinator"])) return "a reply's coordinator must be a node's id";
  return Array.isArray(given["replicas"]) && given["replicas"].every(isObject)
    ? null
    : "a reply's replicas must be a list";
}

/** The range registers in a refusal. */
export function validateRegisters(given: unknown): Invalid {
  return given === undefined ? null : validateList("registers", given, isRangeRegister);
}

function validateError(given: unknown): Invalid {
  if (!isObject(given)) return "an error must be an object";
  const { code, message, definite, context, registers } = given;
  if (typeof code !== "string" || typeof message !== "string" || typeof definite !== "boolean") {
    return "an error needs a code, a message and whether it is definite";
  }
  const wrong = validateRegisters(registers);
  if (wrong !== null) return wrong;
  return context === undefined ? null : validateContext(context);
}

function isHint(given: unknown): boolean {
  return isObject(given) && isNodeId(given["holder"]) && isNodeId(given["for"]);
}

function isIdList(given: unknown): boolean {
  return Array.isArray(given) && given.every(isNodeId);
}
