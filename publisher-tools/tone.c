#include "publisher-tools/tone.h"

#include <stdbool.h>

#define TONE_HZ   440
#define TONE_GAIN 0.1f
#define BEEP_HZ   1000
#define BEEP_GAIN 0.5f

/* Bhaskara's rational sine, right to 0.2 %: no libm, no drift however long it runs.
 * turn: 0..1 of a period. */
static float sine(float turn)
{
    bool second_half = turn >= 0.5f;
    float h = 2.0f * (second_half ? turn - 0.5f : turn);
    float product = h * (1.0f - h);
    float s = 16.0f * product / (5.0f - 4.0f * product);
    return second_half ? -s : s;
}

void tone_fill(float *out, size_t n, int64_t position, int rate)
{
    for (size_t i = 0; i < n; i++) {
        int64_t in_second = (position + (int64_t)i) % rate;
        bool beep = in_second < rate / 10;
        int64_t hz = beep ? BEEP_HZ : TONE_HZ;
        float turn = (float)(in_second * hz % rate) / (float)rate;
        out[i] = (beep ? BEEP_GAIN : TONE_GAIN) * sine(turn);
    }
}
