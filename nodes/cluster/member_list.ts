/**
 * Which nodes a cluster's launcher has to start: the initial members, those that have joined since,
 * without those that are gone. The cluster itself agrees on its membership; this is only the launcher's
 * list of processes, kept in `members.json` beside the initial configuration, which never changes.
 */
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";

export interface MemberList {
  /** In the order in which they came; those that are gone as well. */
  readonly joined: readonly Member[];
  /** Told to leave, and perhaps not done with it. */
  readonly leaving: readonly NodeId[];
  /** Left or removed: their processes are not started, and their ids are not given again. */
  readonly gone: readonly NodeId[];
}

export const INITIAL_MEMBER_LIST: MemberList = { joined: [], leaving: [], gone: [] };

/** Those that are to run: `initialConfig` and who joined, without who is gone. */
export function livingMembers(initialConfig: readonly Member[], memberList: MemberList): Member[] {
  return [...initialConfig, ...memberList.joined].filter(({ id }) => !memberList.gone.includes(id));
}

/** The next id that no node of the cluster ever had: n6 after n5. `others` came without the launcher. */
export function nextId(
  initialConfig: readonly Member[],
  memberList: MemberList,
  others: readonly NodeId[] = [],
): NodeId {
  const ids = [...[...initialConfig, ...memberList.joined].map(({ id }) => id), ...others];
  const numbers = ids.map((id) => {
    const number = /^n(\d{1,9})$/.exec(id)?.[1];
    return number === undefined ? 0 : Number(number);
  });
  return `n${Math.max(0, ...numbers) + 1}`;
}

export function withJoined(memberList: MemberList, member: Member): MemberList {
  return { ...memberList, joined: [...memberList.joined, member] };
}

/** As if it had never come: its join was refused. */
export function withoutJoined(memberList: MemberList, id: NodeId): MemberList {
  return { ...memberList, joined: memberList.joined.filter((member) => member.id !== id) };
}

export function withLeaving(memberList: MemberList, id: NodeId): MemberList {
  return memberList.leaving.includes(id)
    ? memberList
    : { ...memberList, leaving: [...memberList.leaving, id] };
}

export function withGone(memberList: MemberList, id: NodeId): MemberList {
  const leaving = memberList.leaving.filter((each) => each !== id);
  const gone = memberList.gone.includes(id) ? memberList.gone : [...memberList.gone, id];
  return { ...memberList, leaving, gone };
}

/** It stays: its leave or removal was refused. */
export function withoutGone(memberList: MemberList, id: NodeId): MemberList {
  return {
    ...memberList,
    leaving: memberList.leaving.filter((each) => each !== id),
    gone: memberList.gone.filter((each) => each !== id),
  };
}

/** Throws {@link ConfigError} for a file that is damaged or of another make. */
export function parseMemberList(text: string, path: string): MemberList {
  const refuse = (why: string): never => {
    throw new ConfigError(`${path} is not a list of a cluster's nodes: ${why}`);
  };
  let json: Partial<MemberList> | null = null;
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
