#include "orchestrator/role.h"

#include <stdio.h>

#include "base/mem.h"
#include "orchestrator/api.h"
#include "orchestrator/commands.h"
#include "orchestrator/gate.h"
#include "orchestrator/own_key.h"
#include "orchestrator/relay.h"
#include "orchestrator/report.h"
#include "orchestrator/role_config.h"
#include "orchestrator/treasury.h"
#include "run/addr.h"
#include "run/log.h"

#define SERVICE_HOST "127.0.0.1"
#define SERVICE_PORT 8935
#define LINGER_MS    500 /* for the last words at the end */
#define STOPPING     "the orchestrator is stopping"

struct orchestrator {
    struct orchestrator_api api; /* of the control API */
    struct daemon *daemon;
    struct gate *gate;
    struct loop_timer *look; /* at the list of credentials */
    int64_t price_per_unit, pixels_per_unit;
};

/* --- start --- */

static enum err check_config(const struct orchestrator_config *c, struct addr *ret_addr)
{
    if (c->max_sessions <= 0) {
        log_error("orchestrator", "config", "-maxSessions must be greater than zero");
        return ERR_LIMIT;
    }
    if (c->peer_timeout_ms <= c->heartbeat_ms) {
        log_error("orchestrator", "config",
                  "-peerTimeoutMs (%ld) must be greater than -heartbeatMs (%ld)",
                  c->peer_timeout_ms, c->heartbeat_ms);
        return ERR_LIMIT;
    }
    struct addr a;
    if (addr_parse(c->service_addr, SERVICE_HOST, SERVICE_PORT, &a) != ERR_OK || a.port == 0) {
        log_error("orchestrator", "bad_address", "-serviceAddr \"%s\" is not host:port",
                  c->service_addr);
        return ERR_PROTO;
    }
    *ret_addr = a;
    return ERR_OK;
}

static enum err open_gate(struct orchestrator *o, const unsigned char *server_key)
{
    char why[CREDENTIALS_WHY_MAX], example[LINK_NAME_SIZE];
    enum err e = gate_open(o->daemon->data_dir, &o->gate, why);
    if (e != ERR_OK) {
        log_error("orchestrator", "credentials", "%s", why);
        return e;
    }
    size_t n = gate_strangers(o->gate, server_key, example);
    if (n > 0) {
        log_warn("orchestrator", "credentials",
                 "%zu credentials (such as \"%s\") were minted for another key than this "
                 "orchestrator now has, and cannot come in: start it with the -orchSecret of then, "
                 "or revoke and mint them again",
                 n, example);
    }
    return ERR_OK;
}

static void on_look(void *arg)
{
    const struct orchestrator *o = arg;
    if (gate_look(o->gate)) {
        relay_recheck(o->api.relay);
    }
}

static enum err open_relay(struct orchestrator *o, const struct orchestrator_config *c,
                           const struct link_keys *keys)
{
    struct relay_config rc = {
        .addr = o->api.addr,
        .keys = keys,
        .gate = o->gate,
        .heartbeat_ms = (int)c->heartbeat_ms,
        .timeout_ms = (int)c->peer_timeout_ms,
        .price = (uint64_t)c->money.price_per_unit,
        .price_pixels = (uint64_t)c->money.pixels_per_unit,
        .ledger = treasury_ledger(o->api.treasury),
    };
    job_table_config_defaults(&rc.jobs);
    rc.jobs.max_sessions = (unsigned)c->max_sessions;
    rc.jobs.late_ms = c->late_after_ms;
    rc.jobs.hedge_ms = c->hedge_after_ms;
    rc.jobs.max_attempts = (unsigned)c->max_attempts;
    const char *why = "";
    enum err e = relay_create(o->daemon->loop, &rc, &o->api.relay, &why);
    if (e != ERR_OK) {
        log_error("orchestrator", "cannot_listen",
                  "service address %s: %s; change it with "
                  "-serviceAddr",
                  o->api.addr, why);
    }
    return e;
}

