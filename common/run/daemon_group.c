#include "run/daemon_group.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "run/daemon_impl.h"
#include "run/log.h"
#include "run/notify.h"

/* What a part's loop is told; the items of its mailbox are these. */
static char stop_order, now_order, reload_order;

enum part_state { PART_WAITS, PART_STARTS, PART_RUNS, PART_ENDED };

struct group;

struct daemon_part {
    struct process *p;
    struct group *group;
    pthread_t thread;
    enum part_state state;  /* the group's */
    bool told;              /* to stop */
    int status;             /* once it has ended */
    pthread_mutex_t lock;   /* guards orders */
    struct mailbox *orders; /* NULL: takes none (any more) */
};

struct group {
    struct loop *loop;
    struct mailbox *news; /* of parts: each says so when it runs and when it has ended */
    struct daemon_part *const *parts;
    size_t n;
    bool stopping, on_terminal;
    int status;
    struct notify *notify;
};

/* --- a part's own thread --- */

static void on_order(void *arg, void *order)
{
    struct daemon_part *part = arg;
    struct process *p = part->p;
    if (order == &now_order) {
        loop_stop(p->d.loop);
    } else if (order == &reload_order) {
        process_reload(p);
    } else if (!p->d.stopping) {
        process_begin_stop(p, "told to stop");
    }
}

static void drop_order(void *order)
{
}

static void on_running(struct process *p)
{
    mailbox_post(p->part->group->news, p->part);
}

static void set_orders(struct daemon_part *part, struct mailbox *orders)
{
    pthread_mutex_lock(&part->lock);
    part->orders = orders;
    pthread_mutex_unlock(&part->lock);
}

static void *run_part(void *arg)
{
    struct daemon_part *part = arg;
    struct process *p = part->p;
    log_thread_role(p->role->name);
    p->d.loop = loop_create();
    struct mailbox *orders = mailbox_create(p->d.loop, on_order, part);
    set_orders(part, orders);
    int status = process_run_role(p, on_running);
    process_tell_origin(p, status);
    set_orders(part, NULL);
    mailbox_destroy(orders, drop_order);
    loop_destroy(p->d.loop);
    pthread_mutex_lock(&part->lock);
    part->status = status;
    pthread_mutex_unlock(&part->lock);
    mailbox_post(part->group->news, NULL);
    return NULL;
}

/* --- the group --- */

static void order(struct daemon_part *part, char *what)
{
    pthread_mutex_lock(&part->lock);
    if (part->orders != NULL) {
        mailbox_post(part->orders, what);
    }
    pthread_mutex_unlock(&part->lock);
}

static void order_all(const struct group *g, char *what)
{
    for (size_t i = 0; i < g->n; i++) {
        order(g->parts[i], what);
    }
}

/* Tells the last one that has not ended, unless it has been told; ends the group behind the first.
 */
static void stop_next(struct group *g)
{
    for (size_t i = g->n; i-- > 0;) {
        struct daemon_part *part = g->parts[i];
        if (part->state == PART_STARTS) {
            return; /* it is told once it runs */
        }
        if (part->state == PART_RUNS) {
            if (!part->told) {
                part->told = true;
                order(part, &stop_order);
            }
            return;
        }
    }
    loop_stop(g->loop);
}

static void begin_stop(struct group *g)
{
    if (!g->stopping) {
        g->stopping = true;
        notify_stopping(g->notify);
    }
    stop_next(g);
}

static void start_part(struct group *g, struct daemon_part *part)
{
    if (thread_start(part->p->role->name, run_part, part, &part->thread) == ERR_OK) {
        part->state = PART_STARTS;
        return;
    }
    log_error("daemon", "thread", "this host has no thread left for the %s", part->p->role->name);
    g->status = 1;
    part->state = PART_ENDED;
    begin_stop(g);
}

static void start_next(struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->parts[i]->state == PART_WAITS) {
            start_part(g, g->parts[i]);
            return;
        }
    }
    g->notify = notify_create(g->loop, NULL, NULL);
    log_info("daemon", "running", "roles=%zu", g->n);
}

static void take_end(struct group *g, struct daemon_part *part)
{
    pthread_join(part->thread, NULL);
    part->state = PART_ENDED;
    g->status = g->status != 0 ? g->status : part->status;
    if (!g->stopping) {
        log_error("daemon", "part_ended", "the %s has ended: stopping the others",
                  part->p->role->name);
    }
}

