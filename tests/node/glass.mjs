// How old the picture is that a viewer sees: opens a watch page, or plays an HLS address with bare
// hls.js, in headless Chromium, and reads the clock that tests/support/camera.py draws into each frame.
//
//   node glass.mjs '{"url": "http://.../stream/ID", "seconds": 60, "level": "P240", "switch": false}'
//
// Several of these are looked at one behind the other, each in a page of its own.
//
// url: of a watch page, or of a playlist (.m3u8); warmUp: seconds before it counts; level: the
// rendition to stay on ("" : what hls.js chooses); switch: goes through all levels, up and down,
// meanwhile; samples: with latency, buffer and rate of each frame. One line of JSON comes out for each:
// latencies in ms, frames, stalls, the longest gap between two frames and the most of the stream that
// was passed over between two, in ms, errors, switches.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const START_LIMIT_MS = 40000;
const page_text = `<!doctype html><meta charset=utf-8><title>glass</title>
<video id=v muted autoplay playsinline width=640 height=360></video>
<script src=/hls.js></script>`;

const defaults = { seconds: 20, level: "", switch: false, lowLatency: true, samples: false, warmUp: 5 };

function serve() {
  const script = readFileSync(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js"));
  const server = createServer((request, response) => {
    const is_script = request.url === "/hls.js";
    response.setHeader("Content-Type", is_script ? "text/javascript" : "text/html");
    response.end(is_script ? script : page_text);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

// Runs inside of the page: looks at each frame that is shown.
function look() {
  const video = document.querySelector("video");
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 36;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const seen = (window.glass = {
    latencies: [], unread: 0, shown: 0, stalls: [], errors: [], switches: [], widths: {}, samples: [], times: [],
  });
  const read = () => {
    context.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 10, 0, 0, 640, 36);
    const pixels = context.getImageData(0, 18, 640, 1).data;
    const bits = Array.from({ length: 40 }, (_, i) => (pixels[(i * 16 + 8) * 4] > 127 ? 1 : 0));
    if (bits[0] !== 1 || bits[1] !== 0) return null;
    const value = bits.slice(2, 34).reduce((sum, bit) => sum * 2 + bit, 0);
    const check = bits.slice(34).reduce((sum, bit) => sum * 2 + bit, 0);
    const sum = [0, 8, 16, 24].reduce((all, shift) => all + ((value >>> shift) & 255), 0) & 63;
    return sum === check ? value : null;
  };
  const on_frame = (now, { mediaTime }) => {
    seen.shown++;
    seen.times.push([performance.now(), mediaTime]);
    const value = read();
    const clock = (performance.timeOrigin + performance.now()) % 4294967296;
    if (value === null) seen.unread++;
    else seen.latencies.push([performance.now(), clock - value]);
    const n = video.buffered.length;
    seen.samples.push([performance.now(), value === null ? null : clock - value, window.hls?.latency,
      n > 0 ? video.buffered.end(n - 1) - video.currentTime : 0, video.playbackRate]);
    seen.widths[video.videoWidth] = (seen.widths[video.videoWidth] ?? 0) + 1;
    video.requestVideoFrameCallback(on_frame);
  };
  video.requestVideoFrameCallback(on_frame);
  video.addEventListener("waiting", () => seen.stalls.push(performance.now()));
  window.watch_hls = (hls) => {
    window.hls = hls;
    hls.on("hlsError", (_, e) => seen.errors.push([performance.now(), e.details, e.fatal, String(e.reason ?? e.error ?? "")]));
    hls.on("hlsLevelSwitched", (_, e) => seen.switches.push([performance.now(), e.level]));
  };
}

// Runs ahead of the watch page's own: the choice is made when the player is, before it begins.
function choose(level) {
  Object.defineProperty(Element.prototype, "player", {
    set(player) {
      Object.defineProperty(this, "player", { value: player });
      if (level !== "") queueMicrotask(() => player.playback.choose(level));
    },
  });
}

// Runs inside of the watch page: looks at what its player plays.
function start_page() {
  const { playback } = document.querySelector(".player").player;
  for (const error of playback.errors) window.glass.errors.push([0, error, false, ""]);
  window.watch_hls(playback.hls);
}

// Runs inside of the watch page, as its list of rungs does, or of the bare page.
function switch_to(n) {
  const playback = document.querySelector(".player")?.player.playback;
  const name = window.hls.levels[n].url[0].split("/").at(-2);
  if (playback) playback.choose(name);
  else window.hls.nextLevel = n;
}

// Runs inside of the bare page.
function start_bare(o) {
  const hls = new Hls({ lowLatencyMode: o.lowLatency, maxLiveSyncPlaybackRate: 1.1, ...o.config });
  const video = document.querySelector("video");
  window.watch_hls(hls);
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    const level = hls.levels.findIndex((l) => l.uri.includes(o.level));
    if (o.level !== "" && level >= 0) hls.startLevel = hls.currentLevel = level;
    if (o.level !== "" && level < 0) window.glass.errors.push([0, "no such level", true, o.level]);
  });
  hls.loadSource(o.url);
  hls.attachMedia(video);
  video.play().catch(() => {});
}

const percentile = (sorted, p) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))]);

