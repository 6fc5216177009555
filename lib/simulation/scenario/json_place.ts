/**
 * Finds the place of a syntax error in JSON. V8's messages give the place of some errors only, and for
 * others just an excerpt. The person who wrote the file needs line and column.
 */

/** One token after white space: a punctuator, a string, a number, or a literal name (RFC 8259). */
const TOKEN =
  /([{}[\],:])|("(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;
const SPACE = /[ \t\n\r]*/y;

/** The tokens that are allowed next. */
type Expected = "value" | "value or ]" | "name" | "name or }" | "colon" | "comma or end";

/** The offset of the first invalid token; the text's length if it is valid JSON or incomplete. */
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
  /** A punctuator itself, `string`, or `value` for any other token. */
  readonly kind: string;
  readonly end: number;
}

function matched(pattern: RegExp, text: string, at: number): Token | null {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  if (found === null) return null;
  const [, punctuator, string] = found;
  return {
    kind: punctuator ?? (string === undefined ? "value" : "string"),
    end: pattern.lastIndex,
  };
}

/** The tokens that are allowed after this one; null if it is invalid here. Updates `open`. */
function after(expected: Expected, { kind }: Token, open: ("{" | "[")[]): Expected | null {
  const inside = open.at(-1);
  switch (expected) {
    case "colon":
      return kind === ":" ? "value" : null;
    case "comma or end":
      if (kind === "," && inside !== undefined) return inside === "{" ? "name" : "value";
      return closes(kind, inside) ? close(open) : null;
    case "name":
    case "name or }":
      if (kind === "string") return "colon";
      return kind === "}" && expected === "name or }" ? close(open) : null;
    case "value":
    case "value or ]":
      if (kind === "string" || kind === "value") return "comma or end";
      if (kind === "]" && expected === "value or ]") return close(open);
      if (kind !== "{" && kind !== "[") return null;
      open.push(kind);
      return kind === "{" ? "name or }" : "value or ]";
  }
}

function closes(kind: string, inside: "{" | "[" | undefined): boolean {
  return inside !== undefined && kind === (inside === "{" ? "}" : "]");
}

function close(open: ("{" | "[")[]): Expected {
  open.pop();
  return "comma or end";
}

/** "line 3, column 7", both counted from 1. */
export function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
