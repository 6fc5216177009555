/**
 * A node's log on standard error, with LogTape; one line for each event. The library is loaded with the
 * first line, because most nodes log nothing at their start.
 */
import type { NodeLog } from "./node.ts";

type Level = keyof NodeLog;

export function openLog(node: string): NodeLog {
  let writing: Promise<NodeLog> | undefined;
  const write = (level: Level, message: string) => {
    writing ??= load(node);
    // The lines stay in order, since all wait for the same promise.
    writing.then((log) => log[level](message), (error) => console.error(message, error));
  };
  return {
    info: (message) => write("info", message),
    warn: (message) => write("warn", message),
    error: (message) => write("error", message),
  };
}

async function load(node: string): Promise<NodeLog> {
  const { configure, getLogger, getTextFormatter } = await import("@logtape/logtape");
  const format = getTextFormatter({ timestamp: "rfc3339", category: "." });
  const encoder = new TextEncoder();
  await configure({
    sinks: { stderr: (record) => Deno.stderr.writeSync(encoder.encode(format(record))) },
    loggers: [
      { category: ["dynamo"], sinks: ["stderr"], lowestLevel: "info" },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "warning" },
    ],
  });
  const logger = getLogger(["dynamo", node]);
  return {
    info: (message) => logger.info(literal(message)),
    warn: (message) => logger.warn(literal(message)),
    error: (message) => logger.error(literal(message)),
  };
}

/** Escapes braces: the library treats messages as templates. */
function literal(message: string): string {
  return message.replace(/[{}]/g, "$&$&");
}
