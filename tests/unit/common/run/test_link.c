/* usual time: 11 s */
#include "run/link.h"

#include <malloc.h>

#include "tests/unit/common/run/link_bench.h"

START_TEST(right_secret_comes_up_and_roles_are_told)
{
    setup();
    struct end o = {0}, t = {0}, b = {0};
    meet(&o, &t);
    ck_assert_int_eq(o.role, LINK_ROLE_TRANSCODER);
    ck_assert_str_eq(o.address, "127.0.0.1");
    ck_assert_int_eq(o.last.type, LINK_HELLO);
    link_peer transcoder = o.last_peer;
    ck_assert_uint_ne(transcoder, 0);
    struct link_config c = config(&keys_b);
    dial_with(&b, &c);
    RUN_UNTIL(b.ups == 1);
    hello(&b, "broadcaster");
    RUN_UNTIL(o.messages == 2);
    ck_assert_int_eq(o.role, LINK_ROLE_BROADCASTER);
    ck_assert_uint_ne(o.last_peer, transcoder);
    struct link_msg m = {.type = LINK_JOB_REFUSE, .job = 77, .reason = "full"};
    ck_assert_int_eq(link_send_msg(o.k, transcoder, &m, NULL), ERR_OK);
    RUN_UNTIL(t.messages == 1);
    ck_assert_uint_eq(t.last.job, 77);
    ck_assert_str_eq(t.last_reason, "full");
    ck_assert_uint_eq(t.last_peer, 0);
    ck_assert_int_eq(link_send_msg(o.k, transcoder + 100, &m, NULL), ERR_NOENT);
    ck_assert_int_eq(link_send_msg(o.k, 0, &m, NULL), ERR_NOENT);
    /* Pings keep it alive well past the silence that would end it, and are not delivered. */
    run_for(2 * TIMEOUT_MS);
    ck_assert_int_eq(o.downs + t.downs + b.downs, 0);
    ck_assert_int_eq(o.messages, 2);
    ck_assert_int_eq(b.messages, 0);
    RUN_UNTIL(link_queued(o.k, transcoder) == 0);
    struct link_counters count = link_counters(o.k);
    ck_assert_uint_eq(count.refused, 0);
    ck_assert_uint_eq(count.dropped, 0);
    ck_assert_uint_gt(count.received, 2 * TIMEOUT_MS / HEARTBEAT_MS);
    link_destroy(b.k, 0);
    link_destroy(t.k, 0);
    RUN_UNTIL(o.downs == 2);
    ck_assert_int_eq(link_send_msg(o.k, transcoder, &m, NULL), ERR_NOENT);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_dialler_that_comes_first_waits)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_t);
    dial_with(&t, &c);
    run_for(300);
    ck_assert_int_eq(t.ups + t.downs + t.refusals, 0);
    struct link_msg m = {.type = LINK_PING};
    ck_assert_int_eq(link_send_msg(t.k, 0, &m, NULL), ERR_AGAIN);
    c = config(&keys_o);
    listen_with(&o, &c);
    RUN_UNTIL(t.ups == 1);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* A socket that takes connections and keeps silent, or none: what dials it counts. */
static int listen_raw(int on_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)on_port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    return fd;
}

/* When the next n dials came, each closed at once. */
static void time_dials(int fd, size_t n, int64_t *ret_ms)
{
    for (size_t i = 0; i < n; i++) {
        int c = -1;
        RUN_UNTIL((c = accept(fd, NULL, NULL)) >= 0);
        ret_ms[i] = clock_mono_ms();
        close(c);
    }
}

#define MIN_MS 100
#define MAX_MS 400

/* Redials come after 1, 2, 4, 4 ... times the least interval, and a quarter more at most (and what
 * a busy machine adds); one that stood begins anew. */
