#include "run/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#include "base/list.h"
#include "base/mem.h"

#define SIGNALS_MAX  8
#define CLOSE_ROUNDS 100 /* close callbacks may close further handles */

struct signal_slot {
    uv_signal_t handle;
    loop_signal_fn *fn;
    void *arg;
};

struct loop {
    uv_loop_t uv;
    struct signal_slot signals[SIGNALS_MAX];
    size_t n_signals;
};

struct loop_timer {
    uv_timer_t handle;
    loop_timer_fn *fn;
    void *arg;
};

struct mail {
    struct list node;
    void *item;
};

struct mailbox {
    uv_async_t handle;
    uv_mutex_t lock;
    struct list waiting;
    mailbox_fn *fn;
    void *arg;
    _Bool destroyed;
};

struct loop *loop_create(void)
{
    struct loop *l = mem_alloc(sizeof *l);
    if (uv_loop_init(&l->uv) != 0) {
        abort(); /* no file descriptors or memory left at the very start */
    }
    l->uv.data = l;
    return l;
}

void loop_destroy(struct loop *l)
{
    if (l == NULL) {
        return;
    }
    for (size_t i = 0; i < l->n_signals; i++) {
        uv_close((uv_handle_t *)&l->signals[i].handle, NULL);
    }
    int left = UV_EBUSY;
    for (int i = 0; i < CLOSE_ROUNDS && left == UV_EBUSY; i++) {
        uv_run(&l->uv, UV_RUN_NOWAIT);
        left = uv_loop_close(&l->uv);
    }
    assert(left == 0); /* a handle was left open by its owner */
    mem_free(l);
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

void loop_run_once(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_NOWAIT);
}

int64_t loop_now_ms(const struct loop *l)
{
    return (int64_t)uv_now(&l->uv);
}

void *loop_uv(struct loop *l)
{
    return &l->uv;
}

/* --- timers --- */

static void timer_fired(uv_timer_t *h)
{
    struct loop_timer *t = h->data;
    t->fn(t->arg);
}

static void free_handle_data(uv_handle_t *h)
{
    mem_free(h->data);
}

struct loop_timer *loop_timer_create(struct loop *l, loop_timer_fn *fn, void *arg)
{
    struct loop_timer *t = mem_alloc(sizeof *t);
    uv_timer_init(&l->uv, &t->handle);
    t->handle.data = t;
    t->fn = fn;
    t->arg = arg;
    return t;
}

void loop_timer_start(struct loop_timer *t, int64_t after_ms, int64_t repeat_ms)
{
    uv_timer_start(&t->handle, timer_fired, after_ms > 0 ? (uint64_t)after_ms : 0,
                   repeat_ms > 0 ? (uint64_t)repeat_ms : 0);
}

void loop_timer_stop(struct loop_timer *t)
{
    uv_timer_stop(&t->handle);
}

void loop_timer_destroy(struct loop_timer *t)
{
    if (t != NULL) {
        uv_timer_stop(&t->handle);
        uv_close((uv_handle_t *)&t->handle, free_handle_data);
    }
}

/* --- signals --- */

static void signal_came(uv_signal_t *h, int signum)
{
    struct signal_slot *s = h->data;
    s->fn(s->arg, signum);
}

void loop_on_signal(struct loop *l, int signum, loop_signal_fn *fn, void *arg)
{
    assert(l->n_signals < SIGNALS_MAX);
    struct signal_slot *s = &l->signals[l->n_signals++];
    uv_signal_init(&l->uv, &s->handle);
    s->handle.data = s;
    s->fn = fn;
    s->arg = arg;
    uv_signal_start(&s->handle, signal_came, signum);
    uv_unref((uv_handle_t *)&s->handle);
}

/* --- mailboxes --- */

static struct mail *take_first(struct mailbox *m)
{
    struct mail *first = NULL;
    uv_mutex_lock(&m->lock);
    if (!list_empty(&m->waiting)) {
        first = LIST_ITEM(m->waiting.next, struct mail, node);
        list_remove(&first->node);
    }
    uv_mutex_unlock(&m->lock);
    return first;
}

static void mail_came(uv_async_t *h)
{
    struct mailbox *m = h->data;
    struct mail *mail;
    /* The receiver may destroy the mailbox; its memory lasts until the handle has closed. */
    while (!m->destroyed && (mail = take_first(m)) != NULL) {
        void *item = mail->item;
        mem_free(mail);
        m->fn(m->arg, item);
    }
}

struct mailbox *mailbox_create(struct loop *l, mailbox_fn *fn, void *arg)
{
    struct mailbox *m = mem_alloc(sizeof *m);
    if (uv_async_init(&l->uv, &m->handle, mail_came) != 0 || uv_mutex_init(&m->lock) != 0) {
        abort(); /* no file descriptors left at the start of a role */
    }
    m->handle.data = m;
    list_init(&m->waiting);
    m->fn = fn;
    m->arg = arg;
    return m;
}

void mailbox_post(struct mailbox *m, void *item)
{
    struct mail *mail = mem_alloc(sizeof *mail);
    list_init(&mail->node);
    mail->item = item;
    uv_mutex_lock(&m->lock);
    list_push_back(&m->waiting, &mail->node);
    uv_mutex_unlock(&m->lock);
    uv_async_send(&m->handle);
}

static void mailbox_closed(uv_handle_t *h)
{
    struct mailbox *m = h->data;
    uv_mutex_destroy(&m->lock);
    mem_free(m);
}

void mailbox_destroy(struct mailbox *m, void (*drop)(void *item))
{
    if (m == NULL) {
        return;
    }
    struct mail *mail;
    while ((mail = take_first(m)) != NULL) {
        if (drop != NULL) {
            drop(mail->item);
        }
        mem_free(mail);
    }
    m->destroyed = 1;
    uv_close((uv_handle_t *)&m->handle, mailbox_closed);
}
