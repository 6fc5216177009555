/**
 * `/debug`: what this node itself stores, without asking other nodes. For operators and tests. It shows
 * values, so it needs the cluster's secret.
 */
import { positionOf } from "../../lib/dynamo/ring/position.ts";
import type { StoredRecord } from "../../lib/dynamo/types/records.ts";
import type { KeyPlace } from "../../lib/dynamo/types/records.ts";
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem } from "../http/problems.ts";
import type { RouteTable } from "./api_route.ts";
import { shownVersion } from "./kv.ts";
import { keyIn, readQuery, text, wholeNumber } from "./request_target.ts";

const KEYS_PREFIX = "/debug/keys/";
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;
/** Most records read for one answer, so that a rare prefix does not read the whole disk. */
const EXAMINED_MAX = 20_000;
const SCAN_RECORDS = 500;

const PAGE_PARAMETERS = {
  prefix: text(1_024),
  limit: wholeNumber(1, LIMIT_MAX),
  after: text(1_024, "`next` of the previous page"),
};

interface PageQuery {
  readonly prefix: string;
  readonly limit: number;
  readonly after: string;
}

export function debugRoutes(service: NodeService): RouteTable {
  return {
    "GET /debug/keys": {
      access: "secret",
      summary: "The keys that this node stores",
      query: PAGE_PARAMETERS,
      answers: {
        200: { description: "A page of keys, in ring order", schema: "KeyPage" },
        400: "An unknown or malformed parameter",
        503: "The disk failed",
      },
      handle: (_, { query }) => listKeys(readQuery(query, PAGE_PARAMETERS), service),
    },
    "GET /debug/keys/{key}": {
      access: "secret",
      summary: "This node's record of a key",
      answers: {
        200: { description: "The record", schema: "HeldRecord" },
        400: "Malformed key",
        404: "The node has no record of the key",
        503: "The disk failed, or the record on it is damaged",
      },
      handle: (_, { path }) => showKey(keyIn(path, KEYS_PREFIX), service),
    },
  };
}

/**
 * Keys in ring order; keys stored as hints for other nodes are listed separately. A page has at most
 * `limit` records of both kinds. `after` is the last key of the previous page; `next` is null after the
 * last page.
 */
async function listKeys(
  { prefix = "", limit = LIMIT_DEFAULT, after }: Partial<PageQuery>,
  service: NodeService,
): Promise<Response> {
  const { store } = service;
  const keys: Record<string, unknown>[] = [];
  const hints: Record<string, unknown>[] = [];
  let listed = 0;
  let place: KeyPlace | null = after === undefined
    ? null
    : { key: after, position: positionOf(after) };
  let examined = 0;
  let done = false;
  while (!done && listed < limit && examined < EXAMINED_MAX) {
    const after = place === null ? {} : { after: place };
    const page = await store.scan({ limit: SCAN_RECORDS, ...after });
    done = page.next === null;
    place = page.next ?? place;
    for (const { record, position } of page.records) {
      examined++;
      if (!record.key.startsWith(prefix)) continue;
      const entry = { key: record.key, hash: position, siblings: record.siblings.length };
      const { hintFor = [] } = record;
      if (hintFor.length > 0) hints.push({ ...entry, for: shownHints(record) });
      // The node stores its own keys whether or not they are also hints.
      if (hintFor.length === 0 || isPrimary(service, record.key)) keys.push(entry);
      if (++listed < limit) continue;
      place = { key: record.key, position };
      done = false;
      break;
    }
  }
  return jsonAnswer({ keys, hints, next: done ? null : place?.key ?? null });
}

async function showKey(key: string, service: NodeService): Promise<Response> {
  const position = positionOf(key);
  const record = await service.store.load(key, position);
  if (record === null) {
    return problem("absent", `this node has no record of '${key}'`, { key, hash: position });
  }
  return jsonAnswer(shownRecord(record, position, service));
}

function isPrimary({ self, replica: { ring } }: NodeService, key: string): boolean {
  return ring.primariesOfKey(key).includes(self.id);
}

/** The nodes that the record is a hint for, and since when (ms since 1970). */
function shownHints({ hintFor = [] }: StoredRecord): { node: string; sinceMs: number }[] {
  return hintFor.map(({ node, since }) => ({ node, sinceMs: Math.floor(since / 1_000) }));
}

function shownRecord(
  record: StoredRecord,
  hash: string,
  service: NodeService,
): Record<string, unknown> {
  const { key, siblings, actor } = record;
  return {
    key,
    hash,
    node: service.self.id,
    primary: isPrimary(service, key),
    actor: actor ?? null,
    hintFor: shownHints(record),
    siblings: siblings.map(shownVersion),
  };
}
