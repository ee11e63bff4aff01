#include "broadcaster/ingest/ingest.h"

#include "tests/unit/broadcaster/ingest/ingest_bench.h"

START_TEST(a_publish)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    RUN_UNTIL(f, client_has(&c, "NetStream.Publish.Start"));
    ck_assert_int_eq(strncmp(f->peer, "127.0.0.1:", 10), 0);
    client_media(&c, 10);
    RUN_UNTIL(f, f->packets == 10);
    ck_assert_int_eq(f->tracks, 2);
    ck_assert_uint_eq(counters(f).connections, 1);
    ck_assert_uint_eq(counters(f).publishers, 1);
    ck_assert_uint_gt(counters(f).received_bytes, 10000);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 1);
    ck_assert_int_eq(f->orderly, 0);
    RUN_UNTIL(f, counters(f).connections == 0);
    ck_assert_uint_eq(counters(f).publishers, 0);
    ck_assert_uint_eq(counters(f).accepted, 1);
    ck_assert_uint_eq(counters(f).protocol_errors, 0);
    close_ingest(f);
}
END_TEST

/* The network holds back who is not read from; a pause is not taken for silence. */
START_TEST(what_is_left_out_is_told)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 3; i++) {
        script_frame(&b, (uint32_t)i * 33, 0, i == 0 ? 5 : 1, 1000);
    }
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    buf_fini(&b);
    RUN_UNTIL(f, f->skipped == 3);
    client_media(&c, 2);
    RUN_UNTIL(f, f->packets == 2);
    ck_assert_int_eq(f->skipped, 3);
    ck_assert_uint_eq(counters(f).skipped[RTMP_SKIP_NO_HEADER], 3);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(a_paused_publisher_is_held_back_and_goes_on)
{
    struct ingest_config config = default_config();
    config.idle_timeout_ms = 200;
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    f->pause_ms = 600;
    int64_t before = clock_mono_ms();
    client_media(&c, 1);
    RUN_UNTIL(f, f->packets == 1);
    struct buf b;
    buf_init(&b, 4096);
    script_frame(&b, 33, 0, 1, 1000);
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    f->pause_ms = 0;
    RUN_UNTIL(f, f->packets == 2);
    ck_assert_int_ge(clock_mono_ms() - before, 600);
    ck_assert_int_eq(f->ends, 0);
    f->pause_ms = 60000;
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, f->packets == 3);
    close_publisher(f); /* ends a pause too */
    RUN_UNTIL(f, f->ends == 1 && client_closed(&c));
    ck_assert(client_has(&c, "That is enough."));
    buf_fini(&b);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(an_orderly_end_and_once_more)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    client_command(&c, "deleteStream");
    RUN_UNTIL(f, f->ends == 1);
    ck_assert_int_eq(f->orderly, 1);
    struct buf b;
    buf_init(&b, 4096);
    script_command(&b, "publish", 0, "movie");
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, f->publishes == 2);
    ck_assert_uint_eq(counters(f).publishers, 1);
    buf_fini(&b);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 2);
    ck_assert_int_eq(f->orderly, 1);
    close_ingest(f);
}
END_TEST

START_TEST(a_refusal_reaches_the_client)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    f->refuse = true;
    struct client c = connect_client(f, 0);
    client_begin(&c);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(!c.reset);
    ck_assert(client_has(&c, "NetStream.Publish.BadName"));
    ck_assert(client_has(&c, "It is taken."));
    ck_assert_uint_eq(counters(f).refused, 1);
    client_close(&c);
    RUN_UNTIL(f, counters(f).connections == 0);
    ck_assert_int_eq(f->ends, 0);
    close_ingest(f);
}
END_TEST

