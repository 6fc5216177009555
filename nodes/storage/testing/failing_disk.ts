/** For tests: a disk that fails, stalls or goes away when it is told to. */

/** Stands between a store and Deno KV, and fails its commits as told. */
export class FailingDisk {
  onCommit: (commit: () => Promise<unknown>) => Promise<unknown> = (commit) => commit();
  /** Holds back what a read has found. */
  afterGet: () => Promise<void> = () => Promise.resolve();
  #kv: Deno.Kv | null = null;

  readonly openKv = async (path: string): Promise<Deno.Kv> => {
    const kv = this.#kv = await Deno.openKv(path);
    return new Proxy(kv, {
      get: (_, name) => {
        if (name === "atomic") return () => this.#watched(kv.atomic());
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

  /** The power goes: nothing that is under way becomes durable any more. */
  pullOut(): void {
    this.onCommit = () => Promise.reject(new Error("pulled out"));
    this.#kv?.close();
  }

  #watched(atomic: Deno.AtomicOperation): Deno.AtomicOperation {
    const commit = atomic.commit.bind(atomic);
    return Object.assign(atomic, { commit: () => this.onCommit(commit) });
  }
}
