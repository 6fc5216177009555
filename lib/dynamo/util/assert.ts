/**
 * Invariants: what holds as long as this code is right, whatever the network, the disks and the clients
 * do. They stay on in production, because a node that has broken one can only make things worse: it stops
 * with the name of the invariant instead (after TigerBeetle's TIGER_STYLE).
 *
 * Bytes from outside are never invariants. What a peer, a client or a disk may get wrong is refused or
 * ignored where it comes in; it must not be able to stop a node.
 */

/** An invariant is broken: the node's state cannot be trusted any more. */
export class InvariantError extends Error {
  override name = "InvariantError";
}

/**
 * Throws {@link InvariantError} unless the condition holds. `invariant` says what should be true; the
 * values that it speaks of follow in the same order. Nothing is built or allocated while it holds, so hot
 * paths can afford it.
 */
export function assert(
  condition: boolean,
  invariant: string,
  first?: unknown,
  second?: unknown,
  third?: unknown,
  fourth?: unknown,
): asserts condition {
  if (!condition) throw broken(invariant, [first, second, third, fourth]);
}

function broken(invariant: string, given: readonly unknown[]): InvariantError {
  const values = given.filter((value) => value !== undefined).map(format);
  return new InvariantError(
    values.length === 0 ? invariant : `${invariant} (found ${values.join(", ")})`,
  );
}

function format(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : `${value}`;
}
