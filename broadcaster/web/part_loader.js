// hls.js 1.7.4 takes a segment for loaded as soon as what is buffered ends less than 0.2 s before its
// end, or what it began to load ends behind that. When a playlist with the whole segment comes before its
// last part but one is in the buffer (on a busy device it does), the last part is missing then, and it
// loads nothing until the buffer has run dry: no pictures, and no sound either, as that waits for them.

const LOADED = 'OK'; // hls.js's word for it

/** Whether a part comes next for an hls.js stream controller that wants a segment at a time (s). */
function hasPart(controller, frag, details, time) {
  const parts = details?.partList ?? [];
  return controller.loadingParts && parts[0]?.fragment.level === frag.level &&
    controller.getNextPart(parts, frag, Math.max(frag.start, time)) >= 0;
}

function mend(controller) {
  const { isLoopLoading, loadFragment } = controller;
  const load = Object.getPrototypeOf(Object.getPrototypeOf(controller)).loadFragment;
  controller.isLoopLoading = (frag, time) =>
    isLoopLoading.call(controller, frag, time) &&
      !hasPart(controller, frag, controller.getLevelDetails(), time);
  controller.loadFragment = (frag, level, time) => {
    const missed = controller.fragmentTracker.getState(frag) === LOADED &&
      hasPart(controller, frag, level.details, time);
    (missed ? load : loadFragment).call(controller, frag, level, time);
  };
}

/** Has a new hls.js player load a listed part also where it takes the segment for loaded. */
export function loadEachPart({ streamController, audioStreamController }) {
  mend(streamController);
  mend(audioStreamController);
}
