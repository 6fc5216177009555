/**
 * Reads untrusted JSON field by field, so that an error names the field, its value and what is allowed.
 * People write scenarios by hand, so an unknown field is an error too.
 */
import { parseDistribution, parseLegs, SpecError } from "../../random/latency.ts";

/** Thrown for an invalid scenario. The message is for the person who wrote it. */
export class ScenarioError extends Error {
  override name = "ScenarioError";

  constructor(field: string, allowed: string, value: unknown) {
    super(`${field} must be ${allowed}: current value is ${shown(value)}`);
  }
}

/** The value as JSON, shortened for a message. */
function shown(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length <= 120 ? text : `${text.slice(0, 120)}…`;
}

/** One JSON object, with its path in the scenario. */
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

  /** The raw value. The field counts as known from now on. */
  raw(name: string): unknown {
    this.read.add(name);
    return this.values[name];
  }

  /** A finite number in min … max. */
  number(name: string, min: number, max: number, fallback?: number): number {
    const value = this.raw(name) ?? fallback;
    if (
      typeof value === "number" && Number.isFinite(value) && value >= min && value <= max
    ) return value;
    return this.fail(name, `a number from ${min} to ${max}`);
  }

  integer(name: string, min: number, max: number, fallback?: number): number {
    const value = this.raw(name) ?? fallback;
    if (
      typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
    ) return value;
    return this.fail(name, `a whole number from ${min} to ${max}`);
  }

  probability(name: string, fallback?: number): number {
    const value = this.raw(name) ?? fallback;
    if (typeof value === "number" && value >= 0 && value <= 1) return value;
    return this.fail(name, "a probability from 0 to 1");
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.raw(name) ?? fallback;
    return typeof value === "boolean" ? value : this.fail(name, "true or false");
  }

  text(name: string, allowed: RegExp, description: string, fallback?: string): string {
    const value = this.raw(name) ?? fallback;
    if (typeof value === "string" && allowed.test(value)) return value;
    return this.fail(name, description);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback?: T): T {
    const value = this.raw(name) ?? fallback;
    const found = allowed.find((each) => each === value);
    return found ??
      this.fail(name, allowed.length === 1 ? `'${allowed[0]}'` : `one of ${allowed.join(", ")}`);
  }

  /** A list of distinct names from `allowed`. */
  listOf<T extends string>(name: string, allowed: readonly T[], min: number): T[] {
    const value = this.raw(name);
    const description = `a list of at least ${min} of ${abridged(allowed)}, each only once`;
    if (!Array.isArray(value) || value.length < min || new Set(value).size !== value.length) {
      return this.fail(name, description);
    }
    const known: ReadonlySet<unknown> = new Set(allowed);
    if (!value.every((each) => known.has(each))) return this.fail(name, description);
    return value as T[];
  }

  /** A list of objects, each read by `read`. */
  objects<T>(name: string, itemsMax: number, read: (fields: Fields) => T): T[] {
    const value = this.raw(name) ?? [];
    if (!Array.isArray(value) || value.length > itemsMax) {
      return this.fail(name, `a list of at most ${itemsMax} objects`);
    }
    return value.map((each, i) => read(new Fields(`${this.at(name)}[${i}]`, each)));
  }

  object(name: string): Fields {
    return new Fields(this.at(name), this.raw(name) ?? {});
  }

  /** The specification of a latency distribution, in ms (see `lib/random/latency.ts`). */
  latency(name: string, fallback?: string): string {
    return this.spec(name, fallback, parseDistribution);
  }

  /** The specification of the latencies of all legs. */
  legs(name: string, fallback?: string): string {
    return this.spec(name, fallback, parseLegs);
  }

  /** Throws {@link ScenarioError} for a field that has not been read. */
  refuseOthers(): void {
    for (const name of Object.keys(this.values)) {
      if (this.read.has(name) || this.values[name] === undefined) continue;
      const known = [...this.read].sort().join(", ");
      this.fail(name, `left out, as known fields here are ${known}`);
    }
  }

  private spec(
    name: string,
    fallback: string | undefined,
    parse: (spec: string) => unknown,
  ): string {
    const given = this.raw(name) ?? fallback;
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