START_TEST(an_answer_may_come_later)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    f->later = true;
    struct client c = connect_client(f, 0);
    client_begin(&c);
    client_media(&c, 3);
    ck_assert(!client_has(&c, "The publish has begun."));
    f->streams++;
    publisher_admit(f->publisher);
    RUN_UNTIL(f, client_has(&c, "The publish has begun."));
    client_media(&c, 3);
    RUN_UNTIL(f, f->packets >= 3);
    ck_assert_uint_eq(counters(f).publishers, 1);
    struct client d = connect_client(f, 0);
    client_begin(&d);
    publisher_refuse(f->publisher, "NetStream.Publish.BadName", "It is taken.");
    RUN_UNTIL(f, client_closed(&d));
    ck_assert(client_has(&d, "It is taken."));
    client_close(&d);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 1);
    ck_assert_int_eq(f->cancels, 0);
    close_ingest(f);
}
END_TEST

START_TEST(who_says_goodbye_before_the_answer_is_told_of)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    f->later = true;
    struct client c = connect_client(f, 0);
    client_begin(&c);
    client_command(&c, "deleteStream");
    RUN_UNTIL(f, f->cancels == 1);
    f->later = false;
    struct buf b;
    buf_init(&b, 4096);
    script_command(&b, "publish", 0, "movie");
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, counters(f).publishers == 1);
    ck_assert_int_eq(f->ends, 0);
    buf_fini(&b);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 1);
    close_ingest(f);
}
END_TEST

START_TEST(who_goes_before_the_answer_is_told_of)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    f->later = true;
    struct client c = connect_client(f, 0);
    client_begin(&c);
    client_close(&c);
    RUN_UNTIL(f, f->cancels == 1);
    struct client d = connect_client(f, 0);
    client_begin(&d);
    client_command(&d, "deleteStream");
    RUN_UNTIL(f, f->cancels == 2);
    client_close(&d);
    ck_assert_int_eq(f->ends, 0);
    close_ingest(f);
}
END_TEST

START_TEST(a_play_has_one_end)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client left = connect_client(f, 0), stays = connect_client(f, 0);
    client_ask(&left, "play");
    RUN_UNTIL(f, client_has(&left, "NetStream.Play.Start"));
    client_ask(&stays, "play");
    RUN_UNTIL(f, client_has(&stays, "NetStream.Play.Start"));
    ck_assert_uint_eq(counters(f).players, 2);
    client_close(&left);
    RUN_UNTIL(f, f->play_ends == 1);
    ck_assert_str_eq(f->reason, "the player closed the connection");
    f->refuse = true;
    struct client refused = connect_client(f, 0);
    client_ask(&refused, "play");
    RUN_UNTIL(f, client_closed(&refused));
    ck_assert_int_eq(f->play_ends, 1);
    client_close(&refused);
    ingest_close(f->ingest, on_closed, f);
    ck_assert_int_eq(f->play_ends, 2);
    ck_assert_str_eq(f->reason, "the server is stopping");
    RUN_UNTIL(f, f->closed);
    client_close(&stays);
    loop_destroy(f->loop);
    mem_free(f);
}
END_TEST

