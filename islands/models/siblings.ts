/**
 * Siblings side by side: each version's value and clock in a form that a person can compare.
 *
 * A dot names the write itself (its actor's n-th for this key), the clock what its writer had seen.
 * Two versions are siblings because neither clock has seen the other's dot.
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
  /** What is shown of the value. */
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

/** A starting point for merging by hand: every different text, one a line. */
export function mergedText(siblings: readonly SiblingCard[]): string {
  const lines = siblings.filter((s) => s.isText).flatMap((s) => s.text.split("\n"));
  return [...new Set(lines)].join("\n");
}
