/* Who gets a job, and who is connected. */
#include "orchestrator/dispatch.h"
#include "orchestrator/session.h"
#include "world.h"

static struct roster roster;

static struct transcoder *join(link_peer peer, uint32_t capacity, uint32_t load, int64_t used_ms)
{
    struct link_hello h = {
        .role = "transcoder", .name = "t", .encoder = "x", .software = "", .capacity = capacity};
    struct transcoder *t;
    ck_assert_int_eq(roster_join_transcoder(&roster, peer, "10.0.0.1", &h, used_ms, &t), ERR_OK);
    t->load = load;
    t->used_ms = used_ms;
    return t;
}

static link_peer pick(struct dispatch_ask ask)
{
    const struct transcoder *t = dispatch_pick(&roster, &ask);
    return t != NULL ? t->peer : 0;
}

static void setup(void)
{
    roster_init(&roster);
}

static void teardown(void)
{
    LIST_EACH (&roster.transcoders, it, tmp) {
        LIST_ITEM(it, struct transcoder, node)->load = 0;
    }
    roster_fini(&roster);
    ck_assert_uint_eq(roster.n_transcoders, 0);
}

START_TEST(nobody_is_there)
{
    ck_assert_uint_eq(pick((struct dispatch_ask){0}), 0);
    join(1, 0, 0, 0);
    join(2, 3, 3, 0);
    join(3, 3, 0, 0)->draining = true;
    ck_assert_uint_eq(pick((struct dispatch_ask){.last = 2}), 0);
}
END_TEST

START_TEST(most_room_wins)
{
    join(1, 4, 2, 0);
    join(2, 10, 5, 9);
    join(3, 4, 0, 0);
    ck_assert_uint_eq(pick((struct dispatch_ask){0}), 2);
}
END_TEST

START_TEST(ties_by_load_then_idleness_then_joining)
{
    join(1, 10, 6, 0);
    join(2, 4, 0, 50);
    join(3, 4, 0, 20);
    join(4, 4, 0, 20);
    ck_assert_uint_eq(pick((struct dispatch_ask){0}), 3);
}
END_TEST

START_TEST(the_last_one_is_preferred_while_it_has_room)
{
    struct transcoder *t = join(1, 2, 1, 0);
    join(2, 10, 0, 0);
    ck_assert_uint_eq(pick((struct dispatch_ask){.last = 1}), 1);
    t->load = 2;
    ck_assert_uint_eq(pick((struct dispatch_ask){.last = 1}), 2);
    t->load = 1;
    t->draining = true;
    ck_assert_uint_eq(pick((struct dispatch_ask){.last = 1}), 2);
}
END_TEST

static void says(link_peer peer, uint64_t speed, uint64_t rate)
{
    struct transcoder *t = roster_transcoder(&roster, peer);
    standing_announce(&t->standing, speed);
    t->rate = rate;
}

START_TEST(beyond_all_is_what_each_says_is_too_much)
{
    struct dispatch_ask ask = {.rate = 100};
    ck_assert(!dispatch_is_beyond_all(&roster, &ask)); /* nobody is there */
    join(1, 4, 1, 0);
    says(1, 150, 60);
    join(2, 4, 1, 0);
    says(2, 300, 300);
    ck_assert(dispatch_is_beyond_all(&roster, &ask));
    ask.rate = 90;
    ck_assert(!dispatch_is_beyond_all(&roster, &ask));
    ask.rate = 100;
    roster_transcoder(&roster, 2)->standing.speed = 500; /* only believed, or not any more */
    ck_assert(dispatch_is_beyond_all(&roster, &ask));
    says(2, 500, 300);
    ck_assert(!dispatch_is_beyond_all(&roster, &ask));
    says(2, 0, 300); /* it does not say */
    ck_assert(!dispatch_is_beyond_all(&roster, &ask));
    roster_transcoder(&roster, 2)->load = 4; /* full in jobs: it is no matter of speed there */
    ck_assert(dispatch_is_beyond_all(&roster, &ask));
    roster_transcoder(&roster, 1)->load = 4;
    ck_assert(!dispatch_is_beyond_all(&roster, &ask));
}
END_TEST

START_TEST(another_host_may_be_asked_for)
{
    join(1, 4, 0, 0);
    struct dispatch_ask ask = {.not_address = "10.0.0.1"};
    ck_assert_uint_eq(pick(ask), 0);
    ck_assert(!dispatch_is_possible(&roster, &ask));
    ask.not_address = "10.0.0.2";
    ck_assert_uint_eq(pick(ask), 1);
}
END_TEST

START_TEST(avoided_and_other_encoders_are_left_out)
{
    link_peer avoided[] = {1, 2};
    join(1, 9, 0, 0);
    join(2, 9, 0, 0);
    struct transcoder *t = join(3, 1, 0, 0);
    struct dispatch_ask ask = {.last = 1, .avoided = avoided, .n_avoided = 2};
    ck_assert_uint_eq(pick(ask), 3);
    ask.encoder = "y";
    ck_assert_uint_eq(pick(ask), 0);
    strcpy(t->encoder, "y");
    ck_assert_uint_eq(pick(ask), 3);
}
END_TEST

