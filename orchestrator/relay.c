#include "orchestrator/relay.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/version.h"
#include "orchestrator/outbox.h"
#include "orchestrator/payments/payments.h"
#include "orchestrator/relay_log.h"
#include "orchestrator/words.h"
#include "run/log.h"

#define LINK_VERSION_MIN 1
#define REASON_MAX       400
#define SAID_MAX         33 /* of what a peer says about itself, inside a reason */
#define INSTANCE_SIZE    65
#define PEER_BUCKETS     1024 /* a power of two */
#define STALL_MS         200  /* a tick so much later than it was due: the loop stood still */

/* A peer that has said hello. */
struct peer {
    struct list node;
    struct list by_id; /* hash chains */
    struct relay *relay;
    link_peer id;
    enum link_role role;
    char credential[LINK_NAME_SIZE];
    struct outbox outbox;
    bool full;    /* the link said ERR_AGAIN and has not said WRITABLE since */
    bool doomed;  /* it takes nothing any more: dropped at the next tick */
    bool scolded; /* it has been logged that it sends what its role may not */
    char instance[INSTANCE_SIZE];
};

struct relay {
    struct link *link;
    struct job_table *table;
    struct loop_timer *tick;
    struct list peers;
    struct list by_id[PEER_BUCKETS];
    struct relay_config config;
    char session[RELAY_SESSION_SIZE];
    int64_t ticked_ms; /* the last tick; 0: there was none */
    bool stopping;
    struct relay_counters counters;
    struct payments *payments; /* NULL: none are kept */
    struct till *till;         /* NULL: nothing has a price */
};

static struct peer *find_peer(const struct relay *r, link_peer id)
{
    LIST_EACH (&r->by_id[id & (PEER_BUCKETS - 1)], it, tmp) {
        struct peer *p = LIST_ITEM(it, struct peer, by_id);
        if (p->id == id) {
            return p;
        }
    }
    return NULL;
}

/* --- out --- */

static bool is_for_jobs_cursor(const struct link_msg *m)
{
    return m->type == LINK_JOB_OPEN || m->type == LINK_JOB_UNIT;
}

static enum err put_aside(struct peer *p, const struct link_msg *m, struct blob *envelope,
                          struct blob *payload)
{
    bool is_rung = m->type == LINK_RUNG_UNIT;
    enum err e = outbox_push(&p->outbox, envelope, payload,
                             RELAY_RUNG_BYTES + (is_rung ? 0 : RELAY_CONTROL_BYTES));
    if (e != ERR_OK && !is_rung) {
        p->relay->counters.dropped++;
        p->doomed = true;
    }
    return e;
}

static enum err send_to(void *arg, link_peer to, const struct link_msg *m, struct blob *payload)
{
    struct relay *r = arg;
    struct peer *p = find_peer(r, to);
    if (p == NULL) {
        return ERR_NOENT;
    }
    bool waits_elsewhere = is_for_jobs_cursor(m);
    if (p->full && waits_elsewhere) {
        return ERR_AGAIN;
    }
    struct blob *envelope = link_msg_pack(m);
    if (envelope == NULL) {
        return ERR_NOMEM;
    }
    enum err e = p->full ? ERR_AGAIN : link_send(r->link, to, envelope, payload);
    p->full = e == ERR_AGAIN;
    if (e == ERR_AGAIN && !waits_elsewhere) {
        e = put_aside(p, m, envelope, payload);
    }
    blob_unref(envelope);
    return e;
}

void relay_send_pay(void *relay, link_peer to, const struct link_msg *m)
{
    enum err ignored = send_to(relay, to, m, NULL); /* who takes nothing any more goes by itself */
    (void)ignored;
}

static enum err send_from_outbox(void *arg, struct blob *envelope, struct blob *payload)
{
    const struct peer *p = arg;
    return link_send(p->relay->link, p->id, envelope, payload);
}

static void on_writable(struct relay *r, link_peer id)
{
    struct peer *p = find_peer(r, id);
    if (p == NULL) {
        return;
    }
    r->counters.dropped += outbox_flush(&p->outbox, send_from_outbox, p);
    p->full = !outbox_is_empty(&p->outbox);
    if (!p->full && p->role == LINK_ROLE_TRANSCODER) {
        job_table_writable(r->table, id, clock_mono_ms());
    }
}

