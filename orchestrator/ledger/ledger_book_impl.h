/* Inside of ledger_book.h: what the rules have in common. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_BOOK_IMPL_H
#define ORCHESTRATOR_LEDGER_LEDGER_BOOK_IMPL_H

#include "orchestrator/ledger/ledger_book.h"

/* One request under way. */
struct book_step {
    struct ledger_store *s;
    const struct ledger_request *r; /* no text is NULL */
    int64_t now_ms;
    struct ledger_answer *a;
    struct ledger_account *gained; /* has more to spend than before, or NULL */
};

/* Answers; the store's transaction goes on: ERR_OK. why is static. */
enum err book_refuse(struct book_step *t, enum err err, const char *why) CHECKED;
enum err book_refuse_funds(struct book_step *t, const struct ledger_account *a) CHECKED;
enum err book_done(struct book_step *t, const struct ledger_account *a, uint64_t amount) CHECKED;

/* Whether the balance stays what a ledger can count. */
bool book_fits(int64_t balance, int64_t change);

/* LEDGER_HOLD; LEDGER_CHARGE and LEDGER_RELEASE. */
enum err book_hold(struct book_step *t) CHECKED;
enum err book_charge(struct book_step *t, bool release) CHECKED;

#endif
