#include "orchestrator/accounts_read.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "orchestrator/ledger/ledger_csv.h"
#include "orchestrator/ledger/ledger_json.h"

struct question {
    struct list node;
    struct accounts_question asked;
    char *name; /* of it */
    struct http_later *later;
    struct http_answer answer;
};

struct accounts_read {
    char *path;
    struct mailbox *box;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct ledger_reader *reading; /* the thread's; NULL: none */
    struct list waiting;           /* no more than the control server has connections */
    bool stopping;
};

/* --- the thread --- */

static enum err read_page(struct ledger_reader *r, const struct accounts_question *q,
                          struct json **ret_json)
{
    switch (q->page) {
    case ACCOUNTS_LIST:
        return ledger_json_accounts(r, q->name, q->limit, ret_json);
    case ACCOUNTS_SHOW:
        return ledger_json_account(r, q->name, q->limit, ret_json);
    case ACCOUNTS_JOURNAL:
        return ledger_json_journal(r, q->after, q->limit, ret_json);
    case ACCOUNTS_AUDIT:
        return ledger_json_audit(r, ret_json);
    }
    return ERR_UNSUPPORTED;
}

/* Takes the page. */
static void write_csv(struct http_answer *answer, struct json *page)
{
    answer->content_type = "text/csv; charset=utf-8";
    if (ledger_csv_put(&answer->body, page, true) != ERR_OK) {
        http_answer_text(answer, 503, "there is no memory for this page: ask for a smaller one");
    }
    json_destroy(page);
}

/* What the loop may interrupt; false: the end has come already. */
static bool set_reading(struct accounts_read *a, struct ledger_reader *r)
{
    pthread_mutex_lock(&a->lock);
    a->reading = r;
    bool goes_on = !a->stopping;
    pthread_mutex_unlock(&a->lock);
    return goes_on;
}

static void read_answer(struct accounts_read *a, struct question *q)
{
    char why[LEDGER_WHY_MAX] = "";
    struct ledger_reader *r = NULL;
    struct json *j = NULL;
    http_answer_init(&q->answer);
    enum err e = ledger_reader_open(a->path, &r, why);
    if (e != ERR_OK) {
        http_answer_text(&q->answer, 503, "the ledger cannot be read: %s", why);
        return;
    }
    e = set_reading(a, r) ? read_page(r, &q->asked, &j) : ERR_IO;
    set_reading(a, NULL);
    if (e == ERR_OK && q->asked.csv) {
        write_csv(&q->answer, j);
    } else if (e == ERR_OK) {
        http_answer_json(&q->answer, j);
    } else if (e == ERR_NOENT) {
        http_answer_text(&q->answer, 404, "there is no such account");
    } else {
        http_answer_text(&q->answer, 503, "the ledger cannot be read: %s", ledger_reader_why(r));
    }
    ledger_reader_close(r);
}

static struct question *take(struct accounts_read *a)
{
    struct question *q = NULL;
    pthread_mutex_lock(&a->lock);
    while (list_empty(&a->waiting) && !a->stopping) {
        pthread_cond_wait(&a->more, &a->lock);
    }
    if (!a->stopping) {
        q = LIST_ITEM(a->waiting.next, struct question, node);
        list_remove(&q->node);
    }
    pthread_mutex_unlock(&a->lock);
    return q;
}

static void *thread_main(void *arg)
{
    struct accounts_read *a = arg;
    struct question *q;
    while ((q = take(a)) != NULL) {
        read_answer(a, q);
        mailbox_post(a->box, q);
    }
    return NULL;
}

/* --- the loop --- */

static void finish(void *item)
{
    struct question *q = item;
    http_later_answer(q->later, &q->answer);
    mem_free(q->name);
    mem_free(q);
}

static void on_read(void *arg, void *item)
{
    finish(item);
}

struct accounts_read *accounts_read_create(struct loop *l, const char *path)
{
    struct accounts_read *a = mem_alloc(sizeof *a);
    a->path = mem_strdup(path);
    list_init(&a->waiting);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->more, NULL);
    a->box = mailbox_create(l, on_read, a);
    if (thread_start("accounts", thread_main, a, &a->thread) != ERR_OK) {
        abort(); /* at the start of a role: no thread to be had */
    }
    return a;
}

static void refuse(struct question *q)
{
    http_answer_init(&q->answer);
    http_answer_text(&q->answer, 503, "the orchestrator is stopping");
    finish(q);
}

void accounts_read_destroy(struct accounts_read *a)
{
    if (a == NULL) {
        return;
    }
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    if (a->reading != NULL) {
        ledger_reader_interrupt(a->reading);
    }
    pthread_mutex_unlock(&a->lock);
    pthread_cond_signal(&a->more);
    pthread_join(a->thread, NULL);
    while (!list_empty(&a->waiting)) {
        struct question *q = LIST_ITEM(a->waiting.next, struct question, node);
        list_remove(&q->node);
        refuse(q);
    }
    mailbox_destroy(a->box, finish);
    pthread_cond_destroy(&a->more);
    pthread_mutex_destroy(&a->lock);
    mem_free(a->path);
    mem_free(a);
}

void accounts_read_ask(struct accounts_read *a, const struct accounts_question *asked,
                       struct http_answer *answer)
{
    struct question *q = mem_alloc(sizeof *q);
    list_init(&q->node);
    q->asked = *asked;
    q->asked.name = q->name = mem_strdup(asked->name);
    q->later = http_later(answer);
    pthread_mutex_lock(&a->lock);
    list_push_back(&a->waiting, &q->node);
    pthread_mutex_unlock(&a->lock);
    pthread_cond_signal(&a->more);
}
