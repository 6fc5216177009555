/**
 * Builds the dashboard's request handler from the route files. It has no socket, so tests can call
 * it directly.
 */
import { manifest } from "../manifest.ts";
import { apiDescription, type OnUndescribed, withStatusCheck } from "./api/describe.ts";
import type { Assets } from "./assets.ts";
import type { ClusterRegistry } from "./clusters/registry.ts";
import type { State } from "./define.ts";
import { type RequestHandler, requestHandler } from "./fresh/hono_adapter.ts";

interface DashboardOptions {
  readonly registry: ClusterRegistry;
  readonly assets: Promise<Assets>;
  /** Called for errors that are the dashboard's own fault. */
  readonly onError: (error: unknown) => void;
  /** Called for a status that the API's description lacks; without it, nothing is checked. */
  readonly onUndescribed?: OnUndescribed;
}

export function createDashboard(
  { registry, assets, onError, onUndescribed }: DashboardOptions,
): RequestHandler {
  const describeApi = apiDescription(manifest);
  const newState = (): State => ({
    clusters: registry,
    assets,
    describeApi,
    reportError: onError,
    document: { title: "", island: null },
  });
  const routes = onUndescribed === undefined ? manifest : withStatusCheck(manifest, onUndescribed);
  return requestHandler({ routes, newState });
}
