// What the watch page mends in hls.js's captions: node --test captions.test.mjs
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import Hls from "hls.js";
import { follows, partCaptions } from "../../broadcaster/web/captions.js";

globalThis.self = globalThis; // what hls.js has in a browser
globalThis.VTTCue = class {
  constructor(startTime, endTime, text) {
    Object.assign(this, { startTime, endTime, text });
  }
};
const FRAME = 1 / 30;
const PART = 6; // pictures
const POP_ON = [0x14, 0x20];
const ROW = [0x14, 0x70];
const SHOW = [0x14, 0x2f];
const NOTHING = [0, 0];

// A video with text tracks, as much as hls.js wants of it.
function video() {
  const tracks = [];
  const createElement = () => {
    const cues = Object.assign([], { getCueById: (id) => cues.find((cue) => cue.id === id) });
    return { track: { cues, addCue: (cue) => cues.push(cue) } };
  };
  return { tracks, ownerDocument: { createElement }, appendChild: (el) => tracks.push(el.track) };
}

function caption(text) {
  const letters = [];
  for (let i = 0; i < text.length; i += 2) {
    letters.push([text.charCodeAt(i), text.charCodeAt(i + 1) || 0x20]);
  }
  return [POP_ON, POP_ON, ROW, ROW, ...letters, SHOW, SHOW];
}

function bytesOf([a, b]) {
  return new Uint8Array([0xc1, 0xff, 0xfc, a, b, 0xff]);
}

// As much of a player as the reader of captions wants, whose master playlist denies captions.
function player() {
  const hls = new EventEmitter();
  const on = hls.on.bind(hls);
  return Object.assign(hls, {
    config: Hls.DefaultConfig,
    levels: [{ attrs: { "CLOSED-CAPTIONS": "NONE" } }],
    on: (name, listener, self) => on(name, listener.bind(self)),
  });
}

// Plays pairs of bytes, one for each picture, in so many parts a segment, asked for one by one or
// together; without: a part that is left out. The cues: [text, first picture, first one behind it].
function play(pairs, { parts = 5, together = 1, without = -1 } = {}) {
  const hls = player();
  const media = video();
  const { MEDIA_ATTACHING, FRAG_LOADING, FRAG_LOADED, FRAG_PARSING_USERDATA, BUFFER_APPENDED } = Hls.Events;
  new (partCaptions(Hls))(hls);
  hls.emit(MEDIA_ATTACHING, MEDIA_ATTACHING, { media });
  for (let n = 0; n * PART < pairs.length; n++) {
    const data = {
      frag: { type: "main", level: 0, cc: 0, sn: Math.floor(n / parts) }, part: { index: n % parts },
      samples: pairs.slice(n * PART, n * PART + PART).map((pair, i) =>
        ({ pts: (n * PART + i) * FRAME, bytes: bytesOf(pair) })),
    };
    if (n === without) {
      continue;
    }
    if (data.part.index % together === 0) {
      hls.emit(FRAG_LOADING, FRAG_LOADING, data);
    }
    hls.emit(FRAG_LOADED, FRAG_LOADED, data);
    hls.emit(FRAG_PARSING_USERDATA, FRAG_PARSING_USERDATA, data);
    hls.emit(BUFFER_APPENDED, BUFFER_APPENDED, { type: "video", timeRanges: { video: [0] } });
  }
  return (media.tracks[0]?.cues ?? []).map(({ text, startTime, endTime }) =>
    [text, Math.round(startTime / FRAME), Math.round(endTime / FRAME)]);
}

// A second of pictures each, one text in each of them.
function pictures(...texts) {
  return texts.flatMap((text) => [...caption(text), ...Array(30).fill(NOTHING)].slice(0, 30));
}

test("a caption that comes in several parts is read, and is there before it ends", () => {
  const shown = caption("first one").length - 1; // by the last of the two that say so
  const [[text, from, to], ...more] = play(pictures("first one"));
  assert.deepEqual([text, more], ["first one", []]);
  assert.ok(from === shown || from === shown - 1, `${from}`);
  assert.equal(to, 29, "up to the last picture");
});

test("it is one cue as long as it is shown, and the next one follows", () => {
  for (const together of [1, 5]) {
    const cues = play(pictures("first one", "second one", "third one"), { together });
    assert.deepEqual(cues.map(([text]) => text), ["first one", "second one", "third one"]);
    assert.equal(cues[0][2], cues[1][1]);
    assert.equal(cues[1][2], cues[2][1]);
  }
});

test("with a part missing nothing wrong is shown", () => {
  const cues = play(pictures("first one", "second one", "third one"), { without: 6 });
  assert.deepEqual(cues.map(([text]) => text).filter((text) => !/^(first|third) one$/.test(text)), []);
  assert.ok(cues.some(([text]) => text === "third one"));
});

test("what follows what", () => {
  const last = { cc: 0, sn: 7, part: 3 };
  assert.equal(follows(last, { cc: 0, sn: 7, part: 4 }), true);
  assert.equal(follows(last, { cc: 0, sn: 8, part: 0 }), true);
  assert.equal(follows(last, { cc: 0, sn: 8, part: -1 }), true);
  assert.equal(follows({ cc: 0, sn: 7, part: -1 }, { cc: 0, sn: 8, part: 0 }), true);
  for (const other of [{ cc: 0, sn: 7, part: 5 }, { cc: 0, sn: 7, part: 3 }, { cc: 0, sn: 8, part: 1 },
    { cc: 0, sn: 9, part: 0 }, { cc: 1, sn: 8, part: 0 }, { cc: 0, sn: 7, part: -1 }]) {
    assert.equal(follows(last, other), false, JSON.stringify(other));
  }
  assert.equal(follows(undefined, { cc: 0, sn: 7, part: 0 }), false);
});
