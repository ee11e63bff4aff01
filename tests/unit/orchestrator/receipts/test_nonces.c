#include "orchestrator/receipts/nonces.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define TTL 3600000

static struct seeds seeds;
static struct buf journal;

static void parse_seeds(const char *text, struct seeds *ret_seeds)
{
    char why[SEEDS_WHY_SIZE];
    ck_assert_msg(seeds_parse(span_cstr(text), ret_seeds, why) == ERR_OK, "%s", why);
}

static struct nonces *start(size_t max)
{
    parse_seeds("QUJDREVGR0hJSktMTU5PUA==\n", &seeds);
    buf_init(&journal, 64 * 1024 * 1024);
    struct nonces *n = nonces_create(&seeds, TTL, max);
    ck_assert_int_eq(nonces_save(n, &journal), ERR_OK);
    return n;
}

static void stop(struct nonces *n)
{
    nonces_destroy(n);
    buf_fini(&journal);
}

static struct nonces *restart(struct nonces *n, const struct seeds *with, int64_t now_ms)
{
    size_t strangers = 0, line = 0;
    nonces_destroy(n);
    n = nonces_create(with, TTL, NONCES_MAX);
    ck_assert_int_eq(nonces_load(n, buf_span(&journal), now_ms, &strangers, &line), ERR_OK);
    return n;
}

static void name(unsigned char *nonce, unsigned i)
{
    memset(nonce, 0, RECEIPT_NONCE_BYTES);
    memcpy(nonce, &i, sizeof i);
}

static void add(struct nonces *n, unsigned i, int64_t now_ms)
{
    unsigned char nonce[RECEIPT_NONCE_BYTES];
    name(nonce, i);
    ck_assert_int_eq(nonces_add(n, nonce, "$w.example/a", now_ms, &journal), ERR_OK);
}

/* A receipt that a wallet would sign. */
static struct receipt sign(unsigned i, uint8_t stream, uint64_t total, const struct seed *seed)
{
    struct receipt r = {.stream = stream, .total = total};
    unsigned char secret[RECEIPT_SECRET_BYTES];
    crypto_auth_hmacsha256_state state;
    name(r.nonce, i);
    r.bytes[0] = 1;
    memcpy(r.bytes + 1, r.nonce, sizeof r.nonce);
    r.bytes[17] = stream;
    for (int b = 0; b < 8; b++) {
        r.bytes[18 + b] = (unsigned char)(total >> (56 - 8 * b));
    }
    receipt_secret(&seed->key, r.nonce, secret);
    crypto_auth_hmacsha256_init(&state, secret, sizeof secret);
    crypto_auth_hmacsha256_update(&state, r.bytes, RECEIPT_SIGNED_BYTES);
    crypto_auth_hmacsha256_final(&state, r.bytes + RECEIPT_SIGNED_BYTES);
    return r;
}

static enum receipt_verdict check(struct nonces *n, unsigned i, uint64_t total, int64_t now_ms)
{
    struct receipt r = sign(i, 1, total, &seeds.items[0]);
    const char *endpoint = NULL;
    enum receipt_verdict v = nonces_check(n, &r, now_ms, &journal, &endpoint);
    ck_assert(v != RECEIPT_GOOD || strcmp(endpoint, "$w.example/a") == 0);
    return v;
}

/* What /verify credits; 0: expired. */
static uint64_t take(struct nonces *n, unsigned i, uint8_t stream, uint64_t total)
{
    struct receipt r = sign(i, stream, total, &seeds.items[0]);
    uint64_t amount = 0;
    if (nonces_take(n, &r, 0, &journal, &amount) == RECEIPT_GOOD) {
        nonces_settle(n, &r, true);
    }
    return amount;
}

START_TEST(use_renews_and_silence_ends)
{
    struct nonces *n = start(10);
    add(n, 1, 0);
    ck_assert_int_eq(check(n, 1, 5, TTL - 1), RECEIPT_GOOD);
    ck_assert_int_eq(check(n, 1, 5, 2 * TTL - 2), RECEIPT_GOOD);
    n = restart(n, &seeds, 2 * TTL); /* renewals are known after a restart */
    ck_assert_int_eq(check(n, 1, 5, 3 * TTL - 3), RECEIPT_GOOD);
    ck_assert_int_eq(check(n, 1, 5, 4 * TTL - 3), RECEIPT_EXPIRED);
    add(n, 2, 5 * TTL);
    ck_assert_uint_eq(nonces_count(n), 1); /* the first one is gone */
    ck_assert_int_eq(check(n, 2, 0, 5 * TTL), RECEIPT_EXPIRED);
    ck_assert_int_eq(check(n, 3, 5, 5 * TTL), RECEIPT_EXPIRED);
    stop(n);
}
END_TEST

