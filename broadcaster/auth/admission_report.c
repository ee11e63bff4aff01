#include <string.h>

#include "base/mem.h"
#include "broadcaster/auth/admission_internal.h"
#include "run/log.h"

#define BANS_LISTED 100

static const char *const refusal_names[REFUSALS_] = {
    [REFUSED_ADDRESS] = "address",
    [REFUSED_BANNED] = "banned",
    [REFUSED_ADDRESS_FULL] = "address_full",
    [REFUSED_NAME] = "name",
    [REFUSED_KEY] = "key",
    [REFUSED_TAKEN] = "taken",
    [REFUSED_WEBHOOK] = "webhook",
    [REFUSED_NO_VERDICT] = "no_verdict",
};

static struct json *describe_webhook(const struct admission *a)
{
    const struct auth_counters *c = auth_client_counters(a->auth);
    struct json *j = json_new_object();
    json_set_int(j, "asking", (int64_t)a->asks);
    json_set_int(j, "allowed", (int64_t)c->allowed);
    json_set_int(j, "denied", (int64_t)c->denied);
    json_set_int(j, "failed", (int64_t)c->failed);
    json_set_int(j, "told", (int64_t)c->told);
    json_set_int(j, "untold", (int64_t)c->untold);
    return j;
}

void admission_status(const struct admission *a, int64_t now_ms, struct json *object)
{
    struct json *j = json_new_object();
    struct json *refused = json_new_object();
    for (size_t i = 0; i < REFUSALS_; i++) {
        json_set_int(refused, refusal_names[i], (int64_t)a->refused[i]);
    }
    json_set_int(j, "admitted", (int64_t)a->admitted);
    json_set(j, "refused", refused);
    json_set_int(j, "revoked", (int64_t)a->revoked);
    json_set_int(j, "banned", (int64_t)bans_list(a->bans, now_ms, NULL, 0));
    if (a->keys != NULL) {
        json_set_int(j, "keys", (int64_t)a->keys->count);
    }
    if (a->auth != NULL) {
        json_set(j, "webhook", describe_webhook(a));
    }
    json_set(object, "admission", j);
}

static void webhook_metrics(const struct auth_counters *c, struct metrics *m)
{
    const struct {
        const char *verdict;
        uint64_t n;
    } rows[] = {{"allowed", c->allowed}, {"denied", c->denied}, {"failed", c->failed}};
    const char *name = "sbe_auth_webhook_verdicts_total";
    metrics_family(m, name, METRIC_COUNTER, "Answers of the auth webhook.");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        metrics_sample(m, name, (const char *const[]){"verdict", rows[i].verdict, NULL},
                       (double)rows[i].n);
    }
    metrics_one(m, METRIC_COUNTER, "sbe_auth_webhook_untold_total",
                "Ends of which the auth webhook could not be told.", (double)c->untold);
    name = "sbe_auth_webhook_seconds";
    metrics_family(m, name, METRIC_HISTOGRAM, "How long the auth webhook took to answer.");
    metrics_histogram(m, name, NULL, &c->took);
}

void admission_metrics(const struct admission *a, int64_t now_ms, struct metrics *m)
{
    const char *name = "sbe_admission_refused_total";
    metrics_one(m, METRIC_COUNTER, "sbe_admission_admitted_total",
                "Publishers and players that were admitted.", (double)a->admitted);
    metrics_family(m, name, METRIC_COUNTER, "Publishers and players that were refused, by reason.");
    for (size_t i = 0; i < REFUSALS_; i++) {
        metrics_sample(m, name, (const char *const[]){"reason", refusal_names[i], NULL},
                       (double)a->refused[i]);
    }
    metrics_one(m, METRIC_COUNTER, "sbe_admission_revoked_total",
                "Publishers closed because their key was taken out of the keys file.",
                (double)a->revoked);
    metrics_one(m, METRIC_COUNTER, "sbe_bans_total", "Addresses banned so far.",
                (double)bans_total(a->bans));
    metrics_one(m, METRIC_GAUGE, "sbe_banned_addresses", "Addresses that are banned.",
                (double)bans_list(a->bans, now_ms, NULL, 0));
    if (a->auth != NULL) {
        webhook_metrics(auth_client_counters(a->auth), m);
    }
}

/* --- the control API --- */

void admission_answer_bans(const struct admission *a, int64_t now_ms, struct http_answer *answer)
{
    struct ban bans[BANS_LISTED];
    size_t n = bans_list(a->bans, now_ms, bans, BANS_LISTED);
    struct json *j = json_new_object();
    struct json *list = json_new_array();
    for (size_t i = 0; i < n && i < BANS_LISTED; i++) {
        struct json *one = json_new_object();
        json_set_str(one, "address", bans[i].address);
        json_set_int(one, "seconds", (bans[i].left_ms + 999) / 1000);
        json_set_int(one, "times", bans[i].times);
        json_append(list, one);
    }
    json_set_int(j, "banned", (int64_t)n);
    json_set(j, "bans", list);
    http_answer_json(answer, j);
}

/* "2001:db8::/64" as it is listed, or an address of it. */
static enum err read_address(const char *text, uint8_t *ret_address)
{
    struct cidr c;
    enum err e = cidr_parse(text, &c);
    if (e == ERR_OK) {
        memcpy(ret_address, c.address, CIDR_ADDRESS_BYTES);
    }
    return e;
}

void admission_clear_bans(struct admission *a, const char *address, int64_t now_ms,
                          struct http_answer *answer)
{
    uint8_t bytes[CIDR_ADDRESS_BYTES];
    bool all = address[0] == '\0';
    if (!all && read_address(address, bytes) != ERR_OK) {
        http_answer_text(answer, 400,
                         "address: takes an address such as 192.0.2.7, or none for all");
        return;
    }
    size_t n = bans_clear(a->bans, all ? NULL : bytes, now_ms);
    log_info("auth", "bans_cleared", "n=%zu", n);
    struct json *j = json_new_object();
    json_set_int(j, "cleared", (int64_t)n);
    http_answer_json(answer, j);
}
