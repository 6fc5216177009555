/** The worker that `deno task experiment` starts on each core: see `lib/experiments/runner.ts`. */
import { prepare } from "../../lib/experiments/catalogue/catalogue.ts";
import { servePoints, type WorkerScope } from "../../lib/experiments/runner.ts";

servePoints(
  self as unknown as WorkerScope,
  ({ experiment, engine, given }) => prepare(experiment, engine, given),
);
