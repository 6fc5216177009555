/** The page of one cluster, for all routes that respond with it. */
import { ClusterPage, type ClusterPageProps } from "../../../islands/cluster_page.tsx";
import { type ChangeStart, NO_CHANGE } from "../../../islands/models/change_model.ts";
import type { KeysStart } from "../../../islands/models/keys_model.ts";
import type { Registered } from "../clusters/registry.ts";
import type { RouteContext } from "../define.ts";
import { page, type PageResponse } from "../fresh/fresh.ts";

const NO_KEY: KeysStart = { key: "", outcome: null };

interface ViewOptions {
  readonly keys?: KeysStart;
  readonly change?: ChangeStart;
  readonly status?: number;
}

export async function clusterView(
  { state }: RouteContext,
  { live, loads }: Registered,
  { keys = NO_KEY, change = NO_CHANGE, status = 200 }: ViewOptions = {},
): Promise<PageResponse<ClusterPageProps>> {
  await live.refresh();
  const props = { cluster: live.detail(), runs: loads.list(), keys, change };
  state.document = { title: live.id, island: { name: "cluster", props } };
  return page(props, { status });
}

export function ClusterView({ data }: { readonly data: ClusterPageProps }) {
  return <ClusterPage {...data} />;
}