/* --- peers --- */

static void say(struct relay *r, link_peer to, const struct link_msg *m)
{
    if (link_send_msg(r->link, to, m, NULL) != ERR_OK) {
        r->counters.dropped++; /* a peer that cannot even take this is on its way out */
    }
}

static void forget(struct peer *p)
{
    list_remove(&p->node);
    list_remove(&p->by_id);
    outbox_fini(&p->outbox);
    mem_free(p);
}

/* The peer has gone, or is made to go. */
static void lose(struct relay *r, struct peer *p, const char *reason)
{
    relay_log_lost(job_table_roster(r->table), p->role, p->id, reason);
    link_peer id = p->id;
    enum link_role role = p->role;
    if (p->credential[0] != '\0' && r->config.gate != NULL) {
        gate_left(r->config.gate, p->credential);
    }
    forget(p);
    if (role == LINK_ROLE_TRANSCODER) {
        job_table_transcoder_lost(r->table, id, clock_mono_ms());
    } else {
        job_table_broadcaster_lost(r->table, id, clock_mono_ms());
        if (r->payments != NULL) {
            payments_lost(r->payments, id);
        }
        if (r->till != NULL) {
            till_left(r->till, id);
        }
    }
}

/* NULL: the hello is right. Otherwise the reason, written to text. */
static const char *check_hello(const struct relay *r, const struct link_event *e, char *text)
{
    const struct link_hello *h = &e->msg->hello;
    const struct roster *roster = job_table_roster(r->table);
    char said[SAID_MAX];
    if (e->role != LINK_ROLE_TRANSCODER && e->role != LINK_ROLE_BROADCASTER) {
        snprintf(text, REASON_MAX, "an orchestrator's key cannot be used to connect to one");
        return text;
    }
    if (strcmp(h->role, link_role_name(e->role)) != 0) {
        words_copy(said, sizeof said, h->role);
        snprintf(text, REASON_MAX, "the peer says it is a %s, but its key is that of a %s", said,
                 link_role_name(e->role));
        return text;
    }
    if (h->version_max < LINK_VERSION_MIN || h->version_min > LINK_VERSION) {
        words_copy(said, sizeof said, h->software);
        snprintf(text, REASON_MAX,
                 "the peer (software %s) speaks versions %u to %u of the link, this "
                 "orchestrator (software %.32s) versions %u to %u: run the same release on both",
                 said, h->version_min, h->version_max, software_version, LINK_VERSION_MIN,
                 LINK_VERSION);
        return text;
    }
    unsigned n = e->role == LINK_ROLE_TRANSCODER ? roster->n_transcoders : roster->n_broadcasters;
    if (find_peer(r, e->peer) == NULL && n >= ROSTER_PEERS_MAX) {
        snprintf(text, REASON_MAX, "%u %ss are connected already", n, link_role_name(e->role));
        return text;
    }
    return NULL;
}

static void reject(struct relay *r, const struct link_event *e, const char *reason)
{
    r->counters.rejected++;
    relay_log_rejected(e->address, e->credential, &e->msg->hello, reason);
    say(r, e->peer, &(struct link_msg){.type = LINK_BYE, .reason = reason});
    struct peer *p = find_peer(r, e->peer);
    if (p != NULL) {
        lose(r, p, reason);
    }
    link_drop(r->link, e->peer);
}

/* A peer that dials again before its former connection is known to be dead: nothing more may be
 * given to that one. */
static void end_former(struct relay *r, const struct link_event *e)
{
    char instance[INSTANCE_SIZE];
    words_copy(instance, sizeof instance, e->msg->hello.instance);
    LIST_EACH (&r->peers, it, tmp) {
        struct peer *p = LIST_ITEM(it, struct peer, node);
        if (instance[0] != '\0' && p->role == e->role && strcmp(p->instance, instance) == 0 &&
            strcmp(p->credential, e->credential) == 0) {
            link_drop(r->link, p->id);
            lose(r, p, "it has come back on another connection");
        }
    }
}

