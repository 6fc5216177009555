/**
 * Presets of the launch form. Two of them are the configurations of the original simulator's published
 * table: 8 nodes, 10 ms, N = 4.
 */
import type { Partitioning } from "../../lib/dynamo/ring/ring_state.ts";
import type { CoordinatorChoice } from "../../lib/dynamo/types/config.ts";
import type { VersionMode } from "../../lib/dynamo/versions/versions.ts";

/** "10 ms" in the original: a uniform delay with that mean, on requests to a replica, not on replies. */
const ORIGINAL_LATENCY = "W,R=uniform(0,20);A,S=0";

/** The launch form's fields, and the body of `POST /api/clusters`. */
export interface LaunchFields {
  readonly name: string;
  readonly nodes: number;
  readonly n: number;
  readonly r: number;
  readonly w: number;
  readonly partitioning: Partitioning;
  readonly partitions: number;
  readonly tokensPerNode: number;
  readonly mode: VersionMode;
  readonly coordinator: CoordinatorChoice;
  /** Empty: none. */
  readonly latency: string;
}

interface Preset {
  readonly id: string;
  readonly label: string;
  readonly why: string;
  readonly fields: Partial<LaunchFields>;
}

const DEFAULT_FIELDS: LaunchFields = {
  name: "",
  nodes: 5,
  n: 3,
  r: 2,
  w: 2,
  partitioning: "equal-partitions",
  partitions: 128,
  tokensPerNode: 32,
  mode: "dvv",
  coordinator: "first",
  latency: "",
};

export const PRESETS: readonly Preset[] = [
  {
    id: "paper",
    label: "The paper’s 3, 2, 2",
    why: "The most common setting at Amazon: a balance of durability, consistency and performance.",
    fields: {},
  },
  {
    id: "read-heavy",
    label: "Read-heavy",
    why:
      "R = 1, W = N: one replica answers a read, all must store a write. For example catalogues.",
    fields: { r: 1, w: 3 },
  },
  {
    id: "write-heavy",
    label: "Write-heavy",
    why:
      "W = 1, R = N: one replica stores a write, all must answer a read. For example shopping carts.",
    fields: { r: 3, w: 1 },
  },
  {
    id: "original-reads",
    label: "Original table, R 1, W 3",
    why: "Fast reads in the original simulator: 8 nodes, N = 4, requests delayed 10 ms on average.",
    fields: { nodes: 8, n: 4, r: 1, w: 3, latency: ORIGINAL_LATENCY },
  },
  {
    id: "original-writes",
    label: "Original table, R 3, W 1",
    why:
      "Fast writes in the original simulator: 8 nodes, N = 4, requests delayed 10 ms on average.",
    fields: { nodes: 8, n: 4, r: 3, w: 1, latency: ORIGINAL_LATENCY },
  },
];

/** The form's fields for a preset; the defaults for an unknown id. */
export function presetFields(id: string | undefined): LaunchFields {
  const preset = PRESETS.find((candidate) => candidate.id === id);
  return { ...DEFAULT_FIELDS, ...preset?.fields };
}
