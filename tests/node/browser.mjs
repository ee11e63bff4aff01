// Debian's Chromium, moved by lines of JSON on standard input: {"call": NAME, "page": NAME, ...},
// each answered by one line on standard output: {"value": ...} or {"error": TEXT}. A page's own
// errors are kept for the call "faults". It ends when its standard input does. See tests/flow/browser.py.

import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const POLL_MS = 100;

const browser = await chromium.launch({
  executablePath: EXECUTABLE,
  // Without a screen Chromium renders in software, which takes longest when it plays a GPU; without its
  // sandbox it runs as root too.
  args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), '--mute-audio', '--disable-gpu'],
});
const pages = new Map();

async function open(name, { width = 1280, height = 800, scheme = 'light', touch = false, before }) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, hasTouch: touch, isMobile: touch,
    deviceScaleFactor: touch ? 2 : 1,
  });
  if (before) {
    await context.addInitScript({ content: before });
  }
  const page = await context.newPage();
  const faults = [];
  const requests = [];
  page.on('pageerror', (e) => faults.push(String(e)));
  page.on('console', (m) => {
    if (m.type() === 'error') {
      faults.push(`${m.text()} ${m.location().url ?? ''}`);
    }
  });
  pages.set(name, { page, context, faults, requests });
  page.on('request', (r) => requests.push(r.url()));
}

function evaluate({ page, code, argument = null }) {
  return pages.get(page).page.evaluate(`(${code})(${JSON.stringify(argument)})`);
}

// Not Playwright's waitForFunction: that one is evaluated in the page, whose policy forbids it.
async function wait(options) {
  const deadline = performance.now() + options.timeout;
  for (let last = ''; ;) {
    try {
      const value = await evaluate(options);
      if (value) {
        return value;
      }
      last = '';
    } catch (e) {
      last = `: ${e}`; // what it asks for is not there yet, or the page is being left
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${options.timeout} ms${last}`);
    }
    await sleep(POLL_MS);
  }
}

const calls = {
  open: ({ page, ...options }) => open(page, options),
  close: async ({ page }) => {
    await pages.get(page).context.close();
    pages.delete(page);
  },
  goto: async ({ page, url }) => (await pages.get(page).page.goto(url)).status(),
  evaluate: (options) => evaluate(options),
  wait: (options) => wait(options),
  click: ({ page, selector, timeout }) => pages.get(page).page.click(selector, { timeout }),
  fill: ({ page, selector, text }) => pages.get(page).page.fill(selector, text),
  choose: ({ page, selector, value }) => pages.get(page).page.selectOption(selector, value),
  press: ({ page, key }) => pages.get(page).page.keyboard.press(key),
  hover: ({ page, selector }) => pages.get(page).page.hover(selector),
  resize: ({ page, width, height }) => pages.get(page).page.setViewportSize({ width, height }),
  shot: async ({ page, path, whole = false }) => {
    await pages.get(page).page.screenshot({ path, fullPage: whole });
  },
  faults: ({ page }) => pages.get(page).faults,
  requests: ({ page }) => pages.get(page).requests,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, ...options } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await calls[call](options)) ?? null };
  } catch (e) {
    answer = { error: String(e) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
