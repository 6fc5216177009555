/**
 * One client of the soak. It reads a key, adds its own element to the union of the siblings, and
 * writes the set back with the context that it read. When it cannot read, it writes without a
 * context, because Dynamo is always writeable; the next reader merges the siblings. Unlike a load,
 * it must know the outcome of each write, which the ledger compares with the disks.
 */
import { type ContextToken, DynamoClient } from "../../lib/client/client.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import type { ClientMeter } from "./availability.ts";
import { type Ledger, setOfText, textOfSet } from "./ledger.ts";

/** For all attempts of an operation. It exceeds the nodes' own timeout, so that they can answer. */
const CLIENT_TIMEOUT_MS = 4_000;

interface SetClientOptions {
  readonly name: string;
  /** The current URLs of the nodes. */
  readonly nodes: () => readonly string[];
  readonly keys: readonly string[];
  readonly ledger: Ledger;
  readonly random: SeededRandom;
  readonly meter: ClientMeter;
}

export class SetClient {
  private client: DynamoClient;
  private known: readonly string[];
  private written = 0;

  constructor(private readonly options: SetClientOptions) {
    this.known = options.nodes();
    this.client = this.clientOf(this.known);
  }

  private clientOf(nodes: readonly string[]): DynamoClient {
    const { meter: { fetch }, random } = this.options;
    return new DynamoClient({ nodes, fetch, timeoutMs: CLIENT_TIMEOUT_MS, random });
  }

  /** Nodes come and go: requests go to the current ones. */
  private refresh(): void {
    const nodes = this.options.nodes();
    if (nodes.join() === this.known.join()) return;
    this.known = nodes;
    this.client = this.clientOf(nodes);
  }

  /** Runs operations one by one until `signal` is aborted, and completes the last one. */
  async run(signal: AbortSignal): Promise<void> {
    const { keys, random } = this.options;
    while (!signal.aborted) {
      this.refresh();
      await this.add(keys[Math.floor(random.float() * keys.length)] as string);
    }
  }

  private async add(key: string): Promise<void> {
    const { ledger, name, meter } = this.options;
    const { elements, context } = await this.read(key);
    const element = `${name}.${++this.written}`;
    elements.add(element);
    ledger.begin(key, element);
    const put = () => this.client.put(key, textOfSet(elements), { context });
    ledger.end(key, element, await meter.request("puts", put));
  }

  private async read(
    key: string,
  ): Promise<{ elements: Set<string>; context: ContextToken | null }> {
    const read = await this.options.meter.request("gets", () => this.client.get(key));
    this.options.ledger.noteGet(read.outcome === "ok");
    if (read.outcome !== "ok") return { elements: new Set(), context: null };
    if (read.found === false) return { elements: new Set(), context: read.context };
    const elements = new Set<string>();
    for (const { value } of read.siblings) {
      for (const element of setOfText(new TextDecoder().decode(value))) elements.add(element);
    }
    return { elements, context: read.context };
  }
}
