/**
 * Parses latency specs. Every command, form and scenario uses the same syntax:
 *
 *     10                       constant ms             uniform(0,20)      normal(10,10)  clipped at 0
 *     exp(0.183)               rate per ms             pareto(1.05,1.51)  xm in ms, alpha
 *     mix(0.38*pareto(1.05,1.51)+0.62*exp(0.183))      weights add up to 1
 *     LNKD-DISK                a profile's name (`profiles.ts`)
 *
 * A spec applies to all four legs, or to single ones: `W=…;A=…;R=…;S=…[;other=…][;remote=ms]`.
 * `A,R,S=…` sets several at once. A spec for all legs may come first: `LNKD-DISK;S=0`,
 * `exp(1);other=1`. On a single leg, a profile's name means that leg of the profile.
 *
 * W and A are the request and the acknowledgement of a write, R and S the request and the response
 * of a read, between the coordinator and a replica (WARS: PBS, VLDB 2012, section 4.1). `other`
 * delays all other messages (default 0). `remote` is a constant added to W, A, R and S when the two
 * ends are far apart; {@link legDelayMs} defines "far".
 */
import { type Distribution, distributionOf, type MixTerm, type Shape } from "./distribution.ts";
import { type Profile, profileNamed, PROFILES } from "./profiles.ts";
import type { FloatSource } from "./seeded.ts";
import { SpecReader } from "./spec_reader.ts";

export { type Distribution, empiricalDistribution, type Shape } from "./distribution.ts";
export { type Profile, PROFILES } from "./profiles.ts";
export { SPEC_CHARACTERS_MAX, SpecError } from "./spec_reader.ts";

export type Leg = "W" | "A" | "R" | "S";
export const LEGS: readonly Leg[] = ["W", "A", "R", "S"];

/** The legs of a read or a write, and all messages that belong to none. */
export type MessageLeg = Leg | "other";
export const MESSAGE_LEGS: readonly MessageLeg[] = [...LEGS, "other"];

/** The delays of a cluster's messages. */
export interface Legs {
  /** The text that {@link parseLegs} reads back, in a canonical form. */
  readonly spec: string;
  readonly W: Distribution;
  readonly A: Distribution;
  readonly R: Distribution;
  readonly S: Distribution;
  /** Messages that belong to no read or write. */
  readonly other: Distribution;
  /** Added to W, A, R and S between distant ends, ms. */
  readonly remoteMs: number;
}

/** The longest time in a spec, ms: one day. */
const LATENCY_MS_MAX = 86_400_000;
const MIX_TERMS_MAX = 64;
const MIX_DEPTH_MAX = 8;
/** How far the sum of a mixture's weights may be from 1. */
const WEIGHT_SLACK = 1e-6;

/** Parses one distribution. Throws {@link SpecError} with the position and what is allowed. */
export function parseDistribution(spec: string): Distribution {
  const reader = new SpecReader(spec);
  const shape = readShape(reader, null, 0);
  if (!reader.atEnd) reader.fail(reader.place, `expected the end, found ${reader.found()}`);
  return distributionOf(shape);
}

/**
 * Parses the delays of all legs. Throws {@link SpecError} with the position and what is allowed.
 */
export function parseLegs(spec: string): Legs {
  const reader = new SpecReader(spec);
  const shapes = new Map<LegKey, Shape>();
  let remoteMs = 0;
  if (!startsAssignment(reader)) {
    remoteMs = readAllLegs(reader, shapes);
    if (!reader.atEnd) reader.expect(";", "or the end after the spec for all legs");
  }
  const given = new Set<string>();
  while (!reader.atEnd) {
    for (const key of readKeys(reader, given)) {
      if (key === "remote") remoteMs = readMs(reader, "remote");
      else shapes.set(key, readShape(reader, key, 0));
    }
    if (!reader.atEnd) reader.expect(";", "or the end after a leg");
  }
  const missing = LEGS.filter((leg) => !shapes.has(leg));
  if (missing.length > 0) {
    const names = missing.join(", ");
    reader.fail(
      spec.length,
      `W, A, R and S are all needed, or a spec for all legs first: ${names} missing`,
    );
  }
  return legsOf(shapes, remoteMs);
}

/** Legs from given distributions, such as measured ones. */
export function legsFrom(
  legs: { readonly [leg in Leg]: Distribution } & { readonly other?: Distribution },
  remoteMs = 0,
): Legs {
  const shapes = new Map<LegKey, Shape>(LEGS.map((leg) => [leg, legs[leg].shape]));
  if (legs.other !== undefined) shapes.set("other", legs.other.shape);
  return legsOf(shapes, remoteMs);
}