START_TEST(picks_spread_by_room)
{
    struct transcoder *t[] = {join(1, 2, 0, 0), join(2, 1, 0, 0)};
    const link_peer want[] = {1, 2, 1, 0};
    for (unsigned i = 0; i < 4; i++) {
        link_peer got = pick((struct dispatch_ask){0});
        ck_assert_uint_eq(got, want[i]);
        if (got != 0) {
            t[got - 1]->load++;
        }
    }
}
END_TEST

START_TEST(a_further_hello_brings_up_to_date)
{
    struct transcoder *t = join(7, 4, 1, 5);
    struct link_hello h = {.role = "transcoder",
                           .name = "new",
                           .encoder = "z",
                           .software = "2",
                           .capacity = UINT32_MAX,
                           .draining = true};
    struct transcoder *same;
    ck_assert_int_eq(roster_join_transcoder(&roster, 7, "10.0.0.2", &h, 99, &same), ERR_OK);
    ck_assert_ptr_eq(t, same);
    ck_assert_uint_eq(roster.n_transcoders, 1);
    ck_assert_uint_eq(t->capacity, ROSTER_CAPACITY_MAX);
    ck_assert_uint_eq(t->load, 1);
    ck_assert_int_eq(t->since_ms, 5);
    ck_assert_str_eq(t->name, "new");
    ck_assert_str_eq(t->address, "10.0.0.2");
    ck_assert_uint_eq(transcoder_room(t), 0);
    ck_assert_uint_eq(roster_capacity(&roster), ROSTER_CAPACITY_MAX);
    ck_assert_uint_eq(roster_load(&roster), 1);
}
END_TEST

START_TEST(long_names_are_cut_and_peers_are_bounded)
{
    char name[LINK_STRING_MAX + 1];
    memset(name, 'n', LINK_STRING_MAX);
    name[LINK_STRING_MAX] = '\0';
    struct link_hello h = {
        .role = "", .name = name, .encoder = name, .software = name, .capacity = 1};
    struct transcoder *t;
    struct broadcaster *b;
    for (link_peer p = 1; p <= ROSTER_PEERS_MAX; p++) {
        ck_assert_int_eq(roster_join_transcoder(&roster, p, name, &h, 0, &t), ERR_OK);
        ck_assert_int_eq(roster_join_broadcaster(&roster, p, name, &h, 0, &b), ERR_OK);
    }
    ck_assert_uint_eq(strlen(t->name), ROSTER_NAME_MAX - 1);
    ck_assert_str_eq(t->encoder, name);
    ck_assert_int_eq(roster_join_transcoder(&roster, 5000, "", &h, 0, &t), ERR_LIMIT);
    ck_assert_int_eq(roster_join_broadcaster(&roster, 5000, "", &h, 0, &b), ERR_LIMIT);
    ck_assert_int_eq(roster_join_transcoder(&roster, 5, "", &h, 0, &t), ERR_OK);
    ck_assert_ptr_null(roster_transcoder(&roster, 5000));
    ck_assert_ptr_eq(roster_transcoder(&roster, 5), t);
}
END_TEST

START_TEST(sessions_are_bounded_and_outlive_their_jobs_a_little)
{
    struct sessions s;
    struct session *a, *b, *same;
    sessions_init(&s, 2);
    ck_assert_int_eq(sessions_enter(&s, 1, "a", &a), ERR_OK);
    ck_assert_int_eq(sessions_enter(&s, 2, "a", &b), ERR_OK);
    ck_assert_ptr_ne(a, b);
    ck_assert_int_eq(sessions_enter(&s, 1, "b", &same), ERR_LIMIT);
    ck_assert_int_eq(sessions_enter(&s, 1, "a", &same), ERR_OK);
    ck_assert_ptr_eq(a, same);
    session_leave(a, 100);
    sessions_expire(&s, 100 + SESSION_GRACE_MS);
    ck_assert_uint_eq(s.count, 2);
    session_leave(a, 100);
    sessions_expire(&s, 99 + SESSION_GRACE_MS);
    ck_assert_uint_eq(s.count, 2);
    sessions_expire(&s, 100 + SESSION_GRACE_MS);
    ck_assert_uint_eq(s.count, 1);
    session_leave(b, 100);
    sessions_end_broadcaster(&s, 1);
    ck_assert_uint_eq(s.count, 1);
    sessions_end_broadcaster(&s, 2);
    ck_assert_uint_eq(s.count, 0);
    sessions_fini(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dispatch");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, nobody_is_there);
    tcase_add_test(tc, most_room_wins);
    tcase_add_test(tc, ties_by_load_then_idleness_then_joining);
    tcase_add_test(tc, the_last_one_is_preferred_while_it_has_room);
    tcase_add_test(tc, beyond_all_is_what_each_says_is_too_much);
    tcase_add_test(tc, another_host_may_be_asked_for);
    tcase_add_test(tc, avoided_and_other_encoders_are_left_out);
    tcase_add_test(tc, picks_spread_by_room);
    tcase_add_test(tc, a_further_hello_brings_up_to_date);
    tcase_add_test(tc, long_names_are_cut_and_peers_are_bounded);
    tcase_add_test(tc, sessions_are_bounded_and_outlive_their_jobs_a_little);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
