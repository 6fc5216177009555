/**
 * `/debug`: what this node itself holds, whatever the others say. For people who look after a cluster,
 * and for tests: it shows values, so it asks for the cluster's secret.
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
/** Records looked at for one answer: a prefix that hardly any key has must not read the whole disk. */
const LOOKED_AT_MAX = 20_000;
const PAGE = 500;

const PAGE_PARAMETERS = {
  prefix: text(1_024),
  limit: wholeNumber(1, LIMIT_MAX),
  after: text(1_024, "`next` of the page before"),
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
      summary: "Keys that this node holds",
      query: PAGE_PARAMETERS,
      answers: {
        200: { description: "In ring order", schema: "KeyPage" },
        400: "An unknown or malformed parameter",
        503: "The disk failed",
      },
      handle: (_, { query }) => listKeys(readQuery(query, PAGE_PARAMETERS), service),
    },
    "GET /debug/keys/{key}": {
      access: "secret",
      summary: "What this node holds of a key",
      answers: {
        200: { description: "Its record", schema: "HeldRecord" },
        400: "Malformed key",
        404: "It holds nothing",
        503: "The disk failed, or the record on it is damaged",
      },
      handle: (_, { path }) => showKey(keyIn(path, KEYS_PREFIX), service),
    },
  };
}

/**
 * Keys in ring order, and apart from them what is kept for other nodes. A page ends after `limit`
 * records of either sort. `after` is the last key of the page before; `next` is null when all were
 * seen.
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
  let lookedAt = 0;
  let done = false;
  while (!done && listed < limit && lookedAt < LOOKED_AT_MAX) {
    const page = await store.scan({ limit: PAGE, ...(place === null ? {} : { after: place }) });
    done = page.next === null;
    place = page.next ?? place;
    for (const { record, position } of page.records) {
      lookedAt++;
      if (!record.key.startsWith(prefix)) continue;
      const entry = { key: record.key, hash: position, siblings: record.siblings.length };
      const { hintFor = [] } = record;
      if (hintFor.length > 0) hints.push({ ...entry, for: shownHints(record) });
      // What it owns it would hold without the hint too.
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
    return problem("absent", `this node holds nothing under '${key}'`, { key, hash: position });
  }
  return jsonAnswer(shownRecord(record, position, service));
}

function isPrimary({ self, replica: { ring } }: NodeService, key: string): boolean {
  return ring.primariesOfKey(key).includes(self.id);
}

/** The nodes that it is kept for, and since when (ms since 1970). */
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
