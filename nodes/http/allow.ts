/** For a resource that does not support a request's method (RFC 9110, sections 10.2.1 and 15.5.6). */

/** The value of `Allow`. HEAD comes with GET. */
export function allowOf(methods: readonly string[]): string {
  return methods.flatMap((method) => method === "GET" ? ["GET", "HEAD"] : method).join(", ");
}

/** What was wrong with the method, for the answer with status 405. */
export function wrongMethod(method: string, allow: string): string {
  return `the method must be ${allow}: it is ${method}`;
}
