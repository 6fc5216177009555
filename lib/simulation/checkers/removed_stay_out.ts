/**
 * Checker: a removed node becomes a member again only with an empty disk. Its old data may include
 * keys that were deleted in the meantime and whose tombstones are reaped: they would return.
 */
import { always, type Checker } from "./checker.ts";

export const removedStayOut: Checker = {
  name: "removed-stay-out",
  about: "no removed node is a member again with its old data directory",
  asserted: always,
  check({ record, nodes, memberData }) {
    const findings = memberData
      .filter(({ node, dataId }) =>
        record.removedData.get(nodes.indexOf(node))?.has(dataId) === true
      )
      .map(({ node, dataId }) => ({
        message: `${node} was removed, and is a member again with its old data directory ${dataId}`,
      }));
    return { examined: memberData.length, findings };
  },
};
