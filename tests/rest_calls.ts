/** Calls of a node's REST interface; each answer has its complete body. */
import assert from "node:assert/strict";

/** A node in a key's preference list. */
export interface Placed {
  readonly id: string;
  readonly url: string;
  readonly primary: boolean;
}

/** The fields of all kinds of answers. Each answer has some of them. */
export interface Body {
  readonly key: string;
  readonly context: string;
  readonly coordinator: string;
  readonly acks: readonly string[];
  readonly hints: readonly { readonly holder: string; readonly for: string }[];
  readonly siblings: readonly { readonly value: string }[];
  readonly hash: string;
  readonly partition: number;
  readonly preferenceList: readonly Placed[];
  readonly ringVersion: string;
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly needed: number;
  readonly got: number;
  readonly definite: boolean;
  readonly id: number;
  readonly result: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly text: string;
  /** The body as JSON; throws if it is not JSON. */
  readonly json: Body;
}

async function answerOf(response: Response): Promise<Answer> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  const { status, headers } = response;
  return {
    status,
    headers,
    bytes,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}

function keyUrl(node: string, key: string, query = ""): string {
  return `${node}/kv/${encodeURIComponent(key)}${query === "" ? "" : `?${query}`}`;
}

interface PutOptions {
  readonly context?: string;
  readonly contentType?: string;
  readonly query?: string;
}

export async function put(
  node: string,
  key: string,
  value: BodyInit,
  { context, contentType = "application/octet-stream", query }: PutOptions = {},
): Promise<Answer> {
  const headers: Record<string, string> = { "content-type": contentType };
  if (context !== undefined) headers["x-dynamo-context"] = context;
  return await answerOf(
    await fetch(keyUrl(node, key, query), { method: "PUT", body: value, headers }),
  );
}

export async function get(node: string, key: string, query?: string): Promise<Answer> {
  return await answerOf(await fetch(keyUrl(node, key, query)));
}

export async function call(url: string, init?: RequestInit): Promise<Answer> {
  return await answerOf(await fetch(url, init));
}

/** The context in an answer's header. */
export function contextOf(answer: Answer): string {
  const context = answer.headers.get("x-dynamo-context");
  assert.ok(context !== null && context !== "", "the answer must have X-Dynamo-Context");
  return context;
}

/** Asserts a problem+json answer with this status and a matching message. */
export function assertProblem(answer: Answer, status: number, says: RegExp): void {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
  const { type, title, status: statusInBody, detail } = answer.json;
  assert.equal(statusInBody, status);
  assert.equal(typeof type, "string");
  assert.match(`${title}: ${detail}`, says);
}