/* A forged receipt does not renew. */
START_TEST(what_is_forged_changes_nothing)
{
    struct nonces *n = start(10);
    const char *endpoint;
    add(n, 1, 0);
    struct receipt r = sign(1, 1, 5, &seeds.items[0]);
    r.bytes[57] ^= 1;
    size_t before = journal.len;
    ck_assert_int_eq(nonces_check(n, &r, TTL - 1, &journal, &endpoint), RECEIPT_HMAC);
    ck_assert_uint_eq(journal.len, before);
    ck_assert_int_eq(check(n, 1, 5, TTL), RECEIPT_EXPIRED);
    stop(n);
}
END_TEST

START_TEST(rotation_keeps_what_is_under_way)
{
    struct seeds both, later;
    struct nonces *n = start(10);
    add(n, 1, 0);
    struct receipt old = sign(1, 1, 7, &seeds.items[0]);
    parse_seeds("# new\nUVJTVFVWV1hZWjAxMjM0NQ==\nQUJDREVGR0hJSktMTU5PUA==\n", &both);
    n = restart(n, &both, 1000);
    const char *endpoint;
    ck_assert_int_eq(nonces_check(n, &old, 1000, &journal, &endpoint), RECEIPT_GOOD);
    struct receipt wrong = sign(1, 1, 7, &both.items[0]); /* another seed than its nonce's */
    ck_assert_int_eq(nonces_check(n, &wrong, 1000, &journal, &endpoint), RECEIPT_HMAC);
    add(n, 2, 1000);
    struct receipt fresh = sign(2, 1, 7, &both.items[0]);
    ck_assert_int_eq(nonces_check(n, &fresh, 1000, &journal, &endpoint), RECEIPT_GOOD);
    parse_seeds("UVJTVFVWV1hZWjAxMjM0NQ==\n", &later); /* the old seed is taken away */
    n = restart(n, &later, 2000);
    ck_assert_uint_eq(nonces_count(n), 1);
    ck_assert_int_eq(nonces_check(n, &fresh, 2000, &journal, &endpoint), RECEIPT_GOOD);
    ck_assert_int_eq(nonces_check(n, &old, 2000, &journal, &endpoint), RECEIPT_HMAC);
    stop(n);
}
END_TEST

/* The oldest that never brought anything go first, then the oldest that did. */
START_TEST(the_number_is_bounded)
{
    struct nonces *n = start(3);
    add(n, 1, 1);
    ck_assert_uint_eq(take(n, 1, 1, 10), 10);
    add(n, 2, 2);
    add(n, 3, 3);
    add(n, 4, 4);
    ck_assert_int_eq(check(n, 2, 1, 5), RECEIPT_EXPIRED);
    ck_assert_uint_eq(take(n, 3, 1, 1), 1);
    ck_assert_uint_eq(take(n, 4, 1, 1), 1);
    ck_assert_int_eq(check(n, 1, 11, 5), RECEIPT_GOOD);
    add(n, 5, 6); /* 3 is the one that was used longest ago */
    ck_assert_uint_eq(nonces_count(n), 3);
    ck_assert_int_eq(check(n, 3, 2, 7), RECEIPT_EXPIRED);
    ck_assert_int_eq(check(n, 1, 11, 7), RECEIPT_GOOD);
    for (unsigned stream = 0; stream < 256; stream++) { /* streams are bounded as well */
        (void)take(n, 4, (uint8_t)stream, 5);
    }
    ck_assert_int_eq(check(n, 1, 11, 8), RECEIPT_EXPIRED);
    ck_assert_int_eq(check(n, 4, 11, 8), RECEIPT_GOOD);
    stop(n);
}
END_TEST

