/** Validation of membership data, which is part of several messages; see `rpc/validation.ts`. */
import { INCARNATION_MAX } from "../../lib/dynamo/recovery/lives.ts";
import type { MemberStatus } from "../../lib/dynamo/types/ids.ts";
import { type Invalid, isCount, isNodeId, isObject } from "./validation.ts";

/** Current and former members. */
const MEMBERS_LIMIT = 10_000;
/** Range registers, tokens, or marks. */
const PLACES_LIMIT = 100_000;
/** Owners of one range. There are N, and more only during a transfer. */
const OWNERS_LIMIT = 1_000;
const REMOVED_DATA_LIMIT = 1_000;
const URL_CHARACTERS_MAX = 2_048;
const ZONE_CHARACTERS_MAX = 64;
/** Versions are short digests; empty if nothing differs from the initial configuration. */
const VERSION_CHARACTERS_MAX = 64;
const POSITION = /^[0-9a-f]{32}$/;
const MEMBER_STATUSES: Record<MemberStatus, true> = {
  member: true,
  leaving: true,
  left: true,
  removed: true,
};

export function validateMembership(given: unknown): Invalid {
  if (!isObject(given)) return "a membership must be an object";
  const { members, tokens, registers } = given;
  return validateItems("members", members, MEMBERS_LIMIT, isMemberEntry) ??
    validateItems("tokens", tokens, PLACES_LIMIT, isTokenEntry) ??
    validateItems("registers", registers, PLACES_LIMIT, isRangeRegister);
}

/** The document that a node stores on its own disk. */
export function validateDocument(given: unknown): Invalid {
  if (!isObject(given)) return "it must be an object";
  return validateMembership(given["state"]) ??
    validateItems("marks", given["marks"], PLACES_LIMIT, isMark) ??
    (given["peers"] === undefined
      ? null
      : validateItems("peers", given["peers"], MEMBERS_LIMIT, isPeerLife));
}

function isPeerLife(given: unknown): boolean {
  return isObject(given) && isNodeId(given["id"]) && isLife(given);
}

/** One start of a node over one data directory. */
export function isLife(given: unknown): boolean {
  return isObject(given) && isNodeId(given["dataId"]) && isIncarnation(given["incarnation"]) &&
    isCount(given["bootNumber"]) && isCount(given["writes"]);
}

export function isIncarnation(given: unknown): boolean {
  return isCount(given) && given <= INCARNATION_MAX;
}

function isMark(given: unknown): boolean {
  return isObject(given) && isPosition(given["start"]) && isPosition(given["end"]) &&
    isEpoch(given["epoch"]) && (given["mark"] === "fenced" || given["mark"] === "filled");
}

function validateItems(
  name: string,
  given: unknown,
  itemsMax: number,
  isItem: (item: unknown) => boolean,
): Invalid {
  if (!Array.isArray(given) || given.length > itemsMax) {
    return `a membership's ${name} must be a list of at most ${itemsMax}`;
  }
  return given.every(isItem) ? null : `a membership's ${name} must have valid entries: one is not`;
}

export function isPosition(given: unknown): given is string {
  return typeof given === "string" && POSITION.test(given);
}

export function isVersionName(given: unknown): given is string {
  return typeof given === "string" && given.length <= VERSION_CHARACTERS_MAX;
}

/** Epochs and versions count from 1. */
export function isEpoch(given: unknown): given is number {
  return isCount(given) && given >= 1;
}

export function isNodeIdOrNull(given: unknown): boolean {
  return given === null || isNodeId(given);
}

export function isRangeRegister(given: unknown): boolean {
  return isObject(given) && isPosition(given["start"]) && isPosition(given["end"]) &&
    isEpoch(given["epoch"]) && isOwners(given["owners"]) &&
    isSlots(given["slots"], given["owners"] as readonly unknown[]);
}

/** One for each owner, all different; left out where they are 0, 1, 2, … */
function isSlots(given: unknown, owners: readonly unknown[]): boolean {
  if (given === undefined) return true;
  return Array.isArray(given) && given.length === owners.length && given.every(isCount) &&
    new Set(given).size === given.length;
}

function isOwners(given: unknown): boolean {
  return Array.isArray(given) && given.length <= OWNERS_LIMIT && given.every(isNodeId) &&
    new Set(given).size === given.length;
}

function isTokenEntry(given: unknown): boolean {
  return isObject(given) && isPosition(given["position"]) && isEpoch(given["epoch"]) &&
    isNodeIdOrNull(given["owner"]);
}

function isMemberEntry(given: unknown): boolean {
  if (!isObject(given)) return false;
  const { member, memberStatus, version, removedData, asInitial } = given;
  if (typeof memberStatus !== "string" || !Object.hasOwn(MEMBER_STATUSES, memberStatus)) {
    return false;
  }
  if (!isEpoch(version) || !isMember(member)) return false;
  if (asInitial !== undefined && asInitial !== true) return false;
  return removedData === undefined ||
    (Array.isArray(removedData) && removedData.length <= REMOVED_DATA_LIMIT &&
      removedData.every(isNodeId));
}

function isMember(given: unknown): boolean {
  return isObject(given) && isNodeId(given["id"]) && isNodeUrl(given["url"]) &&
    isWeight(given["weight"]) && (given["zone"] === undefined || isZone(given["zone"])) &&
    (given["dataId"] === undefined || isNodeId(given["dataId"]));
}

/** The URL of a node: http or https. */
export function isNodeUrl(given: unknown): given is string {
  if (typeof given !== "string" || given.length > URL_CHARACTERS_MAX) return false;
  return URL.canParse(given) && /^https?:$/.test(new URL(given).protocol);
}

function isWeight(given: unknown): given is number {
  return typeof given === "number" && Number.isFinite(given) && given > 0;
}

/** The attributes with which a node was started; null if not given. */
export function isMemberDraft({ weight, zone }: { weight: unknown; zone: unknown }): boolean {
  return (weight === null || isWeight(weight)) && (zone === null || isZone(zone));
}

function isZone(given: unknown): boolean {
  return typeof given === "string" && given.length >= 1 && given.length <= ZONE_CHARACTERS_MAX;
}
