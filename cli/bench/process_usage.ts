/**
 * Processor time and memory of other processes, from /proc on Linux. On other systems they are null
 * and the table shows a dash.
 */

export interface ProcessUsage {
  /** Processor time since the start of the process, user and system, ms. */
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** Ticks per second in /proc/PID/stat (USER_HZ): 100 on every Linux that Deno supports. */
const TICKS_PER_SECOND = 100;

export async function usageOf(pid: number): Promise<ProcessUsage | null> {
  try {
    const [stat, status] = await Promise.all([
      Deno.readTextFile(`/proc/${pid}/stat`),
      Deno.readTextFile(`/proc/${pid}/status`),
    ]);
    return { cpuMs: cpuMsIn(stat), residentBytes: residentBytesIn(status) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Busy processor time of the whole machine since it started, without idle time and I/O wait, ms.
 */
export async function busyMs(): Promise<number | null> {
  try {
    return busyMsIn(await Deno.readTextFile("/proc/stat"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** The first line has user, nice, system, idle, iowait, irq, softirq and steal. */
export function busyMsIn(stat: string): number {
  const [user, nice, system, , , irq, softirq, steal] = stat.slice(0, stat.indexOf("\n")).split(
    /\s+/,
  ).slice(1).map(Number);
  const ticks = [user, nice, system, irq, softirq, steal]
    .reduce<number>((sum, each) => sum + (each ?? 0), 0);
  return ticks / TICKS_PER_SECOND * 1_000;
}

/** Fields 14 and 15. They are counted after the name in parentheses, which may contain spaces. */
export function cpuMsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND * 1_000;
}

export function residentBytesIn(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1_024;
}
