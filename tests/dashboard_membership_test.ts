/** Membership changes on the cluster's page, in a browser. See `dashboard_test.ts`. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { checkPage, hydrated, inBrowser } from "./dashboard_session.ts";

interface Fills {
  /** The number of arcs in the ring's drawing, by their fill, which shows the owner. */
  readonly [fill: string]: number;
}

async function fillsOf(page: Page): Promise<Fills> {
  const fills = await page.locator(".ring .arc").evaluateAll((arcs) =>
    arcs.map((arc) => arc.getAttribute("fill") ?? "")
  );
  const counts: Record<string, number> = {};
  for (const fill of fills) counts[fill] = (counts[fill] ?? 0) + 1;
  return counts;
}

Deno.test("a node is planned, added and shown with its partitions, and another one leaves", async () => {
  await inBrowser([], async ({ open, dashboard }) => {
    await dashboard.ready("demo");
    const page = await open("/clusters/demo", { bypassCSP: true });
    await hydrated(page);
    await page.waitForSelector(".connection-live");
    assert.equal(await page.locator(".nodes tbody tr").count(), 5);
    const before = await fillsOf(page);
    assert.deepEqual(Object.keys(before).length, 5);

    // By keyboard: the plan gets the focus when it appears.
    await page.focus("button:text-is('Add a node')");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#plan-title:focus");
    assert.equal(await page.innerText("#plan-title"), "If n6 joins");
    assert.match(await page.innerText(".plan"), /\d+ partitions change owners .* of data/);
    const row = await page.innerText(".balance tr:has-text('n6')");
    const share = Number(/0\s*→\s*(?:becomes)?\s*(\d+)/.exec(row)?.[1]);
    assert.ok(share === 21 || share === 22, `128 partitions on 6 nodes: ${row}`);
    assert.equal(await page.locator(".nodes tbody tr").count(), 5, "a plan changes nothing yet");
    await checkPage(page, "the plan");

    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".nodes tbody tr:nth-child(6) .state-running");
    await page.waitForSelector(".ring-node[aria-label^='n6, running']");
    await page.waitForSelector(".change :text('Done: n6 joins')");
    await page.waitForFunction(
      (wanted) => document.querySelectorAll(".ring .arc[fill='url(#owner-5)']").length === wanted,
      share,
    );
    const after = await fillsOf(page);
    assert.equal(Object.values(after).reduce((sum, count) => sum + count, 0), 128);
    await page.waitForSelector(".feed-text:has-text('n6 is a member')");
    await page.waitForSelector(".kind-membership .feed-text:has-text('→ n6')");

    // A running node can leave. It can be neither removed nor replaced.
    await page.click(".node-name:has-text('n2')");
    assert.equal(await page.isDisabled("button[aria-label='Remove n2']"), true);
    assert.equal(await page.isDisabled("button[aria-label='Replace n2']"), true);
    await page.click("button[aria-label='Leave n2']");
    await page.waitForSelector("#plan-title:has-text('If n2 leaves')");
    await page.click("button:has-text('Commit: n2 leaves')");
    await page.waitForSelector(".nodes tbody tr:has-text('n2')", { state: "detached" });
    // The drawing is updated within a second. Until then arcs can show the fill of a former member.
    await page.waitForFunction(() =>
      document.querySelectorAll(
        ".ring .arc[fill='url(#owner-1)'], .ring .arc[fill='url(#owner-gone)']",
      ).length === 0
    );
    assert.equal(await page.locator(".nodes tbody tr").count(), 5);
    assert.equal(Object.keys(await fillsOf(page)).length, 5);
    await checkPage(page, "after a node has left");
  });
});

Deno.test("a refusal and a cancelled plan leave the cluster as it is", async () => {
  await inBrowser([], async ({ open, dashboard }) => {
    await dashboard.ready("demo");
    const page = await open("/clusters/demo");
    await hydrated(page);
    await page.click("button:text-is('Add a node')");
    await page.waitForSelector("#plan-title");
    await page.click("button:text-is('Cancel')");
    await page.waitForSelector("button:text-is('Add a node')");
    assert.equal(await page.locator(".nodes tbody tr").count(), 5);

    await page.click(".node-name:has-text('n3')");
    await page.click("button[aria-label='Pause n3']");
    await page.waitForSelector("tr.is-paused");
    const refused = await fetch(`${dashboard.url}/api/clusters/demo/nodes/n3`, {
      method: "DELETE",
    });
    assert.equal(refused.status, 409);
    assert.match((await refused.json()).detail, /remove node n3 while it is paused/);
  });
});
