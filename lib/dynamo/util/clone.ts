/**
 * Copies a replica's whole state, so that a simulation can be forked, rewound and compared.
 *
 * `structuredClone` would lose the classes. This keeps prototypes, walks Map, Set and arrays, and
 * leaves the copying of an object with a `clone` method to it. Shared references stay shared.
 */
export function deepClone<T>(value: T, seen: Map<object, object> = new Map()): T {
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known as T;
  const copy = copyOf(value, seen);
  seen.set(value, copy);
  return copy as T;
}

function copyOf(value: object, seen: Map<object, object>): object {
  if ("clone" in value && typeof value.clone === "function") return value.clone() as object;
  const shell: object = Array.isArray(value)
    ? []
    : value instanceof Map
    ? new Map()
    : value instanceof Set
    ? new Set()
    : ArrayBuffer.isView(value)
    ? structuredClone(value)
    : Object.create(Object.getPrototypeOf(value));
  // Registered before its parts are copied: state may point back at itself.
  seen.set(value, shell);
  if (ArrayBuffer.isView(value)) return shell;
  if (shell instanceof Map) {
    for (const [key, item] of value as Map<unknown, unknown>) {
      shell.set(deepClone(key, seen), deepClone(item, seen));
    }
  } else if (shell instanceof Set) {
    for (const item of value as Set<unknown>) shell.add(deepClone(item, seen));
  } else {
    for (const [name, item] of Object.entries(value)) {
      (shell as Record<string, unknown>)[name] = deepClone(item, seen);
    }
  }
  return shell;
}
