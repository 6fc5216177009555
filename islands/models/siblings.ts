/**
 * Siblings side by side: each version's value and clock in a readable form.
 *
 * A dot identifies the write itself (the actor's n-th write of this key). The clock is what the writer
 * had seen. Two versions are siblings if neither clock contains the other's dot.
 */
import type { SiblingView } from "./api.ts";

export interface ClockPart {
  /** The node that the actor belongs to. */
  readonly node: string;
  /** The whole actor: node, data directory and epoch. */
  readonly actor: string;
  readonly counter: number;
}

export interface SiblingCard {
  /** The value, or the beginning of a binary value in hexadecimal. */
  readonly text: string;
  /** Whether `text` is the value itself, so that it can be edited and written back. */
  readonly isText: boolean;
  readonly bytes: number;
  readonly contentType: string;
  readonly dot: ClockPart;
  readonly clock: readonly ClockPart[];
}

export function siblingCards(siblings: readonly SiblingView[]): SiblingCard[] {
  return siblings.map((sibling) => ({
    ...shownValue(sibling),
    contentType: sibling.contentType,
    dot: clockPart(sibling.dot),
    clock: [...sibling.clock, ...sibling.dots ?? []].map(clockPart),
  }));
}

function shownValue(sibling: SiblingView): Pick<SiblingCard, "text" | "isText" | "bytes"> {
  if (sibling.value !== undefined) {
    const bytes = new TextEncoder().encode(sibling.value).length;
    return { text: sibling.value, isText: true, bytes };
  }
  const bytes = Uint8Array.from(atob(sibling.valueBase64 ?? ""), (c) => c.charCodeAt(0));
  const head = [...bytes.slice(0, 64)].map((byte) => byte.toString(16).padStart(2, "0"));
  return {
    text: head.join(" ") + (bytes.length > 64 ? " …" : ""),
    isText: false,
    bytes: bytes.length,
  };
}

function clockPart([actor, counter]: readonly [string, number, ...unknown[]]): ClockPart {
  return { node: actor.split(/[/:~.@#]/)[0] ?? actor, actor, counter };
}

/** A first proposal for a merge by hand: every distinct line of the texts. */
export function mergedText(siblings: readonly SiblingCard[]): string {
  const lines = siblings.filter((s) => s.isText).flatMap((s) => s.text.split("\n"));
  return [...new Set(lines)].join("\n");
}