START_TEST(redials_grow_to_a_limit_and_begin_anew_after_a_success)
{
    setup();
    int64_t at[6];
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_t);
    c.retry_min_ms = MIN_MS;
    c.retry_max_ms = MAX_MS;
    int fd = listen_raw(port);
    dial_with(&t, &c);
    time_dials(fd, 2, at);
    ck_assert_int_ge(at[1] - at[0], MIN_MS - 10);
    close(fd);
    int64_t gone = clock_mono_ms();
    /* Nobody is there for long enough that the interval is at its limit. */
    run_for(4 * MAX_MS);
    c = config(&keys_o);
    listen_with(&o, &c);
    int64_t back = clock_mono_ms();
    RUN_UNTIL(t.ups == 1);
    ck_assert_int_ge(clock_mono_ms() - gone, 4 * MAX_MS);
    ck_assert_int_lt(clock_mono_ms() - back, PATIENCE_MS / 2);
    /* It stood: what follows a loss is the least interval, not the limit. */
    link_destroy(o.k, 0);
    RUN_UNTIL(t.downs == 1);
    int64_t lost = clock_mono_ms();
    fd = listen_raw(port);
    time_dials(fd, 1, at);
    ck_assert_int_lt(at[0] - lost, MAX_MS - 10);
    ck_assert_int_ge(at[0] - lost, MIN_MS / 2);
    close(fd);
    link_destroy(t.k, 0);
    teardown();
}
END_TEST

START_TEST(a_list_is_gone_through_until_one_is_there)
{
    setup();
    char list[300];
    struct end o = {0}, t = {0};
    snprintf(list, sizeof list, "127.0.0.1:%d,127.0.0.1:%d,%s", free_port(AF_INET),
             free_port(AF_INET), addr);
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_t);
    c.addr = list;
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    ck_assert_uint_eq(t.target, 2);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 1);
    /* The same one first, when it was lost. */
    link_destroy(o.k, 0);
    RUN_UNTIL(t.downs == 1);
    c = config(&keys_o);
    listen_with(&o, &c);
    RUN_UNTIL(t.ups == 2);
    ck_assert_uint_eq(t.target, 2);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* One of the list takes connections and says nothing: its turn is over after the handshake's time.
 */
START_TEST(a_silent_one_of_a_list_is_passed_over)
{
    setup();
    char list[300];
    struct end o = {0}, t = {0};
    int silent_port = free_port(AF_INET);
    int fd = listen_raw(silent_port);
    snprintf(list, sizeof list, "127.0.0.1:%d,%s", silent_port, addr);
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_t);
    c.addr = list;
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    ck_assert_uint_eq(t.target, 1);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    close(fd);
    teardown();
}
END_TEST

START_TEST(a_list_that_is_wrong_is_said)
{
    static const char *const lists[] = {"",
                                        ",",
                                        "127.0.0.1:1,",
                                        "127.0.0.1:1,,127.0.0.1:2",
                                        "127.0.0.1:1,127.0.0.1:0",
                                        "a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,"
                                        "a:1,a:1,a:1"};
    setup();
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct end t = {0};
        struct link_config c = config(&keys_t);
        const char *why = "";
        c.addr = lists[i];
        ck_assert_msg(link_dial(loop, &c, on_event, &t, &t.k, &why) == ERR_IO, "%s", lists[i]);
        ck_assert_str_ne(why, "");
    }
    teardown();
}
END_TEST

START_TEST(ipv6_and_names)
{
    setup();
    port = free_port(AF_INET6);
    struct end o = {0}, t = {0};
    if (port != 0) { /* a host may have no IPv6 */
        snprintf(addr, sizeof addr, "[::1]:%d", port);
        meet(&o, &t);
        ck_assert_str_eq(o.address, "::1");
        link_destroy(t.k, 0);
        link_destroy(o.k, 0);
    }
    struct end o2 = {0}, t2 = {0};
    snprintf(addr, sizeof addr, "localhost:%d", free_port(AF_INET));
    meet(&o2, &t2);
    link_destroy(t2.k, 0);
    link_destroy(o2.k, 0);
    teardown();
}
END_TEST