/* Messages that are nothing, a chunk size of one byte: all of it counts, and nothing before. */
START_TEST(all_that_comes_is_counted)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    uint8_t junk[5000] = {0};
    struct buf b;
    buf_init(&b, 1 << 20);
    client_begin(&c);
    RUN_UNTIL(f, client_has(&c, "NetStream.Publish.Start"));
    ck_assert_uint_eq(f->received_bytes, 0);
    script_message(&b, MESSAGE_DATA_AMF0, 1, 0, span_of(junk, sizeof junk));
    script_message(&b, 99, 1, 0, span_of(junk, sizeof junk));
    script_message(&b, MESSAGE_SET_CHUNK_SIZE, 0, 0, span_of((const uint8_t[]){0, 0, 0, 1}, 4));
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, f->received_bytes == b.len);
    ck_assert_uint_gt(f->received_bytes, 2 * sizeof junk);
    static const uint8_t begun[13] = {3, 0, 0, 0, 0, 0, 9}; /* and a message that is not whole */
    f->close_at_bytes = f->received_bytes + sizeof begun;
    ck_assert_uint_eq(client_send(&c, span_of(begun, sizeof begun)), 0);
    RUN_UNTIL(f, f->ends == 1);
    RUN_UNTIL(f, client_has(&c, "That is enough.") && client_closed(&c));
    ck_assert_uint_eq(f->received_bytes, b.len + sizeof begun);
    ck_assert_int_eq(f->packets + f->skipped, 0);
    buf_fini(&b);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(closed_by_the_handler)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    f->close_at_packet = true;
    client_begin(&c);
    client_media(&c, 5);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(!c.reset);
    ck_assert(client_has(&c, "That is enough."));
    ck_assert(!client_has(&c, "Twice."));
    ck_assert_int_eq(f->packets, 1);
    ck_assert_int_eq(f->ends, 1);
    ck_assert_str_eq(f->reason, "That is enough.");
    client_close(&c);
    f->close_at_packet = false;

    c = connect_client(f, 0);
    client_begin(&c);
    client_media(&c, 2);
    RUN_UNTIL(f, f->packets == 3);
    close_publisher(f);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(client_has(&c, "That is enough."));
    ck_assert_int_eq(f->ends, 2);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(closed_while_the_client_sends_on)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    struct buf b;
    buf_init(&b, 1 << 20);
    script_headers(&b);
    for (uint32_t i = 0; i < 20; i++) {
        script_frame(&b, i * 33, 0, 5, 1000);
    }
    f->close_at_packet = true;
    client_begin(&c);
    for (int i = 0; i < 100; i++) {
        /* The server goes on reading: no reset before the answer is read. */
        ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    }
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(!c.reset);
    ck_assert(client_has(&c, "That is enough."));
    ck_assert_int_eq(f->packets, 1);
    buf_fini(&b);
    client_close(&c);
    close_ingest(f);
}
END_TEST

/* What a second signal does: nobody waits for the end that was begun. */
START_TEST(destroyed_while_it_closes)
{
    for (int begun = 0; begun < 2; begun++) {
        struct ingest_config config = default_config();
        struct fixture *f = open_ingest(&config);
        struct client c = connect_client(f, 0);
        client_begin(&c);
        if (begun) {
            ingest_close(f->ingest, on_closed, f);
        }
        ingest_destroy(f->ingest);
        ck_assert_int_eq(f->ends, 1);
        loop_destroy(f->loop);
        ck_assert(!f->closed);
        client_close(&c);
        mem_free(f);
    }
    ingest_destroy(NULL);
}
END_TEST

START_TEST(the_end_of_the_ingest)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client publishing = connect_client(f, 0), waiting = connect_client(f, 0);
    client_begin(&publishing);
    RUN_UNTIL(f, counters(f).connections == 2);
    ingest_close(f->ingest, on_closed, f);
    ck_assert_int_eq(f->ends, 1);
    ck_assert_str_eq(f->reason, "the server is stopping");
    ck_assert(!f->closed);
    RUN_UNTIL(f, f->closed);
    RUN_UNTIL(f, client_closed(&publishing) && client_closed(&waiting));
    ck_assert(client_has(&publishing, "NetConnection.Connect.AppShutdown"));
    client_close(&publishing);
    client_close(&waiting);
    loop_destroy(f->loop);
    mem_free(f);
}
END_TEST

UNIT_MAIN("ingest", a_publish, what_is_left_out_is_told,
          a_paused_publisher_is_held_back_and_goes_on, destroyed_while_it_closes,
          an_orderly_end_and_once_more, a_refusal_reaches_the_client, an_answer_may_come_later,
          who_says_goodbye_before_the_answer_is_told_of, who_goes_before_the_answer_is_told_of,
          a_play_has_one_end, all_that_comes_is_counted, closed_by_the_handler,
          closed_while_the_client_sends_on, the_end_of_the_ingest)
