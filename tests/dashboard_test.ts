/**
 * The dashboard in a real browser, with `deno task start` as a process and real nodes. `deno task test`
 * finds a Chromium.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { startDashboard } from "./dashboard_process.ts";
import { checkPage, hydrated, inBrowser } from "./dashboard_session.ts";
import { until } from "./live_cluster.ts";

async function put(page: Page, key: string, value: string): Promise<void> {
  await page.fill(".key-form [name=key]", key);
  await page.fill(".key-form [name=value]", value);
  await page.click(".key-form [value=put]");
  await page.waitForSelector(`.outcome h3:text-is("Stored: ${key}")`);
}

async function get(page: Page): Promise<void> {
  await page.click(".key-form [value=get]");
  await page.waitForSelector(".key-form [value=get][aria-busy=false]");
}

Deno.test("a cluster is launched, a key is stored and shown on the ring, and survives a killed node", async () => {
  await inBrowser(["--no-cluster"], async ({ open }) => {
    const page = await open("/");
    await hydrated(page);
    await page.click("text=Write-heavy");
    assert.equal(await page.inputValue("[name=w]"), "1");
    await page.click("text=The paper’s 3, 2, 2");
    await page.fill("[name=r]", "1");
    await page.fill("[name=w]", "1");
    assert.match(await page.innerText(".quorum"), /R \+ W = 2 ≤ N = 3/);
    await page.fill("[name=r]", "2");
    await page.fill("[name=w]", "2");
    await page.click("text=Partitioning, versions, coordinator, name");
    await page.fill("[name=name]", "mine");
    await page.click("text=Start the cluster");

    await page.waitForURL("**/clusters/mine");
    await hydrated(page);
    await page.waitForSelector("svg.ring");
    assert.equal(await page.locator(".ring .arc").count(), 128);
    assert.equal(await page.locator(".nodes .state-running").count(), 5);

    await put(page, "greeting", "hello");
    const list = await page.locator("#key-place li.primary").allInnerTexts();
    assert.equal(list.length, 3);
    const first = (list[0] as string).trim().split(/\s+/).at(-1) as string;
    // The drawing shows the same list, with lines to three numbered nodes.
    assert.equal(await page.locator(".ring .walk").count(), 3);
    const disc = page.locator(`.ring-node[aria-label^="${first}, running, number 1"]`);
    assert.equal(await disc.count(), 1);
    await page.waitForSelector("svg.waterfall .bar-answered");

    await disc.focus();
    await page.keyboard.press("Enter");
    await page.click(`button[aria-label="Kill ${first}"]`);
    await page.waitForSelector(`.ring-node.is-killed[aria-label^="${first}, killed"]`);
    await page.waitForSelector("tr.is-killed .state-killed");
    // The other nodes come to believe that it is down, by phi or by failed calls.
    await page.waitForSelector("tr.is-killed .suspected");
    assert.match(await page.innerText(".node-panel .suspected"), /believes? it is down/);

    await get(page);
    assert.equal(await page.innerText(".outcome pre.value"), "hello");
    await page.click(`button[aria-label="Restart ${first}"]`);
    await page.waitForSelector(`.ring-node.is-running[aria-label^="${first}, running"]`);
  });
});

Deno.test("siblings are shown side by side with their clocks, and one write reconciles them", async () => {
  await inBrowser([], async ({ open, dashboard }) => {
    await dashboard.ready("demo");
    const page = await open("/clusters/demo");
    await hydrated(page);
    await page.uncheck("[name=useContext]");
    await put(page, "colour", "teal");
    await put(page, "colour", "orange");
    // If a node is suspected for a moment, a fallback takes its writes. A sloppy quorum then does not
    // guarantee that the next read returns both; it only does so in the end.
    await until("both siblings are read", async () => {
      await get(page);
      return await page.isVisible("text=2 siblings of colour");
    });
    const values = await page.locator(".sibling pre.value").allInnerTexts();
    assert.deepEqual(values.toSorted(), ["orange", "teal"]);
    const dots = await page.locator(".sibling .clock-entry").allInnerTexts();
    assert.equal(new Set(dots).size, 2);
    assert.match(dots[0] as string, /^n\d:\d$/);

    await page.fill(".merge textarea", "teal and orange");
    await page.click("text=Write the merged value");
    await page.waitForSelector('.outcome h3:text-is("colour")');
    assert.equal(await page.innerText(".outcome pre.value"), "teal and orange");
    const clock = await page.locator(".clock-entry").allInnerTexts();
    assert.ok(clock.length >= 2, `the new version's clock covers the old ones: ${clock}`);

    // The feed has the requests too.
    await page.waitForSelector(".feed-text:has-text('put colour: ok')");
    await page.click(".feed button:text-is('replicas') >> nth=0");
    await page.waitForSelector("svg.waterfall");
  });
});

