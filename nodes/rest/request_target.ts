/**
 * Parses the target of a request from the URL as it was sent. Routers decode paths in different ways and
 * accept malformed percent-encoding, so two keys could become one. Therefore keys are decoded here,
 * once and strictly.
 */
import { utf8Length } from "../../lib/dynamo/requests/request_options.ts";
import { KEY_BYTES_MAX } from "../../lib/dynamo/types/config.ts";

/** The request is malformed. The message is for the client. */
export class TargetError extends Error {
  override name = "TargetError";
}

export interface Target {
  /** `host:port` as the client wrote it. */
  readonly authority: string;
  /** From the first slash to the question mark, still encoded. */
  readonly path: string;
  /** The part after the question mark; "" if there is none. */
  readonly query: string;
}

export function targetOf(url: string): Target {
  const start = url.indexOf("//") + 2;
  const slash = url.indexOf("/", start);
  if (slash === -1) return { authority: url.slice(start), path: "/", query: "" };
  const mark = url.indexOf("?", slash);
  return {
    authority: url.slice(start, slash),
    path: mark === -1 ? url.slice(slash) : url.slice(slash, mark),
    query: mark === -1 ? "" : url.slice(mark + 1),
  };
}

/** The key in the path after `prefix` (such as `/kv/`). Throws {@link TargetError}. */
export function keyIn(path: string, prefix: string): string {
  const segment = path.slice(prefix.length);
  if (segment.includes("/")) {
    throw new TargetError(
      `a key must be one segment of the path, with slashes written as %2F: it is '${cut(segment)}'`,
    );
  }
  if (!/^[!-~]*$/.test(segment)) {
    throw new TargetError("a key must be percent-encoded: the path has characters beyond ASCII");
  }
  const key = segment.includes("%") ? decoded(segment) : segment;
  const bytes = utf8Length(key);
  if (bytes < 1 || bytes > KEY_BYTES_MAX) {
    throw new TargetError(
      `key must have 1 to ${KEY_BYTES_MAX} bytes of UTF-8: current length is ${bytes}`,
    );
  }
  return key;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new TargetError(
      `a key's percent-encoding must encode UTF-8 bytes as %XX: it is '${cut(segment)}'`,
    );
  }
}

/** How a query parameter is read and described. */
interface QueryParameter<T> {
  readonly description: string | undefined;
  /** Its JSON Schema. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Throws {@link TargetError} that names the parameter, its value and what is allowed. */
  readonly read: (name: string, value: string) => T;
}

export type QueryParameters<T> = { readonly [name in keyof T]-?: QueryParameter<T[name]> };

export function wholeNumber(
  least: number,
  most: number,
  description?: string,
): QueryParameter<number> {
  const read = (name: string, value: string) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (number >= least && number <= most) return number;
    throw new TargetError(
      `${name} must be a whole number from ${least} to ${most}: current value is '${cut(value)}'`,
    );
  };
  return { description, schema: { type: "integer", minimum: least, maximum: most }, read };
}

export function trueOrFalse(description?: string): QueryParameter<boolean> {
  const read = (name: string, value: string) => {
    if (value === "true" || value === "false") return value === "true";
    throw new TargetError(`${name} must be true or false: current value is '${cut(value)}'`);
  };
  return { description, schema: { type: "string", enum: ["true", "false"] }, read };
}

export function text(charactersMax: number, description?: string): QueryParameter<string> {
  const read = (name: string, value: string) => {
    if (value.length <= charactersMax) return value;
    throw new TargetError(
      `${name} must have at most ${charactersMax} characters: it has ${value.length}`,
    );
  };
  return { description, schema: { type: "string" }, read };
}

/** Reads a query with a table of its parameters. Refuses unknown and repeated parameters. */
export function readQuery<T extends Record<string, unknown>>(
  query: string,
  parameters: QueryParameters<T>,
): Partial<T> {
  const found: Partial<T> = {};
  if (query === "") return found;
  for (const [name, value] of new URLSearchParams(query)) {
    if (!Object.hasOwn(parameters, name)) {
      const allowed = Object.keys(parameters).join(", ") || "none";
      throw new TargetError(`unknown parameter '${cut(name)}': allowed here are ${allowed}`);
    }
    if (Object.hasOwn(found, name)) throw new TargetError(`parameter ${name} is given twice`);
    found[name as keyof T] = parameters[name as keyof T].read(name, value);
  }
  return found;
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
