#include "broadcaster/stream/board.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

#define N_READERS 4
#define N_WAITERS 3
#define ROUNDS    3000
#define ENDS      300

static struct window *window(const uint64_t *msns, size_t count, size_t listed)
{
    struct segment *list[16] = {NULL};
    for (size_t i = 0; i < count; i++) {
        struct packets ps = {0};
        struct blob *b = blob_create(1);
        struct packet p = {.blob = b, .data = blob_span(b)};
        ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
        list[i] = segment_create(&(struct segment_info){.msn = msns[i]}, NULL, &ps, NULL);
    }
    struct window *w = window_create(list, count, listed);
    for (size_t i = 0; i < count; i++) {
        segment_unref(list[i]);
    }
    return w;
}

static void publish(struct board *b, const char *id, const char *name, uint64_t msn, int64_t bps)
{
    struct variant v = {.bandwidth_bps = bps};
    strcpy(v.name, name);
    struct window *w = window(&msn, 1, 1);
    board_publish(b, id, &v, w);
    window_unref(w);
}

START_TEST(window_finds_by_number)
{
    static const uint64_t msns[] = {3, 4, 7, 8, 100, UINT64_MAX};
    for (size_t n = 0; n <= 6; n++) {
        struct window *w = window(msns, n, n / 2);
        for (size_t i = 0; i < 6; i++) {
            struct segment *s = window_find(w, msns[i]);
            ck_assert_int_eq(s != NULL, i < n);
            ck_assert(s == NULL || segment_info(s)->msn == msns[i]);
        }
        ck_assert_ptr_null(window_find(w, 0));
        ck_assert_ptr_null(window_find(w, 5));
        ck_assert_ptr_null(window_find(w, 101));
        window_unref(w);
    }
    window_unref(NULL);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* --- waiting --- */

struct waiter {
    struct board_waiter waiter; /* first */
    uint64_t msn;
    bool woken;
};

static bool has_msn(const struct board_waiter *waiter, const struct window *w)
{
    return window_find(w, ((const struct waiter *)waiter)->msn) != NULL;
}

static void on_wake(void *arg, struct list *waiters)
{
    LIST_EACH (waiters, it, tmp) {
        struct waiter *w = (struct waiter *)LIST_ITEM(it, struct board_waiter, node);
        list_remove(it);
        w->woken = true;
        (*(int *)arg)++;
    }
}

static bool begin_wait(struct board *b, const char *name, struct waiter *w, uint64_t msn,
                       int64_t deadline_ms)
{
    *w = (struct waiter){
        .waiter = {.ready = has_msn, .deadline_ms = deadline_ms, .why = BOARD_READY}, .msn = msn};
    list_init(&w->waiter.node);
    return board_wait(b, "a", name, &w->waiter);
}

START_TEST(waiting)
{
    struct board *b = board_create();
    struct waiter w[N_WAITERS];
    int woken = 0;
    publish(b, "a", "source", 5, 1);
    publish(b, "a", "rung", 5, 1);
    ck_assert(!begin_wait(b, "source", &w[0], 6, 100)); /* nobody would wake it */
    board_set_wake(b, on_wake, &woken);
    ck_assert(!begin_wait(b, "source", &w[0], 5, 100)); /* it is there */
    ck_assert(!begin_wait(b, "none", &w[0], 6, 100));
    ck_assert(begin_wait(b, "source", &w[0], 6, 100));
    ck_assert(begin_wait(b, "source", &w[1], 7, 200));
    ck_assert(begin_wait(b, "rung", &w[2], 6, 300));
    publish(b, "a", "source", 6, 1);
    ck_assert(woken == 1 && w[0].woken && w[0].waiter.why == BOARD_READY);
    ck_assert_int_eq(board_wake_late(b, 199), 200);
    ck_assert_int_eq(woken, 1);
    ck_assert_int_eq(board_wake_late(b, 200), 300);
    ck_assert(woken == 2 && w[1].woken && w[1].waiter.why == BOARD_LATE);
    ck_assert(begin_wait(b, "source", &w[0], 9, 400));
    board_remove(b, "a");
    ck_assert(woken == 4 && w[2].waiter.why == BOARD_GONE && w[0].waiter.why == BOARD_GONE);
    ck_assert_int_eq(board_wake_late(b, INT64_MAX), INT64_MAX);
    publish(b, "a", "source", 5, 1);
    ck_assert(begin_wait(b, "source", &w[0], 6, INT64_MAX));
    board_wake_late(b, INT64_MAX);
    ck_assert(woken == 5 && w[0].waiter.why == BOARD_LATE);
    ck_assert(!board_leave(b, &w[0].waiter)); /* it was given back */
    ck_assert(begin_wait(b, "source", &w[0], 6, INT64_MAX));
    ck_assert(begin_wait(b, "source", &w[1], 6, INT64_MAX));
    ck_assert(board_leave(b, &w[0].waiter));
    ck_assert(!board_leave(b, &w[0].waiter));
    int64_t before_us = clock_mono_us();
    publish(b, "a", "source", 6, 1);
    ck_assert(woken == 6 && !w[0].woken && w[1].woken);
    ck_assert(w[1].waiter.ready_us >= before_us && w[1].waiter.ready_us <= clock_mono_us());
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static atomic_bool begun, taking, ending;

static bool is_taken_while_it_ends(const struct board_waiter *waiter, const struct window *w)
{
    if (!atomic_exchange(&begun, true)) {
        return false;
    }
    atomic_store(&taking, true);
    while (!atomic_load(&ending)) {
        sched_yield();
    }
    return true;
}

static void *publish_once(void *arg)
{
    publish(arg, "a", "source", 6, 1);
    return NULL;
}

/* As when a server stops just when what its requests wait for comes, or comes too late. */
START_TEST(who_is_taken_is_told_whatever_ends_meanwhile)
{
    struct board *b = board_create();
    int woken = 0;
    publish(b, "a", "source", 5, 1);
    for (int i = 1; i <= ENDS; i++) {
        struct waiter w = {.waiter = {.ready = is_taken_while_it_ends, .deadline_ms = INT64_MAX}};
        pthread_t thread;
        atomic_store(&begun, false);
        atomic_store(&taking, false);
        atomic_store(&ending, false);
        board_set_wake(b, on_wake, &woken);
        list_init(&w.waiter.node);
        ck_assert(board_wait(b, "a", "source", &w.waiter));
        ck_assert_int_eq(pthread_create(&thread, NULL, publish_once, b), 0);
        while (!atomic_load(&taking)) {
            sched_yield();
        }
        atomic_store(&ending, true);
        board_set_wake(b, NULL, NULL);
        pthread_join(thread, NULL);
        ck_assert_int_eq(woken, i);
    }
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(the_source_stands_first)
{
    struct board *b = board_create();
    struct variant list[3];
    publish(b, "a", "rung", 5, 1);
    publish(b, "a", "audio1", 5, 1);
    publish(b, "a", "source", 5, 1);
    publish(b, "a", "rung", 6, 1);
    ck_assert_uint_eq(board_variants(b, "a", list, 3), 3);
    ck_assert_str_eq(list[0].name, "source");
    ck_assert_str_eq(list[1].name, "rung");
    ck_assert_str_eq(list[2].name, "audio1");
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static enum err make_text(const struct window *w, void *arg, struct window_page *ret_page)
{
    int *calls = arg;
    if (++*calls == 1) {
        return ERR_NOMEM;
    }
    *ret_page = (struct window_page){.plain = blob_create(3), .tag = w->count};
    return ERR_OK;
}

START_TEST(a_text_is_made_once)
{
    struct window *w = window((const uint64_t[]){1, 2}, 2, 2);
    struct window_page page = {NULL}, again = {NULL};
    int calls = 0;
    ck_assert_int_eq(window_text(w, WINDOW_TEXT_AUDIO, make_text, &calls, &page), ERR_NOMEM);
    ck_assert_ptr_null(page.plain);
    ck_assert_int_eq(window_text(w, WINDOW_TEXT_AUDIO, make_text, &calls, &page), ERR_OK);
    ck_assert_int_eq(window_text(w, WINDOW_TEXT_AUDIO, make_text, &calls, &again), ERR_OK);
    ck_assert(calls == 2 && page.plain == again.plain && page.tag == 2 && page.gzip == NULL);
    blob_unref(again.plain);
    window_unref(w);
    blob_unref(page.plain); /* outlives its window */
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(publish_and_look)
{
    struct board *b = board_create();
    struct variant list[BOARD_RENDITIONS_MAX];
    ck_assert_uint_eq(board_variants(b, "a", list, 4), 0);
    ck_assert_ptr_null(board_window(b, "a", "source"));
    publish(b, "a", "source", 1, 10);
    publish(b, "a", "P144", 5, 20);
    publish(b, "other", "source", 9, 30);
    publish(b, "a", "source", 2, 11);
    ck_assert_uint_eq(board_variants(b, "a", list, BOARD_RENDITIONS_MAX), 2);
    ck_assert_str_eq(list[0].name, "source");
    ck_assert_int_eq(list[0].bandwidth_bps, 11);
    ck_assert_str_eq(list[1].name, "P144");
    ck_assert_uint_eq(board_variants(b, "a", list, 1), 1);
    struct window *w = board_window(b, "a", "source");
    ck_assert_ptr_nonnull(window_find(w, 2));
    ck_assert_ptr_null(window_find(w, 1));
    ck_assert_ptr_null(board_window(b, "a", "P1"));
    board_remove(b, "a");
    board_remove(b, "a");
    ck_assert_ptr_null(board_window(b, "a", "source"));
    ck_assert_uint_eq(board_variants(b, "a", list, 4), 0);
    ck_assert_uint_eq(board_variants(b, "other", list, 4), 1);
    ck_assert_ptr_nonnull(window_find(w, 2));
    window_unref(w);
    board_destroy(b);
    board_destroy(NULL);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(facts)
{
    struct board *b = board_create();
    struct board_entry list[4];
    struct variant none[1];
    struct board_facts f = {.state = BOARD_LIVE, .since_ms = 5, .title = "first"};
    board_set_facts(b, "a", &f);
    ck_assert_uint_eq(board_streams(b, list, 4), 0);
    ck_assert_uint_eq(board_variants(b, "a", none, 1), 0);
    publish(b, "a", "source", 1, 10);
    publish(b, "b", "source", 1, 10);
    ck_assert_uint_eq(board_streams(b, list, 1), 1);
    ck_assert_str_eq(list[0].id, "a");
    ck_assert_str_eq(list[0].facts.title, "first");
    f = (struct board_facts){.state = BOARD_ENDED, .since_ms = 5, .until_ms = 7};
    board_set_facts(b, "a", &f);
    publish(b, "a", "source", 2, 10);
    ck_assert_uint_eq(board_streams(b, list, 4), 2);
    ck_assert_int_eq(list[0].facts.state, BOARD_ENDED);
    ck_assert_int_eq(list[0].facts.until_ms, 7);
    ck_assert_str_eq(list[0].facts.title, "");
    ck_assert_int_eq(list[1].facts.since_ms, 0);
    board_remove(b, "a");
    ck_assert_uint_eq(board_streams(b, list, 4), 1);
    ck_assert_str_eq(list[0].id, "b");
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(current)
{
    struct board *b = board_create();
    char id[ID_MAX + 1] = "untouched";
    ck_assert_int_eq(board_current(b, id, sizeof id), ERR_NOENT);
    board_set_current(b, "abc");
    ck_assert_int_eq(board_current(b, id, 3), ERR_LIMIT);
    ck_assert_str_eq(id, "untouched");
    ck_assert_int_eq(board_current(b, id, 4), ERR_OK);
    ck_assert_str_eq(id, "abc");
    board_remove(b, "other");
    ck_assert_int_eq(board_current(b, id, sizeof id), ERR_OK);
    board_remove(b, "abc");
    ck_assert_int_eq(board_current(b, id, sizeof id), ERR_NOENT);
    board_set_current(b, "abc");
    board_set_current(b, NULL);
    ck_assert_int_eq(board_current(b, id, sizeof id), ERR_NOENT);
    board_destroy(b);
}
END_TEST

struct shared {
    struct board *board;
    atomic_bool done;
    atomic_uint backwards;
    atomic_uint looks;
};

static void *look(void *arg)
{
    struct shared *s = arg;
    uint64_t last = 0;
    while (!atomic_load(&s->done)) {
        struct window *w = board_window(s->board, "a", "source");
        if (w != NULL) {
            uint64_t msn = segment_info(w->segments[0])->msn;
            atomic_fetch_add(&s->backwards, msn < last);
            last = msn;
        }
        window_unref(w);
        atomic_fetch_add(&s->looks, 1);
    }
    return NULL;
}

START_TEST(readers_see_numbers_rise)
{
    struct shared s = {.board = board_create()};
    pthread_t threads[N_READERS];
    for (size_t i = 0; i < N_READERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, look, &s), 0);
    }
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        publish(s.board, "a", "source", i, 0);
        if (i % 100 == 0) {
            board_remove(s.board, "a");
        }
    }
    while (atomic_load(&s.looks) < N_READERS) {
        publish(s.board, "a", "source", ROUNDS, 0);
    }
    atomic_store(&s.done, true);
    for (size_t i = 0; i < N_READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&s.backwards), 0);
    board_destroy(s.board);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("board");
    TCase *t = tcase_create("board");
    tcase_set_timeout(t, 20);
    tcase_add_test(t, window_finds_by_number);
    tcase_add_test(t, publish_and_look);
    tcase_add_test(t, facts);
    tcase_add_test(t, current);
    tcase_add_test(t, waiting);
    tcase_add_test(t, who_is_taken_is_told_whatever_ends_meanwhile);
    tcase_add_test(t, the_source_stands_first);
    tcase_add_test(t, a_text_is_made_once);
    tcase_add_test(t, readers_see_numbers_rise);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
