/** Cuts a stream of text into lines, however it comes in pieces. */

export class LineSplitter {
  /** The unfinished line, in the pieces that it came in: joining them each time would copy it all. */
  private pieces: string[] = [];
  private length = 0;

  /** A line may have so many characters. */
  constructor(private readonly charactersMax: number) {}

  /** The lines that `text` ends; empty ones are left out. Throws when one is too long. */
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

  /** What came after the last line's end; it is forgotten. */
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
