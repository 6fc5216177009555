/** The panel of the selected node, with its actions. Without scripts there is one panel for each node. */
import { Swatch } from "../components/owner.tsx";
import { ProblemNote } from "../components/problem_note.tsx";
import type { NodeView } from "./models/api.ts";
import { ACTS, allowedActs, CHANGES, type ClusterModel } from "./models/cluster_model.ts";
import { describeHints, describeSuspicion, suspicionOf } from "./models/suspicion.ts";
import { StateMark } from "./node_table.tsx";

export function NodePanel({ model }: { readonly model: ClusterModel }) {
  const node = model.selectedNode.value;
  if (node === null) {
    return (
      <div class="node-panel node-panel-empty">
        <p class="js-only">
          Select a node in the drawing or in the table to see its part of the ring, and to stop,
          kill or pause it.
        </p>
        <div class="no-js-only">
          {model.cluster.value.nodes.map((each) => (
            <NodeActs key={each.id} model={model} node={each} />
          ))}
        </div>
      </div>
    );
  }
  return (
    <div class="node-panel">
      <NodeActs model={model} node={node} />
      <ProblemNote problem={model.actProblem.value} />
    </div>
  );
}

/** What the other nodes believe about this node, and the hints that it keeps for them. */
function PeerFacts(
  { node, nodes }: { readonly node: NodeView; readonly nodes: readonly NodeView[] },
) {
  const suspected = describeSuspicion(suspicionOf(nodes, node.id));
  const hints = node.state === "running" ? describeHints(node.status?.hints ?? {}) : null;
  return (
    <>
      {suspected !== null && <p class="small suspected">{capitalize(suspected)}.</p>}
      {hints !== null && <p class="small">Keeps {hints}.</p>}
    </>
  );
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function NodeActs(
  { model, node }: { readonly model: ClusterModel; readonly node: NodeView },
) {
  const clusterId = model.cluster.value.id;
  const allowed = allowedActs(node.state);
  const busy = model.busy.value;
  return (
    <>
      <h3>
        <Swatch index={node.mark} /> {node.id} <StateMark node={node} />
      </h3>
      <p class="small">
        <a href={node.url} rel="noreferrer">{node.url}</a>
        {node.pid !== null && <>, process {node.pid}</>}
        {node.state === "crashed" && node.exit !== null && (
          <>. It exited with code {node.exit.code}: {node.exit.stderrTail}</>
        )}
      </p>
      <PeerFacts node={node} nodes={model.cluster.value.nodes} />
      <div class="acts">
        {ACTS.map(({ act, label, why }) => (
          <form
            key={act}
            method="post"
            action={`/clusters/${clusterId}/nodes/${node.id}/${act}`}
            onSubmit={(event) => {
              event.preventDefault();
              void model.act(node.id, act);
            }}
          >
            <button
              type="submit"
              class={act === "kill" || act === "wipe" ? "act act-hard" : "act"}
              disabled={!allowed.includes(act) || busy !== null}
              aria-busy={busy === `${node.id}:${act}`}
              aria-label={`${label} ${node.id}`}
            >
              {label}
            </button>
            <span>{why}</span>
          </form>
        ))}
      </div>
      <MembershipActs model={model} node={node} />
      {node.status !== null && node.status.warnings.length > 0 && (
        <ul class="warnings">
          {node.status.warnings.map((warning) => <li key={warning}>{warning}</li>)}
        </ul>
      )}
    </>
  );
}

/** Changes of the membership. Unlike actions on the process they move data, so each shows a plan first. */
function MembershipActs(
  { model, node }: { readonly model: ClusterModel; readonly node: NodeView },
) {
  const { change } = model;
  const { id } = model.cluster.value;
  const isLeaving = model.cluster.value.transfers.leaving.includes(node.id);
  return (
    <>
      <p class="small acts-title">
        {isLeaving
          ? "It is leaving. Its process ends when the other nodes hold all its data."
          : "Change its membership. Each button first shows which data would move:"}
      </p>
      <div class="acts">
        {CHANGES.map(({ kind, label, why, states }) => (
          <form
            key={label}
            method="post"
            action={`/clusters/${id}/plan`}
            onSubmit={(event) => {
              event.preventDefault();
              void change.plan({ kind, node: node.id });
            }}
          >
            <input type="hidden" name="kind" value={kind} />
            <input type="hidden" name="node" value={node.id} />
            <button
              type="submit"
              class={label === "Remove" ? "act act-hard" : "act"}
              disabled={!states.includes(node.state) || change.busy.value !== null ||
                (isLeaving && label === "Leave")}
              aria-label={`${label} ${node.id}`}
            >
              {label}
            </button>
            <span>{why}</span>
          </form>
        ))}
      </div>
    </>
  );
}
