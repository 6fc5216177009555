/** What the API accepts and answers where nodes come and go. See `schemas.ts`. */
import { z } from "@hono/zod-openapi";
import { WEIGHT_MAX } from "../../../nodes/process/cluster_config_file.ts";
import { problemResponses, response } from "./operation.ts";
import { ClusterParams, shown } from "./schemas.ts";

const weightError = (issue: { readonly input?: unknown }) =>
  `weight must be a number above 0, at most ${WEIGHT_MAX}: it is ${shown(issue.input)}`;

export const NewNode = z.strictObject({
  weight: z.number({ error: weightError }).positive({ error: weightError })
    .max(WEIGHT_MAX, { error: weightError }).optional()
    .openapi({ description: "Relative capacity: its share of the ring follows it; 1 if left out" }),
  zone: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
    error: (issue) =>
      "zone must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit: " +
      `it is ${shown(issue.input)}`,
  }).optional().openapi({ description: "Replicas span zones" }),
}).openapi("NewNode");

export const ChangeQuery = z.strictObject({
  plan: z.enum(["true", "false"], {
    error: (issue) => `plan must be true or false: it is ${shown(issue.input)}`,
  }).optional().openapi({
    param: { name: "plan", in: "query" },
    description: "true: only say what the change would mean",
  }),
  planId: z.string().max(200).optional().openapi({
    param: { name: "planId", in: "query" },
    description: "Commit this plan, which was answered before; the rest of the request is not read",
  }),
});

export const PlanParams = ClusterParams.extend({
  plan: z.string().openapi({ param: { name: "plan", in: "path" } }),
});

const Share = z.object({ tokens: z.number(), ranges: z.number(), share: z.number() });

export const ChangePlan = z.object({
  planId: z.string(),
  act: z.enum(["join", "leave", "remove", "replace"]),
  comes: z.string().nullable().openapi({ description: "The new node" }),
  goes: z.string().nullable(),
  moves: z.array(z.object({
    range: z.number(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    share: z.number().openapi({ description: "The range's part of the ring, 0 to 1" }),
  })).openapi({ description: "One owner of one range each" }),
  bytes: z.number().openapi({ description: "That are copied, about" }),
  balance: z.object({ before: z.record(z.string(), Share), after: z.record(z.string(), Share) }),
}).openapi("ChangePlan");

export const Transfers = z.looseObject({
  seenBy: z.string(),
  members: z.array(z.looseObject({ id: z.string(), url: z.string(), memberStatus: z.string() })),
  left: z.number().openapi({ description: "Changes of an owner that are still to be made" }),
  moves: z.array(z.looseObject({})),
  orphanedReplicas: z.boolean(),
}).openapi("Transfers");

/** The answer to a change that is only planned. */
export const PLANNED = response(
  200,
  "With plan=true: what it would mean; nothing is changed",
  ChangePlan,
);

export const CHANGE_REFUSALS = problemResponses({
  400: "A field is wrong",
  404: "No such cluster or node",
  409: "The cluster refuses it and says why, or has changed since the plan was made",
  502: "A node did not answer",
});
