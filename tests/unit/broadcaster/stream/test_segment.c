#include "broadcaster/stream/segment.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"

#define N_THREADS 8

static atomic_uint made;
static atomic_uint fail_next;

static void push(struct packets *ps, size_t len)
{
    struct blob *b = blob_create(len);
    struct packet p = {.blob = b, .data = blob_span(b)};
    ck_assert_int_eq(packets_push(ps, p), ERR_OK);
}

static struct track *audio_track(void)
{
    return track_create(&(struct track_params){.kind = TRACK_AUDIO, .codec = CODEC_AAC});
}

static struct segment *segment(struct sound *sound)
{
    struct packets ps = {0};
    push(&ps, 100);
    push(&ps, 23);
    struct track *t = track_create(&(struct track_params){.width = 4});
    struct segment *s = segment_create(&(struct segment_info){.msn = 3}, t, &ps, sound);
    track_unref(t);
    ck_assert_uint_eq(ps.count, 0);
    ck_assert_ptr_null(ps.items);
    return s;
}

static enum err make(const struct segment *s, struct blob **ret_blob)
{
    atomic_fetch_add(&made, 1);
    if (atomic_load(&fail_next) > 0) {
        atomic_fetch_sub(&fail_next, 1);
        return ERR_NOMEM;
    }
    *ret_blob = blob_create(1000);
    return ERR_OK;
}

START_TEST(holds_what_it_was_given)
{
    struct packets sounds = {0};
    push(&sounds, 7);
    struct track *t = audio_track();
    struct sound *sound = sound_create(t, &sounds);
    track_unref(t);
    struct segment *s = segment(sound);
    struct segment *rung = segment(sound);
    sound_unref(sound);
    ck_assert_uint_eq(segment_info(s)->msn, 3);
    ck_assert_int_eq(track_params(segment_video(s))->width, 4);
    ck_assert_uint_eq(segment_packets(s)->count, 2);
    ck_assert_ptr_eq(segment_sound(s), segment_sound(rung));
    ck_assert_uint_eq(sound_packets(segment_sound(s))->count, 1);
    ck_assert_int_eq(track_params(sound_track(segment_sound(s)))->kind, TRACK_AUDIO);
    ck_assert_uint_eq(segment_bytes(s), 130);
    segment_ref(s);
    segment_unref(s);
    segment_unref(s);
    ck_assert_uint_eq(sound_packets(segment_sound(rung))->bytes, 7);
    segment_unref(rung);
    segment_unref(NULL);
    sound_unref(NULL);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(empty_is_possible)
{
    struct packets none = {0};
    struct segment *s = segment_create(&(struct segment_info){.gap = true}, NULL, &none, NULL);
    ck_assert_ptr_null(segment_video(s));
    ck_assert_ptr_null(segment_sound(s));
    ck_assert_uint_eq(segment_bytes(s), 0);
    segment_unref(s);
}
END_TEST

START_TEST(container_is_made_once)
{
    struct segment *s = segment(NULL);
    struct blob *one = NULL;
    struct blob *two = NULL;
    ck_assert_uint_eq(segment_bytes(s), 123);
    ck_assert_int_eq(segment_container(s, SEGMENT_TS, make, &one), ERR_OK);
    ck_assert_int_eq(segment_container(s, SEGMENT_TS, make, &two), ERR_OK);
    ck_assert_ptr_eq(one, two);
    ck_assert_uint_eq(atomic_load(&made), 1);
    ck_assert_uint_eq(segment_bytes(s), 1123);
    segment_unref(s);
    ck_assert_uint_eq(blob_span(one).len, 1000);
    blob_unref(one);
    blob_unref(two);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(an_error_is_tried_again)
{
    struct segment *s = segment(NULL);
    struct blob *b = NULL;
    atomic_store(&fail_next, 2);
    ck_assert_int_eq(segment_container(s, SEGMENT_TS, make, &b), ERR_NOMEM);
    ck_assert_int_eq(segment_container(s, SEGMENT_TS, make, &b), ERR_NOMEM);
    ck_assert_ptr_null(b);
    ck_assert_uint_eq(segment_bytes(s), 123);
    ck_assert_int_eq(segment_container(s, SEGMENT_TS, make, &b), ERR_OK);
    blob_unref(b);
    segment_unref(s);
}
END_TEST

struct shared {
    struct segment *segment;
    pthread_barrier_t barrier;
};

static void *ask(void *arg)
{
    struct shared *shared = arg;
    struct blob *b = NULL;
    pthread_barrier_wait(&shared->barrier);
    if (segment_container(shared->segment, SEGMENT_TS, make, &b) != ERR_OK) {
        return NULL;
    }
    segment_bytes(shared->segment);
    segment_unref(shared->segment);
    return b;
}

START_TEST(many_threads_share_one_container)
{
    struct shared shared = {.segment = segment(NULL)};
    pthread_t threads[N_THREADS];
    void *got[N_THREADS];
    pthread_barrier_init(&shared.barrier, NULL, N_THREADS);
    for (size_t i = 0; i < N_THREADS; i++) {
        segment_ref(shared.segment);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &shared), 0);
    }
    segment_unref(shared.segment);
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], &got[i]);
        ck_assert_ptr_nonnull(got[i]);
        ck_assert_ptr_eq(got[i], got[0]);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        blob_unref(got[i]);
    }
    ck_assert_uint_eq(atomic_load(&made), 1);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    pthread_barrier_destroy(&shared.barrier);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("segment");
    TCase *t = tcase_create("segment");
    tcase_set_timeout(t, 20);
    tcase_add_test(t, holds_what_it_was_given);
    tcase_add_test(t, empty_is_possible);
    tcase_add_test(t, container_is_made_once);
    tcase_add_test(t, an_error_is_tried_again);
    tcase_add_test(t, many_threads_share_one_container);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
