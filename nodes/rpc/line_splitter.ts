/** Splits a stream of text, which arrives in arbitrary pieces, into lines. */

export class LineSplitter {
  /** The pieces of the unfinished line. They are joined once, at its end, to avoid copies. */
  private pieces: string[] = [];
  private length = 0;

  /** `charactersMax`: the longest line that is allowed. */
  constructor(private readonly charactersMax: number) {}

  /** The lines that are complete with `text`, without empty ones. Throws if a line is too long. */
  take(text: string): string[] {
    let end = text.indexOf("\n");
    if (end === -1) {
      this.keep(text);
      return [];
    }
    const lines: string[] = [];
    let start = 0;
    if (this.pieces.length > 0) {
      this.keep(text.slice(0, end));
      lines.push(this.rest());
      start = end + 1;
      end = text.indexOf("\n", start);
    }
    while (end !== -1) {
      if (end > start) lines.push(text.slice(start, end));
      start = end + 1;
      end = text.indexOf("\n", start);
    }
    this.keep(start === 0 ? text : text.slice(start));
    return lines;
  }

  /** Returns and removes the text after the last complete line. */
  rest(): string {
    const rest = this.pieces.join("");
    this.pieces = [];
    this.length = 0;
    return rest;
  }

  private keep(piece: string): void {
    if (piece === "") return;
    this.length += piece.length;
    if (this.length > this.charactersMax) {
      throw new Error(`a line must have at most ${this.charactersMax} characters: it has more`);
    }
    this.pieces.push(piece);
  }
}
