/**
 * Explains why a process could not start. Error messages of the system, Deno or SQLite often do not say
 * what to do.
 *
 * An explanation has one line that says why and one that says what to do. If the cause is unknown, the
 * process's own output follows after an empty line.
 */
import { stripVTControlCharacters } from "node:util";

/** Fetches everything that the tasks need. */
const FETCH_COMMAND = "npx --yes deno@2.9 task fetch";

export type FailureCause =
  | "package-missing"
  | "port-taken"
  | "disk-full"
  | "disk-failing"
  | "not-writable"
  | "out-of-memory";

interface Explanation {
  readonly cause: FailureCause;
  /** Continues a sentence after "could not start: ". */
  readonly why: string;
  /** What to do, as sentences. */
  readonly advice: string;
}

/** What the output may be about, if it is known. */
interface Subject {
  readonly port?: string;
  readonly directory?: string;
}

interface Pattern {
  readonly cause: FailureCause;
  readonly output: RegExp;
  readonly advice: string;
  why(subject: Subject, output: string): string;
}

/** How to choose another directory. */
export const ELSEWHERE = "with --data, or with TMPDIR where the data is temporary.";
const PACKAGE =
  /(?:not found in cache: "|for package "|npm package ')((?:@[^/"']+\/)?[^@"']+)(?:@[^"']*)?["']/;

/** The first match counts. */
const PATTERNS: readonly Pattern[] = [
  {
    cause: "package-missing",
    output: /not found in cache|--cached-only|Failed (loading|caching).* package/,
    why: (_, output) =>
      `a package is missing from Deno's cache${bracketed(PACKAGE.exec(output)?.[1])}`,
    advice: `Connect to the network once and run: ${FETCH_COMMAND}`,
  },
  {
    cause: "port-taken",
    output: /port is taken|address (already )?in use|EADDRINUSE/i,
    why: ({ port }) => `${port === undefined ? "its port" : `port ${port}`} is taken`,
    advice: "Stop the program that listens there, or choose another port.",
  },
  {
    cause: "disk-full",
    output: /No space left|disk is full|ENOSPC|disk quota/i,
    why: ({ directory }) =>
      `the disk ${directory === undefined ? "" : `that holds ${directory} `}is full`,
    advice: `Free some space, or choose a directory on another disk: ${ELSEWHERE}`,
  },
  {
    cause: "disk-failing",
    // SQLite reports this for a damaged disk, and sometimes for a full one.
    output: /disk I\/O error|Input\/output error/i,
    why: ({ directory }) =>
      `the disk ${directory === undefined ? "" : `that holds ${directory} `}fails, or is full`,
    advice: `Free some space, or choose a directory on another disk: ${ELSEWHERE}`,
  },
  {
    cause: "not-writable",
    output:
      /Permission denied|Read-only file system|readonly database|cannot be written|EACCES|EROFS/i,
    why: ({ directory }) => `${directory ?? "its data directory"} cannot be written`,
    advice: `Change its permissions, or choose another directory: ${ELSEWHERE}`,
  },
  {
    cause: "out-of-memory",
    output: /out of memory|cannot allocate memory|ENOMEM/i,
    why: () => "there is not enough memory",
    advice: "Close other programs, or start fewer nodes.",
  },
];

/** Explains a process's output or an error message; null if the cause is unknown. */
export function explain(output: string, subject: Subject = {}): Explanation | null {
  const plain = withoutColours(output);
  const found = PATTERNS.find((pattern) => pattern.output.test(plain));
  if (found === undefined) return null;
  return { cause: found.cause, why: found.why(subject, plain), advice: found.advice };
}

/** Removes a terminal's control codes, which mean nothing outside of a terminal. */
export function withoutColours(output: string): string {
  return stripVTControlCharacters(output);
}

/** A process's output, quoted in an error message. */
export function quoted(output: string): string {
  const text = withoutColours(output).trim();
  return text === "" ? "It printed nothing." : `It printed:\n${text}`;
}

function bracketed(name: string | undefined): string {
  return name === undefined ? "" : ` (${name})`;
}
