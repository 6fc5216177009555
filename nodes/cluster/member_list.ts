/**
 * Which nodes a launcher starts: the initial members and the nodes that joined later, without those that
 * are gone. This is not the membership itself, on which the nodes agree. It is the launcher's own list
 * of processes, stored as `members.json` beside the initial configuration, which never changes.
 */
import type { ActName } from "../../lib/client/membership_client.ts";
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";

export interface MemberList {
  /** In the order in which they joined, including nodes that are gone. */
  readonly joined: readonly Member[];
  /** Were asked to leave, and may not have finished. */
  readonly leaving: readonly NodeId[];
  /** Left or removed: their processes are not started, and their ids are not used again. */
  readonly gone: readonly NodeId[];
}

/** What a planned change does to the list. */
interface PlannedChange {
  readonly act: ActName;
  /** The node that leaves, is removed or is replaced. */
  readonly goes: NodeId | null;
  /** The new node. */
  readonly member: Member | null;
}

export const INITIAL_MEMBER_LIST: MemberList = { joined: [], leaving: [], gone: [] };

/** The members whose processes run: initial and joined ones, without those that are gone. */
export function currentMembers(initial: readonly Member[], memberList: MemberList): Member[] {
  return [...initial, ...memberList.joined].filter(({ id }) => !memberList.gone.includes(id));
}

/**
 * The next id that no node of the cluster ever had: n6 after n5. `others` are ids of nodes that this
 * launcher did not start.
 */
export function nextId(
  initial: readonly Member[],
  memberList: MemberList,
  others: readonly NodeId[] = [],
): NodeId {
  const ids = [...[...initial, ...memberList.joined].map(({ id }) => id), ...others];
  const numbers = ids.map((id) => {
    const number = /^n(\d{1,9})$/.exec(id)?.[1];
    return number === undefined ? 0 : Number(number);
  });
  return `n${Math.max(0, ...numbers) + 1}`;
}

/** The list once the change is committed. */
export function withChange(
  memberList: MemberList,
  { act, goes, member }: PlannedChange,
): MemberList {
  const joined = member === null ? memberList.joined : [...memberList.joined, member];
  const changed = { ...memberList, joined };
  if (goes === null) return changed;
  return act === "leave" ? withLeaving(changed, goes) : withGone(changed, goes);
}

/** Undoes {@link withChange}, because the commit was refused. */
export function withoutChange(
  memberList: MemberList,
  { goes, member }: PlannedChange,
): MemberList {
  return {
    joined: memberList.joined.filter(({ id }) => id !== member?.id),
    leaving: memberList.leaving.filter((id) => id !== goes),
    gone: memberList.gone.filter((id) => id !== goes),
  };
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

/** Throws {@link ConfigError} if the file is damaged or was not written by this program. */
export function parseMemberList(text: string, path: string): MemberList {
  const refuse = (why: string): never => {
    throw new ConfigError(`${path} is not a launcher's member list: ${why}`);
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
      refuse("a node in 'joined' has no id or no url");
    }
  }
  if (!isIds(leaving)) return refuse("'leaving' must be a list of ids");
  if (!isIds(gone)) return refuse("'gone' must be a list of ids");
  return { joined, leaving, gone };
}

function isIds(value: unknown): value is NodeId[] {
  return Array.isArray(value) && value.every((id) => typeof id === "string");
}
