/**
 * `/kv/{key}`: get, put and delete over HTTP.
 *
 * Headers carry what belongs to a value: a client sends `X-Dynamo-Context` back with its next write, and
 * `X-Dynamo-Siblings` is the number of concurrent values. A single value is answered byte for byte as it
 * was put. Several are answered as 300 Multiple Choices in JSON, and the client reconciles them (SOSP
 * 2007, section 4.4).
 */
import type {
  ClientReply,
  ClientRequest,
  ReadReply,
  RequestOptions,
  WriteReply,
} from "../../lib/dynamo/types/client_messages.ts";
import {
  type ClusterConfig,
  TIMEOUT_MS_MAX,
  TIMEOUT_MS_MIN,
  VALUE_BYTES_MAX,
} from "../../lib/dynamo/types/config.ts";
import type { Version } from "../../lib/dynamo/versions/versions.ts";
import type { NodeService } from "../host/node_service.ts";
import { prefers } from "../http/accept.ts";
import { problem, problemOf } from "../http/problems.ts";
import { readBody } from "../http/request_body.ts";
import { isContentType } from "../rpc/validation.ts";
import type { Answer, RouteTable } from "./api_route.ts";
import type { ContextTokens, OpenedContext } from "./context_token.ts";
import {
  keyIn,
  readQuery,
  type Target,
  TargetError,
  trueOrFalse,
  wholeNumber,
} from "./request_target.ts";

export const KV_PREFIX = "/kv/";
const CONTEXT_HEADER = "x-dynamo-context";
const SIBLINGS_HEADER = "x-dynamo-siblings";
const CONTENT_TYPE_DEFAULT = "application/octet-stream";

/**
 * Anybody may have stored a value, so a browser must neither guess its type nor run it with the node's
 * origin. The headers are few and short, because Deno writes a response of up to 512 bytes in one system
 * call and a longer one in two, which costs 8 µs more (measured on 2.9.6).
 */
const VALUE_HEADERS = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "sandbox",
  "cache-control": "no-cache",
  "vary": "accept",
};

const CONDITION_ADVICE = "send the X-Dynamo-Context of a read, and the write replaces only that";

/**
 * Headers of RFC 9110 that would change what a request does or stores, and that nodes do not implement.
 * They are refused, because ignoring one does something else than was asked. (Range and dates may be
 * ignored: sections 14.2 and 13.1.3.)
 */
const REFUSED_HEADERS = {
  get: { "If-Match": "If-None-Match is supported" },
  put: {
    "If-Match": CONDITION_ADVICE,
    "If-None-Match": CONDITION_ADVICE,
    "Content-Range": "send the whole value",
    "Content-Language": "keep it in the value or in the key",
  },
  delete: { "If-Match": CONDITION_ADVICE, "If-None-Match": CONDITION_ADVICE },
};

type Submit = (request: ClientRequest, answer: (reply: ClientReply) => void) => void;

const CONTEXT_OUT = { "X-Dynamo-Context": "Send it back with the next write of the key" };
const CONTEXT_IN = {
  [CONTEXT_HEADER]:
    "From the last read or write of the key. A write without it is concurrent with all others",
};
const WRITTEN = { schema: "Written", headers: CONTEXT_OUT } as const;

/** The errors of every request for a key. */
const FAILURES: Readonly<Record<number, Answer>> = {
  400: "Malformed or out of range; `detail` names the field, its value and what is allowed",
  421: "The key's owners changed during the request: try again",
  503:
    "Too few replicas answered, or the node is overloaded or stopping; see `definite`. Recovering " +
    "replicas do not count for reads: `detail` names them and the nodes that they wait for",
};
const TOO_MANY_SIBLINGS = "The key would have too many siblings: read and reconcile them first";

