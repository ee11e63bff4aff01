#include "broadcaster/jobs/uplinks.h"

#include <string.h>

#include "base/mem.h"
#include "broadcaster/jobs/orch_list.h"
#include "broadcaster/jobs/orch_webhook.h"
#include "broadcaster/jobs/uplink.h"
#include "run/log.h"

#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 5000
#define LINGER_MS    200 /* for the last words at the end, to all together */

struct uplinks {
    struct loop *loop;
    struct uplinks_config config;
    struct link_keys keys;        /* of -orchSecret, if given */
    struct orch_webhook *webhook; /* NULL: -orchAddr says it */
    size_t n;
    struct uplink *items[ORCH_LIST_MAX];
    uplinks_pay_fn *pay_fn; /* may be NULL */
    void *pay_arg;
};

/* --- which --- */

static bool dials(const struct uplinks *u, const char *addr)
{
    for (size_t i = 0; i < u->n; i++) {
        if (strcmp(uplink_addr(u->items[i]), addr) == 0) {
            return true;
        }
    }
    return false;
}

/* An uplink has something to say of money. */
static void on_pay(void *arg, const struct uplink *from, enum uplinks_pay_event event,
                   const struct link_msg *m)
{
    struct uplinks *u = arg;
    if (u->pay_fn != NULL && u->n > 0 && u->items[0] == from) {
        u->pay_fn(u->pay_arg, event, m);
    }
}

static enum err add(struct uplinks *u, const char *addr)
{
    struct uplink_config c = {
        .keys = u->config.secret[0] != '\0' ? &u->keys : NULL,
        .data_dir = u->config.data_dir,
        .name = u->config.name,
        .jobs = u->config.jobs,
        .max_price = u->config.max_price,
        .retry_min_ms = RETRY_MIN_MS,
        .retry_max_ms = RETRY_MAX_MS,
        .pay_fn = on_pay,
        .pay_arg = u,
    };
    enum err e = uplink_create(u->loop, addr, &c, &u->items[u->n]);
    u->n += e == ERR_OK;
    return e;
}

/* Those that are in both lists are not disturbed. */
static void take_list(void *arg, const struct orch_list *list)
{
    struct uplinks *u = arg;
    size_t kept = 0;
    for (size_t i = 0; i < u->n; i++) {
        struct uplink *item = u->items[i];
        if (orch_list_has(list, uplink_addr(item))) {
            u->items[kept++] = item;
        } else {
            log_info("uplink", "removed", "orchestrator=%s is not in the webhook's list any more",
                     uplink_addr(item));
            uplink_destroy(item, 0);
        }
    }
    u->n = kept;
    for (size_t i = 0; i < list->n; i++) {
        if (!dials(u, list->addrs[i])) {
            log_info("uplink", "added", "orchestrator=%s", list->addrs[i]);
            enum err ignored = add(u, list->addrs[i]); /* logged; the next list tries again */
            (void)ignored;
        }
    }
}

/* --- life --- */

static enum err take_secret(struct uplinks *u)
{
    char words[SECRET_WORDS_MAX];
    if (u->config.secret[0] == '\0') {
        return ERR_OK;
    }
    enum err e = secret_keys(u->config.secret, LINK_ROLE_BROADCASTER, &u->keys, words);
    if (e != ERR_OK) {
        log_error("uplink", "secret", "%s", words);
    } else if (words[0] != '\0') {
        log_warn("uplink", "secret", "%s", words);
    }
    return e;
}

static enum err take_flag(struct uplinks *u)
{
    char why[ORCH_LIST_WHY_MAX];
    struct orch_list *list = mem_alloc(sizeof *list);
    enum err e = orch_list_parse(u->config.addrs, list, why);
    if (e != ERR_OK) {
        log_error("broadcaster", "bad_address", "-orchAddr %s", why);
    }
    for (size_t i = 0; e == ERR_OK && i < list->n; i++) {
        e = add(u, list->addrs[i]);
    }
    mem_free(list);
    return e;
}

static enum err ask_webhook(struct uplinks *u)
{
    char why[ORCH_LIST_WHY_MAX];
    enum err e = orch_webhook_create(u->loop, u->config.webhook_url, u->config.refresh_ms,
                                     take_list, u, &u->webhook, why);
    if (e != ERR_OK) {
        log_error("broadcaster", "config", "-orchWebhookUrl %s", why);
    } else if (u->config.addrs[0] != '\0') {
        log_info("broadcaster", "unused_flag", "-orchWebhookUrl is given: -orchAddr is not used");
    }
    return e;
}

enum err uplinks_create(struct loop *l, const struct uplinks_config *config,
                        struct uplinks **ret_uplinks)
{
    struct uplinks *u = mem_alloc(sizeof *u);
    u->loop = l;
    u->config = *config;
    enum err e = take_secret(u);
    if (e == ERR_OK) {
        e = config->webhook_url[0] != '\0' ? ask_webhook(u) : take_flag(u);
    }
    if (e != ERR_OK) {
        uplinks_destroy(u);
        return e;
    }
    *ret_uplinks = u;
    return ERR_OK;
}

