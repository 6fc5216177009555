/**
 * The HTML document around every page. Scripts and styles come only from this server's files. An
 * island's props are embedded as JSON, which the content security policy does not execute.
 */
import { define } from "./(_server)/define.ts";

export default define.page(async function App({ Component, state }) {
  const { title, island } = state.document;
  const { styles, scriptOf } = await state.assets;
  // Null if the page has no island or bundling failed: the page then has no script.
  const script = island === null ? null : scriptOf(island.name);
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · Dynamo Simulator`}</title>
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
        {styles.map((href) => <link key={href} rel="stylesheet" href={href} />)}
        {script !== null && <script type="module" src={script}></script>}
      </head>
      <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header class="site">
          <nav aria-label="Site">
            <a class="brand" href="/">
              <Mark /> Dynamo Simulator
            </a>
            <ul>
              <li>
                <a href="/" aria-current={title === "Clusters" ? "page" : undefined}>Clusters</a>
              </li>
              <li>
                <a href="/api/docs">API</a>
              </li>
            </ul>
          </nav>
        </header>
        <main id="content">
          <div id="island">
            <Component />
          </div>
        </main>
        {island !== null && (
          <script
            type="application/json"
            id="island-props"
            dangerouslySetInnerHTML={{ __html: scriptSafe(island.props) }}
          />
        )}
      </body>
    </html>
  );
});

/** JSON that cannot close the script element around it. */
function scriptSafe(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <circle cx="12" cy="12" r="9" pathLength={100} />
      <circle class="mark-part" cx="12" cy="12" r="9" pathLength={100} />
      <circle class="mark-dot" cx="12" cy="12" r="2.6" />
    </svg>
  );
}
