/**
 * Reads a node's `/events`, a stream of server-sent events, and reports the name and data of each
 * event. The data stays text: under load there are far more events than a page can show, and most
 * are dropped without being parsed.
 */

/** No event of a node is longer. A longer one is discarded. */
const BLOCK_CHARACTERS_MAX = 1_048_576;

/** Splits text into events. The text may arrive in chunks of any size. */
export class EventSplitter {
  #rest = "";

  constructor(private readonly onEvent: (event: string, data: string) => void) {}

  push(text: string): void {
    this.#rest += text;
    // Events end with a blank line. Nodes end their lines with \n.
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
 * Follows the stream at `url` until it ends or `signal` aborts, and resolves in both cases. A
 * stream also ends when its node dies; the state of the node's process shows that.
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
    // Aborted, or the connection broke.
  }
}
