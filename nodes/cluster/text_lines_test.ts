import assert from "node:assert/strict";
import { readLines } from "./text_lines.ts";

async function linesOf(...chunks: Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  await readLines(ReadableStream.from(chunks), (line) => lines.push(line));
  return lines;
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("lines are complete wherever the stream is cut, even inside a character", async () => {
  const text = bytes("one\nzwölf\n\nlast");
  for (let cut = 0; cut <= text.length; cut++) {
    assert.deepEqual(
      await linesOf(text.subarray(0, cut), text.subarray(cut)),
      ["one", "zwölf", "", "last"],
    );
  }
  assert.deepEqual(await linesOf(), []);
});

Deno.test("a line without an end is passed on in parts instead of growing", async () => {
  const chunk = bytes("x".repeat(50_000));
  const lines = await linesOf(chunk, chunk, chunk);
  assert.deepEqual(lines.map((line) => line.length), [100_000, 50_000]);
});
