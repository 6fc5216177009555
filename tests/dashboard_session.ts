/** A browser on a dashboard of its own, for the tests that use the pages as a person does. */
import assert from "node:assert/strict";
import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { type Dashboard, startDashboard } from "./dashboard_process.ts";

/** Two busy cores are slow, and a test must not mind. */
const PATIENCE_MS = 30_000;

interface Session {
  readonly dashboard: Dashboard;
  readonly browser: Browser;
  /** A page of a context of its own, whose console must stay free of errors. */
  open(path: string, options?: Parameters<Browser["newContext"]>[0]): Promise<Page>;
}

export async function inBrowser(
  args: string[],
  body: (session: Session) => Promise<void>,
): Promise<void> {
  const problems: string[] = [];
  await using dashboard = await startDashboard(args);
  const browser = await launchBrowser();
  const open = async (path: string, options = {}) => {
    const context: BrowserContext = await browser.newContext(options);
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    page.on("pageerror", (error) => problems.push(`${path}: ${error.message}`));
    page.on("console", (message) => {
      // What the store refuses is shown on the page; the browser logs it as well.
      const isAnswer = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isAnswer) problems.push(`${path}: ${message.text()}`);
    });
    await page.goto(dashboard.url + path);
    return page;
  };
  try {
    await body({ dashboard, browser, open });
  } finally {
    await browser.close();
  }
  assert.deepEqual(problems, []);
}

/** Waits until the page's scripts have taken over. */
export async function hydrated(page: Page): Promise<void> {
  await page.waitForSelector("#island[data-live]", { state: "attached" });
}

/** Axe finds nothing, nothing sticks out, and no command line is cut. */
export async function checkPage(page: Page, name: string): Promise<void> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Found[] }> } };
    interface Found {
      readonly id: string;
      readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
    }
    const found = await axe.run();
    return found.violations.map(({ id, nodes }) =>
      `${id} ×${nodes.length}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`
    );
  });
  assert.deepEqual(violations, [], name);
  const { clientWidth, scrollWidth } = await page.evaluate(() => ({
    clientWidth: document.documentElement.clientWidth,
    scrollWidth: document.documentElement.scrollWidth,
  }));
  assert.ok(scrollWidth <= clientWidth, `${name} is ${scrollWidth} wide on ${clientWidth}`);
  for (const curl of await page.locator(".curl").all()) {
    const isWhole = await curl.evaluate((line) => line.scrollWidth <= line.clientWidth);
    assert.ok(isWhole, `${name} cuts '${await curl.innerText()}'`);
  }
}
