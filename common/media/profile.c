#include "media/profile.h"

#include <stdint.h>
#include <string.h>

#include "base/id.h"

#define NAMED(p_name, p_width, p_height, p_fps, p_bitrate_bps)                                     \
    {                                                                                              \
        .name = p_name, .width = (p_width), .height = (p_height), .fps_num = (p_fps),              \
        .fps_den = 1, .bitrate_bps = (p_bitrate_bps)                                               \
    }

static const struct profile profiles[] = {
    NAMED("P1080p60fps16x9", 1920, 1080, 60, 9000000),
    NAMED("P1080p30fps16x9", 1920, 1080, 30, 6000000),
    NAMED("P720p60fps16x9", 1280, 720, 60, 6000000),
    NAMED("P720p30fps16x9", 1280, 720, 30, 4000000),
    NAMED("P720p25fps16x9", 1280, 720, 25, 3500000),
    NAMED("P720p30fps4x3", 960, 720, 30, 3500000),
    NAMED("P576p30fps16x9", 1024, 576, 30, 1500000),
    NAMED("P576p25fps16x9", 1024, 576, 25, 1500000),
    NAMED("P480p30fps16x9", 854, 480, 30, 1400000),
    NAMED("P360p30fps16x9", 640, 360, 30, 1200000),
    NAMED("P360p25fps16x9", 640, 360, 25, 1000000),
    NAMED("P360p30fps4x3", 480, 360, 30, 1000000),
    NAMED("P240p30fps16x9", 426, 240, 30, 600000),
    NAMED("P240p25fps16x9", 426, 240, 25, 600000),
    NAMED("P240p30fps4x3", 320, 240, 30, 600000),
    NAMED("P144p30fps16x9", 256, 144, 30, 400000),
    NAMED("P144p25fps16x9", 256, 144, 25, 400000),
    /* With its sound for lines of 2G. */
    {.name = "P96p8fps16x9",
     .width = 170,
     .height = 96,
     .fps_num = 8,
     .fps_den = 1,
     .bitrate_bps = 16000,
     .audio_bitrate_bps = 20000,
     .audio_channels = 1},
};

#define N_PROFILES (sizeof profiles / sizeof profiles[0])

bool profile_is_preset(const char *name)
{
    static const char *const presets[] = {"ultrafast", "superfast", "veryfast", "faster",
                                          "fast",      "medium",    "slow",     "slower"};
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i], name) == 0) {
            return true;
        }
    }
    return false;
}

const struct profile *profile_find(struct span name)
{
    for (size_t i = 0; i < N_PROFILES; i++) {
        if (span_equal(span_cstr(profiles[i].name), name)) {
            return &profiles[i];
        }
    }
    return NULL;
}

const struct profile *profile_all(size_t *ret_count)
{
    *ret_count = N_PROFILES;
    return profiles;
}

static struct span trim(struct span s)
{
    while (s.len > 0 && s.data[0] == ' ') {
        s = span_of(s.data + 1, s.len - 1);
    }
    while (s.len > 0 && s.data[s.len - 1] == ' ') {
        s.len--;
    }
    return s;
}

static struct span next_item(struct span *list)
{
    const uint8_t *comma = list->len > 0 ? memchr(list->data, ',', list->len) : NULL;
    size_t len = comma != NULL ? (size_t)(comma - list->data) : list->len;
    struct span item = span_of(list->data, len);
    size_t skip = comma != NULL ? len + 1 : len;
    *list = span_of(list->data + skip, list->len - skip);
    return trim(item);
}

