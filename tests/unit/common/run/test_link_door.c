/* usual time: 4 s */
#include "run/link.h"

#include <errno.h>

#include "tests/unit/common/run/link_bench.h"

START_TEST(a_wrong_secret_is_refused)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_wrong);
    dial_with(&t, &c);
    RUN_UNTIL(t.refusals >= 2 && link_counters(o.k).refused >= 3);
    ck_assert_int_eq(t.ups, 0);
    ck_assert_int_eq(o.messages + o.downs, 0);
    still_lives(&o);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(an_unknown_key_is_refused)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_t); /* the orchestrator's true key, and a key pair of one's own */
    crypto_box_keypair(c.keys.public_key, c.keys.secret_key);
    dial_with(&t, &c);
    RUN_UNTIL(t.refusals >= 2 && link_counters(o.k).refused >= 2);
    ck_assert_int_eq(t.ups, 0);
    ck_assert_int_eq(o.messages + o.downs, 0);
    still_lives(&o);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* An orchestrator's own key, and the zero key that stands where no role is admitted. */
START_TEST(no_role_means_no_entry)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    memset(c.keys.admitted[LINK_ROLE_TRANSCODER], 0, LINK_KEY_BYTES);
    listen_with(&o, &c);
    c = config(&keys_t);
    dial_with(&t, &c);
    struct end me = {0};
    c = config(&keys_o);
    memcpy(c.keys.server_key, keys_o.public_key, LINK_KEY_BYTES);
    dial_with(&me, &c);
    RUN_UNTIL(t.refusals >= 1 && me.refusals >= 1);
    ck_assert_int_eq(t.ups + me.ups + o.messages, 0);
    link_destroy(t.k, 0);
    link_destroy(me.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(minted_keys_and_the_secret_come_in_side_by_side)
{
    setup();
    mint();
    struct end o = {0}, t = {0}, b = {0}, s = {0}, stranger = {0};
    struct link_config c = door_with_list(&keys_o);
    listen_with(&o, &c);
    c = config(&minted_t);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 1);
    ck_assert_int_eq(o.role, LINK_ROLE_TRANSCODER);
    ck_assert_str_eq(o.credential, "edge");
    c = config(&minted_b);
    dial_with(&b, &c);
    RUN_UNTIL(b.ups == 1);
    hello(&b, "transcoder"); /* whatever it says */
    RUN_UNTIL(o.messages == 2);
    ck_assert_int_eq(o.role, LINK_ROLE_BROADCASTER);
    ck_assert_str_eq(o.credential, "cam");
    int before = atomic_load(&asked);
    c = config(&keys_t);
    dial_with(&s, &c);
    RUN_UNTIL(s.ups == 1);
    hello(&s, "transcoder");
    RUN_UNTIL(o.messages == 3);
    ck_assert_int_eq(o.role, LINK_ROLE_TRANSCODER);
    ck_assert_str_eq(o.credential, "");
    ck_assert_int_eq(atomic_load(&asked), before); /* not about the secret's keys */
    struct link_keys unknown;
    ck_assert_int_eq(credential_make(LINK_ROLE_TRANSCODER, "edge", keys_o.public_key, &unknown),
                     ERR_OK);
    c = config(&unknown);
    dial_with(&stranger, &c);
    RUN_UNTIL(stranger.refusals >= 1);
    ck_assert_int_eq(stranger.ups, 0);
    link_recheck(o.k); /* nothing has changed */
    run_for(2 * HEARTBEAT_MS);
    ck_assert_int_eq(o.downs, 0);
    link_destroy(stranger.k, 0);
    link_destroy(s.k, 0);
    link_destroy(b.k, 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* An orchestrator without a shared secret: nobody has a derived key. */
START_TEST(without_a_secret_only_minted_keys_come_in)
{
    setup();
    struct end o = {0}, t = {0}, s = {0};
    struct link_keys own;
    ck_assert_int_eq(credential_make(LINK_ROLE_ORCHESTRATOR, "o", NULL, &own), ERR_OK);
    ck_assert_int_eq(credential_make(LINK_ROLE_TRANSCODER, "edge", own.public_key, &minted_t),
                     ERR_OK);
    struct link_config c = door_with_list(&own);
    listen_with(&o, &c);
    c = config(&minted_t);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    c = config(&keys_t);
    dial_with(&s, &c);
    RUN_UNTIL(s.refusals >= 1);
    ck_assert_int_eq(s.ups, 0);
    link_destroy(s.k, 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_revoked_key_is_turned_out_with_words)
{
    setup();
    mint();
    struct end o = {0}, t = {0}, b = {0};
    struct link_config c = door_with_list(&keys_o);
    listen_with(&o, &c);
    c = config(&minted_t);
    dial_with(&t, &c);
    c = config(&minted_b);
    dial_with(&b, &c);
    RUN_UNTIL(t.ups == 1 && b.ups == 1);
    hello(&b, "broadcaster");
    RUN_UNTIL(o.messages == 1);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 2);
    link_peer peer = o.last_peer;
    int64_t from = clock_mono_ms();
    atomic_store(&revoked_t, true);
    link_recheck(o.k);
    RUN_UNTIL(o.downs == 1 && t.downs == 1);
    ck_assert_int_lt(clock_mono_ms() - from, TIMEOUT_MS);
    ck_assert_uint_eq(o.down_peer, peer);
    ck_assert_str_eq(o.down_reason, "the credential \"edge\" was revoked");
    ck_assert_str_eq(t.last_reason, "the credential \"edge\" was revoked");
    RUN_UNTIL(t.refusals >= 1);
    ck_assert_int_eq(t.ups, 1);
    ck_assert_int_eq(b.downs, 0);
    struct link_msg m = {.type = LINK_JOB_REFUSE, .job = 1, .reason = ""};
    ck_assert_int_eq(link_send_msg(o.k, peer, &m, NULL), ERR_NOENT);
    atomic_store(&revoked_t, false); /* it was never out of the list for good */
    RUN_UNTIL(t.ups == 2);
    link_destroy(b.k, 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

static int raw_tcp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static bool is_closed(int fd)
{
    char bytes[256];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

START_TEST(strangers_are_counted_and_closed)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *plain = raw_dealer(ctx, NULL);
    zmq_send(plain, "x", 1, ZMQ_DONTWAIT);
    RUN_UNTIL(link_counters(o.k).refused >= 1);
    int web = raw_tcp();
    ck_assert_int_eq(send(web, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 0), 27);
    RUN_UNTIL(is_closed(web) && link_counters(o.k).refused >= 2);
    uint64_t before = link_counters(o.k).refused;
    int silent = raw_tcp(); /* a handshake that never goes on */
    RUN_UNTIL(is_closed(silent) && link_counters(o.k).refused > before);
    zmq_close(plain);
    zmq_ctx_term(ctx);
    close(web);
    close(silent);
    ck_assert_int_eq(o.messages, 0);
    still_lives(&o);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_gigabyte_that_is_announced_closes_the_connection)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    /* ZMTP 3.1 greeting, mechanism CURVE, then a long command of 1 GiB (RFC 37). */
    uint8_t bytes[64 + 9] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E'};
    bytes[64] = 6;
    bytes[64 + 5] = 0x40;
    int fd = raw_tcp();
    ck_assert_int_eq(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
    int64_t from = clock_mono_ms();
    RUN_UNTIL(is_closed(fd) && link_counters(o.k).refused >= 1);
    ck_assert_int_lt(clock_mono_ms() - from, TIMEOUT_MS); /* not by the handshake's time limit */
    close(fd);
    still_lives(&o);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_frame_too_large_drops_the_peer)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    c.frame_max_bytes = 100000;
    listen_with(&o, &c);
    c = config(&keys_b);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    void *ctx = zmq_ctx_new();
    void *raw = raw_dealer(ctx, &keys_t);
    raw_hello(raw);
    RUN_UNTIL(o.messages == 1);
    uint8_t *large = calloc(1, 200000);
    zmq_send(raw, large, 200000, ZMQ_DONTWAIT);
    free(large);
    RUN_UNTIL(o.downs == 1);
    ck_assert_int_eq(t.downs, 0); /* nobody else's concern */
    zmq_close(raw);
    zmq_ctx_term(ctx);
    still_lives(&o);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

static void expect_bye(void *raw, const char *word)
{
    uint8_t bytes[1000];
    const char *why = "";
    struct link_msg *m = NULL;
    do {
        link_msg_destroy(m);
        m = NULL;
        int n = zmq_recv(raw, bytes, sizeof bytes, 0);
        ck_assert_int_gt(n, 0);
        ck_assert_msg(link_msg_unpack(span_of(bytes, (size_t)n), 0, &m, &why) == ERR_OK, "%s", why);
    } while (m->type == LINK_PING);
    ck_assert_int_eq(m->type, LINK_BYE);
    ck_assert_msg(strstr(m->reason, word) != NULL, "%s", m->reason);
    link_msg_destroy(m);
}

START_TEST(garbage_from_a_peer_drops_it_with_a_reason)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *raw = raw_dealer(ctx, &keys_t);
    raw_hello(raw);
    RUN_UNTIL(o.messages == 1);
    zmq_send(raw, "\xff\xff\xff", 3, 0);
    RUN_UNTIL(o.downs == 1 && link_counters(o.k).dropped == 1);
    ck_assert_uint_eq(o.down_peer, o.last_peer);
    expect_bye(raw, "not a message");
    raw_hello(raw); /* the same connection stays given up */
    run_for(HEARTBEAT_MS * 2);
    ck_assert_int_eq(o.messages, 1);
    void *many = raw_dealer(ctx, &keys_t);
    for (int i = 0; i < 50; i++) {
        zmq_send(many, "x", 1, ZMQ_SNDMORE);
    }
    zmq_send(many, "x", 1, 0);
    RUN_UNTIL(link_counters(o.k).dropped == 2);
    expect_bye(many, "frames");
    ck_assert_int_eq(o.downs, 1); /* whom nobody knew, nobody misses */
    zmq_close(raw);
    zmq_close(many);
    zmq_ctx_term(ctx);
    still_lives(&o);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_chosen_routing_id_is_not_served)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *raw = zmq_socket(ctx, ZMQ_DEALER);
    int linger = 0;
    char endpoint[80];
    snprintf(endpoint, sizeof endpoint, "tcp://%s", addr);
    zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(raw, ZMQ_ROUTING_ID, "me", 2);
    zmq_setsockopt(raw, ZMQ_CURVE_PUBLICKEY, keys_t.public_key, LINK_KEY_BYTES);
    zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, keys_t.secret_key, LINK_KEY_BYTES);
    zmq_setsockopt(raw, ZMQ_CURVE_SERVERKEY, keys_t.server_key, LINK_KEY_BYTES);
    zmq_connect(raw, endpoint);
    raw_hello(raw);
    RUN_UNTIL(link_counters(o.k).dropped == 1);
    ck_assert_int_eq(o.messages, 0);
    zmq_close(raw);
    zmq_ctx_term(ctx);
    still_lives(&o);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* The handshake was right, but before the first word the key was revoked; and a revoked peer that
 * does not heed the goodbye gets no further by talking on. */
START_TEST(a_revoked_key_has_no_first_word)
{
    setup();
    mint();
    struct end o = {0};
    struct link_config c = door_with_list(&keys_o);
    c.timeout_ms = 60000;
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *raw = raw_dealer(ctx, &minted_t);
    RUN_UNTIL(atomic_load(&asked) == 1);
    run_for(100); /* the handshake's end, on both sides */
    atomic_store(&revoked_t, true);
    link_recheck(o.k);
    raw_hello(raw);
    RUN_UNTIL(link_counters(o.k).refused == 1);
    for (int i = 0; i < 5; i++) {
        raw_hello(raw);
    }
    run_for(2 * HEARTBEAT_MS);
    ck_assert_int_eq(o.messages + o.downs, 0);
    char bye[256];
    ck_assert_int_gt(zmq_recv(raw, bye, sizeof bye, 0), 0);
    zmq_close(raw);
    zmq_ctx_term(ctx);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

LINK_MAIN("link_door", a_wrong_secret_is_refused, an_unknown_key_is_refused,
          minted_keys_and_the_secret_come_in_side_by_side,
          without_a_secret_only_minted_keys_come_in, a_revoked_key_is_turned_out_with_words,
          a_revoked_key_has_no_first_word, no_role_means_no_entry, strangers_are_counted_and_closed,
          a_gigabyte_that_is_announced_closes_the_connection, a_frame_too_large_drops_the_peer,
          garbage_from_a_peer_drops_it_with_a_reason, a_chosen_routing_id_is_not_served)
