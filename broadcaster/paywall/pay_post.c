#include "broadcaster/paywall/pay_post.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "broadcaster/paywall/pay_who.h"
#include "proto/link_msg.h"

/* The link carries text alone, and neither a receipt nor a URL has other characters. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return false;
        }
    }
    return true;
}

/* --- payment pointers --- */

static bool write_url(const char *pointer, char *ret, size_t size)
{
    int n = pointer[0] == '$' ? snprintf(ret, size, "https://%s", pointer + 1)
                              : snprintf(ret, size, "%s", pointer);
    return n > 0 && (size_t)n < size;
}

/* As a page names it: by itself, or behind the service's address. */
static bool read_pointer(const struct pay_terms *terms, const char *text, char *ret, size_t size)
{
    char decoded[PAY_POST_POINTER_MAX];
    const char *service = terms->receipt_service;
    const char *own = strstr(text, PAY_POST_QUERY);
    if (service[0] != '\0' && strncmp(text, service, strlen(service)) == 0) {
        text += strlen(service);
    } else if (own != NULL) {
        text = own + strlen(PAY_POST_QUERY);
    }
    if (!pay_who_decode(span_cstr(text), decoded, sizeof decoded)) {
        return false;
    }
    return write_url(decoded, ret, size);
}

bool pay_post_is_own_pointer(const struct pay_terms *terms, const char *text)
{
    char theirs[PAY_POST_POINTER_MAX + 8], ours[PAY_POST_POINTER_MAX + 8];
    const char *own = terms->payment_pointer;
    return own[0] != '\0' && read_pointer(terms, text, theirs, sizeof theirs) &&
           read_pointer(terms, own, ours, sizeof ours) && strcmp(theirs, ours) == 0;
}

/* Nothing else goes on to the orchestrator: neither another address in front of ours. */
static bool is_own_itself(const struct pay_terms *terms, const char *pointer)
{
    char theirs[PAY_POST_POINTER_MAX + 8], ours[PAY_POST_POINTER_MAX + 8];
    return terms->payment_pointer[0] != '\0' && write_url(pointer, theirs, sizeof theirs) &&
           write_url(terms->payment_pointer, ours, sizeof ours) && strcmp(theirs, ours) == 0;
}

bool pay_post_read_query(struct span path, const struct pay_terms *terms, char *ret_pointer)
{
    char pointer[PAY_POST_POINTER_MAX];
    size_t n = strlen(PAY_POST_QUERY);
    if (path.len < n || memcmp(path.data, PAY_POST_QUERY, n) != 0 ||
        !pay_who_decode(span_of(path.data + n, path.len - n), pointer, sizeof pointer) ||
        !is_plain(pointer) || !is_own_itself(terms, pointer)) {
        return false;
    }
    (void)snprintf(ret_pointer, PAY_POST_POINTER_MAX, "%s", pointer);
    return true;
}

/* --- what is posted --- */

static const char *text_in(const struct json *j, const char *name)
{
    const char *text = json_string_of(json_member(j, name));
    return text != NULL ? text : "";
}

/* The amount and scale that a page says count for nothing, but what is nonsense is told so. */
static const char *fault_in_receipt(const struct pay_terms *terms, const struct json *j)
{
    const struct json *amount = json_member(j, "amount"), *scale = json_member(j, "assetScale");
    const char *text = json_string_of(amount);
    int64_t number = 0;
    uint64_t whole;
    bool good = amount == NULL ||
                (text != NULL && span_decimal(span_cstr(text), UINT64_MAX, &whole)) ||
                (json_int_of(amount, &number) && number >= 0);
    if (!good) {
        return "amount is no whole number in the asset's smallest unit";
    }
    if (scale != NULL && (!json_int_of(scale, &number) || number != terms->receipt_scale)) {
        return "assetScale is not that of payments to this server: see -receiptScale";
    }
    if (text_in(j, "receipt")[0] == '\0') {
        return "receipt is missing: a STREAM receipt in base64";
    }
    return NULL;
}

static const char *fault_in_wallet(const struct json *j)
{
    const char *url = text_in(j, "incomingPayment");
    return strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0
               ? "incomingPayment is missing: the URL of an Open Payments incoming payment"
               : NULL;
}

static const char *fault_in(const struct json *j, enum pay_post_kind kind,
                            const struct pay_terms *terms, const char *text)
{
    if (!json_has_members(j)) {
        return "the body is no JSON object";
    }
    const char *fault = kind == PAY_POST_RECEIPT ? fault_in_receipt(terms, j) : fault_in_wallet(j);
    if (fault != NULL) {
        return fault;
    }
    if (!pay_post_is_own_pointer(terms, text_in(j, "paymentPointer"))) {
        return "paymentPointer is not that of this server: see /config.js";
    }
    if (!is_plain(text)) {
        return "the receipt or incomingPayment holds other characters than printable ASCII";
    }
    return strlen(text) >= LINK_STRING_MAX ? "That is too long." : NULL;
}

const char *pay_post_read(struct span body, enum pay_post_kind kind, const struct pay_terms *terms,
                          struct pay_post *ret_post)
{
    char why[JSON_READ_WHY_MAX];
    struct pay_post p = {.json = NULL};
    if (json_read(body, &p.json, why) != ERR_OK) {
        return "the body is no JSON object";
    }
    p.text = text_in(p.json, kind == PAY_POST_RECEIPT ? "receipt" : "incomingPayment");
    p.token = json_string_of(json_member(p.json, "token"));
    p.user_id = json_string_of(json_member(p.json, "userId"));
    const char *fault = fault_in(p.json, kind, terms, p.text);
    if (fault != NULL) {
        pay_post_fini(&p);
        return fault;
    }
    *ret_post = p;
    return NULL;
}

void pay_post_fini(struct pay_post *p)
{
    json_destroy(p->json);
    p->json = NULL;
}
