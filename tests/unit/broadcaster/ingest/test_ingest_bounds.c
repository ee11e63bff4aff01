/* usual time: 12 s */
#include "broadcaster/ingest/ingest.h"

#include "tests/unit/broadcaster/ingest/ingest_bench.h"

START_TEST(garbage_harms_nobody_else)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client good = connect_client(f, 0);
    client_begin(&good);
    client_media(&good, 3);
    struct client bad = connect_client(f, 0);
    client_send(&bad, span_cstr("GET / HTTP/1.1\r\n\r\n"));
    RUN_UNTIL(f, client_closed(&bad));
    ck_assert_uint_eq(counters(f).protocol_errors, 1);
    client_media(&good, 3);
    RUN_UNTIL(f, f->packets == 6);
    ck_assert_int_eq(f->ends, 0);
    client_close(&bad);
    client_close(&good);
    RUN_UNTIL(f, f->ends == 1);
    close_ingest(f);
}
END_TEST

START_TEST(a_broken_publish_is_told_why)
{
    static const uint8_t vp8[] = {0x91, 'v', 'p', '0', '8', 1};
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    struct buf b;
    client_begin(&c);
    buf_init(&b, 4096);
    script_message(&b, MESSAGE_VIDEO, 1, 0, span_of(vp8, sizeof vp8));
    script_message(&b, MESSAGE_VIDEO, 1, 2000, span_of(vp8, sizeof vp8));
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(client_has(&c, "NetStream.Publish.Rejected"));
    ck_assert_int_eq(f->ends, 1);
    ck_assert_uint_eq(counters(f).skipped[RTMP_SKIP_CODEC], 2);
    ck_assert_msg(strstr(f->reason, "H.264") != NULL, "%s", f->reason);
    buf_fini(&b);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(a_slow_handshake_is_closed)
{
    struct ingest_config config = default_config();
    config.setup_timeout_ms = 200;
    struct fixture *f = open_ingest(&config);
    struct client slow = connect_client(f, 0), silent = connect_client(f, 0);
    uint8_t byte = 3;
    int64_t started = clock_mono_ms();
    while (!client_closed(&slow)) {
        ck_assert_int_lt(clock_mono_ms() - started, WAIT_MS);
        (void)!send(slow.fd, &byte, 1, MSG_NOSIGNAL);
        loop_run_once(f->loop);
        poll(NULL, 0, 10);
    }
    ck_assert_int_ge(clock_mono_ms() - started, 150);
    RUN_UNTIL(f, client_closed(&silent));
    ck_assert_uint_eq(counters(f).timeouts, 2);
    client_close(&slow);
    client_close(&silent);
    close_ingest(f);
}
END_TEST

START_TEST(a_client_that_never_publishes_is_closed)
{
    struct ingest_config config = default_config();
    config.setup_timeout_ms = 200;
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0), good = connect_client(f, 0);
    struct buf b;
    client_begin(&good);
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    script_connect(&b, "live", "");
    client_send(&c, buf_span(&b));
    RUN_UNTIL(f, client_closed(&c));
    ck_assert_uint_eq(counters(f).timeouts, 1);
    ck_assert_uint_eq(counters(f).publishers, 1);
    buf_fini(&b);
    client_close(&c);
    client_close(&good);
    close_ingest(f);
}
END_TEST

START_TEST(a_silent_publisher_is_closed)
{
    struct ingest_config config = default_config();
    config.idle_timeout_ms = 200;
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(client_has(&c, "NetStream.Publish.Idle"));
    ck_assert_int_eq(f->ends, 1);
    ck_assert_uint_eq(counters(f).timeouts, 1);
    client_close(&c);
    close_ingest(f);
}
END_TEST

/* Fact 26: silence is asked about; who answers is there, however long nothing is published. */
START_TEST(a_silent_publisher_that_answers_pings_stays)
{
    static const uint8_t ping[] = {2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6};
    struct ingest_config config = default_config();
    config.idle_timeout_ms = scaled_ms(1600);
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    RUN_UNTIL(f, client_has(&c, "NetStream.Publish.Start"));
    buf_clear(&c.in);
    for (int pings = 0; pings < 4; pings++) {
        RUN_UNTIL(f, (client_read(&c), c.in.len == sizeof ping + 4));
        ck_assert_mem_eq(c.in.data, ping, sizeof ping);
        uint8_t pong[6] = {0, 7};
        memcpy(pong + 2, c.in.data + sizeof ping, 4);
        buf_clear(&c.in);
        struct buf b;
        buf_init(&b, 100);
        script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(pong, sizeof pong));
        /* From the second on as short as can be: a header of one byte, all as before. */
        uint8_t first = b.data[0] | 0xc0;
        struct span brief = span_of(b.data + b.len - sizeof pong - 1, sizeof pong + 1);
        b.data[b.len - sizeof pong - 1] = pings > 0 ? first : b.data[b.len - sizeof pong - 1];
        ck_assert_uint_eq(client_send(&c, pings > 0 ? brief : buf_span(&b)), 0);
        buf_fini(&b);
    }
    ck_assert_int_eq(f->ends, 0);
    RUN_UNTIL(f, client_closed(&c)); /* it answers no more */
    ck_assert(client_has(&c, "NetStream.Publish.Idle"));
    ck_assert_int_eq(f->ends, 1);
    client_close(&c);
    close_ingest(f);
}
END_TEST

