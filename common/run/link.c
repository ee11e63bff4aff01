#include "run/link.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "proto/link_check.h"
#include "run/link_impl.h"

/* --- what comes from the thread --- */

void link_post(struct link *k, const struct link_mail *mail)
{
    struct link_mail *copy = mem_alloc(sizeof *copy);
    *copy = *mail;
    mailbox_post(k->mailbox, copy);
}

static void drop_mail(void *item)
{
    struct link_mail *mail = item;
    link_gauge_unref(mail->gauge);
    mem_free(mail->reason);
    link_msg_destroy(mail->msg);
    blob_unref(mail->payload);
    mem_free(mail);
}

static struct link_slot *slot_of(const struct link *k, link_peer number)
{
    size_t i = number & (LINK_SLOTS - 1);
    struct link_slot *s = k->listening || i == 0 ? &k->slots[i] : NULL;
    return s != NULL && number != 0 && s->number == number ? s : NULL;
}

static void forget(struct link_slot *s)
{
    link_gauge_unref(s->gauge);
    *s = (struct link_slot){0};
}

static struct link_slot *introduce(struct link *k, struct link_mail *mail)
{
    struct link_slot *s = &k->slots[mail->number & (LINK_SLOTS - 1)];
    forget(s); /* its predecessor, if it was never told to be down because it was dropped */
    s->number = mail->number;
    s->gauge = mail->gauge;
    s->role = mail->role;
    memcpy(s->address, mail->address, sizeof s->address);
    memcpy(s->credential, mail->credential, sizeof s->credential);
    mail->gauge = NULL;
    return s;
}

static void tell(struct link *k, const struct link_mail *mail, const struct link_slot *s)
{
    struct link_event e = {
        .type = mail->type,
        .peer = k->listening ? mail->number : 0,
        .role = s != NULL ? s->role : LINK_ROLE_ORCHESTRATOR,
        .address = "",
        .credential = "",
        .reason = mail->reason != NULL ? mail->reason : "",
        .target = mail->target,
        .msg = mail->msg,
        .payload = mail->payload,
    };
    char address[LINK_ADDRESS_MAX] = "", credential[LINK_NAME_SIZE] = "";
    if (s != NULL) {
        memcpy(address, s->address, sizeof address); /* the callback may drop the peer */
        memcpy(credential, s->credential, sizeof credential);
        e.address = address;
        e.credential = credential;
    }
    k->fn(k->arg, &e);
}

static void on_mail(void *arg, void *item)
{
    struct link *k = arg;
    struct link_mail *mail = item;
    struct link_slot *s = mail->first ? introduce(k, mail) : slot_of(k, mail->number);
    if (mail->type == LINK_EVENT_DOWN && s != NULL) {
        struct link_slot was = *s;
        *s = (struct link_slot){0};
        tell(k, mail, &was);
        forget(&was);
    } else if (s != NULL || mail->type == LINK_EVENT_REFUSED) {
        tell(k, mail, s);
    }
    size_t left = atomic_fetch_sub(&k->inbound_bytes, mail->cost) - mail->cost;
    if (left < LINK_INBOUND_MAX / 2 && atomic_exchange(&k->inbound_stopped, false)) {
        link_wake(k);
    }
    drop_mail(mail);
}

/* --- opening --- */

static void free_link(struct link *k)
{
    mailbox_destroy(k->mailbox, drop_mail);
    for (size_t i = 0; i < (k->listening ? LINK_SLOTS : 1); i++) {
        forget(&k->slots[i]);
    }
    if (k->wake_fd >= 0) {
        close(k->wake_fd);
    }
    pthread_mutex_destroy(&k->lock);
    link_keys_wipe(&k->config.keys);
    mem_free(k->slots);
    mem_free(k->addr);
    mem_free(k);
}

static enum err open_link(struct loop *l, const struct link_config *config, bool listening,
                          link_event_fn *fn, void *arg, struct link **ret_link,
                          const char **ret_why)
{
    struct link *k = mem_alloc(sizeof *k);
    assert(config->heartbeat_ms > 0 && config->timeout_ms > config->heartbeat_ms);
    assert(listening || (config->retry_min_ms > 0 && config->retry_max_ms >= config->retry_min_ms));
    k->fn = fn;
    k->arg = arg;
    k->listening = listening;
    k->config = *config;
    k->addr = mem_strdup(config->addr);
    k->config.addr = k->addr;
    k->slots = mem_alloc((listening ? LINK_SLOTS : 1) * sizeof *k->slots);
    k->mailbox = mailbox_create(l, on_mail, k);
    k->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&k->lock, NULL);
    list_init(&k->commands);
    const char *why = "no file descriptors are left";
    enum err e = k->wake_fd >= 0 ? link_thread_open(k, &why) : ERR_IO;
    if (e != ERR_OK) {
        *ret_why = why;
        free_link(k);
        return e;
    }
    if (thread_start("link", link_thread_run, k->thread, &k->pthread) != ERR_OK) {
        abort(); /* no room for a thread at the start of a role */
    }
    *ret_link = k;
    return ERR_OK;
}

