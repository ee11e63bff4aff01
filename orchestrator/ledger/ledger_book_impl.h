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
    struct ledger_account *gained;     /* has more to spend than before, or NULL */
    const struct ledger_account *told; /* whose balance is the answer's, or NULL */
};

/* Answers; the store's transaction goes on: ERR_OK. why is static. */
enum err book_refuse(struct book_step *t, enum err err, const char *why) CHECKED;
enum err book_refuse_funds(struct book_step *t, const struct ledger_account *a) CHECKED;
enum err book_done(struct book_step *t, const struct ledger_account *a, uint64_t amount) CHECKED;

/* Whether the balance stays what a ledger can count. */
bool book_fits(int64_t balance, int64_t change);

/* What is over the highest total so far goes from the hold: see LEDGER_CHARGE with a debt. */
enum err book_owe(struct book_step *t, bool release) CHECKED;

/* Pays what the account owes out of what it has free, and first of `hold` (NULL: none), which is
 * not written. key: of the entries. */
enum err book_pay_debts(struct book_step *t, struct ledger_account *a, struct ledger_hold *hold,
                        const char *key) CHECKED;

/* Of a hold that is open: renewed, or over. */
enum err book_renew_hold(struct book_step *t, struct ledger_hold *h) CHECKED;
enum err book_end_hold(struct book_step *t, struct ledger_hold *h,
                       enum ledger_hold_state state) CHECKED;

/* Of a hold: what it has cost goes to `to` (NULL: nothing), what it gives back is free again;
 * giving back less than nothing sets aside more. */
enum err book_move_held(struct book_step *t, enum ledger_kind kind, const char *key,
                        struct ledger_account *of, struct ledger_account *to, int64_t cost,
                        int64_t back) CHECKED;

/* LEDGER_HOLD; LEDGER_CHARGE and LEDGER_RELEASE. */
enum err book_hold(struct book_step *t) CHECKED;
enum err book_charge(struct book_step *t, bool release) CHECKED;

#endif
