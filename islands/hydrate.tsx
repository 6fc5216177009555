/** Hydrates the island that the server rendered, with the same props. */
import { type ComponentChild, hydrate } from "preact";

export function hydrateIsland<Props>(render: (props: Props) => ComponentChild): void {
  const root = document.getElementById("island");
  const props = document.getElementById("island-props")?.textContent;
  if (root === null || !props) {
    throw new Error("Cannot hydrate the page: it has no #island or no #island-props");
  }
  hydrate(render(JSON.parse(props) as Props), root);
  root.dataset["live"] = "true";
}
