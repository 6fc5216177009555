/**
 * Why a start failed, in the format of `nodes/cluster/start_failures.ts`: a line with the reason, a
 * line with what to do, an empty line, and the output of the process itself.
 */

export function FailureText({ text }: { readonly text: string }) {
  const [summary = "", ...rest] = text.split("\n\n");
  const output = rest.join("\n\n");
  return (
    <>
      {summary.split("\n").map((line) => (
        <p key={line}>
          <Line text={line} />
        </p>
      ))}
      {output !== "" && <pre tabIndex={0}>{output}</pre>}
    </>
  );
}

/** A line of text. A command at its end is set as code, so that it is easy to copy. */
function Line({ text }: { readonly text: string }) {
  const [, before, command] = /^(.* run: )(.+)$/.exec(text) ?? [];
  if (command === undefined) return <>{text}</>;
  return (
    <>
      {before}
      <code>{command}</code>
    </>
  );
}
