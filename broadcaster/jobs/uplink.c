#include "broadcaster/jobs/uplink.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/version.h"
#include "run/credential.h"
#include "run/events.h"
#include "run/link.h"
#include "run/log.h"

#define QUEUE_BYTES         (32 * 1024 * 1024)
#define CREDENTIAL_RETRY_MS 500
#define HEARTBEAT_MS        500 /* until the orchestrator says another beat */
#define TIMEOUT_MS          1500
#define SESSION_MAX         128
#define INSTANCE_BYTES      16 /* random */

struct uplink {
    struct loop *loop;
    struct uplink_config config;
    char addr[ADDR_MAX];
    struct link_keys keys;
    struct link *link;
    struct loop_timer *retry; /* until there is a credential */
    struct jobs_way *way;
    bool welcomed;
    bool refused; /* since it was last welcomed */
    bool waiting_logged;
    struct price price;      /* as it was last said */
    struct price told_price; /* that was logged as too dear, */
    struct price told_max;   /* and over what */
    uint64_t connections, refusals;
    char session[SESSION_MAX];
    char instance[INSTANCE_BYTES * 2 + 1];
};

static void say_hello(struct uplink *u)
{
    struct link_msg m = {.type = LINK_HELLO};
    m.hello = (struct link_hello){
        .version_min = LINK_VERSION,
        .version_max = LINK_VERSION,
        .role = link_role_name(LINK_ROLE_BROADCASTER),
        .name = u->config.name,
        .encoder = "",
        .software = software_version,
        .instance = u->instance,
    };
    enum err e = link_send_msg(u->link, 0, &m, NULL);
    if (e != ERR_OK) {
        log_warn("uplink", "hello", "could not be sent: %s", err_text(e));
    }
}

/* --- its price --- */

static bool same_price(const struct price *a, const struct price *b)
{
    return a->amount == b->amount && a->pixels == b->pixels;
}

static void say_too_dear(struct uplink *u, const char *price, const char *max)
{
    const struct price *limit = &u->config.max_price;
    if (same_price(&u->told_price, &u->price) && same_price(&u->told_max, limit)) {
        return; /* it has come back as it was */
    }
    u->told_price = u->price;
    u->told_max = *limit;
    log_warn("uplink", "too_dear",
             "orchestrator=%s is not used: it asks %s, and -maxPricePerUnit allows %s", u->addr,
             price, max);
}

/* Whether its price allows to use it. */
static void settle_use(struct uplink *u)
{
    char price[PRICE_TEXT_MAX], max[PRICE_TEXT_MAX], why[JOBS_WHY_MAX];
    price_format(&u->price, price);
    price_format(&u->config.max_price, max);
    if (!u->welcomed) {
        return;
    }
    if (price_over(&u->price, &u->config.max_price)) {
        say_too_dear(u, price, max);
        snprintf(why, sizeof why, "too dear: it asks %s, the maximum is %s", price, max);
        jobs_way_withdraw(u->way, why);
    } else if (!jobs_way_is_open(u->way)) {
        u->told_price = (struct price){0};
        jobs_way_open(u->way);
    }
}

/* --- the connection --- */

static void on_welcome(struct uplink *u, const struct link_msg *m)
{
    const struct link_welcome *w = &m->welcome;
    if (u->welcomed) {
        return; /* once is enough: what is open at the orchestrator stays open */
    }
    char price[PRICE_TEXT_MAX];
    u->welcomed = true;
    u->refused = false;
    u->connections++;
    u->price = (struct price){w->price, w->price_pixels};
    link_set_beat(u->link, w->heartbeat_ms, w->timeout_ms);
    loop_timer_stop(u->retry);
    strncpy(u->session, w->session, sizeof u->session - 1);
    price_format(&u->price, price);
    event_emit("orchestrator_connected", "address", u->addr);
    log_info("uplink", "connected", "orchestrator=%s session=%s price=\"%s\"", u->addr, u->session,
             price);
    settle_use(u);
    u->config.pay_fn(u->config.pay_arg, u, UPLINKS_PAY_UP, m);
}

