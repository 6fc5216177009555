/**
 * A cursor over a latency spec. People type specs on command lines and in forms, so every error
 * says where it is, what was found and what is allowed.
 */

/** Longer than any sensible mixture. Specs come from outside, so there must be a limit. */
export const SPEC_CHARACTERS_MAX = 4_096;

export class SpecError extends Error {
  override name = "SpecError";
  constructor(
    readonly spec: string,
    /** The number of characters before the error. */
    readonly place: number,
    /** What is wrong and what is allowed. */
    readonly reason: string,
  ) {
    super(`Cannot read latency '${shortened(spec)}' at character ${place + 1}: ${reason}`);
  }
}

export class SpecReader {
  private at = 0;

  constructor(readonly spec: string) {
    if (spec.length > SPEC_CHARACTERS_MAX) {
      throw new SpecError(
        spec,
        SPEC_CHARACTERS_MAX,
        `a spec may have at most ${SPEC_CHARACTERS_MAX} characters: it has ${spec.length}`,
      );
    }
  }

  /** The position of the next token. */
  get place(): number {
    this.skipSpace();
    return this.at;
  }

  get atEnd(): boolean {
    return this.place === this.spec.length;
  }

  /** Returns to an earlier position. */
  rewind(place: number): void {
    this.at = place;
  }

  fail(place: number, reason: string): never {
    throw new SpecError(this.spec, place, reason);
  }

  /** Consumes the character if it comes next. */
  takes(character: string): boolean {
    if (this.spec[this.place] !== character) return false;
    this.at++;
    return true;
  }

  /** Consumes the character or fails. `purpose` completes the message: `expected ',' between …`. */
  expect(character: string, purpose: string): void {
    if (!this.takes(character)) {
      this.fail(this.place, `expected '${character}' ${purpose}, found ${this.found()}`);
    }
  }

  /** Consumes what matches here; null when nothing does. */
  match(pattern: RegExp): string | null {
    const sticky = new RegExp(pattern.source, "y");
    sticky.lastIndex = this.place;
    const found = sticky.exec(this.spec)?.[0] ?? null;
    if (found !== null) this.at += found.length;
    return found;
  }

  /** Reads a decimal number. Messages call it `name`. */
  number(name: string): number {
    const place = this.place;
    const text = this.match(/[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/);
    const value = Number(text);
    if (text === null || !Number.isFinite(value)) {
      this.fail(place, `${name} must be a finite number: found ${text ?? this.found()}`);
    }
    return value;
  }

  /** What comes next, for a message. */
  found(): string {
    const rest = this.spec.slice(this.place);
    if (rest === "") return "the end";
    return `'${/^[A-Za-z0-9.+-]+/.exec(rest)?.[0] ?? rest[0]}'`;
  }

  private skipSpace(): void {
    while (this.spec[this.at] === " ") this.at++;
  }
}

function shortened(spec: string): string {
  return spec.length <= 200 ? spec : `${spec.slice(0, 200)}…`;
}
