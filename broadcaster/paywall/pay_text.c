#include "broadcaster/paywall/pay_text.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/paywall/money.h"
#include "run/json.h"

#define TYPE_PREFIX "urn:streaming-back-end:payment:"

struct problem {
    int status;
    const char *type, *title, *detail;
};

static const struct problem nobody = {
    402, TYPE_PREFIX "account", "Payment required",
    "This costs money, and the request names no account. The answer's cookie is a new one; players "
    "without cookies put ?token= with this token behind the address."};

static const struct problem forged = {
    402, TYPE_PREFIX "token", "Payment required",
    "The token of this request is none of this server's. The one in this answer is new."};

static struct problem problem_of(enum paywall_verdict v)
{
    switch (v) {
    case PAYWALL_FROZEN:
        return (struct problem){403, TYPE_PREFIX "frozen", "Account frozen",
                                "This account may not spend: ask the operator."};
    case PAYWALL_MANY:
        return (struct problem){429, TYPE_PREFIX "accounts", "Too many accounts",
                                "Too many viewers begin here at once. Try again in a minute."};
    case PAYWALL_AWAY:
        return (struct problem){503, TYPE_PREFIX "ledger", "Accounts cannot be reached",
                                "The server that keeps the accounts does not answer. Nothing was "
                                "charged; try again in a moment."};
    case PAYWALL_STOPPING:
        return (struct problem){503, TYPE_PREFIX "stopping", "The server is stopping",
                                "Try again in a moment. Nothing was charged."};
    default:
        return (struct problem){402, TYPE_PREFIX "balance", "Payment required",
                                "The account's balance does not pay for this. It goes on as soon "
                                "as money has come."};
    }
}

static void set_money(struct json *j, const char *key, uint64_t amount, int scale)
{
    char text[MONEY_TEXT_MAX];
    money_format(amount, scale, text);
    json_set_str(j, key, text);
}

static void set_terms(struct json *j, const struct pay_terms *t, const struct pay_state *s)
{
    const struct toll *toll = s->toll;
    if (s->balance.known || s->balance.total > 0) {
        set_money(j, "balance", s->balance.total, t->scale);
    } else {
        json_set_str(j, "balance", NULL);
    }
    set_money(j, "preview", s->balance.preview, t->scale);
    if (toll->per == TOLL_FREE) {
        json_set_str(j, "price", NULL);
    } else {
        set_money(j, "price", toll->amount, t->scale);
        json_set_str(j, "per", toll->per == TOLL_PER_MINUTE ? "minute" : "megabyte");
    }
    set_money(j, "missing", s->missing, t->scale);
    json_set_str(j, "asset", t->asset);
    json_set_str(j, "paymentPointer", t->payment_pointer[0] != '\0' ? t->payment_pointer : NULL);
    if (s->token[0] != '\0') {
        json_set_str(j, "token", s->token);
    }
}

static enum err put(struct buf *text, const struct json *j)
{
    char *written = json_text(j);
    enum err e = buf_put(text, span_cstr(written));
    mem_free(written);
    return e;
}

static int put_problem(struct buf *text, const struct problem *p, const struct pay_terms *t,
                       const struct pay_state *s, enum err *ret_err)
{
    struct json *j = json_new_object();
    json_set_str(j, "type", p->type);
    json_set_str(j, "title", p->title);
    json_set_int(j, "status", p->status);
    json_set_str(j, "detail", p->detail);
    set_terms(j, t, s);
    *ret_err = put(text, j);
    json_destroy(j);
    return p->status;
}

int pay_text_problem(struct buf *text, enum paywall_verdict v, const struct pay_terms *t,
                     const struct pay_state *s, enum err *ret_err)
{
    struct problem p = problem_of(v);
    return put_problem(text, &p, t, s, ret_err);
}

int pay_text_nobody(struct buf *text, bool is_forged, const struct pay_terms *t,
                    const struct pay_state *s, enum err *ret_err)
{
    return put_problem(text, is_forged ? &forged : &nobody, t, s, ret_err);
}

enum err pay_text_account(struct buf *text, const struct pay_terms *t, const struct pay_state *s)
{
    struct json *j = json_new_object();
    json_set_str(j, "account", s->account);
    set_terms(j, t, s);
    json_set_bool(j, "frozen", s->balance.frozen);
    json_set_int(j, "version", (int64_t)s->balance.version);
    enum err e = put(text, j);
    json_destroy(j);
    return e;
}

/* --- /config.js --- */

/* A text as a script's literal; "</" and what ends a line in scripts alone cannot stand in it. */
static enum err put_text(struct buf *b, const char *name, const char *value)
{
    enum err e = buf_printf(b, "export const %s = \"", name);
    for (const char *c = value; *c != '\0' && e == ERR_OK; c++) {
        bool plain = (unsigned char)*c >= ' ' && strchr("\"\\<>&", *c) == NULL;
        e = plain ? buf_put_u8(b, (uint8_t)*c) : buf_printf(b, "\\x%02x", (unsigned char)*c);
    }
    return e == ERR_OK ? buf_printf(b, "\";\n") : e;
}

static enum err put_amount(struct buf *b, const char *name, bool is_set, uint64_t amount, int scale)
{
    char text[MONEY_TEXT_MAX];
    money_format(amount, scale, text);
    return buf_printf(b, "export const %s = %s;\n", name, is_set ? text : "null");
}

static enum err put_prices(struct buf *b, const struct pay_terms *t)
{
    const struct toll *p = &t->toll;
    enum err e = put_amount(b, "pricePerMinute", p->per == TOLL_PER_MINUTE, p->amount, t->scale);
    if (e == ERR_OK) {
        e = put_amount(b, "pricePerMB", p->per == TOLL_PER_MB, p->amount, t->scale);
    }
    if (e == ERR_OK) {
        e = put_amount(b, "paywallThreshold", true, t->threshold, t->scale);
    }
    return e;
}

/* Pages that are known for such media import these too; without one of them the browser runs none
 * of such a page. */
static enum err put_known(struct buf *b)
{
    return buf_printf(b, "export const mediaPath = \"./media/\";\n"
                         "export const allowCORS = true;\n"
                         "const here = new URL(import.meta.url);\n"
                         "export const WMM_AUDIO_VIDEO_HOST = here.hostname;\n"
                         "export const WMM_AUDIO_VIDEO_PORT =\n"
                         "    Number(here.port || (here.protocol === \"https:\" ? 443 : 80));\n");
}

enum err pay_text_config(struct buf *text, const struct pay_terms *t)
{
    enum err e = put_text(text, "paymentPointer", t->payment_pointer);
    if (e == ERR_OK && t->receipt_service[0] != '\0') {
        e = put_text(text, "receiptService", t->receipt_service);
    } else if (e == ERR_OK) {
        e = buf_printf(text, "export const receiptService = "
                             "new URL(\"/receipts/\", import.meta.url).href;\n");
    }
    if (e == ERR_OK) {
        e = buf_printf(text, "export const fullPaymentUrl = paymentPointer === \"\" ? \"\" :\n"
                             "    receiptService + encodeURIComponent(paymentPointer);\n");
    }
    if (e == ERR_OK) {
        e = put_text(text, "assetType", t->asset);
    }
    if (e == ERR_OK) {
        e = buf_printf(text, "export const assetScale = %d;\n", t->scale);
    }
    e = e == ERR_OK ? put_prices(text, t) : e;
    return e == ERR_OK ? put_known(text) : e;
}
