#include "broadcaster/viewers/posters.h"

#include <errno.h>
#include <libavutil/log.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "tests/support/clip.h"
#include "tests/support/unit.h"

#define WAIT_S 10

struct asker {
    sem_t resumed;
    int holds;
};

static struct posters *posters;
static struct clip clip;

static void hold(void *waiter)
{
    ((struct asker *)waiter)->holds++;
}

static void resume(void *waiter)
{
    sem_post(&((struct asker *)waiter)->resumed);
}

static void start_keeping(int64_t kept_ms)
{
    static const struct posters_callbacks callbacks = {hold, resume};
    av_log_set_level(AV_LOG_QUIET);
    clip = clip_video(160, 90, 10, 10, 0, 0);
    posters = posters_create(&callbacks, kept_ms);
    ck_assert_ptr_nonnull(posters);
}

static void start(void)
{
    start_keeping(POSTERS_KEPT_MS);
}

static void stop(void)
{
    posters_destroy(posters);
    clip_free(&clip);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static struct segment *segment(uint64_t msn, bool broken)
{
    struct packets ps = clip_cut(&clip, 0, 10);
    if (broken) {
        ps.items[0].data.len = 3;
    }
    return segment_create(&(struct segment_info){.msn = msn}, clip.track, &ps, NULL);
}

static struct asker *asker(void)
{
    struct asker *a = mem_alloc(sizeof *a);
    sem_init(&a->resumed, 0, 0);
    return a;
}

static void wait_resumed(struct asker *a)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    int r;
    do {
        r = sem_timedwait(&a->resumed, &until);
    } while (r != 0 && errno == EINTR);
    ck_assert_int_eq(r, 0);
}

/* As a viewer's request does: asks again once it is resumed. */
static enum err ask(const char *id, struct segment *s, uint64_t *ret_msn, int *ret_holds)
{
    struct asker *a = asker();
    struct blob *jpeg = NULL;
    enum err e = posters_get(posters, id, s, a, &jpeg, ret_msn);
    if (e == ERR_AGAIN) {
        wait_resumed(a);
        e = posters_get(posters, id, s, a, &jpeg, ret_msn);
    }
    if (e == ERR_OK) {
        ck_assert_mem_eq(blob_span(jpeg).data, "\xff\xd8\xff", 3);
        blob_unref(jpeg);
    }
    *ret_holds = a->holds;
    mem_free(a);
    return e;
}

START_TEST(once_for_each_segment)
{
    uint64_t msn = 0;
    int holds = 0;
    start();
    struct segment *first = segment(100, false);
    struct segment *second = segment(101, false);
    struct segment *much_later = segment(101 + POSTERS_STALE + 1, false);
    ck_assert_int_eq(ask("a", first, &msn, &holds), ERR_OK);
    ck_assert_uint_eq(msn, 100);
    ck_assert_int_eq(holds, 1);
    ck_assert_int_eq(ask("a", first, &msn, &holds), ERR_OK);
    ck_assert_int_eq(holds, 0);
    /* The newer one is not waited for, and comes. */
    ck_assert_int_eq(ask("a", second, &msn, &holds), ERR_OK);
    ck_assert_int_eq(holds, 0);
    for (int i = 0; msn != 101; i++) {
        ck_assert_int_lt(i, WAIT_S * 1000);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        ck_assert_int_eq(ask("a", second, &msn, &holds), ERR_OK);
    }
    /* What is too old is not given any more. */
    ck_assert_int_eq(ask("a", much_later, &msn, &holds), ERR_OK);
    ck_assert_uint_eq(msn, 101 + POSTERS_STALE + 1);
    ck_assert_int_eq(holds, 1);
    segment_unref(first);
    segment_unref(second);
    segment_unref(much_later);
    stop();
}
END_TEST