static void welcome(struct relay *r, const struct link_event *e)
{
    const struct link_hello *h = &e->msg->hello;
    struct peer *p = mem_alloc(sizeof *p);
    p->relay = r;
    p->id = e->peer;
    p->role = e->role;
    snprintf(p->credential, sizeof p->credential, "%s", e->credential);
    if (p->credential[0] != '\0' && r->config.gate != NULL) {
        gate_joined(r->config.gate, p->credential, e->role);
    }
    words_copy(p->instance, sizeof p->instance, h->instance);
    outbox_init(&p->outbox);
    list_push_back(&r->peers, &p->node);
    list_push_back(&r->by_id[p->id & (PEER_BUCKETS - 1)], &p->by_id);
    struct link_msg m = {.type = LINK_WELCOME, .reason = ""};
    m.welcome = (struct link_welcome){
        .version = h->version_max < LINK_VERSION ? h->version_max : LINK_VERSION,
        .session = r->session,
        .heartbeat_ms = (uint32_t)r->config.heartbeat_ms,
        .timeout_ms = (uint32_t)r->config.timeout_ms,
        .price = r->config.price,
        .price_pixels = r->config.price_pixels,
    };
    say(r, e->peer, &m);
    relay_log_joined(e->role, e->address, e->credential, h);
    if (r->till != NULL && e->role == LINK_ROLE_BROADCASTER) {
        char account[PURSE_NAME_MAX];
        till_account(TILL_BROADCASTER, e->credential, h->name, account);
        till_joined(r->till, e->peer, account);
    }
}

static void on_hello(struct relay *r, const struct link_event *e)
{
    char text[REASON_MAX];
    const char *why = check_hello(r, e, text);
    if (why != NULL) {
        reject(r, e, why);
        return;
    }
    bool is_new = find_peer(r, e->peer) == NULL;
    if (is_new) {
        end_former(r, e);
        /* Before it joins, because joining may already bring it a job. */
        welcome(r, e);
    }
    const struct link_hello *h = &e->msg->hello;
    int64_t now = clock_mono_ms();
    enum err err = e->role == LINK_ROLE_TRANSCODER
                       ? job_table_transcoder_joined(r->table, e->peer, e->address, h, now)
                       : job_table_broadcaster_joined(r->table, e->peer, e->address, h, now);
    if (err != ERR_OK) {
        reject(r, e, err_text(err));
    } else if (!is_new) {
        relay_log_updated(e->role, h);
    }
}

/* --- messages --- */

static bool from_transcoder(struct relay *r, const struct link_event *e, int64_t now)
{
    const struct link_msg *m = e->msg;
    switch (m->type) {
    case LINK_JOB_ACCEPT:
        job_table_accepted(r->table, e->peer, m->job);
        return true;
    case LINK_JOB_REFUSE:
        job_table_refused(r->table, e->peer, m->job, m->reason, now);
        return true;
    case LINK_RUNG_UNIT:
        job_table_rung_unit(r->table, e->peer, m->job, &m->unit, e->payload, now);
        return true;
    case LINK_JOB_DONE:
        job_table_done(r->table, e->peer, m->job, &m->done, now);
        return true;
    case LINK_JOB_FAILED:
        job_table_failed(r->table, e->peer, m->job, m->reason, m->final, now);
        return true;
    default:
        return false;
    }
}

static void on_pay_ask(struct relay *r, link_peer from, const struct link_pay_ask *q)
{
    if (r->payments != NULL) {
        payments_ask(r->payments, from, q);
        return;
    }
    struct link_msg m = {.type = LINK_PAY_ANSWER};
    m.pay_answer = (struct link_pay_answer){
        .ask = q->ask,
        .status = LINK_PAY_OFF,
        .text = "this orchestrator keeps no accounts: start it with -payments",
    };
    relay_send_pay(r, from, &m);
}

static bool from_broadcaster(struct relay *r, const struct link_event *e, int64_t now)
{
    const struct link_msg *m = e->msg;
    switch (m->type) {
    case LINK_JOB_OPEN:
        job_table_open(r->table, e->peer, m->job, &m->open, now);
        return true;
    case LINK_JOB_UNIT:
        job_table_unit(r->table, e->peer, m->job, &m->unit, e->payload, now);
        return true;
    case LINK_JOB_CANCEL:
        job_table_cancel(r->table, e->peer, m->job, now);
        return true;
    case LINK_RUNG_REJECT:
        job_table_rung_reject(r->table, e->peer, m->job, &m->word, m->reason, now);
        return true;
    case LINK_PAY_ASK:
        on_pay_ask(r, e->peer, &m->pay_ask);
        return true;
    default:
        return false;
    }
}

