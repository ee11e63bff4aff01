#include "broadcaster/stream/lineup.h"

#include <pthread.h>
#include <string.h>

#include "tests/support/unit.h"

static void publish(struct board *b, const char *name, int64_t bps)
{
    struct variant v = {.rank = strcmp(name, "source") != 0, .bandwidth_bps = bps};
    strcpy(v.name, name);
    struct window *w = window_create(NULL, 0, 0);
    board_publish(b, "a", &v, w);
    window_unref(w);
}

static size_t count(const struct lineup *l)
{
    size_t n;
    lineup_variants(l, &n);
    return n;
}

/* Gives up its reference, as who only looks does. */
static const struct lineup *peek(struct board *b)
{
    struct lineup *l = board_lineup(b, "a");
    lineup_unref(l);
    return l;
}

START_TEST(the_same_until_a_variant_changes)
{
    struct board *b = board_create();
    size_t n;
    ck_assert_ptr_null(board_lineup(b, "a"));
    publish(b, "rung", 5);
    ck_assert_ptr_null(board_lineup(b, "a")); /* without the source there is nothing */
    publish(b, "source", 9);
    struct lineup *first = board_lineup(b, "a");
    ck_assert_uint_eq(count(first), 2);
    ck_assert_str_eq(lineup_variants(first, &n)[0].name, "source");
    publish(b, "source", 9); /* a part, which changes the window alone */
    publish(b, "rung", 5);
    ck_assert_ptr_eq(peek(b), first);
    publish(b, "rung", 6);
    struct lineup *second = board_lineup(b, "a");
    ck_assert_ptr_ne(second, first);
    ck_assert_int_eq(lineup_variants(second, &n)[1].bandwidth_bps, 6);
    ck_assert_int_eq(lineup_variants(first, &n)[1].bandwidth_bps, 5); /* whoever has it keeps it */
    publish(b, "more", 1);
    ck_assert_ptr_ne(peek(b), second);
    ck_assert_uint_eq(count(peek(b)), 3);
    board_remove(b, "a");
    ck_assert_ptr_null(board_lineup(b, "a"));
    lineup_unref(first);
    lineup_unref(second);
    lineup_unref(NULL);
    board_destroy(b);
}
END_TEST

static enum err make(const struct lineup *l, void *arg, struct window_page *ret_page)
{
    int *calls = arg;
    if (++*calls == 1) {
        return ERR_NOMEM;
    }
    *ret_page = (struct window_page){
        .plain = blob_create(3), .gzip = blob_create(2), .tag = (uint64_t)*calls};
    return ERR_OK;
}

START_TEST(each_text_is_made_once)
{
    struct lineup *l = lineup_create(1);
    struct window_page page = {0}, again = {0}, other = {0};
    int calls = 0;
    ck_assert_int_eq(lineup_text(l, LINEUP_LIVE, make, &calls, &page), ERR_NOMEM);
    ck_assert_ptr_null(page.plain);
    ck_assert_int_eq(lineup_text(l, LINEUP_LIVE, make, &calls, &page), ERR_OK);
    ck_assert_int_eq(lineup_text(l, LINEUP_LIVE, make, &calls, &again), ERR_OK);
    ck_assert(calls == 2 && page.plain == again.plain && page.gzip == again.gzip && page.tag == 2);
    ck_assert_int_eq(lineup_text(l, LINEUP_CLASSIC, make, &calls, &other), ERR_OK);
    ck_assert(calls == 3 && other.plain != page.plain && other.tag == 3);
    window_page_unref(&again);
    window_page_unref(&other);
    lineup_unref(l);
    window_page_unref(&page); /* outlives it */
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

#define LOOKERS 4

static void *look(void *arg)
{
    struct board *b = arg;
    for (int i = 0; i < 2000; i++) {
        struct lineup *l = board_lineup(b, "a");
        size_t n;
        ck_assert_int_gt(lineup_variants(l, &n)[0].bandwidth_bps, 0);
        lineup_unref(l);
    }
    return NULL;
}

START_TEST(many_look_while_it_changes)
{
    struct board *b = board_create();
    pthread_t threads[LOOKERS];
    publish(b, "source", 1);
    for (int i = 0; i < LOOKERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, look, b), 0);
    }
    for (int i = 0; i < 2000; i++) {
        publish(b, "source", i + 2);
    }
    for (int i = 0; i < LOOKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    board_destroy(b);
}
END_TEST

UNIT_MAIN("lineup", the_same_until_a_variant_changes, each_text_is_made_once,
          many_look_while_it_changes)
