#include "broadcaster/light/light_grid.h"

#include <stddef.h>

#define MS_PER_S 1000

int light_grid_rate(int bitrate_bps, int channels)
{
    static const struct {
        int up_to_bps, rate;
    } steps[] = {{20000, 16000}, {32000, 24000}, {48000, 32000}};
    int one = channels > 1 ? bitrate_bps / 3 * 2 : bitrate_bps; /* both have much in common */
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (one <= steps[i].up_to_bps) {
            return steps[i].rate;
        }
    }
    return 48000;
}

int64_t light_grid_frame_ticks(int rate)
{
    return (int64_t)LIGHT_FRAME_SAMPLES * TICKS_PER_S / rate;
}

void light_grid_init(struct light_grid *g, int rate, int64_t anchor)
{
    *g = (struct light_grid){.rate = rate, .anchor = anchor};
}

static int64_t divide_down(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t light_grid_time(const struct light_grid *g, int64_t sample)
{
    return g->anchor + divide_down(sample * TICKS_PER_S, g->rate);
}

int64_t light_grid_sample(const struct light_grid *g, int64_t ticks)
{
    return divide_down((ticks - g->anchor) * g->rate + TICKS_PER_S / 2, TICKS_PER_S);
}

enum light_fix light_grid_fit(struct light_grid *g, int64_t at, int64_t have, int64_t *ret_samples)
{
    int64_t off = light_grid_sample(g, at) - have;
    int64_t size = off < 0 ? -off : off;
    *ret_samples = size;
    if (size == 0) {
        return LIGHT_FIT;
    }
    if (have == 0 || size >= (int64_t)g->rate * LIGHT_HOLE_MS / MS_PER_S) {
        return off > 0 ? LIGHT_FILL : LIGHT_DROP;
    }
    if (size <= (int64_t)g->rate * LIGHT_DRIFT_MS / MS_PER_S || have < g->calm) {
        return LIGHT_FIT;
    }
    *ret_samples = off;
    g->calm = have + (int64_t)g->rate * LIGHT_STRETCH_MS / MS_PER_S;
    return LIGHT_STRETCH;
}
