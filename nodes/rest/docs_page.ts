/**
 * Renders an API's description as one HTML page: a node's `/docs` and the dashboard's `/api/docs`. The
 * page has no script and loads nothing else.
 */
import { createHash } from "node:crypto";

const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 25%, transparent); }
html { background: Canvas; color: CanvasText; }
a { color: LinkText; }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 54rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
h2 code { font-size: 1rem; }
.verb { text-transform: uppercase; font-weight: 700; }
pre, code { font-family: ui-monospace, monospace; }
pre { padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .4rem; white-space: pre-wrap; overflow-wrap: anywhere; }
h2 code, td code { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
`;

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

export const DOCS_HEADERS = {
  "content-security-policy":
    `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'`,
};

/** The parts of an OpenAPI document that the page shows. */
interface ApiDocument {
  readonly info: { readonly title: string; readonly description?: string };
  readonly servers?: readonly { readonly url: string }[];
  readonly paths?: Readonly<Record<string, { readonly [verb in Verb]?: unknown }>>;
}

const VERBS = ["get", "put", "post", "delete"] as const;
type Verb = typeof VERBS[number];

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: { readonly description?: string; readonly example?: unknown };
}

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly responses?: Readonly<Record<string, { readonly description?: string }>>;
  readonly security?: readonly unknown[];
  readonly requestBody?: {
    readonly content?: Readonly<Record<string, { readonly example?: unknown }>>;
  };
}

/** `source` is the path of the OpenAPI document. */
export function renderDocs(document: ApiDocument, source: string): string {
  const url = document.servers?.[0]?.url ?? "";
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    VERBS.flatMap((verb) => {
      const operation = item[verb] as Operation | undefined;
      return operation === undefined ? [] : [renderOperation(url, verb, path, operation)];
    })
  );
  const { title, description } = document.info;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<p>${marked(description ?? "")} The same for programs: <a href="${
    escape(source)
  }">openapi.json</a>.</p>
${operations.join("\n")}
</main>
</body>
</html>
`;
}

function renderOperation(url: string, verb: string, path: string, operation: Operation): string {
  const { summary, description, parameters = [], responses = {} } = operation;
  return `<section>
<h2>${escape(summary ?? path)} <code><span class="verb">${verb}</span> ${escape(path)}</code></h2>
${description === undefined ? "" : `<p>${marked(description)}</p>`}
<pre>${escape(curlLine(url, verb, path, operation))}</pre>
${
    table(
      ["Parameter", "In", "Meaning"],
      parameters.map((each) => [
        `<code>${escape(each.name)}</code>`,
        escape(each.in),
        marked(each.description ?? each.schema?.description ?? ""),
      ]),
    )
  }
${
    table(
      ["Answer", "Meaning"],
      Object.entries(responses).map((
        [status, response],
      ) => [escape(status), marked(response.description ?? "")]),
    )
  }
</section>`;
}

/** A curl command to try. A variable stands for the secret. */
function curlLine(url: string, verb: string, path: string, operation: Operation): string {
  const parts = ["curl"];
  const [content] = Object.entries(operation.requestBody?.content ?? {});
  const isImplied = verb === "get" || (verb === "post" && content !== undefined);
  if (!isImplied) parts.push(`-X ${verb.toUpperCase()}`);
  if (operation.security !== undefined) parts.push('-H "Authorization: Bearer $SECRET"');
  if (content !== undefined) {
    const [type, { example }] = content;
    if (example === undefined) parts.push("--data-binary hello");
    else parts.push(`-H 'Content-Type: ${type}' -d '${JSON.stringify(example)}'`);
  }
  const examples = new Map(
    (operation.parameters ?? []).map((each) => [each.name, each.schema?.example]),
  );
  const filled = path.replace(/\{(\w+)\}/g, (name, inner) => `${examples.get(inner) ?? name}`);
  parts.push(`${url}${filled}`);
  return parts.join(" ");
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const head = heads.map((each) => `<th scope="col">${each}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`);
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table>`;
}

/** Renders text between backticks as code. */
function marked(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
