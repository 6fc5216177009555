/**
 * Where a text stops being JSON. V8 names the place of some mistakes only, and of others shows a piece
 * of the text, which is the whole of a short one; a person who wrote the file wants line and column.
 */

/** One token after white space: a sign, a string, a number, or a word (RFC 8259). */
const TOKEN =
  /([{}[\],:])|("(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;
const SPACE = /[ \t\n\r]*/y;

/** What may come next: a value, or what its surroundings ask for after one. */
type Expected = "value" | "value or ]" | "name" | "name or }" | "colon" | "comma or end";

/** The offset of the first token that cannot stand where it is; the text's length when it ends too early or is JSON. */
export function jsonEndsAt(text: string): number {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let at = 0;
  for (;;) {
    at = matched(SPACE, text, at)?.end ?? at;
    const token = matched(TOKEN, text, at);
    if (token === null) return at;
    const next = after(expected, token, open);
    if (next === null) return at;
    expected = next;
    at = token.end;
  }
}

interface Token {
  /** A sign as itself; anything else by its kind. */
  readonly kind: string;
  readonly end: number;
}

function matched(pattern: RegExp, text: string, at: number): Token | null {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  if (found === null) return null;
  const [, sign, string] = found;
  return { kind: sign ?? (string === undefined ? "value" : "string"), end: pattern.lastIndex };
}

/** What is expected after the token, with `open` kept up to date; null when it cannot stand here. */
function after(expected: Expected, { kind }: Token, open: ("{" | "[")[]): Expected | null {
  const inside = open.at(-1);
  switch (expected) {
    case "colon":
      return kind === ":" ? "value" : null;
    case "comma or end":
      if (kind === "," && inside !== undefined) return inside === "{" ? "name" : "value";
      return closes(kind, inside) ? leave(open) : null;
    case "name":
    case "name or }":
      if (kind === "string") return "colon";
      return kind === "}" && expected === "name or }" ? leave(open) : null;
    case "value":
    case "value or ]":
      if (kind === "string" || kind === "value") return "comma or end";
      if (kind === "]" && expected === "value or ]") return leave(open);
      if (kind !== "{" && kind !== "[") return null;
      open.push(kind);
      return kind === "{" ? "name or }" : "value or ]";
  }
}

function closes(kind: string, inside: "{" | "[" | undefined): boolean {
  return inside !== undefined && kind === (inside === "{" ? "}" : "]");
}

function leave(open: ("{" | "[")[]): Expected {
  open.pop();
  return "comma or end";
}

/** "line 3, column 7", both from 1. */
export function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
