#include "broadcaster/role_rungs.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/jobs/rung_check.h"
#include "broadcaster/jobs/rung_probe.h"
#include "run/log.h"

struct role_rungs {
    struct jobs *jobs;
    struct rung_probe *probe;
    struct uplinks *uplinks; /* NULL: source only */
};

static void on_probed(void *arg, uint64_t ticket, const char *why)
{
    const struct role_rungs *r = arg;
    jobs_probed(r->jobs, ticket, why);
}

static enum err parse_latency(const struct broadcaster_config *c, bool *ret_quality)
{
    *ret_quality = strcmp(c->latency, "quality") == 0;
    if (!*ret_quality && strcmp(c->latency, "low") != 0) {
        log_error("broadcaster", "config", "-latency takes \"low\" or \"quality\"");
        return ERR_PROTO;
    }
    return ERR_OK;
}

static enum err open_jobs(struct role_rungs *r, struct loop *l, const struct broadcaster_config *c,
                          jobs_viewers_fn *viewers, void *arg)
{
    bool quality = false;
    enum err e = parse_latency(c, &quality);
    if (e != ERR_OK) {
        return e;
    }
    r->jobs = jobs_create(c->rung_deadline_ms, (unsigned)c->max_attempts);
    jobs_set_inspection(r->jobs, rung_check);
    enum rung_checks checks;
    if (rung_checks_parse(c->check_rungs, &checks) != ERR_OK) {
        log_error("broadcaster", "bad_checks", "-checkRungs \"%s\" is not all, sample or first",
                  c->check_rungs);
        return ERR_PROTO;
    }
    r->probe = rung_probe_create(l, checks, on_probed, r);
    if (r->probe == NULL) {
        return ERR_NOMEM;
    }
    jobs_set_viewers(r->jobs, viewers, arg);
    jobs_set_probe(r->jobs, rung_probe_begin, r->probe);
    jobs_set_quality(r->jobs, quality);
    return ERR_OK;
}

static enum err open_uplinks(struct role_rungs *r, const struct daemon *d,
                             const struct broadcaster_config *c)
{
    if (c->orch_addr[0] == '\0' && c->orch_webhook_url[0] == '\0') {
        log_warn("broadcaster", "no_orchestrator",
                 "no orchestrator specified (-orchAddr): transcoding will not happen");
        return ERR_OK;
    }
    struct uplinks_config u = {
        .addrs = c->orch_addr,
        .webhook_url = c->orch_webhook_url,
        .refresh_ms = c->orch_webhook_refresh_ms,
        .secret = c->orch_secret,
        .data_dir = d->data_dir,
        .name = c->common.name,
        .jobs = r->jobs,
        .max_price = {(uint64_t)c->max_price, (uint64_t)c->pixels_per_unit},
    };
    return uplinks_create(d->loop, &u, &r->uplinks);
}

enum err role_rungs_open(struct daemon *d, const struct broadcaster_config *c,
                         jobs_viewers_fn *viewers, void *arg, struct role_rungs **ret_rungs)
{
    struct role_rungs *r = mem_alloc(sizeof *r);
    enum err e = open_jobs(r, d->loop, c, viewers, arg);
    e = e == ERR_OK ? open_uplinks(r, d, c) : e;
    if (e != ERR_OK) {
        role_rungs_destroy(r);
        return e;
    }
    *ret_rungs = r;
    return ERR_OK;
}

void role_rungs_destroy(struct role_rungs *r)
{
    if (r == NULL) {
        return;
    }
    uplinks_destroy(r->uplinks);
    rung_probe_destroy(r->probe);
    jobs_destroy(r->jobs);
    mem_free(r);
}

struct jobs *role_rungs_jobs(const struct role_rungs *r)
{
    return r->jobs;
}

struct uplinks *role_rungs_uplinks(const struct role_rungs *r)
{
    return r->uplinks;
}

bool role_rungs_idle(const struct role_rungs *r)
{
    return r->uplinks == NULL || jobs_idle(r->jobs);
}

void role_rungs_status(struct role_rungs *r, struct json *object)
{
    if (r->uplinks != NULL) {
        uplinks_status(r->uplinks, object);
    }
    jobs_status(r->jobs, object);
    rung_probe_status(r->probe, object);
}

void role_rungs_metrics(struct role_rungs *r, struct metrics *m)
{
    if (r->uplinks != NULL) {
        uplinks_metrics(r->uplinks, m);
    }
    jobs_metrics(r->jobs, m);
}

void role_rungs_sentence(const struct role_rungs *r, char *text, size_t size)
{
    if (r->uplinks == NULL) {
        snprintf(text, size, "no orchestrator, the source only");
        return;
    }
    size_t connected = uplinks_connected(r->uplinks);
    snprintf(text, size, "orchestrators connected: %zu of %zu%s", connected,
             uplinks_count(r->uplinks), connected == 0 ? ", the source only" : "");
}
