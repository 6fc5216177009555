/** Validation of loads that depends on the cluster, for the API and the forms. */
import { ProblemError } from "../../../nodes/http/problems.ts";
import type { LoadBody } from "../api/schemas.ts";
import type { Registered } from "./registry.ts";

/** Throws a 400 {@link ProblemError} if R or W is above the cluster's N, or the node is unknown. */
export function validateLoad({ live }: Registered, body: LoadBody): void {
  const { config, nodes } = live.summary();
  for (const [name, value] of [["r", body.r], ["w", body.w]] as const) {
    if (value !== undefined && value > config.n) {
      throw new ProblemError(
        "invalid",
        `${name} must be a whole number from 1 to N = ${config.n}: it is ${value}`,
      );
    }
  }
  const targets = ["any", "partition-aware", ...nodes.map((node) => node.id)];
  if (nodes.length > 0 && !targets.includes(body.to)) {
    throw new ProblemError(
      "invalid",
      `to must be one of ${targets.join(", ")}: it is '${body.to}'`,
    );
  }
}