static void on_message(struct relay *r, const struct link_event *e)
{
    if (e->msg->type == LINK_HELLO) {
        on_hello(r, e);
        return;
    }
    if (e->msg->type == LINK_PING) {
        return; /* the link itself keeps watch; our own count of the load is the one that counts */
    }
    struct peer *p = find_peer(r, e->peer);
    if (p == NULL) {
        r->counters.unwelcome++;
        return;
    }
    if (e->msg->type == LINK_BYE) {
        lose(r, p, e->msg->reason);
        link_drop(r->link, e->peer);
        return;
    }
    int64_t now = clock_mono_ms();
    bool known =
        p->role == LINK_ROLE_TRANSCODER ? from_transcoder(r, e, now) : from_broadcaster(r, e, now);
    if (!known) {
        r->counters.unwelcome++;
        if (!p->scolded) {
            p->scolded = true;
            log_warn("relay", "unwelcome_message",
                     "a %s sent a message (type %d) that its role may not send; such are dropped",
                     link_role_name(p->role), (int)e->msg->type);
        }
    }
}

static void on_event(void *arg, const struct link_event *e)
{
    struct relay *r = arg;
    if (r->stopping) {
        return;
    }
    switch (e->type) {
    case LINK_EVENT_MESSAGE:
        on_message(r, e);
        break;
    case LINK_EVENT_DOWN: {
        struct peer *p = find_peer(r, e->peer);
        if (p != NULL) {
            lose(r, p,
                 e->reason[0] != '\0' ? e->reason
                                      : "the connection broke, or the peer was silent for too "
                                        "long");
        }
        break;
    }
    case LINK_EVENT_WRITABLE:
        on_writable(r, e->peer);
        break;
    case LINK_EVENT_UP:
    case LINK_EVENT_REFUSED:
        break; /* of the dialling side */
    }
}

static void note_stall(struct relay *r)
{
    int64_t now_ms = clock_mono_ms();
    int64_t late_ms = r->ticked_ms > 0 ? now_ms - r->ticked_ms - JOB_TABLE_TICK_MS : 0;
    if (late_ms >= STALL_MS) {
        job_table_stalled(r->table, late_ms, now_ms);
    }
    r->ticked_ms = now_ms;
}

static void on_tick(void *arg)
{
    struct relay *r = arg;
    if (r->stopping) {
        return;
    }
    note_stall(r);
    LIST_EACH (&r->peers, it, tmp) {
        struct peer *p = LIST_ITEM(it, struct peer, node);
        if (p->doomed) {
            link_drop(r->link, p->id);
            lose(r, p, "it takes no messages any more");
        }
    }
    job_table_tick(r->table, clock_mono_ms());
}

static void on_note(void *arg, const struct job_note *n)
{
    relay_log_note(n);
}

/* --- money --- */

static const char *on_job_open(void *arg, link_peer broadcaster, uint64_t pixels)
{
    const struct relay *r = arg;
    return till_open(r->till, broadcaster, pixels);
}

static void on_job_closed(void *arg, link_peer broadcaster, uint64_t pixels)
{
    const struct relay *r = arg;
    till_close(r->till, broadcaster, pixels);
}

static void on_earned(void *arg, link_peer broadcaster, const struct transcoder *by,
                      uint64_t pixels)
{
    const struct relay *r = arg;
    char payee[PURSE_NAME_MAX];
    till_account(TILL_EARNINGS, relay_credential(r, by->peer), by->name, payee);
    till_earn(r->till, broadcaster, payee, pixels);
}

/* Its account does not cover what is open. */
static void on_over(void *arg, link_peer broadcaster, const char *why)
{
    struct relay *r = arg;
    bool is_over = till_is_over(r->till, broadcaster);
    while (is_over && job_table_drop_newest(r->table, broadcaster, why, clock_mono_ms())) {
        is_over = till_is_over(r->till, broadcaster);
    }
}

