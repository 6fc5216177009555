/** The page of all clusters, for all routes that respond with it. */
import { ClustersPage, type ClustersPageProps } from "../../../islands/clusters_page.tsx";
import type { Problem } from "../../../islands/models/api.ts";
import type { LaunchFields } from "../../../islands/models/presets.ts";
import type { RouteContext } from "../define.ts";
import { page, type PageResponse } from "../fresh/fresh.ts";

export function clustersView(
  { state }: RouteContext,
  fields: LaunchFields,
  problem: Problem | null,
): PageResponse<ClustersPageProps> {
  const clusters = state.clusters.list().map(({ live }) => live.summary());
  const props = { clusters, fields, problem };
  state.document = { title: "Clusters", island: { name: "clusters", props } };
  return page(props, { status: problem?.status ?? 200 });
}

export function ClustersView({ data }: { readonly data: ClustersPageProps }) {
  return <ClustersPage {...data} />;
}