/**
 * The delay of one message, ms. `near` means that both ends are in one place, where `remote` does
 * not apply. In a running or simulated cluster, two nodes are near when they have the same zone. A
 * cluster without zones has one node in each datacenter, as in the WAN profile: the coordinator's
 * own copy is the local replica and has no legs. The WARS model has no nodes. It draws the near
 * replica for each write, and again for each read (`lib/experiments/wars/wars.ts`).
 */
export function legDelayMs(
  legs: Legs,
  leg: MessageLeg,
  random: FloatSource,
  near: boolean,
): number {
  const delayMs = legs[leg].sample(random);
  return near || leg === "other" ? delayMs : delayMs + legs.remoteMs;
}

type LegKey = Leg | "other";

function legsOf(shapes: ReadonlyMap<LegKey, Shape>, remoteMs: number): Legs {
  const leg = (key: LegKey) => distributionOf(shapes.get(key) ?? { kind: "constant", ms: 0 });
  const made = { W: leg("W"), A: leg("A"), R: leg("R"), S: leg("S"), other: leg("other") };
  const parts = Object.entries(made).map(([key, distribution]) => `${key}=${distribution.spec}`);
  return { ...made, remoteMs, spec: [...parts, `remote=${remoteMs}`].join(";") };
}

// Reading -----------------------------------------------------------------------------------------

const LEG_KEYS: readonly string[] = [...LEGS, "other", "remote"];

function startsAssignment(reader: SpecReader): boolean {
  return /^\s*[A-Za-z]+\s*[=,]/.test(reader.spec);
}

/** Reads a spec for all four legs, and returns its remote part, ms. */
function readAllLegs(reader: SpecReader, shapes: Map<LegKey, Shape>): number {
  const place = reader.place;
  const name = reader.match(NAME);
  const profile = name === null ? undefined : profileNamed(name);
  if (profile !== undefined) {
    for (const leg of LEGS) shapes.set(leg, shapeOfLeg(profile, leg));
    return profile.remoteMs;
  }
  const shape = readShapeAfter(reader, name, place, null, 0);
  for (const leg of LEGS) shapes.set(leg, shape);
  return 0;
}

/**
 * Reads `W=` or `A,R,S=` and yields each key. The caller reads the value after each key. With
 * several keys it reads the same text again, because a profile's name means a different leg each
 * time.
 */
function* readKeys(
  reader: SpecReader,
  given: Set<string>,
): Generator<LegKey | "remote"> {
  const keys: (LegKey | "remote")[] = [];
  do {
    const place = reader.place;
    const key = reader.match(NAME);
    if (key === null || !LEG_KEYS.includes(key)) {
      const found = key === null ? reader.found() : `'${key}'`;
      reader.fail(place, `expected one of ${LEG_KEYS.join(", ")}, found ${found}`);
    }
    if (given.has(key)) reader.fail(place, `'${key}' may be given only once`);
    given.add(key);
    keys.push(key as LegKey | "remote");
  } while (reader.takes(","));
  reader.expect("=", "after the leg's name");
  const value = reader.place;
  for (const key of keys) {
    reader.rewind(value);
    yield key;
  }
}

const NAME = /[A-Za-z][A-Za-z0-9]*(-[A-Za-z][A-Za-z0-9]*)*/;
const FORMS =
  "a number of ms, uniform(low,high), normal(mean,sd), exp(rate), pareto(xm,alpha), mix(weight*…+weight*…)";

function readShape(reader: SpecReader, leg: LegKey | null, depth: number): Shape {
  const place = reader.place;
  return readShapeAfter(reader, reader.match(NAME), place, leg, depth);
}

function readShapeAfter(
  reader: SpecReader,
  name: string | null,
  place: number,
  leg: LegKey | null,
  depth: number,
): Shape {
  if (name === null) {
    if (!/[0-9.+-]/.test(reader.spec[place] ?? "")) {
      reader.fail(place, `expected ${FORMS} or a profile's name, found ${reader.found()}`);
    }
    return { kind: "constant", ms: readMs(reader, "a latency") };
  }
  switch (name) {
    case "uniform":
    case "normal":
    case "exp":
    case "pareto":
      return readFamily(reader, name);
    case "mix":
      return readMix(reader, leg, place, depth);
    default:
      return readProfile(reader, name, place, leg);
  }
}