static void open_till(struct relay *r, struct loop *l, struct job_table_out *out)
{
    struct tariff tariff = {r->config.price, r->config.price_pixels};
    if (tariff.amount == 0 || tariff.pixels == 0 || r->config.ledger == NULL) {
        return;
    }
    r->till = till_create(l, r->config.ledger, &tariff, r->session, on_over, r);
    out->open = on_job_open;
    out->closed = on_job_closed;
    out->earned = on_earned;
}

/* --- life --- */

enum err relay_create(struct loop *l, const struct relay_config *config, struct relay **ret_relay,
                      const char **ret_why)
{
    struct relay *r = mem_alloc(sizeof *r);
    r->config = *config;
    r->config.addr = NULL;
    r->config.keys = NULL;
    list_init(&r->peers);
    for (size_t i = 0; i < PEER_BUCKETS; i++) {
        list_init(&r->by_id[i]);
    }
    id_random_hex(r->session, (RELAY_SESSION_SIZE - 1) / 2);
    struct job_table_out out = {.arg = r, .send = send_to, .note = on_note};
    open_till(r, l, &out);
    r->table = job_table_create(&config->jobs, &out);
    struct link_config c = {
        .addr = config->addr,
        .keys = *config->keys,
        .admit = config->gate != NULL ? gate_admit : NULL,
        .admit_arg = config->gate,
        .peer_queue_bytes = RELAY_QUEUE_BYTES,
        .heartbeat_ms = config->heartbeat_ms,
        .timeout_ms = config->timeout_ms,
    };
    enum err e = link_listen(l, &c, on_event, r, &r->link, ret_why);
    link_keys_wipe(&c.keys);
    if (e != ERR_OK) {
        till_destroy(r->till);
        job_table_destroy(r->table);
        mem_free(r);
        return e;
    }
    r->tick = loop_timer_create(l, on_tick, r);
    loop_timer_start(r->tick, JOB_TABLE_TICK_MS, JOB_TABLE_TICK_MS);
    *ret_relay = r;
    return ERR_OK;
}

void relay_recheck(struct relay *r)
{
    link_recheck(r->link);
}

const char *relay_credential(const struct relay *r, link_peer peer)
{
    const struct peer *p = find_peer(r, peer);
    return p != NULL ? p->credential : "";
}

void relay_stop(struct relay *r, const char *reason)
{
    if (r->stopping) {
        return;
    }
    r->stopping = true;
    LIST_EACH (&r->peers, it, tmp) {
        say(r, LIST_ITEM(it, struct peer, node)->id,
            &(struct link_msg){.type = LINK_BYE, .reason = reason});
    }
    till_stop(r->till);
}

void relay_destroy(struct relay *r, int linger_ms)
{
    if (r == NULL) {
        return;
    }
    r->stopping = true;
    loop_timer_destroy(r->tick);
    link_destroy(r->link, linger_ms);
    job_table_destroy(r->table);
    till_destroy(r->till);
    LIST_EACH (&r->peers, it, tmp) {
        forget(LIST_ITEM(it, struct peer, node));
    }
    mem_free(r);
}

void relay_set_payments(struct relay *r, struct payments *payments)
{
    r->payments = payments;
}

void relay_news(struct relay *r, const char *account)
{
    if (r->till != NULL) {
        till_news(r->till, account);
    }
}

void relay_set_max_sessions(struct relay *r, unsigned max)
{
    job_table_set_max_sessions(r->table, max);
}

const struct job_table *relay_table(const struct relay *r)
{
    return r->table;
}

const struct till *relay_till(const struct relay *r)
{
    return r->till;
}

const char *relay_session(const struct relay *r)
{
    return r->session;
}

struct link_counters relay_link_counters(const struct relay *r)
{
    return link_counters(r->link);
}

struct relay_counters relay_counters(const struct relay *r)
{
    return r->counters;
}

size_t relay_waiting_bytes(const struct relay *r)
{
    size_t sum = 0;
    LIST_EACH (&r->peers, it, tmp) {
        sum += LIST_ITEM(it, const struct peer, node)->outbox.bytes;
    }
    return sum;
}
