/**
 * Which nodes a cluster's launcher has to start: the founding members, those that have joined since,
 * without those that are gone. The cluster itself agrees on its membership; this is only the launcher's
 * list of processes, kept in `roster.json` beside the founding data, which never changes.
 */
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";

export interface Roster {
  /** In the order in which they came; those that are gone as well. */
  readonly joined: readonly Member[];
  /** Told to leave, and perhaps not done with it. */
  readonly leaving: readonly NodeId[];
  /** Left or removed: their processes are not started, and their ids are not given again. */
  readonly gone: readonly NodeId[];
}

export const FOUNDING_ROSTER: Roster = { joined: [], leaving: [], gone: [] };

/** Those that are to run: `founding` and who joined, without who is gone. */
export function livingMembers(founding: readonly Member[], roster: Roster): Member[] {
  return [...founding, ...roster.joined].filter(({ id }) => !roster.gone.includes(id));
}

/** The next id that no node of the cluster ever had: n6 after n5. `others` came without the launcher. */
export function nextId(
  founding: readonly Member[],
  roster: Roster,
  others: readonly NodeId[] = [],
): NodeId {
  const ids = [...[...founding, ...roster.joined].map(({ id }) => id), ...others];
  const numbers = ids.map((id) => {
    const number = /^n(\d{1,9})$/.exec(id)?.[1];
    return number === undefined ? 0 : Number(number);
  });
  return `n${Math.max(0, ...numbers) + 1}`;
}

export function withJoined(roster: Roster, member: Member): Roster {
  return { ...roster, joined: [...roster.joined, member] };
}

/** As if it had never come: its join was refused. */
export function withoutJoined(roster: Roster, id: NodeId): Roster {
  return { ...roster, joined: roster.joined.filter((member) => member.id !== id) };
}

export function withLeaving(roster: Roster, id: NodeId): Roster {
  return roster.leaving.includes(id) ? roster : { ...roster, leaving: [...roster.leaving, id] };
}

export function withGone(roster: Roster, id: NodeId): Roster {
  const leaving = roster.leaving.filter((each) => each !== id);
  const gone = roster.gone.includes(id) ? roster.gone : [...roster.gone, id];
  return { ...roster, leaving, gone };
}

/** It stays: its leave or removal was refused. */
export function withoutGone(roster: Roster, id: NodeId): Roster {
  return {
    ...roster,
    leaving: roster.leaving.filter((each) => each !== id),
    gone: roster.gone.filter((each) => each !== id),
  };
}

/** Throws {@link ConfigError} for a file that is damaged or of another make. */
export function parseRoster(text: string, path: string): Roster {
  const refuse = (why: string): never => {
    throw new ConfigError(`${path} is not a list of a cluster's nodes: ${why}`);
  };
  let json: Partial<Roster> | null = null;
  try {
    json = JSON.parse(text);
  } catch (error) {
    refuse((error as Error).message);
  }
  const { joined, leaving, gone } = json ?? {};
  if (!Array.isArray(joined)) return refuse("it has no 'joined'");
  for (const member of joined) {
    if (typeof member?.id !== "string" || !URL.canParse(member?.url)) {
      refuse("a node that joined lacks its id or url");
    }
  }
  if (!isIds(leaving)) return refuse("'leaving' must list ids");
  if (!isIds(gone)) return refuse("'gone' must list ids");
  return { joined, leaving, gone };
}

function isIds(value: unknown): value is NodeId[] {
  return Array.isArray(value) && value.every((id) => typeof id === "string");
}
