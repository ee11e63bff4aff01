// Browsers cut times to whole microseconds, so that what is buffered ends a moment before the part that
// was loaded last. When the last, short part of a segment is left, hls.js 1.7.4 takes that moment for a
// sign that it loads the same again and again, and loads no sound until the buffer has run dry.

const ROUNDING_S = 0.001;

/** hls.js's loader of sound (Hls.DefaultConfig.audioStreamController) without that. */
export function soundLoader({ DefaultConfig }) {
  return class extends DefaultConfig.audioStreamController {
    isLoopLoading(frag, targetBufferTime) {
      return super.isLoopLoading(frag, targetBufferTime + ROUNDING_S);
    }
  };
}
