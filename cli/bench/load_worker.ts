/** Runs a load (`load.ts`) in its own thread. It receives one message and sends one back. */
import { type BenchLoad, type LoadOutcome, runBenchLoad } from "./load.ts";

/** The message that is sent back. */
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