static void lose(struct uplink *u, const char *why)
{
    if (u->welcomed) {
        u->welcomed = false;
        event_emit("orchestrator_lost", "address", u->addr);
        log_warn(
            "uplink", "lost",
            "orchestrator=%s; its streams' rungs go on at another one or pause, the sources go "
            "on, redialling",
            u->addr);
        u->config.pay_fn(u->config.pay_arg, u, UPLINKS_PAY_DOWN, NULL);
    }
    jobs_way_close(u->way, why);
}

static void on_message(struct uplink *u, const struct link_event *e)
{
    switch (e->msg->type) {
    case LINK_WELCOME:
        on_welcome(u, e->msg);
        break;
    case LINK_BYE:
        log_warn("uplink", "bye", "the orchestrator %s says: %s", u->addr, e->msg->reason);
        lose(u, e->msg->reason);
        break;
    case LINK_PING:
        break;
    case LINK_PAY_ANSWER:
    case LINK_PAY_NEWS:
        u->config.pay_fn(u->config.pay_arg, u, UPLINKS_PAY_MESSAGE, e->msg);
        break;
    default:
        jobs_way_message(u->way, e->msg, e->payload);
        break;
    }
}

static void on_event(void *arg, const struct link_event *e)
{
    struct uplink *u = arg;
    switch (e->type) {
    case LINK_EVENT_UP:
        say_hello(u);
        break;
    case LINK_EVENT_DOWN:
        if (u->welcomed) { /* else why not is known */
            lose(u, "not connected");
        }
        break;
    case LINK_EVENT_REFUSED:
        u->refusals++;
        u->refused = true;
        lose(u, "it does not accept our secret or credential");
        if (u->config.keys == NULL) {
            /* The orchestrator may have a new secret: its credential file tells. */
            loop_timer_start(u->retry, CREDENTIAL_RETRY_MS, CREDENTIAL_RETRY_MS);
        }
        break;
    case LINK_EVENT_MESSAGE:
        on_message(u, e);
        break;
    case LINK_EVENT_WRITABLE:
        jobs_way_writable(u->way);
        break;
    }
}

static enum err dial(struct uplink *u)
{
    struct link_config c = {
        .addr = u->addr,
        .keys = u->keys,
        .peer_queue_bytes = QUEUE_BYTES,
        .heartbeat_ms = HEARTBEAT_MS,
        .timeout_ms = TIMEOUT_MS,
        .retry_min_ms = u->config.retry_min_ms,
        .retry_max_ms = u->config.retry_max_ms,
    };
    const char *why = "";
    enum err e = link_dial(u->loop, &c, on_event, u, &u->link, &why);
    if (e != ERR_OK) {
        log_error("uplink", "cannot_dial", "orchestrator=%s: %s", u->addr, why);
    }
    return e;
}

/* Reads the credential file until there is one, or another one than was refused. */
static void try_credential(void *arg)
{
    struct uplink *u = arg;
    struct link_keys found;
    enum err e = credential_read(u->config.data_dir, u->addr, &found);
    if (e != ERR_OK) {
        if (!u->waiting_logged) {
            u->waiting_logged = true;
            log_info("uplink", "waiting",
                     "no credential for orchestrator %s in %s yet: start the orchestrator on this "
                     "host with the same -datadir, or give -orchSecret",
                     u->addr, u->config.data_dir);
        }
        return;
    }
    bool same = memcmp(found.secret_key, u->keys.secret_key, LINK_KEY_BYTES) == 0 &&
                memcmp(found.server_key, u->keys.server_key, LINK_KEY_BYTES) == 0;
    if (u->link != NULL && same) {
        return; /* the link redials by itself */
    }
    if (u->link != NULL) {
        link_destroy(u->link, 0);
        u->link = NULL;
    }
    u->keys = found;
    if (dial(u) == ERR_OK) {
        loop_timer_stop(u->retry);
    }
}

static enum err send_to_orchestrator(void *arg, const struct link_msg *m, struct blob *payload)
{
    struct uplink *u = arg;
    return u->welcomed ? link_send_msg(u->link, 0, m, payload) : ERR_AGAIN;
}

