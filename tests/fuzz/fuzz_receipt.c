/* Receipts, a line each: whatever they are, the known verifier's answer comes, nothing is credited
 * twice, and a restart from the journal gives the same answers. The nonces 000102..0f and
 * f0e1d2..0f are given out, the seed is 32 bytes of 0x5e. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/receipts/verify.h"

#define TTL 1000000
#define MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static struct nonces *begin(const struct seeds *seeds, struct buf *journal)
{
    static const unsigned char a[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const unsigned char b[] = {0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87,
                                      0x78, 0x69, 0x5a, 0x4b, 0x3c, 0x2d, 0x1e, 0x0f};
    struct nonces *n = nonces_create(seeds, TTL, MAX);
    must(nonces_save(n, journal) == ERR_OK);
    must(nonces_add(n, a, "https://wallet.example/alice", 0, journal) == ERR_OK);
    must(nonces_add(n, b, "https://wallet.example/alice", 0, journal) == ERR_OK);
    return n;
}

static void verify(struct nonces *n, struct span text, struct buf *journal)
{
    char body[VERIFY_BODY_SIZE], again[VERIFY_BODY_SIZE];
    struct receipt r;
    uint64_t amount = 0;
    enum receipt_verdict v = verify_receipt(n, text, 1, journal, &r, &amount, body);
    must(memchr(body, '\0', sizeof body) != NULL && body[0] != '\0');
    if (v == RECEIPT_GOOD) {
        must(amount > 0 && amount <= r.total && text.len <= RECEIPT_TEXT_MAX);
        nonces_settle(n, &r, true);
        must(verify_receipt(n, text, 1, journal, &r, &amount, again) == RECEIPT_EXPIRED);
    } else {
        must(strcmp(body, receipt_words(v)) == 0 && receipt_status(v) >= 400);
    }
}

/* What is said to a receipt of ours whose HMAC is right must not depend on what became of the
 * process meanwhile. */
static void restart(struct nonces **n, const struct seeds *seeds, const struct buf *journal)
{
    size_t strangers = 1, line = 0, before = nonces_count(*n);
    nonces_destroy(*n);
    *n = nonces_create(seeds, TTL, MAX);
    must(nonces_load(*n, buf_span(journal), 1, &strangers, &line) == ERR_OK);
    must(strangers == 0 && nonces_count(*n) == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seeds seeds;
    struct buf journal;
    char why[SEEDS_WHY_SIZE];
    must(seeds_parse(span_cstr("Xl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl4="), &seeds, why) ==
         ERR_OK);
    buf_init(&journal, 16 * 1024 * 1024);
    struct nonces *n = begin(&seeds, &journal);
    struct span left = span_of(data, size);
    for (int i = 0; left.len > 0 && i < 1000; i++) {
        verify(n, span_take_line(&left), &journal);
        if (i % 3 == 2) {
            restart(&n, &seeds, &journal);
        }
    }
    nonces_destroy(n);
    buf_fini(&journal);
    return 0;
}
