/* Reads pages of a ledger's file for the control API on a thread of its own, beside the ledger's:
 * an audit of a long journal takes seconds, in which payments go on. Loop's thread. */
#ifndef ORCHESTRATOR_ACCOUNTS_READ_H
#define ORCHESTRATOR_ACCOUNTS_READ_H

#include "run/http.h"
#include "run/loop.h"

struct accounts_read;

enum accounts_page { ACCOUNTS_LIST, ACCOUNTS_SHOW, ACCOUNTS_JOURNAL, ACCOUNTS_AUDIT };

/* path is copied. */
struct accounts_read *accounts_read_create(struct loop *l, const char *path);

/* What is being read is broken off. Takes NULL. */
void accounts_read_destroy(struct accounts_read *a);

struct accounts_question {
    enum accounts_page page;
    const char *name; /* the account to show, or behind which the list goes on; is copied */
    int64_t after;    /* the entry behind which the journal goes on */
    long limit;       /* accounts or entries */
    bool csv;         /* not JSON; no audit */
};

/* Answers later. */
void accounts_read_ask(struct accounts_read *a, const struct accounts_question *q,
                       struct http_answer *answer);

#endif