/* Fact 23: a connection that is reset ends its publish like any other, and harms nobody. */
START_TEST(a_reset_is_an_end)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0), other = connect_client(f, 0);
    client_begin(&c);
    client_begin(&other);
    client_media(&c, 2);
    RUN_UNTIL(f, f->packets == 2);
    ck_assert_int_eq(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 1);
    ck_assert_str_eq(f->reason, "the connection broke");
    ck_assert_int_eq(f->orderly, 0);
    client_media(&other, 2);
    RUN_UNTIL(f, f->packets == 4);
    RUN_UNTIL(f, client_has(&other, "NetStream.Publish.Start")); /* unread bytes reset it too */
    client_close(&other);
    RUN_UNTIL(f, f->ends == 2);
    ck_assert_str_eq(f->reason, "the publisher closed the connection");
    close_ingest(f);
}
END_TEST

START_TEST(limits)
{
    struct ingest_config config = default_config();
    config.max_per_address = 2;
    config.max_connections = 4;
    struct fixture *f = open_ingest(&config);
    struct client a = connect_client(f, 0);
    client_begin(&a); /* does not count for its address any more */
    struct client b = connect_client(f, 0), c = connect_client(f, 0);
    RUN_UNTIL(f, counters(f).connections == 3);
    struct client third = connect_client(f, 0);
    client_ask(&third, "publish");
    RUN_UNTIL(f, client_closed(&third));
    ck_assert(client_has(&third, "NetStream.Publish.Rejected"));
    ck_assert(client_has(&third, "too many connections of this address are open"));
    ck_assert_int_eq(f->publishes, 1);
    ck_assert_uint_eq(counters(f).over_limit, 1);
    client_begin(&b);
    client_begin(&c);
    struct client d = connect_client(f, 0);
    RUN_UNTIL(f, counters(f).connections == 4);
    struct client fifth = connect_client(f, 0);
    client_ask(&fifth, "play");
    RUN_UNTIL(f, client_closed(&fifth));
    ck_assert(client_has(&fifth, "NetStream.Play.Failed"));
    ck_assert(client_has(&fifth, "the server has too many connections"));
    ck_assert_int_eq(f->plays, 0);
    ck_assert_uint_eq(counters(f).over_limit, 2);
    ck_assert_uint_eq(counters(f).accepted, 4);
    client_close(&d);
    RUN_UNTIL(f, counters(f).connections == 3);
    struct client again = connect_client(f, 0);
    client_begin(&again);
    ck_assert_int_eq(f->streams, 4);
    struct client *all[] = {&a, &b, &c, &third, &fifth, &again};
    for (size_t i = 0; i < 6; i++) {
        client_close(all[i]);
    }
    close_ingest(f);
}
END_TEST

/* Only a few stay to be told, and not for long. */
START_TEST(many_over_the_limit)
{
    enum { N = 20, TOLD = 8 };
    struct ingest_config config = default_config();
    config.max_per_address = 1;
    struct fixture *f = open_ingest(&config);
    struct client all[N], first = connect_client(f, 0);
    RUN_UNTIL(f, counters(f).connections == 1);
    for (size_t i = 0; i < N; i++) {
        all[i] = connect_client(f, 0);
    }
    RUN_UNTIL(f, counters(f).over_limit == N);
    ck_assert_uint_eq(counters(f).connections, 1 + TOLD);
    RUN_UNTIL(f, counters(f).connections == 1);
    ck_assert_uint_eq(counters(f).timeouts, 0);
    client_begin(&first);
    struct client next = connect_client(f, 0);
    client_begin(&next);
    for (size_t i = 0; i < N; i++) {
        client_close(&all[i]);
    }
    client_close(&first);
    client_close(&next);
    RUN_UNTIL(f, f->ends == 2);
    close_ingest(f);
}
END_TEST

START_TEST(a_client_that_never_reads)
{
    static const uint8_t ping[] = {0, 6, 0, 0, 0, 1};
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 4096);
    struct buf b;
    client_begin(&c);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 4000; i++) {
        script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(ping, sizeof ping));
    }
    int64_t end = clock_mono_ms() + WAIT_MS;
    while (counters(f).protocol_errors == 0) {
        ck_assert_int_lt(clock_mono_ms(), end);
        client_send(&c, buf_span(&b));
    }
    ck_assert_int_eq(f->ends, 1);
    buf_fini(&b);
    client_close(&c);
    RUN_UNTIL(f, counters(f).connections == 0);
    close_ingest(f);
}
END_TEST

UNIT_MAIN("ingest_bounds", garbage_harms_nobody_else, a_broken_publish_is_told_why,
          a_slow_handshake_is_closed, a_client_that_never_publishes_is_closed,
          a_silent_publisher_is_closed, a_silent_publisher_that_answers_pings_stays,
          a_reset_is_an_end, limits, many_over_the_limit, a_client_that_never_reads)
