#include "orchestrator/relay.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "orchestrator/hello.h"
#include "orchestrator/payments/payments.h"
#include "orchestrator/peers.h"
#include "orchestrator/pricing/payees.h"
#include "orchestrator/relay_log.h"
#include "run/log.h"

_Static_assert(PURSE_DUE_MAX >= ROSTER_PEERS_MAX, "each transcoder is paid by itself");

#define STALL_MS 200 /* a tick so much later than it was due: the loop stood still */

struct relay {
    struct link *link;
    struct job_table *table;
    struct loop_timer *tick;
    struct peers *peers;
    struct relay_config config;
    char session[RELAY_SESSION_SIZE];
    int64_t ticked_ms; /* the last tick; 0: there was none */
    bool stopping;
    struct relay_counters counters;
    struct payments *payments; /* NULL: none are kept */
    struct till *till;         /* NULL: nothing has a price */
    struct payees payees;      /* that have gone */
};

/* --- out --- */

static enum err send_out(void *arg, link_peer to, struct blob *envelope, struct blob *payload)
{
    const struct relay *r = arg;
    return link_send(r->link, to, envelope, payload);
}

static enum err send_to(void *arg, link_peer to, const struct link_msg *m, struct blob *payload)
{
    const struct relay *r = arg;
    return peers_send(r->peers, to, m, payload);
}

void relay_send_pay(void *relay, link_peer to, const struct link_msg *m)
{
    enum err ignored = send_to(relay, to, m, NULL); /* who takes nothing any more goes by itself */
    (void)ignored;
}

_Static_assert(PURSE_NAME_MAX <= LEDGER_NAME_MAX, "an account's name fits");

void relay_name_payer(void *relay, link_peer peer, char *ret_name)
{
    const struct relay *r = relay;
    const struct peer *p = peers_find(r->peers, peer);
    const struct broadcaster *b = roster_broadcaster(job_table_roster(r->table), peer);
    till_account(TILL_BROADCASTER, p != NULL ? peer_credential(p) : "", b != NULL ? b->name : "",
                 ret_name);
    for (char *c = ret_name; *c != '\0'; c++) {
        *c = *c == '"' || *c == '\\' ? '\'' : *c;
    }
}

