/**
 * The dashboard as one application, made of the route files. Built without a socket, so that tests ask
 * it directly.
 */
import { manifest } from "../manifest.ts";
import { apiDescription, type OnUndescribed, watched } from "./api/describe.ts";
import type { Assets } from "./assets.ts";
import type { ClusterRegistry } from "./clusters/registry.ts";
import type { State } from "./define.ts";
import { type RequestHandler, requestHandler } from "./fresh/hono_adapter.ts";

interface DashboardOptions {
  readonly registry: ClusterRegistry;
  readonly assets: Promise<Assets>;
  /** Told of errors that are this server's own fault. */
  readonly onError: (error: unknown) => void;
  /** Told of an answer whose status the API's description does not know; tests take none. */
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
  const routes = onUndescribed === undefined ? manifest : watched(manifest, onUndescribed);
  return requestHandler({ routes, newState });
}
