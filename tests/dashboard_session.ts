/** A browser with its own dashboard, for tests that use the pages. */
import assert from "node:assert/strict";
import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { type Dashboard, startDashboard } from "./dashboard_process.ts";

/** Long enough for a busy machine with two cores. */
const PATIENCE_MS = 30_000;

interface Session {
  readonly dashboard: Dashboard;
  readonly browser: Browser;
  /** Opens a page in a new browser context. Its console must stay free of errors. */
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
      // The browser logs refused requests as errors; the page shows them.
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

/** Waits until the page is hydrated. */
export async function hydrated(page: Page): Promise<void> {
  await page.waitForSelector("#island[data-live]", { state: "attached" });
}

/** Asserts that axe finds no violation, that the page is not too wide, and that no command is cut off. */
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
  assert.ok(
    scrollWidth <= clientWidth,
    `${name}: content ${scrollWidth}, window ${clientWidth} px`,
  );
  for (const curl of await page.locator(".curl").all()) {
    const isWhole = await curl.evaluate((line) => line.scrollWidth <= line.clientWidth);
    assert.ok(isWhole, `${name}: '${await curl.innerText()}' is cut off`);
  }
}
