import type { FailureCause } from "./start_failures.ts";

/** A cluster could not start, or an action on a node failed. The message is for a person. */
export class LaunchError extends Error {
  override name = "LaunchError";

  /**
   * `refused`: not possible, so nothing was done; `failed`: it was tried and failed; `unfit`: the
   * node's state does not allow the action. `reason` is the cause, if it is a known one.
   */
  constructor(
    readonly kind: "refused" | "failed" | "unfit",
    message: string,
    readonly reason: FailureCause | null = null,
  ) {
    super(message);
  }
}