enum err link_listen(struct loop *l, const struct link_config *config, link_event_fn *fn, void *arg,
                     struct link **ret_link, const char **ret_why)
{
    return open_link(l, config, true, fn, arg, ret_link, ret_why);
}

enum err link_dial(struct loop *l, const struct link_config *config, link_event_fn *fn, void *arg,
                   struct link **ret_link, const char **ret_why)
{
    return open_link(l, config, false, fn, arg, ret_link, ret_why);
}

/* --- what goes to the thread --- */

static void command(struct link *k, struct link_command c)
{
    struct link_command *copy = mem_alloc(sizeof *copy);
    *copy = c;
    list_init(&copy->node);
    pthread_mutex_lock(&k->lock);
    bool was_empty = list_empty(&k->commands);
    list_push_back(&k->commands, &copy->node);
    pthread_mutex_unlock(&k->lock);
    if (was_empty) {
        link_wake(k);
    }
}

/* The slot of a peer as callers name it: 0 is the orchestrator, on the dialling side. */
static struct link_slot *named(const struct link *k, link_peer peer)
{
    return slot_of(k, k->listening ? peer : k->slots[0].number);
}

/* One message may always wait, however large it is. */
static bool has_room(const struct link_gauge *g, size_t cost)
{
    size_t waiting = atomic_load(&g->bytes);
    return waiting == 0 || (waiting <= g->limit && cost <= g->limit - waiting);
}

enum err link_send(struct link *k, link_peer peer, struct blob *envelope, struct blob *payload)
{
    struct link_slot *s = named(k, peer);
    if (s == NULL) {
        return k->listening ? ERR_NOENT : ERR_AGAIN;
    }
    if (blob_span(payload).len == 0) {
        payload = NULL;
    }
    struct link_gauge *g = s->gauge;
    size_t cost = link_frame_cost(envelope) + link_frame_cost(payload);
    if (!has_room(g, cost)) {
        atomic_store(&g->wanting, true);
        if (!has_room(g, cost)) {
            return ERR_AGAIN; /* somebody will find that we are wanting, see link_gauge_drop */
        }
        atomic_store(&g->wanting, false);
    }
    link_gauge_add(g, cost);
    command(k, (struct link_command){
                   .type = COMMAND_SEND,
                   .number = s->number,
                   .envelope = blob_ref(envelope),
                   .payload = payload != NULL ? blob_ref(payload) : NULL,
                   .gauge = link_gauge_ref(g),
               });
    return ERR_OK;
}

enum err link_send_msg(struct link *k, link_peer peer, const struct link_msg *m,
                       struct blob *payload)
{
    if (named(k, peer) == NULL) {
        return k->listening ? ERR_NOENT : ERR_AGAIN;
    }
    const char *why;
    struct blob *envelope = link_msg_pack(m);
    if (envelope == NULL) {
        return link_check(m, &why) != ERR_OK ? ERR_LIMIT : ERR_NOMEM;
    }
    enum err e = link_send(k, peer, envelope, payload);
    blob_unref(envelope);
    return e;
}

size_t link_queued(const struct link *k, link_peer peer)
{
    const struct link_slot *s = named(k, peer);
    return s != NULL ? atomic_load(&s->gauge->bytes) : 0;
}

void link_set_beat(struct link *k, uint32_t heartbeat_ms, uint32_t timeout_ms)
{
    assert(!k->listening);
    if (heartbeat_ms > 0 && heartbeat_ms < timeout_ms && timeout_ms <= INT_MAX) {
        command(k, (struct link_command){.type = COMMAND_BEAT,
                                         .number = k->slots[0].number,
                                         .heartbeat_ms = (int)heartbeat_ms,
                                         .timeout_ms = (int)timeout_ms});
    }
}

void link_drop(struct link *k, link_peer peer)
{
    assert(k->listening);
    struct link_slot *s = slot_of(k, peer);
    if (s != NULL) {
        command(k, (struct link_command){.type = COMMAND_DROP, .number = peer});
        forget(s);
    }
}

void link_recheck(struct link *k)
{
    assert(k->listening);
    command(k, (struct link_command){.type = COMMAND_RECHECK});
}

struct link_counters link_counters(const struct link *k)
{
    const struct link_tally *t = &k->tally;
    return (struct link_counters){
        .refused = atomic_load(&t->refused),
        .dropped = atomic_load(&t->dropped),
        .sent_bytes = atomic_load(&t->sent_bytes),
        .received_bytes = atomic_load(&t->received_bytes),
        .sent = atomic_load(&t->sent),
        .received = atomic_load(&t->received),
    };
}

void link_destroy(struct link *k, int linger_ms)
{
    if (k == NULL) {
        return;
    }
    command(k, (struct link_command){.type = COMMAND_QUIT, .linger_ms = linger_ms});
    pthread_join(k->pthread, NULL);
    free_link(k);
}