enum err profile_parse_list(struct span list, const struct profile **ret_list, size_t *ret_count,
                            struct span *ret_bad)
{
    const struct profile *found[PROFILE_LADDER_MAX];
    size_t n = 0;
    bool more = trim(list).len > 0;
    while (more) {
        more = memchr(list.data, ',', list.len) != NULL;
        struct span name = next_item(&list);
        const struct profile *p = profile_find(name);
        if (p == NULL) {
            *ret_bad = name;
            return ERR_NOENT;
        }
        for (size_t i = 0; i < n; i++) {
            if (found[i] == p) {
                *ret_bad = name;
                return ERR_STATE;
            }
        }
        if (n == PROFILE_LADDER_MAX) {
            return ERR_LIMIT;
        }
        found[n++] = p;
    }
    memcpy(ret_list, found, n * sizeof found[0]);
    *ret_count = n;
    return ERR_OK;
}

enum err profile_check(struct profile *p, const char **ret_why)
{
    p->width -= p->width % 2;
    p->height -= p->height % 2;
    if (strlen(p->name) > PROFILE_NAME_MAX || !id_valid(span_cstr(p->name))) {
        *ret_why = "a rung's name may have letters, digits and . _ - ~, up to 64 bytes";
        return ERR_PROTO;
    }
    if (strcmp(p->name, "source") == 0) {
        *ret_why = "a rung cannot be called \"source\"";
        return ERR_PROTO;
    }
    if (p->width < PROFILE_SIDE_MIN || p->width > PROFILE_SIDE_MAX ||
        p->height < PROFILE_SIDE_MIN || p->height > PROFILE_SIDE_MAX) {
        *ret_why = "a rung's width and height go from 16 to 8192";
        return ERR_LIMIT;
    }
    if (p->fps_den < 1 || p->fps_den > PROFILE_FPS_DEN_MAX || p->fps_num < 0 ||
        (p->fps_num != 0 && p->fps_num < p->fps_den) || p->fps_num / p->fps_den > PROFILE_FPS_MAX ||
        (p->fps_num / p->fps_den == PROFILE_FPS_MAX && p->fps_num % p->fps_den != 0)) {
        *ret_why = "a rung's frame rate goes from 1 to 240, or is 0 for the source's own";
        return ERR_LIMIT;
    }
    if (p->bitrate_bps < PROFILE_BITRATE_MIN || p->bitrate_bps > PROFILE_BITRATE_MAX) {
        *ret_why = "a rung's bitrate goes from 10000 to 100000000 bits per second";
        return ERR_LIMIT;
    }
    if (p->gop_ms < PROFILE_GOP_INTRA || p->gop_ms > PROFILE_GOP_MS_MAX || p->quality < 0 ||
        p->quality > PROFILE_QUALITY_MAX ||
        (p->preset[0] != '\0' && !profile_is_preset(p->preset))) {
        *ret_why = "a rung's gop goes up to an hour, its quality to 51, and its preset is one of "
                   "libx264's";
        return ERR_LIMIT;
    }
    bool own = p->audio_bitrate_bps != 0;
    if ((own &&
         (p->audio_bitrate_bps < PROFILE_AUDIO_MIN || p->audio_bitrate_bps > PROFILE_AUDIO_MAX)) ||
        p->audio_channels < own || p->audio_channels > own * 2) {
        *ret_why = "a rung's own sound has 16000 to 128000 bits per second, and one or two "
                   "channels";
        return ERR_LIMIT;
    }
    return ERR_OK;
}

/* side * num / den, to the nearest even number, at least 2. */
static int scale_even(int side, int num, int den)
{
    int64_t half = ((int64_t)side * num + den) / (2 * (int64_t)den);
    return half < 1 ? 2 : (int)(2 * half);
}

void profile_output_size(const struct profile *p, int in_w, int in_h, int *ret_w, int *ret_h)
{
    if (in_w < 1 || in_h < 1) {
        *ret_w = p->width;
        *ret_h = p->height;
    } else if (in_w >= in_h) {
        *ret_w = p->width;
        *ret_h = scale_even(p->width, in_h, in_w);
    } else {
        *ret_w = scale_even(p->height, in_w, in_h);
        *ret_h = p->height;
    }
}