void uplinks_destroy(struct uplinks *u)
{
    if (u == NULL) {
        return;
    }
    orch_webhook_destroy(u->webhook);
    for (size_t i = 0; i < u->n; i++) {
        uplink_destroy(u->items[i], LINGER_MS / (int)u->n);
    }
    link_keys_wipe(&u->keys);
    mem_free(u);
}

void uplinks_set_max_price(struct uplinks *u, const struct price *max)
{
    u->config.max_price = *max;
    for (size_t i = 0; i < u->n; i++) {
        uplink_set_max_price(u->items[i], max);
    }
}

const struct price *uplinks_max_price(const struct uplinks *u)
{
    return &u->config.max_price;
}

/* --- money --- */

void uplinks_on_pay(struct uplinks *u, uplinks_pay_fn *fn, void *arg)
{
    u->pay_fn = fn;
    u->pay_arg = arg;
}

enum err uplinks_pay(struct uplinks *u, const struct link_msg *m)
{
    return u->n > 0 ? uplink_pay(u->items[0], m) : ERR_AGAIN;
}

bool uplinks_pay_connected(const struct uplinks *u)
{
    return u->n > 0 && uplink_connected(u->items[0]);
}

/* --- reports --- */

size_t uplinks_count(const struct uplinks *u)
{
    return u->n;
}

size_t uplinks_connected(const struct uplinks *u)
{
    size_t n = 0;
    for (size_t i = 0; i < u->n; i++) {
        n += uplink_connected(u->items[i]);
    }
    return n;
}

static const struct uplink *first(const struct uplinks *u)
{
    const struct uplink *best = NULL;
    int best_rank = -1;
    for (size_t i = 0; i < u->n; i++) {
        struct uplink_counters c = uplink_counters(u->items[i]);
        int rank = c.used + c.connected;
        if (rank > best_rank) {
            best = u->items[i];
            best_rank = rank;
        }
    }
    return best;
}

void uplinks_status(const struct uplinks *u, struct json *object)
{
    struct json *list = json_new_array();
    for (size_t i = 0; i < u->n; i++) {
        json_append(list, uplink_status(u->items[i]));
    }
    json_set(object, "orchestrators", list);
    const struct uplink *one = first(u);
    if (one != NULL) {
        json_set(object, "orchestrator", uplink_status(one));
    }
    if (u->webhook != NULL) {
        json_set(object, "orch_webhook", orch_webhook_status(u->webhook));
    }
    json_set_int(object, "max_price_per_unit", (int64_t)u->config.max_price.amount);
    json_set_int(object, "pixels_per_unit", (int64_t)u->config.max_price.pixels);
}

enum figure { CONNECTED, USED, STREAMS, CONNECTIONS, REFUSALS, PRICE, FIGURES_ };

static double figure(const struct uplink_counters *c, enum figure f)
{
    switch (f) {
    case CONNECTED:
        return c->connected;
    case USED:
        return c->used;
    case STREAMS:
        return (double)c->streams;
    case CONNECTIONS:
        return (double)c->connections;
    case REFUSALS:
        return (double)c->refusals;
    default:
        return price_is_set(&c->price) ? (double)c->price.amount / (double)c->price.pixels : 0;
    }
}

void uplinks_metrics(const struct uplinks *u, struct metrics *m)
{
    static const struct {
        const char *name, *help;
        enum metric_type type;
    } families[FIGURES_] = {
        [CONNECTED] = {"sbe_orchestrator_connected",
                       "1 while the orchestrator has welcomed this broadcaster.", METRIC_GAUGE},
        [USED] = {"sbe_orchestrator_used", "1 while streams may go there.", METRIC_GAUGE},
        [STREAMS] = {"sbe_orchestrator_streams", "Streams of this broadcaster that it has.",
                     METRIC_GAUGE},
        [CONNECTIONS] = {"sbe_orchestrator_connections_total",
                         "Times that the orchestrator welcomed this broadcaster.", METRIC_COUNTER},
        [REFUSALS] = {"sbe_orchestrator_refusals_total",
                      "Times that it did not accept our secret or credential.", METRIC_COUNTER},
        [PRICE] = {"sbe_orchestrator_price", "What it asks for one pixel, in the ledger's units.",
                   METRIC_GAUGE},
    };
    for (int f = 0; f < FIGURES_; f++) {
        metrics_family(m, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < u->n; i++) {
            struct uplink_counters c = uplink_counters(u->items[i]);
            const char *labels[] = {"orchestrator", uplink_addr(u->items[i]), NULL};
            metrics_sample(m, families[f].name, labels, figure(&c, (enum figure)f));
        }
    }
}

struct json *uplinks_pool(const struct uplinks *u)
{
    struct json *list = json_new_array();
    for (size_t i = 0; u != NULL && i < u->n; i++) {
        char uri[UPLINK_URI_MAX];
        uplink_uri(u->items[i], uri);
        json_append_str(list, uri);
    }
    return list;
}

struct json *uplinks_list(const struct uplinks *u)
{
    struct json *list = json_new_array();
    for (size_t i = 0; u != NULL && i < u->n; i++) {
        json_append(list, uplink_orchestrator(u->items[i]));
    }
    return list;
}

struct json *uplinks_info(const struct uplinks *u)
{
    const struct uplink *one = u != NULL ? first(u) : NULL;
    return one != NULL ? uplink_orchestrator(one) : NULL;
}
