/**
 * The RPC methods that prepare a join; the caller need not be a member. `initial-config` gives a joining
 * node the initial configuration and the current membership. `identify` tells a member which node
 * listens at an address, and which configuration that node has.
 *
 * The caller must have the cluster's secret. The member compares the configurations before it plans a
 * join. So a node of another cluster, or with another initial configuration, never receives keys.
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

/** The answer to `initial-config`. */
interface InitialConfigAnswer {
  readonly initialConfig: InitialClusterConfig;
  readonly membership: MembershipState;
}

/** The answer to `identify`. */
export interface Identity {
  readonly id: NodeId;
  /** The id of its data directory. */
  readonly dataId: string;
  /** Null if the directory never belonged to a member. */
  readonly condition: DiskCondition | null;
  /** The URL that it gives to others. */
  readonly url: string;
  /** From its command line; null if not given. */
  readonly weight: number | null;
  /** From its command line; null if not given. */
  readonly zone: string | null;
  readonly memberStatus: MemberStatus | null;
  readonly fixedConfig: ReturnType<typeof fixedPart>;
  /** Equal for all nodes with the same initial configuration. */
  readonly initialConfigId: string;
}

/** The parts of a node that go into its answers. They are read again for each answer. */
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
  const fixedConfig = fixedPart(service.initialConfig.config);
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
        fixedConfig,
        initialConfigId,
      };
      return answer;
    },
  };
}

/** The id of an initial configuration: a digest of its fixed part and its ring, which is random. */
export function initialConfigIdOf({ config, ring }: InitialClusterConfig): string {
  return md5(JSON.stringify([fixedPart(config), ring])).slice(0, 12);
}

/** The identity in an answer; null if the answer is malformed. */
export function parseIdentity(given: unknown): Identity | null {
  if (!isObject(given)) return null;
  const { id, dataId, condition, url, weight, zone, fixedConfig, initialConfigId } = given;
  const hasCondition = condition === null || condition === "whole" || condition === "recovering";
  const isValid = hasCondition && isNodeId(id) && isNodeId(dataId) && isNodeUrl(url) &&
    isObject(fixedConfig) &&
    isVersionName(initialConfigId) && isMemberDraft({ weight, zone });
  return isValid ? given as unknown as Identity : null;
}

/** The difference between the other node's initial configuration and our own; null if there is none. */
export function initialConfigDifference(
  own: InitialClusterConfig,
  { fixedConfig, initialConfigId }: Identity,
): string | null {
  const ours = fixedPart(own.config);
  for (const name of Object.keys(ours) as (keyof ClusterConfig & keyof typeof ours)[]) {
    if (fixedConfig[name] !== ours[name]) {
      return `its ${name} is '${fixedConfig[name]}', this cluster's is '${ours[name]}'`;
    }
  }
  if (initialConfigId === initialConfigIdOf(own)) return null;
  return "it belongs to another cluster: start it with --join and an empty data directory";
}
