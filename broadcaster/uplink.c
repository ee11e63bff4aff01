#include "broadcaster/uplink.h"

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
    bool has_secret; /* keys come from -orchSecret, not from the credential file */
    struct link *link;
    struct loop_timer *retry; /* until there is a credential */
    struct jobs *jobs;
    bool welcomed;
    bool waiting_logged;
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

static void on_welcome(struct uplink *u, const struct link_welcome *w)
{
    if (u->welcomed) {
        return; /* once is enough: what is open at the orchestrator stays open */
    }
    u->welcomed = true;
    u->connections++;
    link_set_beat(u->link, w->heartbeat_ms, w->timeout_ms);
    loop_timer_stop(u->retry);
    strncpy(u->session, w->session, sizeof u->session - 1);
    event_emit("orchestrator_connected", "address", u->addr);
    log_info("uplink", "connected", "orchestrator=%s session=%s", u->addr, u->session);
    jobs_set_connected(u->jobs, true);
}

static void lose(struct uplink *u)
{
    if (u->welcomed) {
        u->welcomed = false;
        event_emit("orchestrator_lost", "address", u->addr);
        log_warn("uplink", "lost", "orchestrator=%s; rungs pause, the source goes on, redialling",
                 u->addr);
        jobs_set_connected(u->jobs, false);
    }
}

static void on_message(struct uplink *u, const struct link_event *e)
{
    switch (e->msg->type) {
    case LINK_WELCOME:
        on_welcome(u, &e->msg->welcome);
        break;
    case LINK_BYE:
        log_warn("uplink", "bye", "the orchestrator says: %s", e->msg->reason);
        lose(u);
        break;
    case LINK_PING:
        break;
    default:
        jobs_on_message(u->jobs, e->msg, e->payload);
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
        lose(u);
        break;
    case LINK_EVENT_REFUSED:
        u->refusals++;
        lose(u);
        if (!u->has_secret) {
            /* The orchestrator may have a new secret: its credential file tells. */
            loop_timer_start(u->retry, CREDENTIAL_RETRY_MS, CREDENTIAL_RETRY_MS);
        }
        break;
    case LINK_EVENT_MESSAGE:
        on_message(u, e);
        break;
    case LINK_EVENT_WRITABLE:
        jobs_writable(u->jobs);
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

static enum err take_secret(struct uplink *u)
{
    char words[SECRET_WORDS_MAX];
    enum err e = secret_keys(u->config.secret, LINK_ROLE_BROADCASTER, &u->keys, words);
    if (e != ERR_OK) {
        log_error("uplink", "secret", "%s", words);
    } else if (words[0] != '\0') {
        log_warn("uplink", "secret", "%s", words);
    }
    return e;
}

enum err uplink_create(struct loop *l, const struct uplink_config *config,
                       struct uplink **ret_uplink)
{
    struct uplink *u = mem_alloc(sizeof *u);
    u->loop = l;
    u->config = *config;
    addr_format(&config->addr, u->addr);
    id_random_hex(u->instance, INSTANCE_BYTES);
    u->has_secret = config->secret[0] != '\0';
    u->retry = loop_timer_create(l, try_credential, u);
    enum err e = ERR_OK;
    if (u->has_secret) {
        e = take_secret(u);
        if (e == ERR_OK) {
            e = dial(u);
        }
    } else {
        loop_timer_start(u->retry, 0, CREDENTIAL_RETRY_MS);
    }
    if (e != ERR_OK) {
        uplink_destroy(u);
        return e;
    }
    *ret_uplink = u;
    return ERR_OK;
}

void uplink_destroy(struct uplink *u)
{
    if (u == NULL) {
        return;
    }
    link_destroy(u->link, 200);
    loop_timer_destroy(u->retry);
    link_keys_wipe(&u->keys);
    mem_free(u);
}

void uplink_set_jobs(struct uplink *u, struct jobs *jobs)
{
    u->jobs = jobs;
}

enum err uplink_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    struct uplink *u = arg;
    return u->welcomed ? link_send_msg(u->link, 0, m, payload) : ERR_AGAIN;
}

bool uplink_connected(const struct uplink *u)
{
    return u->welcomed;
}

void uplink_status(const struct uplink *u, struct json *object)
{
    struct json *j = json_new_object();
    json_set_str(j, "address", u->addr);
    json_set_bool(j, "connected", u->welcomed);
    json_set_str(j, "session", u->session);
    json_set_int(j, "connections", (int64_t)u->connections);
    json_set_int(j, "refusals", (int64_t)u->refusals);
    if (u->link != NULL) {
        struct link_counters c = link_counters(u->link);
        json_set_int(j, "sent_bytes", (int64_t)c.sent_bytes);
        json_set_int(j, "received_bytes", (int64_t)c.received_bytes);
        json_set_int(j, "dropped", (int64_t)c.dropped);
    }
    json_set(object, "orchestrator", j);
}

void uplink_metrics(const struct uplink *u, struct metrics *m)
{
    metrics_one(m, METRIC_GAUGE, "sbe_orchestrator_connected",
                "1 while the orchestrator has welcomed this broadcaster.", u->welcomed ? 1 : 0);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_connections_total",
                "Times that the orchestrator welcomed this broadcaster.", (double)u->connections);
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
