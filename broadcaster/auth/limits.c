#include "broadcaster/auth/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct limits limits_join(const struct limits *a, const struct limits *b)
{
    return (struct limits){
        .bitrate_kbps = b->bitrate_kbps > 0 ? b->bitrate_kbps : a->bitrate_kbps,
        .width = b->width > 0 ? b->width : a->width,
        .height = b->height > 0 ? b->height : a->height,
    };
}

static bool read_side(const char *text, size_t len, int *ret_side)
{
    if (len == 0 || len > 5 || strspn(text, "0123456789") < len) {
        return false;
    }
    long v = strtol(text, NULL, 10);
    *ret_side = (int)v;
    return v >= 1 && v <= LIMITS_SIDE_MAX;
}

bool limits_parse_size(const char *text, struct limits *ret_limits)
{
    const char *x = strchr(text, 'x');
    int width = 0, height = 0;
    if (text[0] != '\0' && (x == NULL || !read_side(text, (size_t)(x - text), &width) ||
                            !read_side(x + 1, strlen(x + 1), &height))) {
        return false;
    }
    ret_limits->width = width;
    ret_limits->height = height;
    return true;
}

static bool fits(int side, int limit)
{
    return limit == 0 || side <= limit;
}

bool limits_size_fits(const struct limits *l, int width, int height, char *ret_text)
{
    if ((fits(width, l->width) && fits(height, l->height)) ||
        (fits(height, l->width) && fits(width, l->height))) {
        return true;
    }
    char allowed[40] = "";
    if (l->width > 0 && l->height > 0) {
        snprintf(allowed, sizeof allowed, "%dx%d", l->width, l->height);
    } else {
        snprintf(allowed, sizeof allowed, "%d %s", l->width > 0 ? l->width : l->height,
                 l->width > 0 ? "wide" : "high");
    }
    snprintf(ret_text, LIMITS_TEXT_MAX,
             "the picture is %dx%d, this server takes up to %s: lower the encoder's resolution",
             width, height, allowed);
    return false;
}

void rate_meter_init(struct rate_meter *m, int64_t now_ms)
{
    *m = (struct rate_meter){.last_ms = now_ms, .begun_ms = now_ms, .slot_s = now_ms / 1000};
}

static void move_on(struct rate_meter *m, int64_t now_ms)
{
    int64_t now_s = now_ms / 1000;
    if (now_s - m->slot_s >= RATE_SLOTS) {
        memset(m->slots, 0, sizeof m->slots);
        m->slot_s = now_s;
    }
    while (m->slot_s < now_s) {
        m->slots[++m->slot_s % RATE_SLOTS] = 0;
    }
}

/* kb/s over the slots, of which the newest and the very first second may not be whole. */
static long measured_kbps(const struct rate_meter *m, int64_t now_ms)
{
    int64_t bits = 0, from_ms = (m->slot_s - RATE_SLOTS + 1) * 1000;
    for (size_t i = 0; i < RATE_SLOTS; i++) {
        bits += m->slots[i];
    }
    int64_t ms = now_ms - (from_ms > m->begun_ms ? from_ms : m->begun_ms);
    return (long)(bits / (ms > 1000 ? ms : 1000));
}

bool rate_meter_add(struct rate_meter *m, const struct limits *l, size_t bytes, int64_t now_ms,
                    char *ret_text)
{
    if (l->bitrate_kbps == 0) {
        return true;
    }
    int64_t bits = (int64_t)bytes * 8;
    move_on(m, now_ms);
    m->slots[m->slot_s % RATE_SLOTS] += bits;
    m->level_bits -= (now_ms - m->last_ms) * l->bitrate_kbps; /* kb/s are bits per ms */
    m->level_bits = (m->level_bits > 0 ? m->level_bits : 0) + bits;
    m->last_ms = now_ms;
    if (m->level_bits <= l->bitrate_kbps * RATE_BURST_MS) {
        return true;
    }
    snprintf(ret_text, LIMITS_TEXT_MAX,
             "the stream has %ld kb/s, this server takes up to %ld: lower the encoder's bitrate",
             measured_kbps(m, now_ms), l->bitrate_kbps);
    return false;
}
