#include "orchestrator/receipts/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "run/json_read.h"

enum receipt_verdict verify_check(struct nonces *n, struct span text, int64_t now_ms,
                                  struct buf *journal, struct receipt *ret_receipt,
                                  const char **ret_endpoint)
{
    struct receipt r;
    enum receipt_verdict v = receipt_parse(text, &r);
    if (v == RECEIPT_GOOD) {
        v = nonces_check(n, &r, now_ms, journal, ret_endpoint);
    }
    if (v == RECEIPT_GOOD) {
        *ret_receipt = r;
    }
    return v;
}

enum receipt_verdict verify_receipt(struct nonces *n, struct span text, int64_t now_ms,
                                    struct buf *journal, struct receipt *ret_receipt,
                                    uint64_t *ret_amount, char *ret_body)
{
    struct receipt r;
    const char *endpoint;
    char kept[NONCES_ENDPOINT_SIZE];
    uint64_t amount = 0;
    enum receipt_verdict v = verify_check(n, text, now_ms, journal, &r, &endpoint);
    if (v == RECEIPT_GOOD) {
        (void)snprintf(kept, sizeof kept, "%s", endpoint);
        v = nonces_take(n, &r, now_ms, journal, &amount);
    }
    if (v != RECEIPT_GOOD) {
        (void)snprintf(ret_body, VERIFY_BODY_SIZE, "%s", receipt_words(v));
        return v;
    }
    /* Endpoints are pointers of ours: nothing in them has to be escaped. */
    (void)snprintf(ret_body, VERIFY_BODY_SIZE,
                   "{\"amount\":\"%" PRIu64 "\",\"spspEndpoint\":\"%s\"}", amount, kept);
    *ret_receipt = r;
    *ret_amount = amount;
    return RECEIPT_GOOD;
}

enum err verify_read_answer(struct span body, struct verify_answer *ret_answer)
{
    char why[JSON_READ_WHY_MAX];
    struct json *j;
    if (json_read(body, &j, why) != ERR_OK) {
        return ERR_PROTO;
    }
    const char *amount = json_string_of(json_member(j, "amount"));
    const char *endpoint = json_string_of(json_member(j, "spspEndpoint"));
    struct verify_answer a;
    bool good = amount != NULL && endpoint != NULL && strlen(endpoint) < sizeof a.endpoint &&
                span_decimal(span_cstr(amount), UINT64_MAX, &a.amount);
    if (good) {
        (void)snprintf(a.endpoint, sizeof a.endpoint, "%s", endpoint);
        *ret_answer = a;
    }
    json_destroy(j);
    return good ? ERR_OK : ERR_PROTO;
}