export function kvRoutes({ config, tokens, host }: NodeService): RouteTable {
  const kv = new KvHandlers(config, tokens, (request, answer) => host.client(request, answer));
  const options = optionsFor(config);
  return {
    "GET /kv/{key}": {
      access: "clients",
      summary: "Read a value",
      description:
        "HEAD answers the same without the body. `If-None-Match` takes an earlier ETag; " +
        `${namesOf(REFUSED_HEADERS.get)} is refused, and Range is ignored. With ` +
        "`Accept: application/json` the answer is always JSON, and says what each replica answered " +
        "and when.",
      query: options.get,
      answers: {
        ...FAILURES,
        200: {
          description: "The value as it was put",
          headers: CONTEXT_OUT,
          type: "*/*",
          schema: "Value",
        },
        300: {
          description: "Several siblings: write one value with this context to reconcile them",
          headers: CONTEXT_OUT,
          schema: "Read",
        },
        304: "The value still has that ETag",
        404: "The key has no value. If it was deleted, the answer has a context",
      },
      handle: (request, target) =>
        kv.get(request, keyOf(target), readQuery(target.query, options.get)),
    },
    "PUT /kv/{key}": {
      access: "clients",
      summary: "Store a value",
      description:
        `Stores the body, at most ${VALUE_BYTES_MAX} bytes, and its Content-Type. With the ` +
        "context of a read it replaces what was read; without a context it becomes a sibling. " +
        `Refused, because a node does not implement them: ${namesOf(REFUSED_HEADERS.put)}, ` +
        "Content-Encoding.",
      query: options.put,
      headers: CONTEXT_IN,
      body: { type: "*/*", schema: "Value", required: true },
      answers: {
        ...FAILURES,
        200: { description: "The value is stored on W nodes", ...WRITTEN },
        409: TOO_MANY_SIBLINGS,
        413: "The value is too large",
        415: "The value has a Content-Encoding, which the node would not keep",
      },
      handle: (request, target) =>
        kv.put(request, keyOf(target), readQuery(target.query, options.put)),
    },
    "DELETE /kv/{key}": {
      access: "clients",
      summary: "Delete a value",
      description:
        "Deletes what the context covers, or without a context what the coordinator reads with R. " +
        `Refused, because a node does not implement them: ${namesOf(REFUSED_HEADERS.delete)}.`,
      query: options.delete,
      headers: CONTEXT_IN,
      answers: {
        ...FAILURES,
        200: { description: "A tombstone is stored on W nodes", ...WRITTEN },
        409: TOO_MANY_SIBLINGS,
      },
      handle: (request, target) =>
        kv.delete(request, keyOf(target), readQuery(target.query, options.delete)),
    },
  };
}

function namesOf(headers: Readonly<Record<string, string>>): string {
  return Object.keys(headers).join(", ");
}

/** Throws {@link TargetError} if the request has one of the headers. */
function refuseHeaders(
  { method, headers }: Request,
  refused: Readonly<Record<string, string>>,
): void {
  for (const name in refused) {
    if (headers.get(name) !== null) {
      throw new TargetError(`${name} is not supported with ${method}: ${refused[name]}`);
    }
  }
}

export function keyOf({ path }: Target): string {
  return keyIn(path, KV_PREFIX);
}

/** The query parameters of each method. */
function optionsFor({ n }: ClusterConfig) {
  const replies = (name: string, least: number, what: string) =>
    wholeNumber(least, n, `${name}: ${what}. Default: the cluster's setting`);
  const ofPrimaries = "how many of them must come from primaries, 0 to N";
  const common = {
    sloppy: trueOrFalse("false: only the key's primaries may serve the request"),
    timeoutMs: wholeNumber(
      TIMEOUT_MS_MIN,
      TIMEOUT_MS_MAX,
      `Give up after this many milliseconds, at most ${TIMEOUT_MS_MAX}`,
    ),
  };
  const read = {
    r: replies("R", 1, "replies to wait for, 1 to N"),
    pr: replies("PR", 0, ofPrimaries),
  };
  const write = {
    w: replies("W", 1, "acknowledgements to wait for, 1 to N"),
    pw: replies("PW", 0, ofPrimaries),
  };
  // Without a context a delete reads first.
  return {
    get: { ...read, ...common },
    put: { ...write, ...common },
    delete: { ...write, ...read, ...common },
  };
}

class KvHandlers {
  constructor(
    private readonly config: ClusterConfig,
    private readonly tokens: ContextTokens,
    private readonly submit: Submit,
  ) {}

  private ask(request: ClientRequest): Promise<ClientReply> {
    return new Promise((resolve) => this.submit(request, resolve));
  }

  async get(request: Request, key: string, options: RequestOptions): Promise<Response> {
    refuseHeaders(request, REFUSED_HEADERS.get);
    const reply = await this.ask({ ...options, method: "get", key });
    return this.answer(request, key, reply);
  }

  async put(request: Request, key: string, options: RequestOptions): Promise<Response> {
    refuseHeaders(request, REFUSED_HEADERS.put);
    const encoding = request.headers.get("content-encoding");
    if (encoding !== null && encoding.toLowerCase() !== "identity") {
      return problem(
        "unsupported-media-type",
        `Content-Encoding is not kept with a value: it is '${
          encoding.slice(0, 60)
        }'. Leave it out, ` +
          "and name the compressed format in Content-Type",
        {},
        { "accept-encoding": "identity" },
      );
    }
    const { context, fastest } = this.contextOf(request, key);
    const contentType = request.headers.get("content-type") ?? CONTENT_TYPE_DEFAULT;
    if (!isContentType(contentType)) {
      throw new TargetError("Content-Type must be 1 to 255 printable characters");
    }
    const body = await readBody(request, VALUE_BYTES_MAX);
    if (body.kind === "too-large") {
      return problem(
        "too-large",
        `value must have at most ${VALUE_BYTES_MAX} bytes: it has ${
          request.headers.get("content-length") ?? "more"
        }`,
      );
    }
    if (body.kind === "broken") return problem("invalid", "the request's body ended too early");
    const reply = await this.ask({
      ...options,
      method: "put",
      key,
      value: body.bytes.toBase64(),
      contentType,
      context,
      ...(fastest === undefined ? {} : { fastest }),
    });
    return this.answer(request, key, reply);
  }

