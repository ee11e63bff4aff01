#include "broadcaster/stream/part.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/stream/segment.h"
#include "tests/support/unit.h"

#define N_PACKETS 9
#define N_THREADS 8
#define BYTES     40

static struct track *make_track(void)
{
    struct track_params p = {.kind = TRACK_AUDIO,
                             .codec = CODEC_AAC,
                             .sample_rate = 48000,
                             .channels = 2,
                             .config = span_cstr("\x11\x90")};
    return track_create(&p);
}

static struct part *make(struct track *track)
{
    struct packet packets[N_PACKETS];
    for (size_t i = 0; i < N_PACKETS; i++) {
        struct blob *b = blob_create(BYTES);
        packets[i] = (struct packet){.kind = TRACK_AUDIO,
                                     .flags = PACKET_KEY,
                                     .dts = (int64_t)i * 1920,
                                     .pts = (int64_t)i * 1920,
                                     .duration = 1920,
                                     .blob = b,
                                     .data = blob_span(b)};
        memset((uint8_t *)packets[i].data.data, (int)i + 1, BYTES);
    }
    struct part_info info = {.msn = 7, .index = 2, .duration = N_PACKETS * 1920};
    struct part *p = part_create(&info, track, packets, N_PACKETS);
    for (size_t i = 0; i < N_PACKETS; i++) {
        packet_unref(&packets[i]);
    }
    return p;
}

START_TEST(it_holds_its_packets_and_its_track)
{
    struct track *track = make_track();
    struct part *p = make(track);
    ck_assert_ptr_eq(part_track(p), track);
    track_unref(track);
    ck_assert_uint_eq(part_info(p)->msn, 7);
    ck_assert_uint_eq(part_packets(p)->count, N_PACKETS);
    ck_assert_uint_eq(part_bytes(p), N_PACKETS * BYTES);
    ck_assert_uint_eq(part_fragment_bytes(p), 0);
    struct part *again = part_ref(p);
    part_unref(p);
    ck_assert_uint_eq(part_info(again)->index, 2);
    part_unref(again);
    part_unref(NULL);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(the_fragment_is_made_once_and_counted)
{
    struct track *track = make_track();
    struct part *p = make(track);
    struct blob *first, *second, *init;
    ck_assert_int_eq(part_fragment(p, &first), ERR_OK);
    ck_assert_int_eq(part_fragment(p, &second), ERR_OK);
    ck_assert_ptr_eq(first, second);
    struct span bytes = blob_span(first);
    ck_assert_uint_gt(bytes.len, N_PACKETS * BYTES);
    ck_assert_mem_eq(bytes.data + 4, "moof", 4);
    ck_assert_uint_eq(bytes.data[bytes.len - 1], N_PACKETS); /* the last packet's bytes */
    ck_assert_uint_eq(part_fragment_bytes(p), bytes.len);
    ck_assert_uint_eq(part_bytes(p), N_PACKETS * BYTES + bytes.len);
    ck_assert_int_eq(part_init_section(p, &init), ERR_OK);
    ck_assert_mem_eq(blob_span(init).data + 4, "ftyp", 4);
    blob_unref(first);
    blob_unref(second);
    blob_unref(init);
    part_unref(p);
    track_unref(track);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* What was had in parts is the same in the segment. */
START_TEST(the_segment_is_its_parts_one_behind_the_other)
{
    struct track *track = make_track();
    struct part *p = make(track);
    struct packets all;
    packets_init(&all);
    const struct packets *ps = part_packets(p);
    for (size_t i = 0; i < ps->count; i++) {
        ck_assert_int_eq(packets_push(&all, packet_ref(&ps->items[i])), ERR_OK);
    }
    struct sound *sound = sound_create(track, &all);
    struct segment_info info = {.msn = 7, .duration = N_PACKETS * 1920};
    struct segment *s = segment_create(&info, NULL, NULL, sound);
    static const size_t counts[] = {4, 4, 1};
    segment_set_parts(s, TRACK_AUDIO, counts, 3);
    struct blob *whole;
    ck_assert_int_eq(packager_cmaf_audio(s, &whole), ERR_OK);
    size_t at = 0, from = 0;
    for (uint32_t i = 0; i < 3; i++) {
        struct part_info of_part = {.msn = 7, .index = i, .duration = (int64_t)counts[i] * 1920};
        struct part *one = part_create(&of_part, track, ps->items + from, counts[i]);
        struct blob *fragment;
        ck_assert_int_eq(part_fragment(one, &fragment), ERR_OK);
        struct span bytes = blob_span(fragment);
        ck_assert_uint_le(at + bytes.len, blob_span(whole).len);
        ck_assert_mem_eq(blob_span(whole).data + at, bytes.data, bytes.len);
        at += bytes.len;
        from += counts[i];
        blob_unref(fragment);
        part_unref(one);
    }
    ck_assert_uint_eq(at, blob_span(whole).len);
    blob_unref(whole);
    segment_unref(s);
    sound_unref(sound);
    part_unref(p);
    track_unref(track);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static void *fetch(void *arg)
{
    struct blob *b = NULL;
    return part_fragment(arg, &b) == ERR_OK ? b : NULL;
}

START_TEST(all_threads_get_the_same)
{
    struct track *track = make_track();
    struct part *p = make(track);
    pthread_t threads[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, fetch, p), 0);
    }
    void *first = NULL;
    for (size_t i = 0; i < N_THREADS; i++) {
        void *got;
        ck_assert_int_eq(pthread_join(threads[i], &got), 0);
        ck_assert_ptr_nonnull(got);
        first = i == 0 ? got : first;
        ck_assert_ptr_eq(got, first);
        blob_unref(got);
    }
    part_unref(p);
    track_unref(track);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

UNIT_MAIN("part", the_segment_is_its_parts_one_behind_the_other, it_holds_its_packets_and_its_track,
          the_fragment_is_made_once_and_counted, all_threads_get_the_same)
