/**
 * The API's OpenAPI description. It is built from the `openapi` exports of the route files, so
 * `/api/openapi.json` has exactly the routes that are served.
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { ProblemError } from "../../../nodes/http/problems.ts";
import type { RouteContext, RouteFile, RouteFiles, State } from "../define.ts";
import { type HandlerByMethod, type HandlerFn, type Method, METHODS } from "../fresh/fresh.ts";
import { byPath, openApiPathOf } from "../fresh/route_paths.ts";
import { type ApiDocument, type ApiOperation, problemResponses } from "./operation.ts";

const DESCRIPTION = {
  openapi: "3.1.0",
  info: {
    title: "Dynamo Simulator: dashboard API",
    version: "1",
    description:
      "Starts clusters of Dynamo nodes on this machine, sends them load and injects failures. " +
      "Each node has its own API, described at `/docs` under the node's URL. " +
      "Errors are RFC 9457 problem details.",
  },
};

/** Describes all routes with an `openapi` export, for a server at the given origin. */
export function apiDescription(routes: RouteFiles): (origin: string) => ApiDocument {
  const api = new OpenAPIHono();
  for (const file of Object.keys(routes).toSorted(byPath)) {
    for (const [method, operation] of operationsOf(routes[file])) {
      api.openAPIRegistry.registerPath({
        method: method.toLowerCase() as Lowercase<Method>,
        path: openApiPathOf(file),
        ...operation,
        responses: responsesOf(file, operation),
      });
    }
  }
  return (origin) => api.getOpenAPI31Document({ ...DESCRIPTION, servers: [{ url: origin }] });
}

function operationsOf(file: RouteFile | undefined): [Method, ApiOperation][] {
  return METHODS.flatMap((method): [Method, ApiOperation][] => {
    const operation = file?.openapi?.[method];
    return operation === undefined ? [] : [[method, operation]];
  });
}

/** The operation's responses, plus those that are sent before its handler runs. */
function responsesOf(
  file: string,
  { request, responses }: ApiOperation,
): ApiOperation["responses"] {
  const takesJson = request?.body?.content["application/json"] !== undefined;
  const reasons = {
    ...(takesJson
      ? {
        400: "The body is not JSON, or a field is invalid",
        413: "The body is too large",
        415: "Content-Type is not application/json",
      }
      : {}),
    ...(file.includes("/[id]") ? { 404: "No such cluster" } : {}),
    403: "Host or Origin is not this server",
    500: "The dashboard failed; its output has the details",
  };
  return { ...problemResponses(reasons), ...responses };
}

/** Called for a response whose status is not in the description. */
export type OnUndescribed = (route: string, status: number) => void;

/** The same routes, but each response's status is compared with the description. */
export function withStatusCheck(routes: RouteFiles, onUndescribed: OnUndescribed): RouteFiles {
  return Object.fromEntries(
    Object.entries(routes).map(([name, file]) => {
      const handlers: Partial<Record<Method, HandlerFn<unknown, State>>> = {};
      for (const [method, operation] of operationsOf(file)) {
        const handle = (file.handler as HandlerByMethod<unknown, State>)[method];
        const described = responsesOf(name, operation);
        const check = (status: number) => {
          if (!(status in described)) onUndescribed(`${method} ${openApiPathOf(name)}`, status);
        };
        if (handle !== undefined) handlers[method] = checkingStatus(handle, check);
      }
      return [name, file.openapi === undefined ? file : { ...file, handler: handlers }];
    }),
  );
}

function checkingStatus(
  handle: HandlerFn<unknown, State>,
  check: (status: number) => void,
): HandlerFn<unknown, State> {
  return async (ctx: RouteContext) => {
    try {
      const answer = await handle(ctx);
      check(answer.status ?? 200);
      return answer;
    } catch (error) {
      if (error instanceof ProblemError) check(error.problem.status);
      throw error;
    }
  };
}
