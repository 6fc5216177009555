/**
 * Reads a node's `/events`, a server-sent event stream, and hands on each event's name and data.
 * Data is passed on as text: under load a cluster makes far more events than a page can show, and
 * most are dropped without ever being parsed.
 */

/** More than this without a blank line is not an event that a node would send. */
const BLOCK_CHARACTERS_MAX = 1_048_576;

/** Splits a stream of text into events, whatever the pieces it comes in. */
export class EventSplitter {
  #rest = "";

  constructor(private readonly onEvent: (event: string, data: string) => void) {}

  push(text: string): void {
    this.#rest += text;
    // Nodes end lines with \n; a \r\n would be as good.
    let start = 0;
    for (;;) {
      const end = this.#rest.indexOf("\n\n", start);
      if (end === -1) break;
      this.#deliver(this.#rest.slice(start, end));
      start = end + 2;
    }
    this.#rest = this.#rest.slice(start);
    if (this.#rest.length > BLOCK_CHARACTERS_MAX) this.#rest = "";
  }

  #deliver(block: string): void {
    let event = "message";
    const data: string[] = [];
    for (const line of block.split(/\r?\n/)) {
      if (line.startsWith("event:")) event = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
    }
    if (data.length > 0) this.onEvent(event, data.join("\n"));
  }
}

/**
 * Follows the stream at `url` until it ends or `signal` aborts. Resolves in both cases: a node that
 * dies ends its stream, and its process's state says so elsewhere.
 */
export async function followEvents(
  url: string,
  signal: AbortSignal,
  onEvent: (event: string, data: string) => void,
  fetchFrom: typeof fetch,
): Promise<void> {
  const splitter = new EventSplitter(onEvent);
  try {
    const response = await fetchFrom(url, { signal, headers: { Accept: "text/event-stream" } });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      return;
    }
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      splitter.push(text);
    }
  } catch {
    // Aborted, or the node went away in the middle.
  }
}