// The longest time between two frames, in ms.
function longest_gap(times) {
  return Math.round(Math.max(0, ...times.slice(1).map((at, i) => at - times[i])));
}

// How much of the stream was passed over at most between two frames, in ms: a frozen picture, also
// where the sound went on and no event told.
function longest_skip(times) {
  return Math.round(Math.max(0, ...times.slice(1).map(([, at], i) => at - times[i][1])) * 1000);
}

function report(options, seen, from, state) {
  const after = (list) => list.filter(([at]) => at >= from);
  const sorted = after(seen.latencies).map(([, ms]) => ms).sort((a, b) => a - b);
  return {
    frames: sorted.length, shown: seen.shown, unread: seen.unread, widths: seen.widths,
    p50: percentile(sorted, 50), p95: percentile(sorted, 95), p99: percentile(sorted, 99),
    min: percentile(sorted, 0), max: percentile(sorted, 100),
    stalls: seen.stalls.filter((at) => at >= from).length,
    longest_gap: longest_gap(after(seen.samples).map(([at]) => at)),
    longest_skip: longest_skip(after(seen.times)),
    errors: seen.errors.map(([at, ...what]) => [Math.round(at), ...what]),
    switches: seen.switches.map(([at, level]) => [Math.round(at), level]),
    ...(options.samples ? { samples: seen.samples, times: seen.times } : {}), ...state,
  };
}

async function watch(page, options) {
  const is_page = !new URL(options.url).pathname.endsWith(".m3u8");
  if (is_page) {
    await page.addInitScript(choose, options.level);
    await page.goto(options.url);
    await page.waitForFunction(() => document.querySelector(".player").player.playback.hls, null,
      { timeout: START_LIMIT_MS });
  } else {
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
  }
  await page.evaluate(look);
  await page.evaluate(is_page ? start_page : start_bare, options);
  await page.waitForFunction(() => window.glass.latencies.length > 0, null, { timeout: START_LIMIT_MS });
  await page.waitForTimeout(options.warmUp * 1000);
  const from = await page.evaluate(() => performance.now());
  const levels = await page.evaluate(() => window.hls.levels.length);
  const turns = options.switch ? 2 * levels : 1;
  for (let turn = 0; turn < turns; turn++) {
    if (options.switch) {
      const level = turn < levels ? turn : 2 * levels - 1 - turn;
      await page.evaluate(switch_to, level);
    }
    await page.waitForTimeout((options.seconds * 1000) / turns);
  }
  const state = await page.evaluate(() => ({
    hls_latency: window.hls.latency, target: window.hls.targetLatency,
    levels: window.hls.levels.map((l) => l.uri.split("/").at(-2)),
    part_target: window.hls.latestLevelDetails?.partTarget ?? null,
  }));
  return report(options, await page.evaluate(() => window.glass), from, state);
}

const server = await serve();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--autoplay-policy=no-user-gesture-required", "--no-sandbox", "--mute-audio", "--disable-gpu"],
});
for (const text of process.argv.slice(2)) {
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  try {
    console.log(JSON.stringify(await watch(page, { ...defaults, ...JSON.parse(text) })));
  } catch (error) {
    const seen = await page.evaluate(() => window.glass).catch(() => null);
    console.log(JSON.stringify({ failed: String(error), errors: seen?.errors ?? [] }));
    process.exitCode = 1;
  }
  await page.close();
}
await browser.close();
server.close();
