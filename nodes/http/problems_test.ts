import { deepEqual, equal } from "node:assert/strict";
import { problem, PROBLEM_CODES, ProblemError, problemResponse } from "./problems.ts";

Deno.test("a node's problem is definite by default, and a 503 says when to retry", async () => {
  const response = problem("overloaded", "4096 requests are in flight", { needed: 2 });
  equal(response.status, 503);
  equal(response.headers.get("content-type"), "application/problem+json");
  equal(response.headers.get("retry-after"), "1");
  deepEqual(await response.json(), {
    type: "urn:dynamo-simulator:problem:overloaded",
    title: "The node is overloaded",
    status: 503,
    detail: "4096 requests are in flight",
    definite: true,
    needed: 2,
  });
  const unsure = await problem("quorum-not-met", "1 of 2", { definite: false }).json();
  equal(unsure.definite, false);
});

Deno.test("a thrown problem becomes the response, and its own status overrides the code's", async () => {
  const { problem, message } = new ProblemError("node-unreachable", "n1 is silent", {
    status: 504,
  });
  equal(message, "n1 is silent");
  const response = problemResponse(problem);
  equal(response.status, 504);
  equal(response.headers.get("retry-after"), null);
  deepEqual(await response.json(), {
    type: "urn:dynamo-simulator:problem:node-unreachable",
    title: "The node did not answer",
    status: 504,
    detail: "n1 is silent",
  });
});

Deno.test("a node's codes do not include the dashboard's", () => {
  equal(PROBLEM_CODES.includes("quorum-not-met"), true);
  equal(PROBLEM_CODES.includes("cluster-failed"), false);
});