static void on_writable(struct relay *r, link_peer id)
{
    struct peer *p = peers_find(r->peers, id);
    if (p != NULL && peers_writable(p) && peer_role(p) == LINK_ROLE_TRANSCODER) {
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

static void payee_of(const struct relay *r, const struct transcoder *by, char payee[PURSE_NAME_MAX])
{
    till_account(TILL_EARNINGS, relay_credential(r, by->peer), by->name, payee);
}

/* What it made may yet be found to be no good. */
static void keep_payee(struct relay *r, link_peer transcoder)
{
    const struct transcoder *t = roster_transcoder(job_table_roster(r->table), transcoder);
    if (r->till != NULL && t != NULL) {
        char payee[PURSE_NAME_MAX];
        payee_of(r, t, payee);
        payees_left(&r->payees, transcoder, payee);
    }
}

/* The peer has gone, or is made to go. */
static void lose(struct relay *r, struct peer *p, const char *reason)
{
    link_peer id = peer_id(p);
    enum link_role role = peer_role(p);
    relay_log_lost(job_table_roster(r->table), role, id, reason);
    if (peer_credential(p)[0] != '\0' && r->config.gate != NULL) {
        gate_left(r->config.gate, peer_credential(p));
    }
    keep_payee(r, id);
    peers_remove(p);
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

static unsigned others_of(const struct relay *r, enum link_role role)
{
    const struct roster *roster = job_table_roster(r->table);
    return role == LINK_ROLE_TRANSCODER ? roster->n_transcoders : roster->n_broadcasters;
}

static void reject(struct relay *r, const struct link_event *e, const char *reason)
{
    r->counters.rejected++;
    relay_log_rejected(e->address, e->credential, &e->msg->hello, reason);
    say(r, e->peer, &(struct link_msg){.type = LINK_BYE, .reason = reason});
    struct peer *p = peers_find(r->peers, e->peer);
    if (p != NULL) {
        lose(r, p, reason);
    }
    link_drop(r->link, e->peer);
}

/* A peer that dials again before its former connection is known to be dead: nothing more may be
 * given to that one. */
static void end_former(struct relay *r, const struct link_event *e)
{
    struct peer *p;
    while ((p = peers_former(r->peers, e->role, e->credential, e->msg->hello.instance)) != NULL) {
        link_drop(r->link, peer_id(p));
        lose(r, p, "it has come back on another connection");
    }
}

static void welcome(struct relay *r, const struct link_event *e)
{
    const struct link_hello *h = &e->msg->hello;
    const struct ledger *ledger = r->config.ledger;
    if (e->credential[0] != '\0' && r->config.gate != NULL) {
        gate_joined(r->config.gate, e->credential, e->role);
    }
    (void)peers_add(r->peers, e->peer, e->role, e->credential, h->instance);
    struct link_msg m = {.type = LINK_WELCOME, .reason = ""};
    m.welcome = (struct link_welcome){
        .version = h->version_max < LINK_VERSION ? h->version_max : LINK_VERSION,
        .session = r->session,
        .heartbeat_ms = (uint32_t)r->config.heartbeat_ms,
        .timeout_ms = (uint32_t)r->config.timeout_ms,
        .price = r->config.price,
        .price_pixels = r->config.price_pixels,
        .money_scale = ledger != NULL ? (uint32_t)ledger_scale(ledger) + 1 : 0,
        .money_asset = ledger != NULL ? ledger_asset(ledger) : "",
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
    char why[HELLO_WHY_MAX];
    bool is_new = peers_find(r->peers, e->peer) == NULL;
    if (!hello_is_right(&e->msg->hello, e->role, is_new ? others_of(r, e->role) : 0, why)) {
        reject(r, e, why);
        return;
    }
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
    struct peer *p = peers_find(r->peers, e->peer);
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
    bool known = peer_role(p) == LINK_ROLE_TRANSCODER ? from_transcoder(r, e, now)
                                                      : from_broadcaster(r, e, now);
    if (!known) {
        r->counters.unwelcome++;
        if (peer_scold(p)) {
            log_warn("relay", "unwelcome_message",
                     "a %s sent a message (type %d) that its role may not send; such are dropped",
                     link_role_name(peer_role(p)), (int)e->msg->type);
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
        struct peer *p = peers_find(r->peers, e->peer);
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
    struct peer *p;
    while ((p = peers_doomed(r->peers)) != NULL) {
        link_drop(r->link, peer_id(p));
        lose(r, p, "it takes no messages any more");
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
    payee_of(r, by, payee);
    till_earn(r->till, broadcaster, payee, pixels);
}

static void on_unearned(void *arg, link_peer broadcaster, link_peer by, uint64_t pixels)
{
    const struct relay *r = arg;
    const struct transcoder *t = roster_transcoder(job_table_roster(r->table), by);
    const char *gone = payees_find(&r->payees, by);
    char payee[PURSE_NAME_MAX];
    if (t != NULL) {
        payee_of(r, t, payee);
        till_unearn(r->till, broadcaster, payee, pixels);
    } else if (gone != NULL) {
        till_unearn(r->till, broadcaster, gone, pixels);
    }
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
    out->unearned = on_unearned;
}

/* --- life --- */

enum err relay_create(struct loop *l, const struct relay_config *config, struct relay **ret_relay,
                      const char **ret_why)
{
    struct relay *r = mem_alloc(sizeof *r);
    r->config = *config;
    r->config.addr = NULL;
    r->config.keys = NULL;
    r->peers = peers_create(send_out, r);
    payees_init(&r->payees);
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
        peers_destroy(r->peers);
        payees_fini(&r->payees);
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
    const struct peer *p = peers_find(r->peers, peer);
    return p != NULL ? peer_credential(p) : "";
}

struct goodbye {
    struct relay *relay;
    const char *reason;
};

static void say_goodbye(void *arg, link_peer to)
{
    const struct goodbye *g = arg;
    say(g->relay, to, &(struct link_msg){.type = LINK_BYE, .reason = g->reason});
}

void relay_stop(struct relay *r, const char *reason)
{
    if (r->stopping) {
        return;
    }
    r->stopping = true;
    peers_each(r->peers, say_goodbye, &(struct goodbye){r, reason});
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
    peers_destroy(r->peers);
    payees_fini(&r->payees);
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
    struct relay_counters c = r->counters;
    c.dropped += peers_dropped(r->peers);
    return c;
}

size_t relay_waiting_bytes(const struct relay *r)
{
    return peers_waiting_bytes(r->peers);
}