/* Which ones have ended is told by their threads' last word: they take no orders any more. */
static bool has_ended(struct daemon_part *part)
{
    pthread_mutex_lock(&part->lock);
    bool ended = part->status >= 0;
    pthread_mutex_unlock(&part->lock);
    return ended && (part->state == PART_STARTS || part->state == PART_RUNS);
}

static void on_news(void *arg, void *item)
{
    struct group *g = arg;
    struct daemon_part *running = item;
    if (running != NULL) {
        running->state = PART_RUNS;
        if (g->stopping) {
            stop_next(g);
        } else {
            start_next(g);
        }
        return;
    }
    for (size_t i = 0; i < g->n; i++) {
        if (has_ended(g->parts[i])) {
            take_end(g, g->parts[i]);
            begin_stop(g);
        }
    }
}

static void on_signal(void *arg, int signum)
{
    struct group *g = arg;
    if (g->stopping) {
        log_warn("daemon", "stop_now", "a second signal: not waiting for what is under way");
        order_all(g, &now_order);
        return;
    }
    log_info("daemon", "stopping", "signal=%s, one role after the other",
             signum == SIGINT   ? "SIGINT"
             : signum == SIGHUP ? "SIGHUP"
                                : "SIGTERM");
    begin_stop(g);
}

static void on_hangup(void *arg, int signum)
{
    struct group *g = arg;
    if (g->on_terminal && !process_has_terminal()) {
        if (!g->stopping) {
            on_signal(g, signum);
        }
    } else if (!g->stopping) {
        order_all(g, &reload_order);
    }
}

int daemon_group_run(const char *name, struct daemon_part *const *parts, size_t n)
{
    struct group g = {.parts = parts, .n = n};
    assert(n > 0 && n <= DAEMON_PARTS_MAX);
    log_init(name, log_level());
    g.loop = loop_create();
    g.news = mailbox_create(g.loop, on_news, &g);
    g.on_terminal = process_follows_terminal();
    loop_on_signal(g.loop, SIGINT, on_signal, &g);
    loop_on_signal(g.loop, SIGTERM, on_signal, &g);
    loop_on_signal(g.loop, SIGHUP, on_hangup, &g);
    for (size_t i = 0; i < n; i++) {
        parts[i]->group = &g;
    }
    start_next(&g);
    loop_run(g.loop);
    notify_destroy(g.notify);
    mailbox_destroy(g.news, drop_order);
    loop_destroy(g.loop);
    log_info("daemon", "ended", "status=%d", g.status);
    return g.status;
}

/* --- parts --- */

int daemon_part_open(const struct role *role, int argc, char **argv, struct daemon_part **ret_part)
{
    struct process *p = NULL;
    int status = process_open(role, argc, argv, &p);
    if (status >= 0) {
        return status;
    }
    struct daemon_part *part = mem_alloc(sizeof *part);
    part->p = p;
    part->status = -1;
    p->part = part;
    pthread_mutex_init(&part->lock, NULL);
    *ret_part = part;
    return -1;
}

void daemon_part_close(struct daemon_part *part)
{
    if (part != NULL) {
        process_close(part->p);
        pthread_mutex_destroy(&part->lock);
        mem_free(part);
    }
}

/* Where the flag's text stands; NULL: the role has no such flag. */
static const char **text_of(const struct daemon_part *part, const char *flag)
{
    const struct process *p = part->p;
    const struct option *o = options_find(p->table, p->print.n, flag, strlen(flag));
    bool text = o != NULL && (o->type == OPTION_STRING || o->type == OPTION_LIST);
    return text ? (const char **)((char *)p->config + o->offset) : NULL;
}

const char *daemon_part_text(const struct daemon_part *part, const char *flag)
{
    const char **text = text_of(part, flag);
    return text != NULL ? *text : "";
}

void daemon_part_default(struct daemon_part *part, const char *flag, const char *text)
{
    const char **at = text_of(part, flag);
    if (at != NULL && !settings_given(&part->p->settings, flag)) {
        *at = text;
    }
}

void daemon_part_default_on(struct daemon_part *part, const char *flag)
{
    const struct process *p = part->p;
    const struct option *o = options_find(p->table, p->print.n, flag, strlen(flag));
    if (o != NULL && o->type == OPTION_BOOL && !settings_given(&p->settings, flag)) {
        *(bool *)((char *)p->config + o->offset) = true;
    }
}

void daemon_part_clear(struct daemon_part *part, const char *flag)
{
    const char **at = text_of(part, flag);
    if (at != NULL) {
        *at = "";
    }
}

const char *daemon_part_data_dir(const struct daemon_part *part)
{
    return part->p->d.data_dir;
}

int daemon_part_command(struct daemon_part *part)
{
    return process_command(part->p);
}
