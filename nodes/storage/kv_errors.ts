/** Deno KV fails with plain errors that carry SQLite's words; callers need to know what they mean. */
import { StorageError } from "./storage.ts";

/** What a failed call of Deno KV means for the caller. */
export function storageErrorOf(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (/disk is full|No space left|quota/i.test(message)) {
    return new StorageError("full", `No room on the disk: ${message}`, { cause: error });
  }
  if (/read-?only/i.test(message)) {
    return new StorageError("read-only", `The store cannot be written: ${message}`, {
      cause: error,
    });
  }
  return new StorageError("io", `The disk failed: ${message}`, { cause: error });
}
