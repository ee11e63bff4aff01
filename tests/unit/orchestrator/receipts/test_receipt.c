#include "orchestrator/receipts/receipt.h"

#include <stdio.h>
#include <string.h>

#include "orchestrator/receipts/nonces.h"
#include "orchestrator/receipts/verify.h"
#include "tests/support/unit.h"
#include "tests/unit/orchestrator/receipts/vectors.h"

#define N_VECTORS (sizeof receipt_vectors / sizeof receipt_vectors[0])

static const unsigned char nonce_a[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const unsigned char nonce_b[] = {0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87,
                                        0x78, 0x69, 0x5a, 0x4b, 0x3c, 0x2d, 0x1e, 0x0f};

static struct seeds known_seed(void)
{
    struct seeds s;
    char why[SEEDS_WHY_SIZE];
    ck_assert_int_eq(
        seeds_parse(span_cstr("Xl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl4="), &s, why), ERR_OK);
    return s;
}

static void verify_all(struct nonces *n, size_t from, size_t to, struct buf *journal)
{
    for (size_t i = from; i < to; i++) {
        const struct receipt_vector *v = &receipt_vectors[i];
        char body[VERIFY_BODY_SIZE];
        struct receipt r;
        uint64_t amount = 0;
        int status =
            receipt_status(verify_receipt(n, span_cstr(v->text), 1000, journal, &r, &amount, body));
        ck_assert_msg(status == v->status, "%s: %d", v->name, status);
        ck_assert_msg(strcmp(body, v->body) == 0, "%s: %s", v->name, body);
        ck_assert_msg(amount == v->credited, "%s", v->name);
        if (status == 200) {
            nonces_settle(n, &r, true);
        }
    }
}

START_TEST(the_known_verifiers_answers)
{
    struct seeds seeds = known_seed();
    struct nonces *n = nonces_create(&seeds, 300000, 100);
    struct buf journal;
    buf_init(&journal, 100000);
    ck_assert_uint_eq(N_VECTORS, 25);
    ck_assert_int_eq(nonces_add(n, nonce_a, "https://wallet.example/alice", 0, &journal), ERR_OK);
    ck_assert_int_eq(nonces_add(n, nonce_b, "https://wallet.example/alice", 0, &journal), ERR_OK);
    verify_all(n, 0, N_VECTORS, &journal);
    nonces_destroy(n);
    buf_fini(&journal);
}
END_TEST

/* The same with a restart before every receipt. */
START_TEST(the_same_over_restarts)
{
    struct seeds seeds = known_seed();
    struct buf journal;
    buf_init(&journal, 100000);
    struct nonces *n = nonces_create(&seeds, 300000, 100);
    ck_assert_int_eq(nonces_save(n, &journal), ERR_OK);
    ck_assert_int_eq(nonces_add(n, nonce_a, "https://wallet.example/alice", 0, &journal), ERR_OK);
    ck_assert_int_eq(nonces_add(n, nonce_b, "https://wallet.example/alice", 0, &journal), ERR_OK);
    nonces_destroy(n);
    for (size_t i = 0; i < N_VECTORS; i++) {
        size_t strangers, line = 0;
        n = nonces_create(&seeds, 300000, 100);
        ck_assert_int_eq(nonces_load(n, buf_span(&journal), 1000, &strangers, &line), ERR_OK);
        verify_all(n, i, i + 1, &journal);
        nonces_destroy(n);
    }
    buf_fini(&journal);
}
END_TEST

/* Whatever becomes of one bit of a receipt: it is refused. */
START_TEST(every_bit_counts)
{
    struct seeds seeds = known_seed();
    struct receipt good, r;
    ck_assert_int_eq(receipt_parse(span_cstr(receipt_vectors[1].text), &good), RECEIPT_GOOD);
    ck_assert(receipt_is_signed(&good, &seeds.items[0].key));
    ck_assert_uint_eq(good.total, 10);
    for (size_t bit = 8; bit < RECEIPT_BYTES * 8; bit++) {
        r = good;
        r.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        memcpy(r.nonce, r.bytes + 1, sizeof r.nonce);
        ck_assert_msg(!receipt_is_signed(&r, &seeds.items[0].key), "bit %zu", bit);
    }
}
END_TEST

START_TEST(base64_in_every_dress)
{
    static const struct {
        const char *text;
        int len; /* -1: refused, -2: too long */
    } cases[] = {
        {"", 0},
        {"QUJD", 3},
        {"QUI=", 2},
        {"QUI", 2},
        {"QQ==", 1},
        {"QQ", 1},
        {"Q", -1},
        {"QUJDQ", -1},
        {"QQ=", -1},
        {"QQ===", -1},
        {"QUJD=", -1},
        {"QUI=x", -1},
        {"QU!I", -1},
        {"-_-_", 3},
        {"+/+/", 3},
        {" Q U\nI= ", 2},
        {"QUJDREVGR0g", 8},
        {"QUJDREVGR0hJ", -2},
        {"\xc3\xa4QUI", -1},
        {"====", -1},
        {"QUI=\n", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char bytes[8];
        size_t len = 0;
        enum err e = receipt_unbase64(span_cstr(cases[i].text), bytes, sizeof bytes, &len);
        int got = e == ERR_OK ? (int)len : e == ERR_LIMIT ? -2 : -1;
        ck_assert_msg(got == cases[i].len, "\"%s\": %d", cases[i].text, got);
        ck_assert(got < 1 || cases[i].text[0] != 'Q' || bytes[0] == 'A');
    }
}
END_TEST

START_TEST(totals_are_converted_exactly)
{
    static const struct {
        uint64_t total;
        int from, to;
        bool good;
        uint64_t is;
    } cases[] = {
        {1234567, 9, 6, true, 1234},
        {1234567, 6, 9, true, 1234567000},
        {999, 9, 6, true, 0},
        {0, 0, 18, true, 0},
        {9, 0, 18, true, 9000000000000000000U},
        {10, 0, 18, false, 0},
        {INT64_MAX, 9, 9, true, INT64_MAX},
        {INT64_MAX + 1ULL, 9, 9, false, 0},
        {UINT64_MAX, 9, 9, false, 0},
        {UINT64_MAX, 9, 8, true, 1844674407370955161U},
        {UINT64_MAX, 8, 9, false, 0},
        {UINT64_MAX, 18, 0, true, 18},
        {922337203685477580U, 8, 9, true, 9223372036854775800U},
        {922337203685477581U, 8, 9, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t is = 0;
        enum err e = receipt_convert(cases[i].total, cases[i].from, cases[i].to, &is);
        ck_assert_msg(e == (cases[i].good ? ERR_OK : ERR_LIMIT), "case %zu", i);
        ck_assert_msg(is == cases[i].is, "case %zu", i);
    }
    uint64_t before = 0, sum = 0, is = 0;
    for (uint64_t total = 0; total < 100000; total += 7) {
        ck_assert_int_eq(receipt_convert(total, 9, 7, &is), ERR_OK);
        sum += is - before;
        before = is;
    }
    ck_assert_uint_eq(sum, 999); /* of 99995 hundredths, none is lost on the way */
}
END_TEST

UNIT_MAIN("receipt", the_known_verifiers_answers, the_same_over_restarts, every_bit_counts,
          base64_in_every_dress, totals_are_converted_exactly)