enum err uplink_pay(struct uplink *u, const struct link_msg *m)
{
    return send_to_orchestrator(u, m, NULL);
}

enum err uplink_create(struct loop *l, const char *addr, const struct uplink_config *config,
                       struct uplink **ret_uplink)
{
    struct uplink *u = mem_alloc(sizeof *u);
    u->loop = l;
    u->config = *config;
    snprintf(u->addr, sizeof u->addr, "%s", addr);
    id_random_hex(u->instance, INSTANCE_BYTES);
    u->retry = loop_timer_create(l, try_credential, u);
    u->way = jobs_way_create(config->jobs, u->addr, send_to_orchestrator, u);
    if (config->keys != NULL) {
        u->keys = *config->keys;
        enum err e = dial(u);
        if (e != ERR_OK) {
            uplink_destroy(u, 0);
            return e;
        }
    } else {
        loop_timer_start(u->retry, 0, CREDENTIAL_RETRY_MS);
    }
    *ret_uplink = u;
    return ERR_OK;
}

void uplink_destroy(struct uplink *u, int linger_ms)
{
    if (u == NULL) {
        return;
    }
    jobs_way_withdraw(u->way, "the broadcaster does not use this orchestrator any more");
    jobs_way_destroy(u->way);
    link_destroy(u->link, linger_ms);
    loop_timer_destroy(u->retry);
    link_keys_wipe(&u->keys);
    mem_free(u);
}

void uplink_set_max_price(struct uplink *u, const struct price *max)
{
    u->config.max_price = *max;
    settle_use(u);
}

const char *uplink_addr(const struct uplink *u)
{
    return u->addr;
}

bool uplink_connected(const struct uplink *u)
{
    return u->welcomed;
}

/* --- reports --- */

static const char *state(const struct uplink *u)
{
    if (u->welcomed) {
        return jobs_way_is_open(u->way) ? "used" : "too dear";
    }
    return u->refused ? "refused" : u->link == NULL ? "no credential" : "connecting";
}

/* What a stranger may say fits. */
static int64_t shown(uint64_t v)
{
    return v < INT64_MAX ? (int64_t)v : INT64_MAX;
}

static const char *why_not(const struct uplink *u)
{
    return u->link == NULL ? "no credential for it yet on this host" : jobs_way_why(u->way);
}

struct json *uplink_status(const struct uplink *u)
{
    struct json *j = json_new_object();
    const char *why = why_not(u);
    json_set_str(j, "address", u->addr);
    json_set_bool(j, "connected", u->welcomed);
    json_set_str(j, "state", state(u));
    json_set_str(j, "why", why[0] != '\0' ? why : NULL);
    json_set_str(j, "session", u->session);
    json_set_int(j, "streams", (int64_t)jobs_way_streams(u->way));
    json_set_int(j, "price_per_unit", shown(u->price.amount));
    json_set_int(j, "pixels_per_unit", shown(u->price.pixels));
    json_set_int(j, "connections", (int64_t)u->connections);
    json_set_int(j, "refusals", (int64_t)u->refusals);
    if (u->link != NULL) {
        struct link_counters c = link_counters(u->link);
        json_set_int(j, "sent_bytes", (int64_t)c.sent_bytes);
        json_set_int(j, "received_bytes", (int64_t)c.received_bytes);
        json_set_int(j, "dropped", (int64_t)c.dropped);
    }
    return j;
}

struct uplink_counters uplink_counters(const struct uplink *u)
{
    return (struct uplink_counters){
        .connections = u->connections,
        .refusals = u->refusals,
        .streams = jobs_way_streams(u->way),
        .price = u->price,
        .connected = u->welcomed,
        .used = jobs_way_is_open(u->way),
    };
}

void uplink_uri(const struct uplink *u, char *out)
{
    snprintf(out, UPLINK_URI_MAX, "tcp://%s", u->addr);
}

struct json *uplink_orchestrator(const struct uplink *u)
{
    char uri[UPLINK_URI_MAX];
    struct json *j = json_new_object();
    uplink_uri(u, uri);
    json_set_str(j, "ServiceURI", uri);
    json_set_bool(j, "Active", u->welcomed);
    return j;
}
