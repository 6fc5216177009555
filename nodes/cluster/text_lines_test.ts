import assert from "node:assert/strict";
import { readLines } from "./text_lines.ts";

async function linesOf(...pieces: Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  await readLines(ReadableStream.from(pieces), (line) => lines.push(line));
  return lines;
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("lines come whole however the stream is cut, even inside a character", async () => {
  const text = bytes("one\nzwölf\n\nlast");
  for (let cut = 0; cut <= text.length; cut++) {
    assert.deepEqual(
      await linesOf(text.subarray(0, cut), text.subarray(cut)),
      ["one", "zwölf", "", "last"],
    );
  }
  assert.deepEqual(await linesOf(), []);
});

Deno.test("a line without an end is handed over in parts instead of growing", async () => {
  const piece = bytes("x".repeat(50_000));
  const lines = await linesOf(piece, piece, piece);
  assert.deepEqual(lines.map((line) => line.length), [100_000, 50_000]);
});
