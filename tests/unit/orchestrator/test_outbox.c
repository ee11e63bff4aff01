/* What waits for one peer. */
#include "orchestrator/outbox.h"
#include "world.h"

static struct outbox o;

static struct blob *text(const char *s)
{
    struct blob *b = blob_copy(span_cstr(s));
    ck_assert_ptr_nonnull(b);
    return b;
}

static enum err push(const char *envelope, const char *payload, size_t max)
{
    struct blob *e = text(envelope), *p = payload != NULL ? text(payload) : NULL;
    enum err err = outbox_push(&o, e, p, max);
    blob_unref(e);
    blob_unref(p);
    return err;
}

struct taker {
    char seen[64];
    unsigned room;
    enum err otherwise;
};

static enum err take(void *arg, struct blob *envelope, struct blob *payload)
{
    struct taker *t = arg;
    if (t->room == 0) {
        return t->otherwise;
    }
    t->room--;
    strncat(t->seen, (const char *)blob_span(envelope).data, blob_span(envelope).len);
    strncat(t->seen, payload != NULL ? "+" : "-", 2);
    return ERR_OK;
}

START_TEST(goes_out_in_order_as_far_as_there_is_room)
{
    outbox_init(&o);
    ck_assert_int_eq(push("a", NULL, 10000), ERR_OK);
    ck_assert_int_eq(push("b", "payload", 10000), ERR_OK);
    ck_assert_int_eq(push("c", NULL, 10000), ERR_OK);
    struct taker t = {.room = 2, .otherwise = ERR_AGAIN};
    ck_assert_uint_eq(outbox_flush(&o, take, &t), 0);
    ck_assert_str_eq(t.seen, "a-b+");
    ck_assert(!outbox_is_empty(&o));
    ck_assert_uint_eq(blob_live_bytes(), 1);
    t.room = 5;
    ck_assert_uint_eq(outbox_flush(&o, take, &t), 0);
    ck_assert_str_eq(t.seen, "a-b+c-");
    ck_assert(outbox_is_empty(&o));
    ck_assert_uint_eq(o.bytes, 0);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(what_can_never_go_is_dropped_and_counted)
{
    outbox_init(&o);
    ck_assert_int_eq(push("a", NULL, 10000), ERR_OK);
    ck_assert_int_eq(push("b", NULL, 10000), ERR_OK);
    struct taker t = {.otherwise = ERR_NOENT};
    ck_assert_uint_eq(outbox_flush(&o, take, &t), 2);
    ck_assert(outbox_is_empty(&o));
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(is_bounded_in_bytes)
{
    outbox_init(&o);
    struct blob *e = text("env"), *p = text("payload");
    size_t cost = outbox_cost(e, p);
    ck_assert_uint_gt(cost, 10);
    ck_assert_int_eq(outbox_push(&o, e, p, cost - 1), ERR_LIMIT);
    ck_assert_int_eq(outbox_push(&o, e, p, 2 * cost), ERR_OK);
    ck_assert_int_eq(outbox_push(&o, e, p, 2 * cost), ERR_OK);
    ck_assert_int_eq(outbox_push(&o, e, p, 2 * cost), ERR_LIMIT);
    ck_assert_uint_eq(o.bytes, 2 * cost);
    mem_fail_nth(1);
    ck_assert_int_eq(outbox_push(&o, e, p, 9 * cost), ERR_NOMEM);
    mem_fail_nth(0);
    ck_assert_uint_eq(o.bytes, 2 * cost);
    blob_unref(e);
    blob_unref(p);
    outbox_fini(&o);
    ck_assert_uint_eq(o.bytes, 0);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outbox");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_test(tc, goes_out_in_order_as_far_as_there_is_room);
    tcase_add_test(tc, what_can_never_go_is_dropped_and_counted);
    tcase_add_test(tc, is_bounded_in_bytes);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
