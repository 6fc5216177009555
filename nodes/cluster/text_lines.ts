/** Splits a process's output into lines, wherever the system cuts it into chunks. */

/** A longer line is passed on in parts. */
const LINE_CHARACTERS_MAX = 65_536;

/** Resolves at the end of the stream. A last line without a line end counts too. */
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
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
  take(decoder.decode());
  if (rest !== "") onLine(rest);
}
