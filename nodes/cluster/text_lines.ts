/** Hands over the lines of a process's output one by one, however the system cuts it into pieces. */

/** A longer line is handed over in parts. */
const LINE_CHARACTERS_MAX = 65_536;

/** Resolves at the stream's end; an unfinished last line counts as one. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  const take = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
    if (rest.length > LINE_CHARACTERS_MAX) {
      onLine(rest);
      rest = "";
    }
  };
  for await (const piece of stream) take(decoder.decode(piece, { stream: true }));
  take(decoder.decode());
  if (rest !== "") onLine(rest);
}
