/**
 * A node's mark: eight colours and four patterns, so that 32 nodes can be told apart and nobody needs
 * to see colour. The same mark stands in the ring, in tables and in lists.
 */
const COLOURS = 8;
const PATTERNS = 4;

export function ownerClass(index: number): string {
  return `o${index % COLOURS}`;
}

function patternOf(index: number): number {
  return (index + Math.floor(index / COLOURS)) % PATTERNS;
}

/** The fill of a node's registers, below 0: of those of a node that is gone; needs {@link OwnerPatterns} somewhere on the page. */
export function ownerFill(index: number): string {
  return index < 0 ? "url(#owner-gone)" : `url(#owner-${index})`;
}

/** One pattern a node: its colour, and lines of paper over it. */
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

/** A small square in a node's mark. */
export function Swatch({ index }: { readonly index: number }) {
  return (
    <svg class="swatch" width="12" height="12" aria-hidden="true" focusable="false">
      <rect width="12" height="12" rx="2" fill={ownerFill(index)} />
    </svg>
  );
}
