/** Deno KV throws plain errors with SQLite's messages. Here they get a code that callers can act on. */
import { StorageError } from "./storage.ts";

/** Classifies the error of a failed call to Deno KV. */
export function storageErrorOf(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (/disk is full|No space left|quota/i.test(message)) {
    return new StorageError("full", `The disk is full: ${message}`, { cause: error });
  }
  if (/read-?only/i.test(message)) {
    return new StorageError("read-only", `The store is read-only: ${message}`, {
      cause: error,
    });
  }
  return new StorageError("io", `The disk failed: ${message}`, { cause: error });
}
