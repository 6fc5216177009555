/**
 * What a node tells about itself before anybody is a member: to a node that wants to join, what the
 * cluster was founded with and what has changed since; to a member that is to let a node join, who
 * listens at an address and what it was told of the cluster.
 *
 * The one who asks has to show the cluster's secret. The answers are compared before a plan is made,
 * so that a node of another cluster, or one that was founded otherwise, never gets keys.
 */
import { md5 } from "js-md5";
import type { MembershipState } from "../../lib/dynamo/membership/membership_state.ts";
import type { DiskCondition } from "../../lib/dynamo/types/boot.ts";
import { type ClusterConfig, fixedPart } from "../../lib/dynamo/types/config.ts";
import type { MemberStatus, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import type { OpenMethods } from "../rpc/server.ts";
import { isMemberDraft, isNodeUrl, isVersionName } from "../rpc/validate_membership.ts";
import { isNodeId, isObject } from "../rpc/validation.ts";

/** The answer to `initialConfig`. */
interface InitialConfigAnswer {
  readonly initialConfig: InitialClusterConfig;
  readonly membership: MembershipState;
}

/** The answer to `identify`. */
export interface Identity {
  readonly id: NodeId;
  /** Names its data directory. */
  readonly dataId: string;
  /** Null: the directory was never a member's. */
  readonly condition: DiskCondition | null;
  /** Where it believes to be reached. */
  readonly url: string;
  /** As it was started: null where nothing was said. */
  readonly weight: number | null;
  readonly zone: string | null;
  readonly memberStatus: MemberStatus | null;
  readonly founded: ReturnType<typeof fixedPart>;
  /** Equal for nodes that were founded together. */
  readonly initialConfigId: string;
}

/** What of a node goes into its answers; read anew for each. */
interface IdentifiedNode {
  readonly initialConfig: InitialClusterConfig;
  readonly replica: { readonly durableMembership: MembershipState };
  readonly boot: { readonly self: NodeId; readonly dataId: string };
  readonly self: { readonly url: string };
  readonly memberStatus: MemberStatus | null;
  readonly store: { readonly condition?: DiskCondition | undefined };
  readonly joinAttributes: {
    readonly weight?: number | undefined;
    readonly zone?: string | undefined;
  };
}

export function openMethodsOf(service: IdentifiedNode): OpenMethods {
  const founded = fixedPart(service.initialConfig.config);
  const initialConfigId = initialConfigIdOf(service.initialConfig);
  return {
    initialConfig: () => {
      const answer: InitialConfigAnswer = {
        initialConfig: service.initialConfig,
        membership: service.replica.durableMembership,
      };
      return answer;
    },
    identify: () => {
      const { boot, self, memberStatus, store, joinAttributes } = service;
      const answer: Identity = {
        id: boot.self,
        dataId: boot.dataId,
        condition: store.condition ?? null,
        url: self.url,
        weight: joinAttributes.weight ?? null,
        zone: joinAttributes.zone ?? null,
        memberStatus,
        founded,
        initialConfigId,
      };
      return answer;
    },
  };
}

/** Names an initialConfig: its ring was drawn once. */
export function initialConfigIdOf({ config, ring }: InitialClusterConfig): string {
  return md5(JSON.stringify([fixedPart(config), ring])).slice(0, 12);
}

/** The identity, when it is one. */
export function parseIdentity(given: unknown): Identity | null {
  if (!isObject(given)) return null;
  const { id, dataId, condition, url, weight, zone, founded, initialConfigId } = given;
  const hasCondition = condition === null || condition === "whole" || condition === "recovering";
  const isWhole = hasCondition && isNodeId(id) && isNodeId(dataId) && isNodeUrl(url) &&
    isObject(founded) &&
    isVersionName(initialConfigId) && isMemberDraft({ weight, zone });
  return isWhole ? given as unknown as Identity : null;
}

/** How the two were founded differently; null when they were founded alike. */
export function initialConfigDifference(
  own: InitialClusterConfig,
  { founded, initialConfigId }: Identity,
): string | null {
  const ours = fixedPart(own.config);
  for (const name of Object.keys(ours) as (keyof ClusterConfig & keyof typeof ours)[]) {
    if (founded[name] !== ours[name]) {
      return `its ${name} is '${founded[name]}', this cluster's is '${ours[name]}'`;
    }
  }
  if (initialConfigId === initialConfigIdOf(own)) return null;
  return "it was founded by itself: start it with --join, on an empty data directory";
}
