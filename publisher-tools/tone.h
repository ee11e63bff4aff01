/* The test sound: a quiet 440 Hz tone, and a loud beep of 1 kHz in the first tenth of each second,
 * so that sound and picture can be told apart by ear. Pure. */
#ifndef PUBLISHER_TOOLS_TONE_H
#define PUBLISHER_TOOLS_TONE_H

#include <stddef.h>
#include <stdint.h>

/* Fills out with n samples (-1..1), the first of which is sample number position since the start.
 * rate in Hz, above 2000. */
void tone_fill(float *out, size_t n, int64_t position, int rate);

#endif
