/**
 * Checker: a node that was removed comes back only with an empty disk. What it held may have been deleted
 * and forgotten since.
 */
import { always, type Checker } from "./checker.ts";

export const removedStayOut: Checker = {
  name: "removed-stay-out",
  about: "no member has the data directory that it was removed with",
  asserted: always,
  check({ record, nodes, memberData }) {
    const findings = memberData
      .filter(({ node, dataId }) =>
        record.removedData.get(nodes.indexOf(node))?.has(dataId) === true
      )
      .map(({ node, dataId }) => ({
        message:
          `${node} is a member again with the data directory ${dataId}, with which it was removed`,
      }));
    return { examined: memberData.length, findings };
  },
};