/* What could not be kept on the disk has not counted. */
START_TEST(a_write_that_fails_takes_nothing)
{
    struct nonces *n = start(10);
    uint64_t amount = 0;
    add(n, 1, 0);
    struct receipt ten = sign(1, 1, 10, &seeds.items[0]), more = sign(1, 1, 15, &seeds.items[0]);
    ck_assert_int_eq(nonces_take(n, &ten, 0, &journal, &amount), RECEIPT_GOOD);
    ck_assert_int_eq(nonces_take(n, &more, 0, &journal, &amount), RECEIPT_GOOD);
    ck_assert_uint_eq(amount, 5);
    struct buf saved;
    buf_init(&saved, 10000);
    ck_assert_int_eq(nonces_save(n, &saved), ERR_OK); /* nothing of it is there yet */
    ck_assert_ptr_null(memmem(saved.data, saved.len, "mark", 4));
    buf_fini(&saved);
    nonces_settle(n, &ten, false);
    nonces_settle(n, &more, false);
    ck_assert_uint_eq(take(n, 1, 1, 15), 15);
    ck_assert_uint_eq(take(n, 1, 1, 15), 0);
    ck_assert_int_eq(nonces_take(n, &more, 0, &journal, &amount), RECEIPT_EXPIRED);
    stop(n);
}
END_TEST

/* Who comes first has the stream, also over a restart. */
START_TEST(an_account_and_an_asker_exclude_each_other)
{
    struct nonces *n = start(10);
    bool known = true;
    add(n, 1, 0);
    struct receipt one = sign(1, 1, 10, &seeds.items[0]), three = sign(1, 3, 10, &seeds.items[0]);
    ck_assert_int_eq(nonces_claim(n, &one, 0, &journal, &known), RECEIPT_GOOD);
    ck_assert(!known);
    ck_assert_int_eq(nonces_claim(n, &one, 0, &journal, &known), RECEIPT_GOOD);
    ck_assert(!known); /* until the first is settled each one waits for the disk */
    nonces_settle_claim(n, &one, true);
    ck_assert_int_eq(nonces_claim(n, &one, 0, &journal, &known), RECEIPT_GOOD);
    ck_assert(known);
    ck_assert(nonces_counted(n, &one));
    ck_assert(!nonces_counted(n, &one));
    ck_assert_uint_eq(take(n, 1, 1, 20), 0);
    ck_assert_uint_eq(take(n, 1, 3, 20), 20);
    n = restart(n, &seeds, 10);
    ck_assert_uint_eq(take(n, 1, 1, 30), 0);
    ck_assert_int_eq(nonces_claim(n, &three, 0, &journal, &known), RECEIPT_EXPIRED);
    struct receipt five = sign(1, 5, 10, &seeds.items[0]);
    ck_assert_int_eq(nonces_claim(n, &five, 0, &journal, &known), RECEIPT_GOOD);
    nonces_settle_claim(n, &five, false);
    ck_assert_uint_eq(take(n, 1, 5, 10), 10);
    stop(n);
}
END_TEST

/* Random changes with restarts, from the journal or from what was saved, against plain arrays. */
START_TEST(a_restart_changes_nothing)
{
    struct nonces *n = start(NONCES_MAX);
    static uint64_t marks[40][4];
    unsigned random = 12345;
    for (unsigned i = 0; i < 40; i++) {
        add(n, i, i);
    }
    for (int step = 0; step < 4000; step++) {
        random = random * 1103515245 + 12345;
        unsigned i = (random >> 8) % 40, stream = (random >> 16) % 4;
        uint64_t total = (random >> 18) % 1000 + 1, *mark = &marks[i][stream];
        uint64_t expected = total > *mark ? total - *mark : 0;
        ck_assert_uint_eq(take(n, i, (uint8_t)stream, total), expected);
        *mark += expected;
        if (step % 100 == 50) {
            buf_clear(&journal);
            ck_assert_int_eq(nonces_save(n, &journal), ERR_OK);
        }
        if (step % 37 == 0) {
            n = restart(n, &seeds, 100);
        }
    }
    stop(n);
}
END_TEST

/* Cut anywhere, a journal is read up to its last whole line; changed, it is refused with a line's
 * number, or says something else, but breaks nothing. */
