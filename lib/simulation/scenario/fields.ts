/**
 * Reading JSON from outside, field by field, so that a mistake is answered with the field, the value
 * and what is allowed. Scenarios are written by hand, so a field that nobody knows is a mistake too.
 */
import { parseDistribution, parseLegs, SpecError } from "../../random/latency.ts";

/** Thrown for a scenario that cannot be; the message is for the person who wrote it. */
export class ScenarioError extends Error {
  override name = "ScenarioError";

  constructor(field: string, allowed: string, value: unknown) {
    super(`${field} must be ${allowed}: current value is ${shown(value)}`);
  }
}

/** The value as JSON, short enough for a message. */
function shown(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length <= 120 ? text : `${text.slice(0, 120)}…`;
}

/** One JSON object, with the path that led to it. */
export class Fields {
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly read = new Set<string>();

  constructor(readonly path: string, value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new ScenarioError(path === "" ? "the scenario" : path, "a JSON object", value);
    }
    this.values = value as Record<string, unknown>;
  }

  has(name: string): boolean {
    return this.values[name] !== undefined;
  }

  at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  fail(name: string, allowed: string): never {
    throw new ScenarioError(this.at(name), allowed, this.values[name]);
  }

  /** The raw value, marked as known. */
  raw(name: string): unknown {
    this.read.add(name);
    return this.values[name];
  }

  /** A finite number in least … most. */
  number(name: string, least: number, most: number, otherwise?: number): number {
    const value = this.raw(name) ?? otherwise;
    if (
      typeof value === "number" && Number.isFinite(value) && value >= least && value <= most
    ) return value;
    return this.fail(name, `a number from ${least} to ${most}`);
  }

  integer(name: string, least: number, most: number, otherwise?: number): number {
    const value = this.raw(name) ?? otherwise;
    if (
      typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
    ) return value;
    return this.fail(name, `a whole number from ${least} to ${most}`);
  }

  probability(name: string, otherwise?: number): number {
    const value = this.raw(name) ?? otherwise;
    if (typeof value === "number" && value >= 0 && value <= 1) return value;
    return this.fail(name, "a probability from 0 to 1");
  }

  boolean(name: string, otherwise: boolean): boolean {
    const value = this.raw(name) ?? otherwise;
    return typeof value === "boolean" ? value : this.fail(name, "true or false");
  }

  text(name: string, allowed: RegExp, description: string, otherwise?: string): string {
    const value = this.raw(name) ?? otherwise;
    if (typeof value === "string" && allowed.test(value)) return value;
    return this.fail(name, description);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], otherwise?: T): T {
    const value = this.raw(name) ?? otherwise;
    const found = allowed.find((each) => each === value);
    return found ??
      this.fail(name, allowed.length === 1 ? `'${allowed[0]}'` : `one of ${allowed.join(", ")}`);
  }

  /** A list of names out of `allowed`, none twice. */
  listOf<T extends string>(name: string, allowed: readonly T[], least: number): T[] {
    const value = this.raw(name);
    const description = `a list of at least ${least} of ${abridged(allowed)}, none twice`;
    if (!Array.isArray(value) || value.length < least || new Set(value).size !== value.length) {
      return this.fail(name, description);
    }
    const known: ReadonlySet<unknown> = new Set(allowed);
    if (!value.every((each) => known.has(each))) return this.fail(name, description);
    return value as T[];
  }

  /** A list of objects, each read by `read`. */
  objects<T>(name: string, most: number, read: (fields: Fields) => T): T[] {
    const value = this.raw(name) ?? [];
    if (!Array.isArray(value) || value.length > most) {
      return this.fail(name, `a list of at most ${most} objects`);
    }
    return value.map((each, i) => read(new Fields(`${this.at(name)}[${i}]`, each)));
  }

  object(name: string): Fields {
    return new Fields(this.at(name), this.raw(name) ?? {});
  }

  /** A latency distribution, ms, in the form it was given (see `lib/random/latency.ts`). */
  latency(name: string, otherwise?: string): string {
    return this.spec(name, otherwise, parseDistribution);
  }

  /** The latencies of all legs. */
  legs(name: string, otherwise?: string): string {
    return this.spec(name, otherwise, parseLegs);
  }

  /** Refuses whatever field has not been asked for. */
  refuseOthers(): void {
    for (const name of Object.keys(this.values)) {
      if (this.read.has(name) || this.values[name] === undefined) continue;
      const known = [...this.read].sort().join(", ");
      this.fail(name, `left out, as known fields here are ${known}`);
    }
  }

  private spec(
    name: string,
    otherwise: string | undefined,
    parse: (spec: string) => unknown,
  ): string {
    const given = this.raw(name) ?? otherwise;
    const value = typeof given === "number" ? `${given}` : given;
    if (typeof value !== "string") {
      return this.fail(name, "a latency such as 10 or 'exp(0.5)', in ms");
    }
    try {
      parse(value);
    } catch (error) {
      if (error instanceof SpecError) return this.fail(name, `a latency; ${error.message}`);
      throw error;
    }
    return value;
  }
}

function abridged(names: readonly string[]): string {
  return names.length <= 12 ? names.join(", ") : `${names.slice(0, 12).join(", ")}, …`;
}
