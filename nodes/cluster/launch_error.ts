import type { FailureCause } from "./start_failures.ts";

/** Why a cluster, or an act on one of its nodes, could not be had. The message is for the person who asked. */
export class LaunchError extends Error {
  override name = "LaunchError";

  /**
   * `refused`: what was asked cannot be, and nothing was started; `failed`: it was tried;
   * `unfit`: the node's state does not allow the act. `reason` is there where the cause is a known one.
   */
  constructor(
    readonly kind: "refused" | "failed" | "unfit",
    message: string,
    readonly reason: FailureCause | null = null,
  ) {
    super(message);
  }
}