START_TEST(a_port_in_use_is_said)
{
    setup();
    struct end o = {0}, o2 = {0};
    struct link_config c = config(&keys_o);
    const char *why = "";
    listen_with(&o, &c);
    ck_assert_int_eq(link_listen(loop, &c, on_event, &o2, &o2.k, &why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why, "another program"));
    c.addr = "192.0.2.1:8936";
    ck_assert_int_eq(link_listen(loop, &c, on_event, &o2, &o2.k, &why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why, "no such address"));
    c.addr = "127.0.0.1:nonsense";
    ck_assert_int_eq(link_listen(loop, &c, on_event, &o2, &o2.k, &why), ERR_IO);
    ck_assert_int_eq(link_dial(loop, &c, on_event, &o2, &o2.k, &why), ERR_IO);
    link_destroy(o.k, 0);
    link_destroy(NULL, 0);
    teardown();
}
END_TEST

START_TEST(a_thousand_large_messages_each_way)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    link_peer peer = o.last_peer;
    o.messages = 0;
    o.in_order = t.in_order = true;
    uint64_t up = 0, down = 0;
    int64_t until = clock_mono_ms() + 2 * PATIENCE_MS;
    while ((o.next_job < 1000 || t.next_job < 1000) && clock_mono_ms() < until) {
        while (up < 1000 && send_big(&t, 0, up) == ERR_OK) {
            up++;
        }
        while (down < 1000 && send_big(&o, peer, down) == ERR_OK) {
            down++;
        }
        uv_run(loop_uv(loop), UV_RUN_ONCE);
    }
    ck_assert_uint_eq(o.next_job, 1000);
    ck_assert_uint_eq(t.next_job, 1000);
    ck_assert_int_eq(o.downs + t.downs, 0);
    RUN_UNTIL(link_queued(o.k, peer) == 0 && link_queued(t.k, 0) == 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* Of all memory in blocks; nothing under a sanitizer, which has books of its own. */
static size_t in_use(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* Media are kept for most of a minute, in messages that come one by one. */
START_TEST(a_small_payload_that_is_kept_takes_no_more_than_it_is)
{
    enum { SMALL = 300, MESSAGES = 400 };
    static struct blob *kept[MESSAGES];
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    o.kept = kept;
    struct link_packet p = {.length = SMALL};
    struct link_msg m = {.type = LINK_JOB_UNIT, .unit = {.packets = &p, .n_packets = 1}};
    size_t before = in_use();
    for (size_t i = 0; i < MESSAGES; i++) {
        struct blob *b = blob_create(SMALL);
        memset(blob_bytes(b), (int)i, SMALL);
        ck_assert_int_eq(link_send_msg(t.k, 0, &m, b), ERR_OK);
        blob_unref(b);
        RUN_UNTIL(o.n_kept == i + 1);
    }
    size_t after = in_use();
    ck_assert_msg(after < before + MESSAGES * 1024, "%zu bytes for each of %d",
                  (after - before) / MESSAGES, SMALL);
    for (size_t i = 0; i < MESSAGES; i++) {
        ck_assert_uint_eq(blob_span(kept[i]).len, SMALL);
        ck_assert_uint_eq(blob_span(kept[i]).data[SMALL - 1], (uint8_t)i);
        blob_unref(kept[i]);
    }
    link_destroy(t.k, 0);
    RUN_UNTIL(o.downs == 1);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* The listening loop stands still for far longer than the silence that ends a connection. */
START_TEST(a_slow_reader_pushes_back_and_loses_nothing)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    o.in_order = true;
    size_t limit = config(&keys_t).peer_queue_bytes;
    uint64_t sent = 0;
    int64_t from = clock_mono_ms();
    int64_t moved = from; /* when something could be sent last */
    while (clock_mono_ms() - from < 3 * TIMEOUT_MS || clock_mono_ms() - moved < TIMEOUT_MS) {
        enum err e = send_big(&t, 0, sent);
        ck_assert(e == ERR_OK || e == ERR_AGAIN);
        ck_assert_uint_le(link_queued(t.k, 0), limit);
        if (e == ERR_OK) {
            sent++;
            moved = clock_mono_ms();
        } else {
            usleep(1000);
        }
    }
    ck_assert_int_eq(send_big(&t, 0, sent), ERR_AGAIN);
    ck_assert_uint_gt(link_queued(t.k, 0), limit / 2);
    /* What is under way is bounded: the queue, the mailbox's bound, ZeroMQ's 64 and TCP's. */
    ck_assert_uint_lt(sent * BIG, 60u * 1024 * 1024);
    ck_assert_int_eq(t.writables, 0);
    RUN_UNTIL(t.writables >= 1);
    for (int i = 0; i < 100; i++) {
        RUN_UNTIL(send_big(&t, 0, sent) == ERR_OK);
        sent++;
    }
    RUN_UNTIL(o.next_job == sent);
    ck_assert_int_eq(o.downs + t.downs, 0);
    RUN_UNTIL(link_queued(t.k, 0) == 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* One peer that does not read must not hold up another. */
START_TEST(a_full_peer_is_its_own_problem)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    c.timeout_ms = 60000; /* the raw peer does not ping */
    c.heartbeat_ms = 100;
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *raw = raw_dealer(ctx, &keys_b);
    raw_hello(raw);
    RUN_UNTIL(o.messages == 1);
    link_peer deaf = o.last_peer;
    c = config(&keys_t);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 2);
    link_peer good = o.last_peer;
    uint64_t n = 0;
    int idle = 0;
    while (idle < 50) {
        idle = send_big(&o, deaf, 0) == ERR_OK ? 0 : idle + 1;
        n++;
        if (idle > 0) {
            run_for(10);
        }
        ck_assert_uint_lt(n, 5000);
    }
    t.in_order = true;
    for (uint64_t i = 0; i < 200; i++) {
        RUN_UNTIL(send_big(&o, good, i) == ERR_OK);
    }
    RUN_UNTIL(t.next_job == 200);
    ck_assert_int_eq(send_big(&o, deaf, 0), ERR_AGAIN);
    link_drop(o.k, deaf);
    ck_assert_int_eq(o.downs, 0);
    zmq_close(raw);
    zmq_ctx_term(ctx);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(many_peers_come_and_go)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_t);
    struct end t[12] = {{0}};
    for (int round = 0; round < 3; round++) {
        int messages = o.messages, downs = o.downs;
        for (int i = 0; i < 12; i++) {
            t[i] = (struct end){0};
            dial_with(&t[i], &c);
        }
        for (int i = 0; i < 12; i++) {
            RUN_UNTIL(t[i].ups == 1);
            hello(&t[i], "transcoder");
        }
        RUN_UNTIL(o.messages == messages + 12);
        for (int i = 0; i < 12; i++) {
            link_destroy(t[i].k, 0);
        }
        RUN_UNTIL(o.downs == downs + 12);
    }
    ck_assert_uint_eq(link_counters(o.k).refused, 0);
    ck_assert_uint_eq(link_counters(o.k).dropped, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

LINK_MAIN("link", right_secret_comes_up_and_roles_are_told, a_dialler_that_comes_first_waits,
          ipv6_and_names, redials_grow_to_a_limit_and_begin_anew_after_a_success,
          a_list_is_gone_through_until_one_is_there, a_silent_one_of_a_list_is_passed_over,
          a_list_that_is_wrong_is_said, a_port_in_use_is_said, a_thousand_large_messages_each_way,
          a_small_payload_that_is_kept_takes_no_more_than_it_is,
          a_slow_reader_pushes_back_and_loses_nothing, a_full_peer_is_its_own_problem,
          many_peers_come_and_go)
