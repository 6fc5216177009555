/** A problem as a person reads it: what was wrong, and for a store's refusal what came and what was needed. */
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
          {needed} needed, {got ?? 0} came
          {unreachable !== undefined && unreachable.length > 0 &&
            `; silent: ${unreachable.join(", ")}`}
        </p>
      )}
      {definite === false && (
        <p>
          The outcome is not definite: some replica may hold the write, and it may surface later.
        </p>
      )}
    </div>
  );
}
