/* A request of a page that pays: two lines, its target and its cookie, then the body that it
 * posted. The first byte chooses: r or R a receipt, w or W a wallet's payment, q or Q the pointer
 * below /receipts/; the large ones allow user ids. Whatever comes is told what is wrong with it, or
 * becomes a question that the link carries. Tokens are signed with the key 01 00 00..., or, long
 * ago, with 02 00 00... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "broadcaster/paywall/pay_post.h"
#include "broadcaster/paywall/pay_who.h"
#include "proto/link_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct token_keys keys = {.n = 2, .keys = {{1}, {2}}};
static const struct pay_terms terms = {.scale = 9,
                                       .receipt_scale = 9,
                                       .asset = "USD",
                                       .payment_pointer = "$w.example/a",
                                       .receipt_service = ""};

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check_who(const struct pay_who *w, bool user_ids)
{
    char id[TOKEN_ID_LEN + 1];
    bool old = true;
    must(memchr(w->account, '\0', sizeof w->account) != NULL);
    must(strncmp(w->account, "viewer:", 7) == 0 && w->account[7] != '\0');
    must(user_ids || strncmp(w->account, "viewer:user-", 12) != 0);
    must(w->known ? !w->forged : w->token[0] != '\0');
    if (w->token[0] != '\0') {
        must(token_check(&keys, span_cstr(w->token), id, &old) == ERR_OK && !old);
        must(strcmp(id, w->account + 7) == 0);
    }
}

static void goes_over_the_link(enum link_pay_kind kind, const char *account, const char *text)
{
    const struct link_msg m = {
        .type = LINK_PAY_ASK,
        .pay_ask = {.kind = kind, .account = account, .key = terms.payment_pointer, .text = text}};
    struct link_msg *there = NULL;
    struct blob *b = link_msg_pack(&m);
    must(b != NULL && link_msg_unpack(blob_span(b), 0, &there, NULL) == ERR_OK);
    must(strcmp(there->pay_ask.text, text) == 0 && strcmp(there->pay_ask.account, account) == 0);
    link_msg_destroy(there);
    blob_unref(b);
}

static void post(bool receipt, const struct pay_who_config *c, struct pay_who *w, struct span body)
{
    struct pay_post p;
    const char *fault =
        pay_post_read(body, receipt ? PAY_POST_RECEIPT : PAY_POST_WALLET, &terms, &p);
    if (fault != NULL) {
        must(fault[0] != '\0');
        return;
    }
    pay_who_override(c, p.token, p.user_id, w);
    check_who(w, c->allow_user_id);
    goes_over_the_link(receipt ? LINK_PAY_RECEIPT : LINK_PAY_WALLET, w->account, p.text);
    pay_post_fini(&p);
}

static void query(struct span path)
{
    char pointer[PAY_POST_POINTER_MAX];
    if (pay_post_read_query(path, &terms, pointer)) {
        must(memchr(pointer, '\0', sizeof pointer) != NULL);
        goes_over_the_link(LINK_PAY_QUERY, "", pointer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char header[4096];
    if (size == 0) {
        return 0;
    }
    struct span body = span_of(data + 1, size - 1);
    struct pay_who_config c = {&keys, data[0] < 'a'};
    struct span target = span_take_line(&body), cookie = span_take_line(&body);
    if (memchr(target.data, '\0', target.len) != NULL) {
        return 0; /* no HTTP server hands that on */
    }
    snprintf(header, sizeof header, "%.*s", (int)cookie.len, (const char *)cookie.data);
    struct pay_who w = pay_who_read(&c, target, header, data[0] % 2 == 0);
    check_who(&w, c.allow_user_id);
    if (data[0] == 'q' || data[0] == 'Q') {
        query(target);
    } else {
        post(data[0] == 'r' || data[0] == 'R', &c, &w, body);
    }
    return 0;
}
