/** For tests: a disk that fails, stalls or disappears on demand. */

/** A proxy between a store and Deno KV that can fail commits and delay reads. */
export class FailingDisk {
  onCommit: (commit: () => Promise<unknown>) => Promise<unknown> = (commit) => commit();
  /** Delays the result of a read. */
  afterGet: () => Promise<void> = () => Promise.resolve();
  #kv: Deno.Kv | null = null;

  readonly openKv = async (path: string): Promise<Deno.Kv> => {
    const kv = this.#kv = await Deno.openKv(path);
    return new Proxy(kv, {
      get: (_, name) => {
        if (name === "atomic") return () => this.#intercepted(kv.atomic());
        if (name === "get") {
          return async (key: Deno.KvKey) => {
            const entry = await kv.get(key);
            await this.afterGet();
            return entry;
          };
        }
        const member: unknown = Reflect.get(kv, name);
        return typeof member === "function" ? member.bind(kv) : member;
      },
    });
  };

  /** Disconnects the disk: nothing that is in progress becomes durable. */
  pullOut(): void {
    this.onCommit = () => Promise.reject(new Error("pulled out"));
    this.#kv?.close();
  }

  #intercepted(atomic: Deno.AtomicOperation): Deno.AtomicOperation {
    const commit = atomic.commit.bind(atomic);
    return Object.assign(atomic, { commit: () => this.onCommit(commit) });
  }
}
