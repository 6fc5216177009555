/** Responds to errors and unknown URLs: a page for browsers, otherwise a problem document. */
import { ProblemNote } from "../components/problem_note.tsx";
import { prefers } from "../nodes/http/accept.ts";
import { type ProblemDocument, ProblemError, problemResponse } from "../nodes/http/problems.ts";
import { define, type RouteContext } from "./(_server)/define.ts";
import { HttpError, page } from "./(_server)/fresh/fresh.ts";

export const handler = define.handlers((ctx) => {
  const problem = problemOf(ctx);
  if (!wantsPage(ctx)) return problemResponse(problem);
  // A browser that opens the address of an action finds no page there.
  const isMissing = problem.status === 404 || (problem.status === 405 && ctx.req.method === "GET");
  const title = isMissing ? "Page not found" : problem.title;
  ctx.state.document = { title, island: null };
  return page({ title, problem }, { status: problem.status });
});

export default define.page<typeof handler>(({ data: { title, problem } }) => (
  <>
    <header class="lede">
      <h1>{title}</h1>
    </header>
    <ProblemNote problem={{ ...problem, title: `Error ${problem.status}` }} />
    <p>
      <a href="/">All clusters</a>
    </p>
  </>
));

function problemOf({ error, state, url }: RouteContext): ProblemDocument {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof HttpError && error.status === 404) {
    return new ProblemError("not-found", `There is no resource at ${url.pathname}`).problem;
  }
  if (error instanceof HttpError && error.status === 405) {
    return new ProblemError("method-not-allowed", error.message).problem;
  }
  state.reportError(error);
  return new ProblemError("internal", "The dashboard's output has the details").problem;
}

function wantsPage({ req, url }: RouteContext): boolean {
  const isApi = url.pathname.startsWith("/api/");
  return !isApi && prefers(req.headers.get("Accept"), "text/html");
}
