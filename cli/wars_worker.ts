/** The worker that `deno task pbs` starts on each core: see `lib/experiments/wars/pool.ts`. */
import { serveWars, type WorkerScope } from "../lib/experiments/wars/pool.ts";

serveWars(self as unknown as WorkerScope);
