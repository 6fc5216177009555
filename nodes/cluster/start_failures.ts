/**
 * Why a process could not start, in plain words: what the system, Deno or SQLite say is written for
 * engineers, and often says nothing of what to do.
 *
 * A message has one line that says why and one that says what to do. Where the cause is unknown, the
 * process's own words follow after an empty line.
 */
import { stripVTControlCharacters } from "node:util";

/** Gets everything ahead that the tasks need. */
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
  /** Goes on after "could not start: ". */
  readonly why: string;
  /** What to do, as sentences. */
  readonly advice: string;
}

/** What the words may be about, where that is known. */
interface Subject {
  readonly port?: string;
  readonly directory?: string;
}

interface Pattern {
  readonly cause: FailureCause;
  readonly words: RegExp;
  readonly advice: string;
  why(subject: Subject, words: string): string;
}

/** Where a directory comes from. */
export const ELSEWHERE = "with --data, or with TMPDIR where the data is temporary.";
const PACKAGE =
  /(?:not found in cache: "|for package "|npm package ')((?:@[^/"']+\/)?[^@"']+)(?:@[^"']*)?["']/;

/** The first that fits counts. */
const PATTERNS: readonly Pattern[] = [
  {
    cause: "package-missing",
    words: /not found in cache|--cached-only|Failed (loading|caching).* package/,
    why: (_, words) =>
      `a package is missing from Deno's cache${bracketed(PACKAGE.exec(words)?.[1])}`,
    advice: `Connect to the network once and run: ${FETCH_COMMAND}`,
  },
  {
    cause: "port-taken",
    words: /port is taken|address (already )?in use|EADDRINUSE/i,
    why: ({ port }) => `${port === undefined ? "its port" : `port ${port}`} is taken`,
    advice: "Stop the program that listens there, or choose another port.",
  },
  {
    cause: "disk-full",
    words: /No space left|disk is full|ENOSPC|disk quota/i,
    why: ({ directory }) =>
      `the disk ${directory === undefined ? "" : `that holds ${directory} `}is full`,
    advice: `Free some space, or choose a directory on another disk: ${ELSEWHERE}`,
  },
  {
    cause: "disk-failing",
    // SQLite says so of a damaged disk, and now and then of a full one.
    words: /disk I\/O error|Input\/output error/i,
    why: ({ directory }) =>
      `the disk ${directory === undefined ? "" : `that holds ${directory} `}fails, or is full`,
    advice: `Free some space, or choose a directory on another disk: ${ELSEWHERE}`,
  },
  {
    cause: "not-writable",
    words:
      /Permission denied|Read-only file system|readonly database|cannot be written|EACCES|EROFS/i,
    why: ({ directory }) => `${directory ?? "its data directory"} cannot be written`,
    advice: `Change its permissions, or choose another directory: ${ELSEWHERE}`,
  },
  {
    cause: "out-of-memory",
    words: /out of memory|cannot allocate memory|ENOMEM/i,
    why: () => "there is not enough memory",
    advice: "Close other programs, or start fewer nodes.",
  },
];

/** What foreign words mean; null when they say nothing that is known here. */
export function explain(words: string, subject: Subject = {}): Explanation | null {
  const plain = withoutColours(words);
  const found = PATTERNS.find((pattern) => pattern.words.test(plain));
  if (found === undefined) return null;
  return { cause: found.cause, why: found.why(subject, plain), advice: found.advice };
}

/** Terminals are told colours by control codes, which mean nothing anywhere else. */
export function withoutColours(words: string): string {
  return stripVTControlCharacters(words);
}

/** Foreign words under a sentence. */
export function quoted(words: string): string {
  const said = withoutColours(words).trim();
  return said === "" ? "It said nothing." : `It said:\n${said}`;
}

function bracketed(name: string | undefined): string {
  return name === undefined ? "" : ` (${name})`;
}
