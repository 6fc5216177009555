/**
 * Why something did not start, as `nodes/cluster/start_failures.ts` writes it: a line that says why, a line that
 * says what to do, and, after an empty line, what the process itself said.
 */

export function FailureText({ text }: { readonly text: string }) {
  const [plain = "", ...rest] = text.split("\n\n");
  const said = rest.join("\n\n");
  return (
    <>
      {plain.split("\n").map((line) => (
        <p key={line}>
          <Line text={line} />
        </p>
      ))}
      {said !== "" && <pre tabIndex={0}>{said}</pre>}
    </>
  );
}

/** A command at the end stands apart, so that it can be copied. */
function Line({ text }: { readonly text: string }) {
  const [, words, command] = /^(.* run: )(.+)$/.exec(text) ?? [];
  if (command === undefined) return <>{text}</>;
  return (
    <>
      {words}
      <code>{command}</code>
    </>
  );
}
