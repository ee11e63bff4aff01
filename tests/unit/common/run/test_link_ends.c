/* usual time: 7 s */
#include "run/link.h"

#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/common/run/link_bench.h"

/* A process of its own that dials (or listens) until it is killed. It starts before this process
 * has any thread. */
static pid_t other_process(bool listens)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0) {
        return pid;
    }
    loop = loop_create();
    struct end e = {0};
    struct link_config c = config(listens ? &keys_o : &keys_t);
    listens ? listen_with(&e, &c) : dial_with(&e, &c);
    int ups = 0;
    int64_t until = clock_mono_ms() + 2 * PATIENCE_MS;
    struct loop_timer *timer = loop_timer_create(loop, tick, NULL);
    loop_timer_start(timer, 10, 10);
    while (clock_mono_ms() < until) {
        uv_run(loop_uv(loop), UV_RUN_ONCE);
        if (!listens && e.ups > ups) {
            ups = e.ups;
            hello(&e, "transcoder");
        }
    }
    _exit(0);
}

static void kill_and_wait(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

START_TEST(a_killed_peer_is_down_at_once)
{
    setup();
    pid_t pid = other_process(false);
    struct end o = {0};
    struct link_config c = config(&keys_o);
    c.timeout_ms = 30000;
    c.heartbeat_ms = 10000;
    listen_with(&o, &c);
    RUN_UNTIL(o.messages == 1);
    int64_t from = clock_mono_ms();
    kill_and_wait(pid);
    RUN_UNTIL(o.downs == 1);
    ck_assert_int_lt(o.down_at_ms - from, scaled_ms(500));
    ck_assert_uint_eq(o.down_peer, o.last_peer);
    ck_assert_uint_eq(link_counters(o.k).refused, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_frozen_peer_is_down_after_the_timeout_and_may_return)
{
    setup();
    pid_t pid = other_process(false);
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    RUN_UNTIL(o.messages == 1);
    link_peer first = o.last_peer;
    int64_t from = clock_mono_ms();
    kill(pid, SIGSTOP);
    RUN_UNTIL(o.downs == 1);
    ck_assert_int_ge(o.down_at_ms - from, TIMEOUT_MS - 2 * HEARTBEAT_MS);
    ck_assert_int_lt(o.down_at_ms - from, 3 * TIMEOUT_MS);
    kill(pid, SIGCONT);
    RUN_UNTIL(o.messages == 2);
    ck_assert_uint_ne(o.last_peer, first);
    ck_assert_int_eq(o.last.type, LINK_HELLO);
    kill_and_wait(pid);
    RUN_UNTIL(o.downs == 2);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_frozen_orchestrator_is_noticed)
{
    setup();
    pid_t pid = other_process(true);
    struct end t = {0};
    struct link_config c = config(&keys_t);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    int64_t from = clock_mono_ms();
    kill(pid, SIGSTOP);
    RUN_UNTIL(t.downs == 1);
    ck_assert_int_lt(t.down_at_ms - from, 3 * TIMEOUT_MS);
    /* The kernel still accepts for it; no handshake, but that is no refusal. */
    run_for(3 * TIMEOUT_MS);
    ck_assert_int_eq(t.refusals, 0);
    kill(pid, SIGCONT);
    RUN_UNTIL(t.ups == 2);
    kill_and_wait(pid);
    RUN_UNTIL(t.downs == 2);
    link_destroy(t.k, 0);
    teardown();
}
END_TEST

/* With its own beat the dialler would ping too rarely for the one that listens, and would notice
 * that it froze much later. */
START_TEST(the_dialler_takes_the_beat_it_is_told)
{
    setup();
    pid_t pid = other_process(true);
    struct end t = {0};
    struct link_config c = config(&keys_t);
    c.heartbeat_ms = 10000;
    c.timeout_ms = 30000;
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    link_set_beat(t.k, TIMEOUT_MS, TIMEOUT_MS);
    link_set_beat(t.k, 0, TIMEOUT_MS);
    link_set_beat(t.k, 1, UINT32_MAX);
    link_set_beat(t.k, HEARTBEAT_MS, TIMEOUT_MS);
    run_for(3 * TIMEOUT_MS);
    ck_assert_int_eq(t.downs, 0);
    kill(pid, SIGSTOP);
    RUN_UNTIL(t.downs == 1);
    kill(pid, SIGCONT);
    RUN_UNTIL(t.ups == 2); /* whatever it was told, the next handshake has its own time */
    link_set_beat(t.k, 1, 2);
    RUN_UNTIL(t.downs == 2 && t.ups == 3);
    kill_and_wait(pid);
    link_destroy(t.k, 0);
    teardown();
}
END_TEST

START_TEST(after_a_restart_nothing_old_arrives)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    link_destroy(o.k, 0);
    /* Its end is not known here yet: what is sent now is for the former orchestrator. */
    uint64_t sent = 0;
    while (sent < 50 && send_big(&t, 0, 1000) == ERR_OK) {
        sent++;
    }
    ck_assert_uint_gt(sent, 0);
    RUN_UNTIL(t.downs == 1);
    ck_assert_int_eq(send_big(&t, 0, 1001), ERR_AGAIN);
    struct end again = {0};
    struct link_config c = config(&keys_o);
    listen_with(&again, &c);
    RUN_UNTIL(t.ups == 2);
    ck_assert_uint_eq(link_queued(t.k, 0), 0);
    hello(&t, "transcoder");
    RUN_UNTIL(again.messages == 1);
    ck_assert_int_eq(again.last.type, LINK_HELLO);
    run_for(2 * HEARTBEAT_MS);
    ck_assert_int_eq(again.messages, 1);
    link_destroy(t.k, 0);
    link_destroy(again.k, 0);
    teardown();
}
END_TEST

START_TEST(a_dropped_peer_learns_it_and_dials_again)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    link_peer first = o.last_peer;
    struct link_msg bye = {.type = LINK_BYE, .reason = "another version"};
    ck_assert_int_eq(link_send_msg(o.k, first, &bye, NULL), ERR_OK);
    link_drop(o.k, first);
    ck_assert_int_eq(link_send_msg(o.k, first, &bye, NULL), ERR_NOENT);
    RUN_UNTIL(t.downs == 1);
    ck_assert_str_eq(t.last_reason, "another version");
    RUN_UNTIL(t.ups == 2);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 2);
    ck_assert_uint_ne(o.last_peer, first);
    ck_assert_int_eq(o.downs, 0); /* who was dropped is not told to be down */
    link_drop(o.k, o.last_peer);  /* and without a word */
    RUN_UNTIL(t.downs == 2 && t.ups == 3);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(the_last_words_arrive)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    o.in_order = true;
    o.messages = 0;
    for (uint64_t i = 0; i < 30; i++) {
        ck_assert_int_eq(send_big(&t, 0, i), ERR_OK);
    }
    link_destroy(t.k, 2000);
    RUN_UNTIL(o.messages == 30);
    RUN_UNTIL(o.downs == 1);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

LINK_MAIN("link_ends", a_killed_peer_is_down_at_once,
          a_frozen_peer_is_down_after_the_timeout_and_may_return, a_frozen_orchestrator_is_noticed,
          the_dialler_takes_the_beat_it_is_told, after_a_restart_nothing_old_arrives,
          a_dropped_peer_learns_it_and_dials_again, the_last_words_arrive)