START_TEST(journals_cut_and_changed)
{
    struct nonces *n = start(100);
    add(n, 1, 5);
    ck_assert_uint_eq(take(n, 1, 255, UINT64_MAX), UINT64_MAX);
    add(n, 2, 5);
    for (size_t cut = 0; cut <= journal.len; cut++) {
        size_t strangers, line = 0;
        struct nonces *m = nonces_create(&seeds, TTL, 100);
        ck_assert_int_eq(nonces_load(m, span_of(journal.data, cut), 10, &strangers, &line), ERR_OK);
        ck_assert_uint_eq(nonces_count(m), cut == journal.len ? 2 : cut < 88 ? 0 : 1);
        nonces_destroy(m);
    }
    for (size_t at = 0; at < journal.len * 8; at++) {
        size_t strangers, line = 0;
        struct nonces *m = nonces_create(&seeds, TTL, 100);
        journal.data[at / 8] ^= (uint8_t)(1 << at % 8);
        if (nonces_load(m, buf_span(&journal), 10, &strangers, &line) != ERR_OK) {
            ck_assert(line >= 1 && line <= 5);
        }
        journal.data[at / 8] ^= (uint8_t)(1 << at % 8);
        nonces_destroy(m);
    }
    stop(n);
}
END_TEST

/* An endpoint with a line's end in it would read as another one after the next restart. */
START_TEST(endpoints_are_printable)
{
    static const uint8_t bad[] = {'\0', '\r', '\t', 0x1b, 0x7f, 0x80, 0xff};
    struct nonces *n = start(100);
    add(n, 1, 5);
    uint8_t *last = &journal.data[journal.len - 3];
    for (size_t i = 0; i < sizeof bad; i++) {
        size_t strangers, line = 0;
        struct nonces *m = nonces_create(&seeds, TTL, 100);
        *last = bad[i];
        ck_assert_int_eq(nonces_load(m, buf_span(&journal), 10, &strangers, &line), ERR_PROTO);
        ck_assert_uint_eq(line, 2);
        nonces_destroy(m);
    }
    stop(n);
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
    struct nonces *n = start(10);
    unsigned char nonce[RECEIPT_NONCE_BYTES];
    uint64_t amount = 0;
    name(nonce, 1);
    mem_fail_nth(1);
    ck_assert_int_eq(nonces_add(n, nonce, "$w.example/a", 0, &journal), ERR_NOMEM);
    ck_assert_uint_eq(nonces_count(n), 0);
    add(n, 1, 0);
    struct receipt r = sign(1, 1, 10, &seeds.items[0]);
    mem_fail_nth(1);
    ck_assert_int_eq(nonces_take(n, &r, 0, &journal, &amount), RECEIPT_EXPIRED);
    ck_assert_uint_eq(take(n, 1, 1, 10), 10);
    stop(n);
}
END_TEST

START_TEST(seeds_files)
{
    static const struct {
        const char *text;
        size_t n; /* 0: refused */
    } cases[] = {
        {"QUJDREVGR0hJSktMTU5PUA==", 1},
        {"# a\n\n  # b\r\nQUJDREVGR0hJSktMTU5PUA==\r\nQUJDREVGR0hJSktMTU5PUQ==\n", 2},
        {"", 0},
        {"# nothing\n", 0},
        {"QUJDREVGR0hJSktMTU5P\n", 0},
        {"not base64!\n", 0},
        {"A\nA\n", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seeds s = {.n = 0};
        char why[SEEDS_WHY_SIZE] = "";
        enum err e = seeds_parse(span_cstr(cases[i].text), &s, why);
        ck_assert_msg(s.n == cases[i].n, "%s: %s", cases[i].text, why);
        ck_assert((e == ERR_OK) == (why[0] == '\0'));
    }
    struct seeds s;
    char why[SEEDS_WHY_SIZE], many[400] = "";
    for (int i = 0; i <= SEEDS_MAX; i++) {
        strcat(many, "QUJDREVGR0hJSktMTU5PUA==\n");
    }
    ck_assert_int_eq(seeds_parse(span_cstr(many), &s, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "line 9"));
}
END_TEST

UNIT_MAIN("nonces", use_renews_and_silence_ends, what_is_forged_changes_nothing,
          rotation_keeps_what_is_under_way, the_number_is_bounded, a_write_that_fails_takes_nothing,
          an_account_and_an_asker_exclude_each_other, a_restart_changes_nothing,
          journals_cut_and_changed, endpoints_are_printable, without_memory_nothing_changes,
          seeds_files)