  async delete(request: Request, key: string, options: RequestOptions): Promise<Response> {
    refuseHeaders(request, REFUSED_HEADERS.delete);
    const { context, fastest } = this.contextOf(request, key);
    const reply = await this.ask({
      ...options,
      method: "delete",
      key,
      context,
      ...(fastest === undefined ? {} : { fastest }),
    });
    return this.answer(request, key, reply);
  }

  private contextOf(
    request: Request,
    key: string,
  ): { context: OpenedContext["context"] | null; fastest?: string } {
    const token = request.headers.get(CONTEXT_HEADER);
    return token === null ? { context: null } : this.tokens.open(key, token);
  }

  private answer(request: Request, key: string, reply: ClientReply): Response {
    switch (reply.status) {
      case "read":
        return this.answerRead(request, reply);
      case "written":
        return this.answerWritten(request, reply);
      case "error": {
        const { error } = reply;
        const token = error.context === undefined
          ? null
          : this.tokens.seal(key, error.context).token;
        return problemOf(error, token);
      }
    }
  }

  private answerWritten(request: Request, reply: WriteReply): Response {
    const { key, coordinator, acks, hints, replicas } = reply;
    const context = this.tokens.seal(key, reply.context).token;
    const body = wantsJson(request)
      ? { key, context, coordinator, acks, hints, replicas }
      : { key, context, coordinator, acks, hints };
    return new Response(`${JSON.stringify(body)}\n`, {
      headers: { "content-type": "application/json", [CONTEXT_HEADER]: context },
    });
  }

  private answerRead(request: Request, reply: ReadReply): Response {
    const { key, siblings, coordinator, replicas } = reply;
    const fastest = this.config.coordinator === "fastest" ? reply.fastest : undefined;
    const sealed = reply.context && this.tokens.seal(key, reply.context, fastest);
    const json = wantsJson(request);
    const [first] = siblings;
    if (first === undefined || sealed === null) {
      return problem(
        "absent",
        sealed === null
          ? `'${key}' has never had a value`
          : `'${key}' was deleted; send the context with the next write`,
        { key, context: sealed?.token ?? null, coordinator, replicas },
        sealed === null ? {} : { [CONTEXT_HEADER]: sealed.token },
      );
    }
    const many = siblings.length > 1;
    const headers: Record<string, string> = {
      ...VALUE_HEADERS,
      [CONTEXT_HEADER]: sealed.token,
      [SIBLINGS_HEADER]: `${siblings.length}`,
      // JSON also describes this read, so answers with equal values are only weakly equal.
      etag: json || many ? `W/"${sealed.tag}-json"` : `"${sealed.tag}"`,
    };
    if (matchesEtag(request.headers.get("if-none-match"), headers["etag"] as string)) {
      return new Response(null, { status: 304, headers });
    }
    if (!json && !many) {
      const bytes = Uint8Array.fromBase64(first.value ?? "");
      headers["content-type"] = first.contentType;
      return new Response(bytes, { headers });
    }
    headers["content-type"] = "application/json";
    const body = {
      key,
      context: sealed.token,
      siblings: siblings.map(shownVersion),
      coordinator,
      replicas,
    };
    return new Response(`${JSON.stringify(body)}\n`, {
      status: many ? 300 : 200,
      headers,
    });
  }
}

/** Only a client that names JSON gets it. One that accepts anything gets the value itself. */
function wantsJson(request: Request): boolean {
  return prefers(request.headers.get("accept"), "application/json");
}

/** RFC 9110, section 13.1.2: the comparison is weak. */
function matchesEtag(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  const opaque = etag.replace(/^W\//, "");
  return ifNoneMatch.split(",").some((given) => {
    const wanted = given.trim();
    return wanted === "*" || wanted.replace(/^W\//, "") === opaque;
  });
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A version as JSON: its value as text if it is UTF-8, its vector clock and its dot. */
export function shownVersion(version: Version): Record<string, unknown> {
  const { value, contentType, clock, dot, dots, stampUs } = version;
  return {
    ...shownValue(value),
    contentType,
    clock,
    dot,
    ...(dots === undefined ? {} : { dots }),
    stampUs,
  };
}

function shownValue(base64: string | null): Record<string, unknown> {
  if (base64 === null) return { deleted: true };
  try {
    return { value: UTF8.decode(Uint8Array.fromBase64(base64)) };
  } catch {
    return { valueBase64: base64 };
  }
}