Deno.test("loads of puts and gets are overlaid in one histogram, listed, downloaded and cleared", async () => {
  await inBrowser([], async ({ open, dashboard }) => {
    await dashboard.ready("demo");
    const page = await open("/clusters/demo", { acceptDownloads: true });
    await hydrated(page);
    await page.fill("#load [name=count]", "300");
    await page.fill("#load [name=keyCount]", "50");
    await page.selectOption("#load [name=keys]", "zipfian");
    await page.click("#load button:text-is('Run')");
    await page.waitForSelector(".runs tbody tr:has-text('put #1')");
    await page.selectOption("#load [name=operation]", "get");
    await page.click("#load button:text-is('Run')");
    await page.waitForSelector(".runs tbody tr:has-text('get #2')");
    assert.ok(await page.locator(".series-put rect").count() > 1);
    assert.ok(await page.locator(".series-get rect").count() > 1);
    const row = await page.innerText(".runs tbody tr:has-text('put #1')");
    assert.match(row, /300\s+0\s/);
    assert.match(row, /zipfian of 50 keys/);

    const downloading = page.waitForEvent("download");
    await page.click("button[aria-label='Download CSV: Latency of acknowledged requests']");
    const csv = await Deno.readTextFile(await (await downloading).path());
    assert.match(csv, /^"from, ms","to, ms","put #1, %","get #2, %"\r\n/);
    const saving = page.waitForEvent("download");
    await page.click("button[aria-label='Download SVG: Latency of acknowledged requests']");
    const svg = await Deno.readTextFile(await (await saving).path());
    assert.match(svg, /^<svg[^>]* xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    assert.match(svg, /fill="rgb\(/);

    await page.uncheck("[aria-label='Draw put #1']");
    assert.equal(await page.locator("svg.histogram .series-put").count(), 0);
    await page.click("text=Clear results");
    await page.waitForSelector(".runs", { state: "detached" });

    // A long run is stopped and keeps its results.
    await page.fill("#load [name=count]", "1000000");
    await page.click("#load button:text-is('Run')");
    await page.waitForSelector("progress");
    await page.click("#load button:text-is('Stop')");
    await page.waitForSelector(".runs tbody tr:has-text('stopped early')");
  });
});

Deno.test("axe finds no violation, and no content is too wide, in light, dark and narrow windows", async () => {
  await inBrowser([], async ({ open, dashboard }) => {
    await dashboard.ready("demo");
    const killing = await fetch(`${dashboard.url}/api/clusters/demo/nodes/n5/kill`, {
      method: "POST",
    });
    assert.equal(killing.status, 200);
    await killing.body?.cancel();
    const looks = [
      { name: "light", colorScheme: "light" as const, viewport: { width: 1440, height: 900 } },
      { name: "dark", colorScheme: "dark" as const, viewport: { width: 1440, height: 900 } },
      { name: "narrow", colorScheme: "light" as const, viewport: { width: 390, height: 844 } },
      { name: "narrow dark", colorScheme: "dark" as const, viewport: { width: 390, height: 844 } },
    ];
    for (const { name, ...look } of looks) {
      // The content security policy would block axe; its results do not depend on the policy.
      const options = { ...look, bypassCSP: true };
      const front = await open("/", options);
      await hydrated(front);
      await front.click("text=Partitioning, versions, coordinator, name");
      await front.fill("[name=r]", "1");
      await checkPage(front, `front page, ${name}`);
      await front.context().close();

      const page = await open("/clusters/demo", options);
      await hydrated(page);
      await page.uncheck("[name=useContext]");
      const key = name.replace(" ", "-");
      await put(page, key, "one");
      await put(page, key, "two");
      // With a node down, fallbacks take its writes, so a read may return both only in the end.
      await until("both siblings are read", async () => {
        await get(page);
        return await page.isVisible(".siblings");
      });
      await page.click(".node-name >> nth=1");
      await page.fill("#load [name=count]", "50");
      await page.click("#load button:text-is('Run')");
      await page.waitForSelector("svg.histogram");
      for (const summary of await page.locator(".plot-tools summary").all()) await summary.click();
      await checkPage(page, `cluster page, ${name}`);
      await page.context().close();

      const missing = await open("/clusters/nowhere", options);
      await checkPage(missing, `error page, ${name}`);
      await missing.context().close();

      const api = await open("/api/docs", options);
      await checkPage(api, `API page, ${name}`);
      await api.context().close();
    }
  });
});

Deno.test("the pages work without scripts", async () => {
  await inBrowser([], async ({ open, dashboard }) => {
    await dashboard.ready("demo");
    const page = await open("/clusters/demo", { javaScriptEnabled: false });
    await page.fill(".key-form [name=key]", "plain");
    await page.fill(".key-form [name=value]", "old web");
    await page.click(".key-form [value=put]");
    assert.match(await page.innerText(".outcome h3"), /Stored: plain/);
    await page.fill(".key-form [name=key]", "plain");
    await page.click(".key-form [value=get]");
    assert.equal(await page.innerText(".outcome pre.value"), "old web");
    await page.click("button[aria-label='Kill n2']");
    assert.match(await page.innerText("tr.is-killed"), /n2/);
  });
});

Deno.test("the page answers while the cluster starts, a taken port is refused, a signal ends all", async () => {
  await using dashboard = await startDashboard([]);
  const page = await fetch(dashboard.url);
  assert.equal(page.status, 200);
  await page.body?.cancel();
  await dashboard.ready("demo");
  const { nodes } = await (await fetch(`${dashboard.url}/api/clusters/demo`)).json();
  const port = new URL(dashboard.url).port;

  const second = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "main.ts", "--port", port],
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.equal(second.code, 2);
  const message = new TextDecoder().decode(second.stderr);
  assert.match(message, new RegExp(`port ${port} of 127.0.0.1: it is taken by pid \\d+`));

  const { code } = await dashboard.end("SIGTERM");
  assert.equal(code, 0);
  for (const { pid } of nodes as { pid: number }[]) {
    assert.throws(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound);
  }
});
