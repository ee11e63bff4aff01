#include "broadcaster/stream/parter.h"

#include <string.h>

/* At least: both ends of a part may be rounded to milliseconds, and the rate is off by as much over
 * the time in which it was learnt. */
#define MARGIN_MIN_TICKS (2 * TICKS_PER_MS)

/* The little that was seen does not show the most that comes. */
#define JITTER_PERMILLE 1500

/* At most, in proportion: with more of it a part that jitters the other way would be too short. */
#define MARGIN_MAX_PERMILLE 80

/* A part that is long enough ends when even a frame of this part of the usual length would not
 * fit. */
#define SHORT_FRAME_PERMILLE 750

/* What is alike is off by that at most. */
#define ALIKE_PERMILLE 40

/* No frame is longer, whatever a publisher sends. */
#define STEP_MAX (60 * (int64_t)TICKS_PER_S)

/* Steps that are so far from the middle one are no usual frames: lost ones, or stalls. */
#define USUAL_MIN_PERMILLE 500
#define USUAL_MAX_PERMILLE 1600

void parter_init(struct parter *p)
{
    *p = (struct parter){.aim = PARTER_AIM_TICKS};
}

void parter_set_aim(struct parter *p, int64_t ticks)
{
    p->aim = ticks;
}

static int64_t middle(const int32_t *steps, size_t n)
{
    int32_t sorted[PARTER_STEPS_MAX];
    memcpy(sorted, steps, n * sizeof *steps);
    for (size_t i = 1; i < n; i++) {
        int32_t step = sorted[i];
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > step; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = step;
    }
    return sorted[n / 2];
}

static bool is_usual(int64_t step, int64_t usual)
{
    return step * 1000 >= usual * USUAL_MIN_PERMILLE && step * 1000 <= usual * USUAL_MAX_PERMILLE;
}

static size_t frames_of(int64_t aim, int64_t frame)
{
    int64_t n = (aim + frame / 2) / frame;
    n = n < PARTER_PACKETS_MAX ? n : PARTER_PACKETS_MAX;
    return n > 0 ? (size_t)n : 1;
}

static int64_t off(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* How far frames, and runs of as many as a part has, were from their usual length: both are off by
 * the jitter of two times. */
static int64_t jitter_of(const struct parter *p, int64_t usual, int64_t length)
{
    int64_t most = 0, sum = 0;
    size_t run = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        if (!is_usual(p->steps[i], usual)) {
            run = 0;
            sum = 0;
            continue;
        }
        sum += p->steps[i];
        if (++run > p->frames) {
            sum -= p->steps[i - p->frames];
        }
        int64_t run_off = run >= p->frames ? off(sum, length) : 0;
        int64_t here = off(p->steps[i], p->frame);
        here = here > run_off ? here : run_off;
        most = here > most ? here : most;
    }
    return most;
}

static void choose(struct parter *p, int64_t usual, int64_t sum, int64_t n)
{
    p->frame = (sum + n / 2) / n;
    p->frames = frames_of(p->aim, p->frame);
    int64_t length = (sum * (int64_t)p->frames + n / 2) / n;
    int64_t margin = jitter_of(p, usual, length) * JITTER_PERMILLE / 1000 + MARGIN_MIN_TICKS;
    int64_t most = length * MARGIN_MAX_PERMILLE / 1000;
    p->target = length + (margin < most ? margin : most);
}

void parter_set_rate(struct parter *p, int num, int den)
{
    if (p->target != 0) {
        return;
    }
    int64_t second = TICKS_PER_S * (int64_t)den;
    p->frame = second / num > 0 ? second / num : 1;
    p->frames = frames_of(p->aim, p->frame);
    p->target = (second * (int64_t)p->frames + num - 1) / num + MARGIN_MIN_TICKS;
}

void parter_expect(struct parter *p, int fps_milli)
{
    p->declared = fps_milli > 0 ? 1000 * (int64_t)TICKS_PER_S / fps_milli : 0;
}

static bool is_alike(int64_t a, int64_t b)
{
    return off(a, b) * 1000 <= b * ALIKE_PERMILLE;
}

/* So few frames show the rate of slow ones only. */
static bool few_are_enough(const struct parter *p)
{
    return (p->n_steps == 1 && is_alike(p->steps[0], p->declared)) ||
           (p->n_steps == 2 && is_alike(p->steps[0], p->steps[1]));
}

void parter_note(struct parter *p, int64_t step)
{
    if (p->target != 0 || step <= 0) {
        return;
    }
    p->steps[p->n_steps++] = (int32_t)(step < STEP_MAX ? step : STEP_MAX);
    int64_t usual = middle(p->steps, p->n_steps), sum = 0, n = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        if (is_usual(p->steps[i], usual)) {
            sum += p->steps[i];
            n++;
        }
    }
    bool shown = sum >= PARTER_LEARN_TICKS && (n >= PARTER_STEPS_MIN || few_are_enough(p));
    if (shown || p->n_steps == PARTER_STEPS_MAX) {
        choose(p, usual, sum, n);
    }
}

static bool is_whole(const struct parter *p, size_t count, int64_t length)
{
    if (count == PARTER_PACKETS_MAX || length >= p->target) {
        return true;
    }
    return length * 1000 >= p->target * PARTER_LEAST_PERMILLE &&
           (count >= p->frames || length + p->frame * SHORT_FRAME_PERMILLE / 1000 > p->target);
}

static size_t give(const struct parter *p, size_t count, int64_t length, int64_t *ret_duration)
{
    length = length < p->target ? length : p->target;
    *ret_duration = length > 0 ? length : 1;
    return count;
}

size_t parter_cut(const struct parter *p, const struct packet *packets, size_t n, int64_t end,
                  bool all, int64_t *ret_duration)
{
    int64_t start = packets[0].dts;
    bool enough = (end - start) * 1000 >= p->target * PARTER_LEAST_PERMILLE;
    if (p->target == 0 || (!all && !enough && n < PARTER_PACKETS_MAX)) {
        return 0;
    }
    int64_t length = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t before = length;
        length = (i + 1 < n ? packets[i + 1].dts : end) - start;
        if (i > 0 && length > p->target) {
            return give(p, i, before, ret_duration);
        }
        if (is_whole(p, i + 1, length)) {
            return give(p, i + 1, length, ret_duration);
        }
    }
    return all ? give(p, n, length, ret_duration) : 0;
}
