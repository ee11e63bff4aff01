#include "tests/support/lanes.h"

#include <stdio.h>
#include <stdlib.h>

#define FRAMES     60
#define SOUNDS     92
#define SEGMENTS   64
#define DURATION   180000
#define FIRST      100
#define PART_SOUND 23

struct lanes lanes_make(void)
{
    return (struct lanes){
        .video = clip_video(160, 90, FRAMES, FRAMES, 0, 0),
        .audio = clip_audio(SOUNDS, 64000, 0),
    };
}

void lanes_free(struct lanes *l)
{
    clip_free(&l->video);
    clip_free(&l->audio);
}

static struct segment_info info_of(const struct lanes_shape *s, uint64_t msn)
{
    int64_t from_first = (int64_t)(msn - FIRST);
    return (struct segment_info){
        .msn = msn,
        .start = from_first * DURATION,
        .duration = DURATION,
        .program_ms = s->program_ms > 0 ? s->program_ms + from_first * 2000 : 0,
        .independent = true,
        .discontinuity = msn == s->discontinuity,
        .gap = msn == s->gap,
    };
}

static struct segment *segment_of(const struct lanes *l, const struct segment_info *info)
{
    struct packets pictures = clip_cut(&l->video, 0, FRAMES);
    struct packets sounds = clip_cut(&l->audio, 0, SOUNDS);
    struct packets none = {0};
    if (info->gap) {
        packets_fini(&pictures);
        packets_fini(&sounds);
        return segment_create(info, NULL, &none, NULL);
    }
    struct sound *sound = sound_create(l->audio.track, &sounds);
    struct segment *s = segment_create(info, l->video.track, &pictures, sound);
    sound_unref(sound);
    return s;
}

static struct part *part_of(const struct lanes *l, enum track_kind kind, uint64_t msn,
                            uint32_t index)
{
    size_t n = kind == TRACK_AUDIO ? PART_SOUND : FRAMES / LANES_PARTS;
    const struct clip *clip = kind == TRACK_AUDIO ? &l->audio : &l->video;
    struct packets ps = clip_cut(clip, index * n, n);
    struct part_info info = {
        .msn = msn,
        .index = index,
        .start = (int64_t)(msn - FIRST) * DURATION + index * LANES_PART_TARGET,
        .duration = kind == TRACK_AUDIO ? PART_SOUND * 1920 : LANES_PART_TARGET,
        .independent = kind == TRACK_AUDIO || index == 0,
        .has_independent = kind == TRACK_AUDIO || index == 0,
    };
    struct part *p = part_create(&info, clip->track, ps.items, n);
    packets_fini(&ps);
    if (p == NULL) {
        abort();
    }
    return p;
}

static void set_parts(struct window *w, const struct lanes *l, const struct lanes_shape *s,
                      enum track_kind kind)
{
    struct part *parts[(SEGMENTS + 1) * LANES_PARTS] = {NULL};
    size_t n = 0;
    size_t without = s->with_parts > 0 ? s->segments - s->with_parts : 0;
    for (size_t i = without; i < s->segments + s->open; i++) {
        size_t count = i < s->segments ? LANES_PARTS : s->open_parts;
        for (uint32_t k = 0; k < count; k++) {
            parts[n++] = part_of(l, kind, s->first + i, k);
        }
    }
    window_set_parts(w, kind, LANES_PART_TARGET, parts, n, NULL);
    for (size_t i = 0; i < n; i++) {
        part_unref(parts[i]);
    }
}

struct window *lanes_window(const struct lanes *l, const struct lanes_shape *s)
{
    struct segment *list[SEGMENTS];
    if (s->segments > SEGMENTS) {
        abort();
    }
    for (size_t i = 0; i < s->segments; i++) {
        struct segment_info info = info_of(s, s->first + i);
        list[i] = segment_of(l, &info);
    }
    struct window *w = window_create(list, s->segments, s->segments);
    for (size_t i = 0; i < s->segments; i++) {
        segment_unref(list[i]);
    }
    w->target_duration_s = 2;
    w->ended = s->ended;
    w->open = s->open;
    w->open_info = info_of(s, s->first + s->segments);
    set_parts(w, l, s, TRACK_VIDEO);
    set_parts(w, l, s, TRACK_AUDIO);
    return w;
}

void lanes_publish(struct board *b, const char *id, const char *name, const struct lanes *l,
                   const struct lanes_shape *s)
{
    struct variant v = {
        .width = 160,
        .height = 90,
        .bandwidth_bps = 400000,
        .video = {"avc1.42c00c", 400000, 300000},
        .audio = {"mp4a.40.2", 130000, 128000},
    };
    snprintf(v.name, sizeof v.name, "%s", name);
    struct window *w = lanes_window(l, s);
    board_publish(b, id, &v, w);
    window_unref(w);
}
