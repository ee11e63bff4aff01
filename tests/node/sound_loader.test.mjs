// What the watch page mends in hls.js's loading of sound: node --test sound_loader.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";
import Hls from "hls.js";
import { soundLoader } from "../../broadcaster/web/sound_loader.js";

// hls.js's own code, of a segment that it takes for loaded although its last part is not.
function isLoop(Loader, loadedTo, bufferedTo) {
  const loader = Object.create(Loader.prototype);
  loader.nextLoadPosition = loadedTo;
  loader.fragmentTracker = { getState: () => "OK" };
  return loader.isLoopLoading({}, bufferedTo);
}

test("a microsecond less in the buffer is no reason to stop", () => {
  const Mended = soundLoader(Hls);
  assert.equal(isLoop(Hls.DefaultConfig.audioStreamController, 29.931, 29.930999), true,
    "hls.js does so itself: if not any more, the mending can go");
  assert.equal(isLoop(Mended, 29.931, 29.930999), false);
  assert.equal(isLoop(Mended, 29.931, 29.931), false);
  assert.equal(isLoop(Mended, 29.931, 29.74), true, "what is really loaded again and again");
});
