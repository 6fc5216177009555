/**
 * One client of the soak: it reads a key, adds an element of its own to the union of what it found,
 * and writes that back with the context it read. Where it cannot read, it writes all the same, without
 * a context: Dynamo is always writeable, and the two become siblings that the next reader unites.
 */
import { type ContextToken, DynamoClient } from "../../lib/client/client.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import type { ClientMeter } from "./availability.ts";
import { type Ledger, setOfText, textOfSet } from "./ledger.ts";

/** All attempts of one operation together: above the nodes' own limit, so that they can answer. */
const CLIENT_TIMEOUT_MS = 4_000;

interface SetClientOptions {
  readonly name: string;
  /** Where the nodes are now. */
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

  /** Nodes come and go: it asks those that there are. */
  private refresh(): void {
    const nodes = this.options.nodes();
    if (nodes.join() === this.known.join()) return;
    this.known = nodes;
    this.client = this.clientOf(nodes);
  }

  /** One operation after the other until `signal` is aborted; the last one is ended. */
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
