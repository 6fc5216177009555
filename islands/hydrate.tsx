/** Brings to life what the server has drawn, from the same props. */
import { type ComponentChild, hydrate } from "preact";

export function hydrateIsland<Props>(render: (props: Props) => ComponentChild): void {
  const root = document.getElementById("island");
  const props = document.getElementById("island-props")?.textContent;
  if (root === null || !props) throw new Error("The page has no island: its server drew none");
  hydrate(render(JSON.parse(props) as Props), root);
  root.dataset["live"] = "true";
}
