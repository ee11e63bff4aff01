/* What the tests of jobs send on both sides: segments of the source, and units of rungs as
 * transcoders make them. */
#ifndef TESTS_JOBS_ANSWERS_H
#define TESTS_JOBS_ANSWERS_H

#include "broadcaster/jobs/jobs.h"

/* Of one unit: half a part of a playlist at 30 frames a second, a byte each. */
#define UNIT_FRAMES 3

struct answer {
    struct link_packet packets[UNIT_FRAMES];
    struct link_msg msg;
};

/* Parameter sets. */
static inline struct span answer_config(void)
{
    static const uint8_t config[] = {1,    66, 192, 13, 0xff, 0xe1, 0, 4,
                                     0x67, 66, 192, 13, 1,    0,    1, 0x68};
    return span_of(config, sizeof config);
}

/* Right in every way but for what the caller changes; parameter sets are with the first part. */
static inline void answer_init(struct answer *a, uint64_t job, uint32_t part, bool last)
{
    for (uint32_t i = 0; i < UNIT_FRAMES; i++) {
        int64_t t = (int64_t)(part * UNIT_FRAMES + i) * 3000;
        a->packets[i] = (struct link_packet){.length = 1, .dts = t, .pts = t, .duration = 3000};
    }
    a->msg = (struct link_msg){.type = LINK_RUNG_UNIT, .job = job};
    a->msg.unit = (struct link_unit){.part = part,
                                     .packets = a->packets,
                                     .n_packets = UNIT_FRAMES,
                                     .last = last,
                                     .config = part == 0 ? answer_config() : (struct span){0},
                                     .config_hash = 42};
}

static inline void answer_send(struct jobs_way *way, const struct answer *a)
{
    struct blob *payload = blob_create(UNIT_FRAMES);
    jobs_way_message(way, &a->msg, payload);
    blob_unref(payload);
}

static inline struct track *small_picture(void)
{
    return track_create(&(struct track_params){
        .width = 640, .height = 480, .config = span_cstr("avcC"), .sar_den = 1});
}

/* Two seconds of which nothing is kept. */
static inline void close_empty(struct job_stream *s, struct track *video, uint64_t msn,
                               int64_t now_ms)
{
    struct segment_info info = {.msn = msn, .duration = 180000};
    struct packets none;
    packets_init(&none);
    struct segment *seg = segment_create(&info, video, &none, NULL);
    jobs_segment_close(s, seg, now_ms);
    segment_unref(seg);
}

#endif
