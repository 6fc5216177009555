/** Schemas of the API for membership changes. See `schemas.ts`. */
import { z } from "@hono/zod-openapi";
import { WEIGHT_MAX } from "../../../nodes/process/cluster_config_file.ts";
import { problemResponses, response } from "./operation.ts";
import { ClusterParams, formatValue } from "./schemas.ts";

const weightError = (issue: { readonly input?: unknown }) =>
  `weight must be a number above 0, at most ${WEIGHT_MAX}: it is ${formatValue(issue.input)}`;

export const NewNode = z.strictObject({
  weight: z.number({ error: weightError }).positive({ error: weightError })
    .max(WEIGHT_MAX, { error: weightError }).optional()
    .openapi({
      description:
        "Relative capacity: the node's share of the ring is proportional to it; 1 by default",
    }),
  zone: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
    error: (issue) =>
      "zone must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit: " +
      `it is ${formatValue(issue.input)}`,
  }).optional().openapi({
    description: "Failure domain: a key's replicas are placed in different zones",
  }),
}).openapi("NewNode");

export const ChangeQuery = z.strictObject({
  plan: z.enum(["true", "false"], {
    error: (issue) => `plan must be true or false: it is ${formatValue(issue.input)}`,
  }).optional().openapi({
    param: { name: "plan", in: "query" },
    description: "true: return the plan without making the change",
  }),
  planId: z.string().max(200).optional().openapi({
    param: { name: "planId", in: "query" },
    description:
      "Commit the plan with this id from an earlier response. Path and body are ignored then",
  }),
});

export const PlanParams = ClusterParams.extend({
  plan: z.string().openapi({ param: { name: "plan", in: "path" } }),
});

const Share = z.object({ tokens: z.number(), ranges: z.number(), share: z.number() });

export const ChangePlan = z.object({
  planId: z.string(),
  act: z.enum(["join", "leave", "remove", "replace"]),
  comes: z.string().nullable().openapi({ description: "The node that is added; null if none is" }),
  goes: z.string().nullable().openapi({ description: "The node that goes; null if none does" }),
  moves: z.array(z.object({
    range: z.number(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    share: z.number().openapi({ description: "The range's fraction of the ring, 0 to 1" }),
  })).openapi({ description: "One change of one owner of one range each" }),
  bytes: z.number().openapi({ description: "Approximate number of bytes to copy" }),
  balance: z.object({ before: z.record(z.string(), Share), after: z.record(z.string(), Share) }),
}).openapi("ChangePlan");

export const Transfers = z.looseObject({
  seenBy: z.string(),
  members: z.array(z.looseObject({ id: z.string(), url: z.string(), memberStatus: z.string() })),
  left: z.number().openapi({ description: "Number of ownership changes still to be made" }),
  moves: z.array(z.looseObject({})),
  orphanedReplicas: z.boolean(),
  hints: z.number().openapi({ description: "Hints that this node has still to deliver" }),
}).openapi("Transfers");

/** The response if a change is only planned. */
export const PLANNED = response(
  200,
  "With plan=true: the plan; nothing has changed",
  ChangePlan,
);

export const CHANGE_REFUSALS = problemResponses({
  400: "A field is invalid",
  404: "No such cluster or node",
  409: "The cluster refuses the change, or has changed since the plan was made",
  502: "A node did not answer",
});
