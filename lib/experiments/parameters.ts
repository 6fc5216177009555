/**
 * The parameters of experiments, as data: each has a type, a default, a range and a description.
 * `--set name=value` and the dashboard's forms supply text. An error names the parameter, its value
 * and what is allowed.
 */
import { N_MAX } from "../dynamo/types/config.ts";
import { parseLegs, SpecError } from "../random/latency.ts";

/** A parameter is not allowed. The message is meant for the user. */
export class ParameterError extends Error {
  override name = "ParameterError";
}

/** Values are JSON, so that a result can record its parameters. */
export type ParameterValue = string | number | boolean | readonly (string | number)[];

interface Parameter<V extends ParameterValue = ParameterValue> {
  readonly about: string;
  readonly default: V;
  /** What is allowed, as text. */
  readonly allowed: string;
  /** Parses a value. Throws {@link ParameterError} saying what is allowed. */
  readonly parse: (text: string) => V;
}

export type Parameters = { readonly [name: string]: Parameter };
export type Values<P extends Parameters> = {
  readonly [K in keyof P]: ReturnType<P[K]["parse"]>;
};

interface Described<V> {
  readonly default: V;
  readonly about: string;
}
interface Bounds {
  readonly least: number;
  readonly most: number;
}

// Kinds -------------------------------------------------------------------------------------------

export function integer(given: Described<number> & Bounds): Parameter<number> {
  const allowed = `a whole number from ${given.least} to ${given.most}`;
  return { ...described(given), allowed, parse: (text) => wholeWithin(text, given, allowed) };
}

export function decimal(given: Described<number> & Bounds): Parameter<number> {
  const allowed = `a number from ${given.least} to ${given.most}`;
  return { ...described(given), allowed, parse: (text) => within(text, given, allowed) };
}

export function integers(
  given: Described<readonly number[]> & Bounds,
): Parameter<readonly number[]> {
  const allowed = `whole numbers from ${given.least} to ${given.most}, separated by commas`;
  const parse = (text: string) => listOf(text, (item) => wholeWithin(item, given, allowed));
  return { ...described(given), allowed, parse };
}

export function decimals(
  given: Described<readonly number[]> & Bounds,
): Parameter<readonly number[]> {
  const allowed = `numbers from ${given.least} to ${given.most}, separated by commas`;
  const parse = (text: string) => listOf(text, (item) => within(item, given, allowed));
  return { ...described(given), allowed, parse };
}

export function flag(given: Described<boolean>): Parameter<boolean> {
  const allowed = "true or false";
  const parse = (text: string) => {
    if (text === "true" || text === "false") return text === "true";
    return refuse(text, allowed);
  };
  return { ...described(given), allowed, parse };
}

export function choice<const T extends string>(
  choices: readonly T[],
  given: Described<NoInfer<T>>,
): Parameter<T> {
  const allowed = `one of ${choices.join(", ")}`;
  const parse = (text: string) => choices.find((one) => one === text) ?? refuse(text, allowed);
  return { ...described(given), allowed, parse };
}

/** Any of the given names. */
export function choices<const T extends string>(
  all: readonly T[],
  given: Described<readonly NoInfer<T>[]>,
): Parameter<readonly T[]> {
  const allowed = `some of ${all.join(", ")}, separated by commas`;
  const parse = (text: string) =>
    listOf(text, (item) => all.find((one) => one === item) ?? refuse(item, allowed));
  return { ...described(given), allowed, parse };
}

/** A latency spec for all legs (`lib/random/latency.ts`). */
export function latency(given: Described<string>): Parameter<string> {
  const allowed = "a latency spec such as 10, exp(1), W=…;A=…;R=…;S=… or a profile's name";
  return { ...described(given), allowed, parse: readLatency };
}

/** Several specs, separated by `|`: commas and semicolons are part of a spec. */
export function latencies(given: Described<readonly string[]>): Parameter<readonly string[]> {
  const allowed = "latency specs or profile names, separated by |";
  const parse = (text: string) => listOf(text, readLatency, "|");
  return { ...described(given), allowed, parse };
}

/** N replicas; a get waits for R replies, a put for W acknowledgements. */
export interface Quorums {
  readonly n: number;
  readonly r: number;
  readonly w: number;
}

/**
 * Configurations such as `3/1/1`: N, R and W. They stay text until {@link quorumsOf} parses them.
 */
