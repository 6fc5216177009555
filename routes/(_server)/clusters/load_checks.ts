/** What a load must fit, for the API and the pages' forms. */
import { ProblemError } from "../../../nodes/http/problems.ts";
import type { LoadBody } from "../api/schemas.ts";
import type { Registered } from "./registry.ts";

/** Checks what a schema cannot: R and W against the cluster's N, and that the node exists. */
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
  const places = ["any", "partition-aware", ...nodes.map((node) => node.id)];
  if (nodes.length > 0 && !places.includes(body.to)) {
    throw new ProblemError(
      "invalid",
      `to must be one of ${places.join(", ")}: it is '${body.to}'`,
    );
  }
}