static enum err start(struct orchestrator *o, const struct orchestrator_config *c,
                      const struct addr *a)
{
    struct link_keys own = {0};
    const char *data_dir = o->daemon->data_dir;
    enum err e = own_key_read(data_dir, c->orch_secret, a, &own);
    e = e == ERR_OK ? open_gate(o, own.public_key) : e;
    e = e == ERR_OK ? treasury_open(o->daemon->loop, data_dir, &c->money, &o->api.treasury) : e;
    e = e == ERR_OK ? open_relay(o, c, &own) : e;
    if (e == ERR_OK) {
        treasury_serve(o->api.treasury, o->api.relay);
        own_key_register(data_dir, a, own.public_key);
        o->look = loop_timer_create(o->daemon->loop, on_look, o);
        loop_timer_start(o->look, c->heartbeat_ms, c->heartbeat_ms);
    }
    link_keys_wipe(&own);
    return e;
}

static enum err create(struct daemon *d, const void *config, void **ret_role)
{
    const struct orchestrator_config *c = config;
    struct addr a;
    enum err e = check_config(c, &a);
    if (e != ERR_OK) {
        return e;
    }
    struct orchestrator *o = mem_alloc(sizeof *o);
    o->daemon = d;
    o->api.stopping = &d->stopping;
    addr_format(&a, o->api.addr);
    o->price_per_unit = c->money.price_per_unit;
    o->pixels_per_unit = c->money.pixels_per_unit;
    e = start(o, c, &a);
    if (e != ERR_OK) {
        treasury_stop(o->api.treasury);
        treasury_close(o->api.treasury);
        gate_close(o->gate);
        mem_free(o);
        return e;
    }
    if (c->http_addr[0] != '\0') {
        log_info("orchestrator", "unused_flag",
                 "-httpAddr is accepted but not used: everything goes through -serviceAddr");
    }
    log_info("orchestrator", "listening", "addr=%s session=%s max_sessions=%ld", o->api.addr,
             relay_session(o->api.relay), c->max_sessions);
    *ret_role = o;
    return ERR_OK;
}

static int command(const struct daemon *d, const void *config)
{
    const struct orchestrator_config *c = config;
    return commands_run(d->data_dir, &(struct commands_config){
                                         .mint = c->mint,
                                         .mint_name = c->mint_name,
                                         .revoke = c->revoke,
                                         .list = c->list_credentials,
                                         .json = c->json,
                                         .orch_secret = c->orch_secret,
                                     });
}

/* --- life --- */

static void stop(void *role)
{
    struct orchestrator *o = role;
    relay_stop(o->api.relay, STOPPING);
    daemon_stopped(o->daemon);
}

static void destroy(void *role)
{
    struct orchestrator *o = role;
    loop_timer_destroy(o->look);
    relay_stop(o->api.relay, STOPPING);
    treasury_stop(o->api.treasury);
    relay_destroy(o->api.relay, LINGER_MS);
    treasury_close(o->api.treasury);
    gate_close(o->gate);
    mem_free(o);
}

static void status(void *role, struct json *object)
{
    const struct orchestrator *o = role;
    report_status(o->api.relay, o->api.addr, object);
    json_set_int(object, "price_per_unit", o->price_per_unit);
    json_set_int(object, "pixels_per_unit", o->pixels_per_unit);
    gate_status(o->gate, object);
    treasury_status(o->api.treasury, object);
}

static void sentence(void *role, char *text, size_t size)
{
    const struct orchestrator *o = role;
    const struct roster *r = job_table_roster(relay_table(o->api.relay));
    struct job_table_gauges g = job_table_gauges(relay_table(o->api.relay));
    snprintf(text, size, "transcoders: %u; broadcasters: %u; streams at work: %u of %u",
             r->n_transcoders, r->n_broadcasters, g.sessions, g.max_sessions);
}

static void metrics(void *role, struct metrics *m)
{
    const struct orchestrator *o = role;
    report_metrics(o->api.relay, m);
    treasury_metrics(o->api.treasury, m);
}

const struct role orchestrator_role = {
    .name = "orchestrator",
    .node_type = "orch",
    .default_cli_addr_port = "7935",
    .options = orchestrator_options,
    .n_options = ORCHESTRATOR_OPTIONS,
    .config_size = sizeof(struct orchestrator_config),
    .command = command,
    .samples = orchestrator_samples,
    .create = create,
    .stop = stop,
    .destroy = destroy,
    .status = status,
    .metrics = metrics,
    .routes = orchestrator_routes,
    .n_routes = ORCHESTRATOR_ROUTES,
    .sentence = sentence,
};