START_TEST(what_cannot_be_made)
{
    uint64_t msn = 0;
    int holds = 0;
    start();
    struct segment *broken = segment(100, true);
    struct segment *whole = segment(101, false);
    struct segment *worse = segment(102, true);
    ck_assert_int_eq(ask("a", broken, &msn, &holds), ERR_PROTO);
    ck_assert_int_eq(holds, 1);
    ck_assert_int_eq(ask("a", broken, &msn, &holds), ERR_PROTO);
    ck_assert_int_eq(holds, 0); /* it is not tried again */
    ck_assert_int_eq(ask("a", whole, &msn, &holds), ERR_OK);
    ck_assert_uint_eq(msn, 101);
    ck_assert_int_eq(ask("a", worse, &msn, &holds), ERR_OK);
    ck_assert_uint_eq(msn, 101); /* the last one that could be made stays */
    segment_unref(broken);
    segment_unref(whole);
    segment_unref(worse);
    stop();
    posters_destroy(NULL);
}
END_TEST

START_TEST(more_streams_than_are_kept)
{
    uint64_t msn = 0;
    int holds = 0;
    start();
    struct segment *s = segment(1, false);
    for (int i = 0; i < POSTERS_MAX + 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "s%d", i);
        ck_assert_int_eq(ask(id, s, &msn, &holds), ERR_OK);
        ck_assert_int_eq(holds, 1);
    }
    ck_assert_int_eq(ask("s20", s, &msn, &holds), ERR_OK);
    ck_assert_int_eq(holds, 0);
    ck_assert_int_eq(ask("s0", s, &msn, &holds), ERR_OK);
    ck_assert_int_eq(holds, 1); /* it was forgotten */
    segment_unref(s);
    stop();
}
END_TEST

START_TEST(what_nobody_asks_for_goes)
{
    start_keeping(50);
    struct segment *s = segment(1, false);
    size_t before = blob_live_bytes();
    struct asker *a = asker();
    struct blob *jpeg = NULL;
    uint64_t msn = 0;
    ck_assert_int_eq(posters_get(posters, "a", s, a, &jpeg, &msn), ERR_AGAIN);
    wait_resumed(a);
    for (int i = 0; blob_live_bytes() != before; i++) {
        ck_assert_int_lt(i, WAIT_S * 1000);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    ck_assert_int_eq(posters_get(posters, "a", s, a, &jpeg, &msn), ERR_AGAIN);
    wait_resumed(a);
    mem_free(a);
    segment_unref(s);
    stop();
}
END_TEST

/* Whoever is held is resumed once, whether the poster was made or not. */
START_TEST(stopping)
{
    static struct asker *held[64];
    size_t n_held = 0;
    start();
    struct segment *s = segment(1, false);
    for (size_t i = 0; i < 64; i++) {
        char id[16];
        struct blob *jpeg = NULL;
        uint64_t msn;
        snprintf(id, sizeof id, "s%zu", i / 4);
        held[n_held] = asker();
        enum err e = posters_get(posters, id, s, held[n_held], &jpeg, &msn);
        ck_assert(e == ERR_AGAIN || e == ERR_OK);
        if (e == ERR_AGAIN) {
            n_held++;
        } else {
            blob_unref(jpeg);
            mem_free(held[n_held]);
        }
    }
    posters_stop(posters);
    ck_assert_uint_gt(n_held, 0);
    for (size_t i = 0; i < n_held; i++) {
        int value = 0;
        sem_getvalue(&held[i]->resumed, &value);
        ck_assert_int_eq(value, 1);
        ck_assert_int_eq(held[i]->holds, 1);
        mem_free(held[i]);
    }
    struct asker a = {.holds = 0};
    struct blob *jpeg = NULL;
    uint64_t msn;
    ck_assert_int_eq(posters_get(posters, "a", s, &a, &jpeg, &msn), ERR_CLOSED);
    ck_assert_int_eq(a.holds, 0);
    segment_unref(s);
    stop();
}
END_TEST

UNIT_MAIN("posters", once_for_each_segment, what_cannot_be_made, more_streams_than_are_kept,
          what_nobody_asks_for_goes, stopping)
