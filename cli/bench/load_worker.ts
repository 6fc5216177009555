/** The load in a thread of its own: see `load.ts`. One message in, one out. */
import { type BenchLoad, type LoadOutcome, runBenchLoad } from "./load.ts";

/** What it posts back. */
export type LoadMessage = { readonly outcome: LoadOutcome } | { readonly error: string };

interface Scope {
  onmessage: ((event: MessageEvent<BenchLoad>) => void) | null;
  postMessage(message: LoadMessage): void;
}

const scope = self as unknown as Scope;
scope.onmessage = ({ data }) => {
  runBenchLoad(data).then(
    (outcome) => scope.postMessage({ outcome }),
    (error) => scope.postMessage({ error: String(error) }),
  );
};
