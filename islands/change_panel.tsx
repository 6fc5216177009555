/**
 * Nodes come and go: a form to add one, the plan of whatever change was asked for, to be committed or
 * let be, and a line that follows what moves. Works as forms that post, too.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Swatch } from "../components/owner.tsx";
import { ProblemNote } from "../components/problem_note.tsx";
import {
  type BalanceRow,
  balanceRows,
  changeInWords,
  type PlannedChange,
  progressOf,
  rangesTouched,
} from "./models/change_model.ts";
import type { ClusterModel } from "./models/cluster_model.ts";
import { formatBytes, formatCount, plural } from "./models/format.ts";

export function ChangePanel({ model }: { readonly model: ClusterModel }) {
  const { planned, problem, busy, asked } = model.change;
  return (
    <div class="change" id="change">
      <Progress model={model} />
      {busy.value === "plan" && (
        <p class="small" role="status">
          <span aria-busy="true">
            {asked.value?.kind === "remove"
              ? "Asking a node what would move"
              : "Starting a process, and asking a node what would move"}
          </span>
        </p>
      )}
      {planned.value !== null && <Plan model={model} planned={planned.value} />}
      <ProblemNote problem={problem.value} />
      {planned.value === null && <AddForm model={model} />}
    </div>
  );
}

function AddForm({ model }: { readonly model: ClusterModel }) {
  const { change } = model;
  return (
    <form
      class="add-node"
      method="post"
      action={`/clusters/${model.cluster.value.id}/plan`}
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const zone = String(form.get("zone") ?? "").trim();
        void change.ask({
          kind: "add",
          weight: Number(form.get("weight")),
          zone: zone === "" ? undefined : zone,
        });
      }}
    >
      <input type="hidden" name="kind" value="add" />
      <p>
        <button type="submit" disabled={change.busy.value !== null}>Add a node</button>
        <span class="small">
          Starts a process and shows what would move to it. Nothing moves before you commit.
        </span>
      </p>
      <details>
        <summary>Weight, zone</summary>
        <div class="fields">
          <label>
            Weight
            <input
              type="number"
              name="weight"
              required
              min={0.1}
              max={100}
              step="any"
              value={1}
            />
            <small>its capacity beside the others’: 2 gets twice the share</small>
          </label>
          <label>
            Zone
            <input type="text" name="zone" maxLength={64} autocomplete="off" />
            <small>such as a rack; replicas of a key span zones. May be left empty</small>
          </label>
        </div>
      </details>
    </form>
  );
}

/** What the change would mean, with the two ways on. */
function Plan(
  { model, planned }: { readonly model: ClusterModel; readonly planned: PlannedChange },
) {
  const { plan } = planned;
  const { change } = model;
  const title = useRef<HTMLHeadingElement>(null);
  // Whoever works by keyboard, or listens, is taken to what was asked for.
  useEffect(() => title.current?.focus(), [plan.planId]);
  const base = `/clusters/${model.cluster.value.id}`;
  const committing = change.busy.value === "commit";
  const words = changeInWords(plan);
  return (
    <section class="plan" aria-labelledby="plan-title">
      <h3 id="plan-title" ref={title} tabIndex={-1}>If {words}</h3>
      <p>
        {plan.moves.length === 0 ? "Nothing moves." : (
          <>
            <strong>{plural(rangesTouched(plan), "partition")}</strong> change{" "}
            {rangesTouched(plan) === 1 ? "an owner" : "owners"}{" "}
            ({plural(plan.moves.length, "copy", "copies")} to make or give up), about{" "}
            <strong>{formatBytes(plan.bytes)}</strong>{" "}
            of data. Each stays where it is until its new owner holds all of it.
          </>
        )}
      </p>
      <BalanceTable model={model} rows={balanceRows(plan)} />
      <div class="plan-ways">
        <PostForm
          action={`${base}/commit`}
          planId={plan.planId}
          onSubmit={() => void change.commit()}
        >
          <button type="submit" disabled={committing} aria-busy={committing}>
            Commit: {words}
          </button>
        </PostForm>
        <PostForm
          action={`${base}/discard`}
          planId={plan.planId}
          onSubmit={() => void change.cancel()}
        >
          <button type="submit" class="act" disabled={committing}>Let it be</button>
        </PostForm>
      </div>
    </section>
  );
}

function PostForm(
  { action, planId, onSubmit, children }: {
    readonly action: string;
    readonly planId: string;
    readonly onSubmit: () => void;
    readonly children: ComponentChildren;
  },
) {
  return (
    <form
      method="post"
      action={action}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <input type="hidden" name="planId" value={planId} />
      {children}
    </form>
  );
}

function BalanceTable(
  { model, rows }: { readonly model: ClusterModel; readonly rows: readonly BalanceRow[] },
) {
  const marks = new Map(model.cluster.value.nodes.map((node) => [node.id, node.mark]));
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Partitions of each node">
      <table class="balance">
        <caption class="small">
          Partitions of each node, before and after: those for which it comes first, and those of
          which it keeps one of the replicas
        </caption>
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col" class="number">First</th>
            <th scope="col" class="number">Replicas</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ id, first, replicas }) => (
            <tr key={id}>
              <th scope="row">
                {marks.has(id) && <Swatch index={marks.get(id) ?? -1} />} {id}
              </th>
              <td class="number">
                <Change of={first} />
              </td>
              <td class="number">
                <Change of={replicas} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Change({ of: [before, after] }: { readonly of: readonly [number, number] }) {
  if (before === after) return <>{formatCount(after)}</>;
  return (
    <>
      {formatCount(before)} <span aria-hidden="true">→</span>
      <span class="unseen">becomes</span> <strong>{formatCount(after)}</strong>
    </>
  );
}

/** How far what was committed, here or elsewhere, has come. */
function Progress({ model }: { readonly model: ClusterModel }) {
  const { transfers } = model.cluster.value;
  const committed = model.change.committed.value;
  const done = progressOf(transfers);
  if (done === null) {
    if (committed === null) return null;
    return (
      <p class="small" role="status">
        Done: {changeInWords(committed)}. Every partition is held by whom it should be.
      </p>
    );
  }
  const { left, leaving } = transfers;
  const words = left > 0
    ? `${plural(left, "change")} of owner left`
    : `${leaving.join(", ")} hands over the last of what it keeps`;
  return (
    <div class="moves-progress">
      <progress max={1} value={done} aria-label="Partitions that have moved" />
      <p class="small" role="status">
        {committed !== null && <>{changeInWords(committed)}.{" "}</>}
        {words}
      </p>
    </div>
  );
}
