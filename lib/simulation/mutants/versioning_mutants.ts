/**
 * Mutants in the rules that tell which version is obsolete.
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
 * Versions known by a clock with one entry a server, where the given comparison says which clock
 * supersedes which. The coordinator counts one up over all that it knows.
 */
function clockRules(supersedes: Supersedes): Versioning {
  const drop = (versions: readonly Version[]): Siblings =>
    versions.filter((version) =>
      !versions.some((other) =>
        !sameDot(other.dot, version.dot) && supersedes(other.clock, version.clock) &&
        // Where each supersedes the other, the greater dot stays: something has to.
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

/** One counter a server cannot tell two clients of that server apart. */
export const plainVectorClock: Versioning = clockRules((newer, older) => isCoveredBy(older, newer));

/** As in the original Dynamo Simulator: "older" is whatever is greater in no entry that both have. */
export const originalComparison: Versioning = clockRules((newer, older) =>
  older.every(([actor, counter]) => {
    const other = counterOf(newer, actor);
    return other === 0 || counter <= other;
  })
);

/** Only the newest of the siblings is kept. */
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

/** Merging keeps whatever either side has, obsolete or not. */
export const nothingDropped: Versioning = {
  isExact: false,
  write: versioning("dvv").write,
  merge(a, b) {
    const known = new Map([...a, ...b].map((version) => [version.dot.join(), version]));
    return [...known.values()].sort((x, y) => compareDots(x.dot, y.dot));
  },
};

/** A tombstone gives way to any value. */
export const tombstonesDropped: Versioning = {
  isExact: false,
  write: versioning("dvv").write,
  merge(a, b) {
    const values = [...a, ...b].filter((version) => version.value !== null);
    const all = versioning("dvv").merge(a, b);
    if (values.length === 0) return all;
    // The values alone: what only the tombstone knew to be obsolete is back.
    const kept = (siblings: Siblings) => siblings.filter((version) => version.value !== null);
    return versioning("dvv").merge(kept(a), kept(b));
  },
};

/** As above, in rules that promise to be exact. */
export const supersededKept: Versioning = { ...versioning("dvv"), merge: nothingDropped.merge };

/** A write is given the counter of the one before it. */
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
