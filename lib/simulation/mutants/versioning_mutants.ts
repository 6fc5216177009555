/**
 * Mutants of the rules that decide which versions are superseded.
 */
import {
  type Clock,
  compareDots,
  counterOf,
  isCoveredBy,
  withEntry,
} from "../../dynamo/versions/clock.ts";
import {
  sameDot,
  type Siblings,
  type Version,
  type Versioning,
  versioning,
} from "../../dynamo/versions/versions.ts";

type Supersedes = (newer: Clock, older: Clock) => boolean;

/**
 * Versioning with plain vector clocks: one entry for each server. `supersedes` compares two clocks.
 * The coordinator's new counter is one more than the highest that it knows.
 */
function clockRules(supersedes: Supersedes): Versioning {
  const drop = (versions: readonly Version[]): Siblings =>
    versions.filter((version) =>
      !versions.some((other) =>
        !sameDot(other.dot, version.dot) && supersedes(other.clock, version.clock) &&
        // If each supersedes the other, keep the version with the greater dot.
        (!supersedes(version.clock, other.clock) || compareDots(other.dot, version.dot) > 0)
      )
    ).sort((a, b) => compareDots(a.dot, b.dot));
  return {
    isExact: false,
    write(siblings, { actor, context, value, contentType, nowUs }) {
      const counter = 1 + siblings.reduce(
        (most, sibling) => Math.max(most, counterOf(sibling.clock, actor)),
        counterOf(context.clock, actor),
      );
      const clock = withEntry(context.clock, [actor, counter]);
      const version: Version = { value, contentType, dot: [actor, counter], clock, stampUs: nowUs };
      const survivors = siblings.filter((sibling) => !supersedes(clock, sibling.clock));
      return {
        siblings: [...survivors, version].sort((a, b) => compareDots(a.dot, b.dot)),
        version,
        context: { clock, stampUs: nowUs },
      };
    },
    merge(a, b) {
      const known = new Map([...a, ...b].map((version) => [version.dot.join(), version]));
      return drop([...known.values()]);
    },
  };
}

/** One counter for each server cannot distinguish two clients of that server. */
export const plainVectorClock: Versioning = clockRules((newer, older) => isCoveredBy(older, newer));

/** As in the original Dynamo Simulator: a clock is older if no entry that both have is greater. */
export const originalComparison: Versioning = clockRules((newer, older) =>
  older.every(([actor, counter]) => {
    const other = counterOf(newer, actor);
    return other === 0 || counter <= other;
  })
);

/** Only the newest sibling is kept. */
export const newestOnly: Versioning = {
  isExact: false,
  write(siblings, write) {
    const written = versioning("dvv").write(siblings, write);
    return { ...written, siblings: [written.version] };
  },
  merge(a, b) {
    const merged = versioning("dvv").merge(a, b);
    const newest = [...merged].sort((x, y) => y.stampUs - x.stampUs || compareDots(y.dot, x.dot));
    return newest.slice(0, 1);
  },
};

/** Merging keeps all versions, also superseded ones. */
export const nothingDropped: Versioning = {
  isExact: false,
  write: versioning("dvv").write,
  merge(a, b) {
    const known = new Map([...a, ...b].map((version) => [version.dot.join(), version]));
    return [...known.values()].sort((x, y) => compareDots(x.dot, y.dot));
  },
};

/** When merging, any value replaces a tombstone. */
export const tombstonesDropped: Versioning = {
  isExact: false,
  write: versioning("dvv").write,
  merge(a, b) {
    const values = [...a, ...b].filter((version) => version.value !== null);
    const all = versioning("dvv").merge(a, b);
    if (values.length === 0) return all;
    // Without the tombstones, values that only a tombstone superseded return.
    const kept = (siblings: Siblings) => siblings.filter((version) => version.value !== null);
    return versioning("dvv").merge(kept(a), kept(b));
  },
};

/** {@link nothingDropped}, under rules that claim to be exact. */
export const supersededKept: Versioning = { ...versioning("dvv"), merge: nothingDropped.merge };

/** A write gets the same counter as the previous one. */
export const counterRepeated: Versioning = {
  ...versioning("dvv"),
  write(siblings, write) {
    const result = versioning("dvv").write(siblings, write);
    const [actor, counter] = result.version.dot;
    const version: Version = { ...result.version, dot: [actor, Math.max(1, counter - 1)] };
    const replaced = result.siblings.map((each) => each === result.version ? version : each);
    return { ...result, siblings: replaced, version };
  },
};