export function quorums(
  given: Described<readonly string[]>,
): Parameter<readonly string[]> {
  const allowed =
    `N/R/W such as 3/2/2, R and W from 1 to N, N at most ${N_MAX}, separated by commas`;
  const parse = (text: string) =>
    listOf(text, (item) => {
      quorumsOf(item);
      return item;
    });
  return { ...described(given), allowed, parse };
}

/** Parses `N/R/W`. Throws {@link ParameterError} when R or W is above N. */
export function quorumsOf(text: string): Quorums {
  const [n = 0, r = 0, w = 0] = /^\d+\/\d+\/\d+$/.test(text) ? text.split("/").map(Number) : [];
  if (n < 1 || n > N_MAX) refuse(text, `N/R/W such as 3/2/2, N from 1 to ${N_MAX}`);
  if (r < 1 || r > n) refuse(text, `N/R/W with R from 1 to N, ${n}`);
  if (w < 1 || w > n) refuse(text, `N/R/W with W from 1 to N, ${n}`);
  return { n, r, w };
}

/** The width of a histogram's buckets. The lines of a plot need the same one to be comparable. */
export function bucketMs(defaultMs: number): Parameter<number> {
  return decimal({
    default: defaultMs,
    least: 0.001,
    most: 60_000,
    about: "width of the histogram's buckets, ms; the 60th and later ones are merged",
  });
}

// Reading -----------------------------------------------------------------------------------------

/** Parses the given values; others get their defaults. Throws {@link ParameterError}. */
export function readParameters<P extends Parameters>(
  parameters: P,
  given: Readonly<Record<string, string>>,
): Values<P> {
  const names = Object.keys(parameters);
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) {
      throw new ParameterError(`unknown parameter '${name}': there are ${names.join(", ")}`);
    }
  }
  const values = Object.entries(parameters).map(([name, parameter]) => {
    const text = given[name];
    if (text === undefined) return [name, parameter.default];
    try {
      return [name, parameter.parse(text)];
    } catch (error) {
      if (!(error instanceof ParameterError)) throw error;
      throw new ParameterError(`parameter '${name}' ${error.message}`);
    }
  });
  return Object.fromEntries(values) as Values<P>;
}

/** The text that parses to the value. */
export function formatValue(value: ParameterValue): string {
  if (!Array.isArray(value)) return `${value}`;
  // Latency specs may contain commas.
  const isSpecs = value.some((item) => typeof item === "string" && /[,;(]/.test(item));
  return value.join(isSpecs ? "|" : ",");
}

/** Checks a parameter against another one. Throws {@link ParameterError}. */
export function requireAtMost(name: string, value: number, limit: string, most: number): void {
  if (value > most) {
    throw new ParameterError(
      `parameter '${name}' must be at most ${limit}, ${most}: it is ${value}`,
    );
  }
}

/** Checks that there are at least N nodes. Throws {@link ParameterError}. */
export function requireNodes(quorums: readonly string[], nodes: number): void {
  for (const each of quorums) {
    if (quorumsOf(each).n > nodes) {
      throw new ParameterError(`parameter 'nodes' must be at least N of ${each}: it is ${nodes}`);
    }
  }
}

function described<V>({ default: value, about }: Described<V>): Described<V> {
  return { default: value, about };
}

function refuse(text: string, allowed: string): never {
  throw new ParameterError(`must be ${allowed}: it is '${text}'`);
}

/** Items must differ: a point that runs twice would be drawn over itself. */
function listOf<T>(text: string, read: (item: string) => T, separator = ","): T[] {
  const items = text.split(separator).map((item) => read(item.trim()));
  const twice = items.find((item, i) => items.indexOf(item) < i);
  if (twice !== undefined) {
    throw new ParameterError(`must name each value once: it names ${twice} twice`);
  }
  return items;
}

function within(text: string, { least, most }: Bounds, allowed: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  return value >= least && value <= most ? value : refuse(text, allowed);
}

function wholeWithin(text: string, bounds: Bounds, allowed: string): number {
  const value = within(text, bounds, allowed);
  return Number.isInteger(value) ? value : refuse(text, allowed);
}

function readLatency(text: string): string {
  try {
    parseLegs(text);
    return text;
  } catch (error) {
    if (error instanceof SpecError) {
      throw new ParameterError(`must be a latency spec: ${error.message}`);
    }
    throw error;
  }
}
