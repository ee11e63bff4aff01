/* STREAM receipts verified and counted, without a disk: base64, HMAC, nonce, highest total, answer.
 * Prints JSON.
 *
 *   verify_bench NONCES RECEIPTS */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "orchestrator/receipts/verify.h"

#define JOURNAL_MAX (1024 * 1024)
#define ROUND       10000 /* receipts signed, then measured */

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void name(unsigned char *nonce, unsigned long i)
{
    crypto_generichash(nonce, RECEIPT_NONCE_BYTES, (const unsigned char *)&i, sizeof i, NULL, 0);
}

static void sign(const struct seeds *seeds, unsigned long i, uint64_t total, char *text)
{
    unsigned char bytes[RECEIPT_BYTES] = {1}, secret[RECEIPT_SECRET_BYTES];
    name(bytes + 1, i);
    bytes[17] = 1;
    for (int b = 0; b < 8; b++) {
        bytes[18 + b] = (unsigned char)(total >> (56 - 8 * b));
    }
    receipt_secret(&seeds->items[0].key, bytes + 1, secret);
    crypto_auth_hmacsha256(bytes + RECEIPT_SIGNED_BYTES, bytes, RECEIPT_SIGNED_BYTES, secret);
    sodium_bin2base64(text, RECEIPT_TEXT_MAX + 1, bytes, sizeof bytes,
                      sodium_base64_VARIANT_ORIGINAL);
}

static unsigned long verify(struct nonces *n, char (*texts)[RECEIPT_TEXT_MAX + 1],
                            unsigned long count, struct buf *journal)
{
    unsigned long refused = 0;
    for (unsigned long i = 0; i < count; i++) {
        char body[VERIFY_BODY_SIZE];
        struct receipt r;
        uint64_t amount;
        if (verify_receipt(n, span_cstr(texts[i]), 1, journal, &r, &amount, body) == RECEIPT_GOOD) {
            nonces_settle(n, &r, true);
        } else {
            refused++;
        }
        buf_clear(journal);
    }
    return refused;
}

static int run(unsigned long n_nonces, unsigned long count)
{
    static char texts[ROUND][RECEIPT_TEXT_MAX + 1];
    struct seeds seeds;
    struct buf journal;
    char why[SEEDS_WHY_SIZE];
    unsigned long refused = 0;
    double spent_s = 0;
    if (seeds_parse(span_cstr("QUJDREVGR0hJSktMTU5PUA=="), &seeds, why) != ERR_OK) {
        return 1;
    }
    buf_init(&journal, JOURNAL_MAX);
    struct nonces *n = nonces_create(&seeds, INT64_MAX, n_nonces);
    for (unsigned long i = 0; i < n_nonces; i++) {
        unsigned char nonce[RECEIPT_NONCE_BYTES];
        name(nonce, i);
        refused += nonces_add(n, nonce, "$wallet.example/alice", 0, &journal) != ERR_OK;
        buf_clear(&journal);
    }
    for (unsigned long done = 0; done < count; done += ROUND) {
        for (unsigned long i = 0; i < ROUND; i++) {
            sign(&seeds, (done + i) % n_nonces, (done + i) / n_nonces + 1, texts[i]);
        }
        double from_s = cpu_s();
        refused += verify(n, texts, ROUND, &journal);
        spent_s += cpu_s() - from_s;
    }
    printf("{\"receipts\": %lu, \"refused\": %lu, \"cpu_s\": %.3f}\n",
           (count + ROUND - 1) / ROUND * ROUND, refused, spent_s);
    nonces_destroy(n);
    buf_fini(&journal);
    return refused > 0;
}

int main(int argc, char **argv)
{
    unsigned long nonces = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    if (nonces < 1 || nonces > NONCES_MAX || sodium_init() < 0) {
        fprintf(stderr, "verify_bench NONCES RECEIPTS\n");
        return 2;
    }
    return run(nonces, strtoul(argv[2], NULL, 10));
}
