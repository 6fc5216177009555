/** Why a cluster, or an act on one of its nodes, could not be had. The message is for the person who asked. */
export class LaunchError extends Error {
  override name = "LaunchError";

  /**
   * `refused`: what was asked cannot be, and nothing was started; `failed`: it was tried;
   * `unfit`: the node's state does not allow the act.
   */
  constructor(readonly kind: "refused" | "failed" | "unfit", message: string) {
    super(message);
  }
}
