/**
 * A node's mark: one of eight colours with one of four patterns. So 32 nodes can be distinguished, and
 * colour is never the only sign. Ring, tables and lists show the same mark.
 */
const COLOURS = 8;
const PATTERNS = 4;

export function ownerClass(index: number): string {
  return `o${index % COLOURS}`;
}

function patternOf(index: number): number {
  return (index + Math.floor(index / COLOURS)) % PATTERNS;
}

/**
 * The SVG fill for the node with this mark. A negative mark is a node that is no longer a member. The
 * page needs an {@link OwnerPatterns} somewhere.
 */
export function ownerFill(index: number): string {
  return index < 0 ? "url(#owner-gone)" : `url(#owner-${index})`;
}

/** One SVG pattern for each node: its colour, with lines or dots in the paper's colour. */
export function OwnerPatterns({ marks }: { readonly marks: readonly number[] }) {
  return (
    <defs>
      <pattern id="owner-gone" width="6" height="6" patternUnits="userSpaceOnUse">
        <path class="pattern-gone" d="M-1 1L1 -1M0 6L6 0M5 7L7 5" />
      </pattern>
      {marks.map((index) => (
        <pattern
          key={index}
          id={`owner-${index}`}
          width="6"
          height="6"
          patternUnits="userSpaceOnUse"
        >
          <rect class={`owner-fill ${ownerClass(index)}`} width="6" height="6" />
          <PatternInk kind={patternOf(index)} />
        </pattern>
      ))}
    </defs>
  );
}

function PatternInk({ kind }: { readonly kind: number }) {
  switch (kind) {
    case 1:
      return <path class="pattern-ink" d="M-1 1L1 -1M0 6L6 0M5 7L7 5" />;
    case 2:
      return <circle class="pattern-dot" cx="3" cy="3" r="1.3" />;
    case 3:
      return <path class="pattern-ink" d="M0 1.5H6M0 4.5H6" />;
    default:
      return null;
  }
}

/** A small square with a node's mark. */
export function Swatch({ index }: { readonly index: number }) {
  return (
    <svg class="swatch" width="12" height="12" aria-hidden="true" focusable="false">
      <rect width="12" height="12" rx="2" fill={ownerFill(index)} />
    </svg>
  );
}
