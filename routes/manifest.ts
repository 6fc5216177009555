/**
 * All route files and special files below `routes/`. Fresh would find them itself. A test compares
 * this list with the folder.
 */
import type { RouteFiles } from "./(_server)/define.ts";
import * as app from "./_app.tsx";
import * as error from "./_error.tsx";
import * as middleware from "./_middleware.ts";
import * as apiEvents from "./api/clusters/[id]/events.ts";
import * as apiCluster from "./api/clusters/[id]/index.ts";
import * as apiKey from "./api/clusters/[id]/kv/[key].ts";
import * as apiLoad from "./api/clusters/[id]/load/[run]/index.ts";
import * as apiLoadStop from "./api/clusters/[id]/load/[run]/stop.ts";
import * as apiLoads from "./api/clusters/[id]/load/index.ts";
import * as apiNodeAct from "./api/clusters/[id]/nodes/[node]/[act].ts";
import * as apiNode from "./api/clusters/[id]/nodes/[node]/index.ts";
import * as apiNodeReplace from "./api/clusters/[id]/nodes/[node]/replace.ts";
import * as apiNodes from "./api/clusters/[id]/nodes/index.ts";
import * as apiPlan from "./api/clusters/[id]/plans/[plan].ts";
import * as apiKeyOnRing from "./api/clusters/[id]/ring/[key].ts";
import * as apiTransfers from "./api/clusters/[id]/transfers.ts";
import * as apiClusters from "./api/clusters/index.ts";
import * as apiDocs from "./api/docs.ts";
import * as apiDescription from "./api/openapi.json.ts";
import * as asset from "./assets/[hash]/[file].ts";
import * as cluster from "./clusters/[id].tsx";
import * as clusterCommit from "./clusters/[id]/commit.tsx";
import * as clusterDiscard from "./clusters/[id]/discard.ts";
import * as clusterEnd from "./clusters/[id]/end.ts";
import * as clusterKey from "./clusters/[id]/kv.tsx";
import * as clusterLoad from "./clusters/[id]/load.ts";
import * as clusterNodeAct from "./clusters/[id]/nodes/[node]/[act].ts";
import * as clusterPlan from "./clusters/[id]/plan.tsx";
import * as clusters from "./clusters/index.tsx";
import * as icon from "./icon.svg.ts";
import * as front from "./index.tsx";

export const manifest: RouteFiles = {
  "./_app.tsx": app,
  "./_error.tsx": error,
  "./_middleware.ts": middleware,
  "./api/clusters/[id]/events.ts": apiEvents,
  "./api/clusters/[id]/index.ts": apiCluster,
  "./api/clusters/[id]/kv/[key].ts": apiKey,
  "./api/clusters/[id]/load/[run]/index.ts": apiLoad,
  "./api/clusters/[id]/load/[run]/stop.ts": apiLoadStop,
  "./api/clusters/[id]/load/index.ts": apiLoads,
  "./api/clusters/[id]/nodes/[node]/[act].ts": apiNodeAct,
  "./api/clusters/[id]/nodes/[node]/index.ts": apiNode,
  "./api/clusters/[id]/nodes/[node]/replace.ts": apiNodeReplace,
  "./api/clusters/[id]/nodes/index.ts": apiNodes,
  "./api/clusters/[id]/plans/[plan].ts": apiPlan,
  "./api/clusters/[id]/ring/[key].ts": apiKeyOnRing,
  "./api/clusters/[id]/transfers.ts": apiTransfers,
  "./api/clusters/index.ts": apiClusters,
  "./api/docs.ts": apiDocs,
  "./api/openapi.json.ts": apiDescription,
  "./assets/[hash]/[file].ts": asset,
  "./clusters/[id].tsx": cluster,
  "./clusters/[id]/commit.tsx": clusterCommit,
  "./clusters/[id]/discard.ts": clusterDiscard,
  "./clusters/[id]/end.ts": clusterEnd,
  "./clusters/[id]/kv.tsx": clusterKey,
  "./clusters/[id]/load.ts": clusterLoad,
  "./clusters/[id]/nodes/[node]/[act].ts": clusterNodeAct,
  "./clusters/[id]/plan.tsx": clusterPlan,
  "./clusters/index.tsx": clusters,
  "./icon.svg.ts": icon,
  "./index.tsx": front,
};
