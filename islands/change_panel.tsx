/**
 * Membership changes: a form that adds a node, the plan of the requested change with buttons to commit
 * or cancel it, and the progress of the moves. Without scripts the same forms post to the server.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Swatch } from "../components/owner.tsx";
import { ProblemNote } from "../components/problem_note.tsx";
import {
  type BalanceRow,
  balanceRows,
  describeChange,
  type PlannedChange,
  progressOf,
  rangesTouched,
} from "./models/change_model.ts";
import type { ClusterModel } from "./models/cluster_model.ts";
import { formatBytes, formatCount, plural } from "./models/format.ts";

export function ChangePanel({ model }: { readonly model: ClusterModel }) {
  const { planned, problem, busy, requested } = model.change;
  return (
    <div class="change" id="change">
      <Progress model={model} />
      {busy.value === "plan" && (
        <p class="small" role="status">
          <span aria-busy="true">
            {requested.value?.kind === "remove"
              ? "Planning the change: asking a node which data would move"
              : "Starting a process and planning the change"}
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
        void change.plan({
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
          Starts a node and shows which data would move to it. Nothing moves until you commit.
        </span>
      </p>
      <details>
        <summary>Weight and zone of the new node</summary>
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
            <small>relative capacity: a node of weight 2 gets twice as many partitions</small>
          </label>
          <label>
            Zone
            <input type="text" name="zone" maxLength={64} autocomplete="off" />
            <small>
              optional; for example a rack. The replicas of a key are placed in different zones
            </small>
          </label>
        </div>
      </details>
    </form>
  );
}

/** The effects of the planned change, with buttons to commit or cancel it. */
function Plan(
  { model, planned }: { readonly model: ClusterModel; readonly planned: PlannedChange },
) {
  const { plan } = planned;
  const { change } = model;
  const title = useRef<HTMLHeadingElement>(null);
  // Moves the focus to the new plan, for people who use a keyboard or a screen reader.
  useEffect(() => title.current?.focus(), [plan.planId]);
  const base = `/clusters/${model.cluster.value.id}`;
  const committing = change.busy.value === "commit";
  const description = describeChange(plan);
  return (
    <section class="plan" aria-labelledby="plan-title">
      <h3 id="plan-title" ref={title} tabIndex={-1}>If {description}</h3>
      <p>
        {plan.moves.length === 0 ? "No data moves." : (
          <>
            <strong>{plural(rangesTouched(plan), "partition")}</strong>{" "}
            {rangesTouched(plan) === 1 ? "changes an owner" : "change owners"}{" "}
            ({plural(plan.moves.length, "replica")} to add or drop), about{" "}
            <strong>{formatBytes(plan.bytes)}</strong>{" "}
            of data. Each old owner keeps its replica until the new owner has a complete one.
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
            Commit: {description}
          </button>
        </PostForm>
        <PostForm
          action={`${base}/discard`}
          planId={plan.planId}
          onSubmit={() => void change.cancel()}
        >
          <button type="submit" class="act" disabled={committing}>Cancel</button>
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
          Number of partitions of each node, before and after. “First”: the node leads the
          preference list. “Replicas”: the node stores one of the N replicas.
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

/** Progress of the committed changes, from this page or from elsewhere. */
function Progress({ model }: { readonly model: ClusterModel }) {
  const { transfers } = model.cluster.value;
  const committed = model.change.committed.value;
  const done = progressOf(transfers);
  if (done === null) {
    if (committed === null) return null;
    return (
      <p class="small" role="status">
        Done: {describeChange(committed)}. Every partition is with its new owners.
      </p>
    );
  }
  const { left, leaving } = transfers;
  const remaining = left > 0
    ? `${plural(left, "owner change")} left`
    : `${leaving.join(", ")} is transferring its last data`;
  return (
    <div class="moves-progress">
      <progress max={1} value={done} aria-label="Partitions that have moved" />
      <p class="small" role="status">
        {committed !== null && <>{describeChange(committed)}.{" "}</>}
        {remaining}
      </p>
    </div>
  );
}
