/** The description of the REST API (OpenAPI 3.1). Loaded when it is first requested. */
import { KEY_BYTES_MAX } from "../../lib/dynamo/types/config.ts";
import type { Answer, ApiRoute, Content } from "./api_route.ts";
import { SCHEMAS } from "./openapi_schemas.ts";

const TEXT = { type: "string" };
const KEY_PARAMETER = {
  name: "key",
  in: "path",
  required: true,
  description: `One percent-encoded segment, slashes as %2F; at most ${KEY_BYTES_MAX} bytes`,
  schema: { ...TEXT, example: "greeting" },
};

const FOREIGN_HOST = "The Host header names another host";
const UNAUTHORIZED = {
  open: undefined,
  clients: "The node requires the clients' token, which is missing or wrong",
  secret: "The cluster's secret is missing or wrong",
};

export function describeApi(routes: readonly ApiRoute[], url: string) {
  const paths: Record<string, Record<string, ReturnType<typeof describeRoute>>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = describeRoute(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "A Dynamo node",
      version: "0.1.0",
      description:
        "Keys and values, the ring, the node's state and its administration. Errors are " +
        "problem details (RFC 9457).",
    },
    servers: [{ url }],
    components: {
      securitySchemes: {
        secret: {
          type: "http",
          scheme: "bearer",
          description: "The content of the cluster's secret file",
        },
      },
      schemas: SCHEMAS,
    },
    paths,
  };
}

/** All answers of the route, by status. */
export function answersOf({ access, answers }: ApiRoute): Readonly<Record<number, Answer>> {
  const unauthorized = UNAUTHORIZED[access];
  return {
    ...(unauthorized === undefined ? {} : { 401: unauthorized }),
    500: "Internal error; see the node's log",
    ...answers,
    403: answers[403] === undefined ? FOREIGN_HOST : `${answers[403]}. Or: ${FOREIGN_HOST}`,
  };
}

function describeRoute(route: ApiRoute) {
  const { access, summary, description, body } = route;
  return {
    summary,
    description,
    security: access === "secret" ? [{ secret: [] }] : undefined,
    parameters: parametersOf(route),
    requestBody: body && { required: body.required ?? false, content: describeContent(body) },
    responses: mapped(
      answersOf(route),
      (answer, status) => describeAnswer(answer, Number(status) >= 400),
    ),
  };
}

function parametersOf({ path, query = {}, headers = {} }: ApiRoute) {
  return [
    ...(path.includes("{key}") ? [KEY_PARAMETER] : []),
    ...Object.entries(query).map(([name, { description, schema }]) => (
      { name, in: "query", required: false, description, schema }
    )),
    ...Object.entries(headers).map(([name, description]) => (
      { name, in: "header", required: false, description, schema: TEXT }
    )),
  ];
}

function describeAnswer(answer: Answer, isError: boolean) {
  if (typeof answer === "string") {
    const content = { type: "application/problem+json", schema: "Problem" } as const;
    return { description: answer, content: isError ? describeContent(content) : undefined };
  }
  const { description, headers, ...content } = answer;
  return {
    description,
    headers: headers && mapped(headers, (text) => ({ description: text, schema: TEXT })),
    content: describeContent(content),
  };
}

function describeContent({ type = "application/json", schema, example }: Content) {
  return { [type]: { schema: { $ref: `#/components/schemas/${schema}` }, example } };
}

function mapped<T, U>(
  record: Readonly<Record<string, T>>,
  change: (value: T, name: string) => U,
): Record<string, U> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, change(value, name)]),
  );
}
