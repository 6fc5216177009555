/** A problem report (RFC 9457) in readable form. A refused quorum shows the replies needed and received. */
import type { Problem } from "../islands/models/api.ts";
import { FailureText } from "./failure_text.tsx";

export function ProblemNote({ problem }: { readonly problem: Problem | null }) {
  if (problem === null) return null;
  const { title, detail, needed, got, unreachable, definite } = problem;
  return (
    <div class="problem" role="alert">
      <strong>{title}</strong>
      {detail !== undefined && <FailureText text={detail} />}
      {needed !== undefined && (
        <p>
          {needed} needed, {got ?? 0} received
          {unreachable !== undefined && unreachable.length > 0 &&
            `; no answer from ${unreachable.join(", ")}`}
        </p>
      )}
      {definite === false && (
        <p>
          The outcome is not definite: a replica may hold the write, and reads may return it later.
        </p>
      )}
    </div>
  );
}