function readFamily(reader: SpecReader, name: "uniform" | "normal" | "exp" | "pareto"): Shape {
  reader.expect("(", `after ${name}`);
  const shape = readParameters(reader, name);
  reader.expect(")", `to close ${name}(`);
  return shape;
}

function readParameters(
  reader: SpecReader,
  name: "uniform" | "normal" | "exp" | "pareto",
): Shape {
  const comma = () => reader.expect(",", `between the parameters of ${name}`);
  switch (name) {
    case "uniform": {
      const low = readMs(reader, "uniform's low");
      comma();
      const place = reader.place;
      const high = readMs(reader, "uniform's high");
      if (high < low) {
        reader.fail(place, `uniform's high must be at least its low, ${low}: it is ${high}`);
      }
      return { kind: "uniform", low, high };
    }
    case "normal": {
      const mean = readMs(reader, "normal's mean");
      comma();
      return { kind: "normal", mean, sd: readMs(reader, "normal's sd") };
    }
    case "exp":
      return { kind: "exp", rate: readPositive(reader, "exp's rate (per ms)") };
    case "pareto": {
      const xm = readPositive(reader, "pareto's xm (ms)");
      comma();
      return { kind: "pareto", xm, alpha: readPositive(reader, "pareto's alpha", 0.1) };
    }
  }
}

function readMix(
  reader: SpecReader,
  leg: LegKey | null,
  place: number,
  depth: number,
): Shape {
  if (depth >= MIX_DEPTH_MAX) {
    reader.fail(place, `mixtures may be nested at most ${MIX_DEPTH_MAX} deep`);
  }
  reader.expect("(", "after mix");
  const terms: MixTerm[] = [];
  do {
    if (terms.length === MIX_TERMS_MAX) {
      reader.fail(reader.place, `a mixture may have at most ${MIX_TERMS_MAX} parts`);
    }
    const at = reader.place;
    const weight = reader.number("a weight of mix");
    if (weight < 0 || weight > 1) {
      reader.fail(at, `a weight of mix must be from 0 to 1: it is ${weight}`);
    }
    reader.expect("*", "between a weight of mix and its distribution");
    terms.push({ weight, shape: readShape(reader, leg, depth + 1) });
  } while (reader.takes("+"));
  reader.expect(")", "to close mix(, or '+' before another part");
  const sum = terms.reduce((total, term) => total + term.weight, 0);
  if (Math.abs(sum - 1) > WEIGHT_SLACK) {
    const shown = Number(sum.toPrecision(10));
    reader.fail(
      place,
      `the weights of mix must add up to 1 within ${WEIGHT_SLACK}: they give ${shown}`,
    );
  }
  return { kind: "mix", terms };
}

/** A profile in place of one distribution: the profile's leg, or its only distribution. */
function readProfile(
  reader: SpecReader,
  name: string,
  place: number,
  leg: LegKey | null,
): Shape {
  const profile = profileNamed(name);
  if (profile === undefined) {
    const names = PROFILES.map((known) => known.name).join(", ");
    reader.fail(place, `unknown name '${name}': allowed are ${FORMS}, and the profiles ${names}`);
  }
  if (profile.remoteMs !== 0) {
    const { remoteMs } = profile;
    reader.fail(
      place,
      `profile ${name} has a remote part, so it is only allowed first, for all legs: on a single ` +
        `leg write its distribution, and add remote=${remoteMs}`,
    );
  }
  if (leg !== null && leg !== "other") return shapeOfLeg(profile, leg);
  if (LEGS.some((each) => profile[each] !== profile.W)) {
    reader.fail(place, `profile ${name} differs from leg to leg: use it on W, A, R and S only`);
  }
  return shapeOfLeg(profile, "W");
}

function shapeOfLeg(profile: Profile, leg: Leg): Shape {
  return parseDistribution(profile[leg]).shape;
}

function readMs(reader: SpecReader, name: string): number {
  const place = reader.place;
  const ms = reader.number(name);
  if (ms < 0 || ms > LATENCY_MS_MAX) {
    reader.fail(place, `${name} must be from 0 to ${LATENCY_MS_MAX} ms: it is ${ms}`);
  }
  return ms + 0; // -0 reads as 0
}

/** Bounded at both ends, so that no sample overflows. */
function readPositive(reader: SpecReader, name: string, least = 1e-9): number {
  const place = reader.place;
  const value = reader.number(name);
  if (value < least || value > 1e9) {
    reader.fail(place, `${name} must be above 0, from ${least} to 1e9: it is ${value}`);
  }
  return value;
}
