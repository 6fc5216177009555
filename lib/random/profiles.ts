/**
 * Latency profiles fitted to production systems: Bailis, Venkataraman, Franklin, Hellerstein and
 * Stoica, "Probabilistically Bounded Staleness for Practical Partial Quorums", VLDB 2012, Table 3.
 * In milliseconds. W, A, R and S are the one-way messages of the WARS model (section 4.1 of the
 * paper): write request, write acknowledgement, read request, read response.
 */

export interface Profile {
  readonly name: string;
  readonly W: string;
  readonly A: string;
  readonly R: string;
  readonly S: string;
  /** Added to every message between the coordinator and a replica that is not local, ms. */
  readonly remoteMs: number;
  /** What was measured, and anything unusual about the numbers. */
  readonly about: string;
  readonly source: string;
}

const TABLE_3 = "PBS, VLDB 2012, Table 3";

const SSD = "mix(0.9122*pareto(0.235,10)+0.0878*exp(1.66))";
const DISK_WRITE = "mix(0.38*pareto(1.05,1.51)+0.62*exp(0.183))";
const YMMR_READ = "mix(0.982*pareto(1.5,3.8)+0.018*exp(0.0217))";

export const PROFILES: readonly Profile[] = [
  {
    name: "LNKD-SSD",
    W: SSD,
    A: SSD,
    R: SSD,
    S: SSD,
    remoteMs: 0,
    about: "LinkedIn's Voldemort on solid-state disks",
    source: TABLE_3,
  },
  {
    name: "LNKD-DISK",
    W: DISK_WRITE,
    A: SSD,
    R: SSD,
    S: SSD,
    remoteMs: 0,
    about: "LinkedIn's Voldemort on spinning disks: writes wait for the disk",
    source: TABLE_3,
  },
  {
    name: "YMMR",
    W: "mix(0.939*pareto(3,3.5)+0.061*exp(0.0028))",
    A: YMMR_READ,
    R: YMMR_READ,
    S: YMMR_READ,
    remoteMs: 0,
    about:
      "Yammer's Riak. The paper prints 3.35 as the exponent of W's Pareto part. The authors' " +
      "simulator uses 3.5, and only 3.5 gives the published results, so this profile uses 3.5",
    source: `${TABLE_3}, with the exponent of the authors' simulator`,
  },
  {
    name: "YMMR-PRINTED",
    W: "mix(0.939*pareto(3,3.35)+0.061*exp(0.0028))",
    A: YMMR_READ,
    R: YMMR_READ,
    S: YMMR_READ,
    remoteMs: 0,
    about: "Yammer's Riak with the exponent of W's Pareto part as printed, 3.35 (see YMMR)",
    source: TABLE_3,
  },
  {
    name: "WAN",
    W: DISK_WRITE,
    A: SSD,
    R: SSD,
    S: SSD,
    remoteMs: 75,
    about:
      "LNKD-DISK with one replica in each datacenter: each message to or from a replica that is " +
      "not local takes 75 ms more; the local replica is drawn for each write and each read",
    source: TABLE_3,
  },
];

export function profileNamed(name: string): Profile | undefined {
  return PROFILES.find((profile) => profile.name === name);
}
