/* Where a ledger's rows are kept: the seam between its rules (ledger_book.h) and a database. A
 * store knows rows and transactions, and nothing of what may be done with money.
 *
 * Rows: accounts; the journal of entries, each with a posting for each account that it touches, of
 * what is free there and what is held, all of an entry adding up to zero; sources, with the highest
 * total that each ever had; holds; debts, of one account to another. One thread at a time.
 *
 * Every function returns ERR_IO when the store fails, with the reason in `why`: the transaction is
 * to be rolled back then. Pointers to accounts hold until the next commit or rollback. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_STORE_H
#define ORCHESTRATOR_LEDGER_LEDGER_STORE_H

#include "orchestrator/ledger/ledger.h"

/* As they are in the database: never numbered anew. */
enum ledger_kind {
    LEDGER_KIND_CREDIT = 1,
    LEDGER_KIND_SPEND = 2,
    LEDGER_KIND_HOLD = 3,
    LEDGER_KIND_CHARGE = 4,
    LEDGER_KIND_RELEASE = 5,
    LEDGER_KIND_EXPIRE = 6,
    LEDGER_KIND_GRANT = 7,
    LEDGER_KINDS_ = 8,
};

struct ledger_account {
    int64_t id;
    int64_t free, held; /* held >= 0; free >= 0 but for accounts outside ("world:...") */
    int64_t owes;       /* its debts */
    int64_t last;       /* the newest entry that touches it; 0: none */
    bool frozen;
    char name[LEDGER_NAME_MAX];
};

struct ledger_posting {
    struct ledger_account *account;
    int64_t free, held; /* what is added to either */
};

#define LEDGER_POSTINGS_MAX 2

struct ledger_entry {
    int64_t at_ms; /* since 1970 */
    enum ledger_kind kind;
    const char *key; /* "": none. Of a spend and a grant: unique for its kind */
    size_t n_postings;
    struct ledger_posting postings[LEDGER_POSTINGS_MAX]; /* each of another account */
};

/* What an entry moved between two accounts. */
struct ledger_moved {
    int64_t from, to; /* accounts */
    int64_t amount;
};

struct ledger_source {
    int64_t account;
    uint64_t total;
};

struct ledger_hold {
    char key[LEDGER_KEY_MAX];
    int64_t account;
    int64_t left;
    uint64_t charged; /* so far */
    int64_t given; /* what was set aside in it, all together; when it opened anew: since then, and
                    * what it had cost before */
    int64_t ttl_ms;
    int64_t until_ms; /* since 1970: open: when it expires; over: when it is forgotten */
    enum ledger_hold_state {
        LEDGER_HOLD_OPEN = 0,
        LEDGER_HOLD_RELEASED = 1,
        LEDGER_HOLD_EXPIRED = 2,
    } state;
};

struct ledger_owed {
    int64_t account, payee;
    int64_t amount; /* above 0 */
};

struct ledger_store {
    enum err (*begin)(struct ledger_store *s) CHECKED;
    enum err (*commit)(struct ledger_store *s) CHECKED;
    void (*rollback)(struct ledger_store *s); /* nothing to do: nothing is done */

    /* ERR_NOENT, unless it is to be made. */
    enum err (*find_account)(struct ledger_store *s, const char *name, bool make,
                             struct ledger_account **ret_account) CHECKED;
    enum err (*account_at)(struct ledger_store *s, int64_t id,
                           struct ledger_account **ret_account) CHECKED;
    enum err (*freeze)(struct ledger_store *s, struct ledger_account *a, bool frozen) CHECKED;

    /* Writes the entry and changes its accounts. Sums were checked. */
    enum err (*append)(struct ledger_store *s, const struct ledger_entry *e) CHECKED;
    /* The entry of a spend or grant with that key: ERR_NOENT. */
    enum err (*find_moved)(struct ledger_store *s, enum ledger_kind kind, const char *key,
                           struct ledger_moved *ret_moved) CHECKED;

    enum err (*find_source)(struct ledger_store *s, const char *key,
                            struct ledger_source *ret_source) CHECKED;
    enum err (*put_source)(struct ledger_store *s, const char *key,
                           const struct ledger_source *source) CHECKED;

    enum err (*find_hold)(struct ledger_store *s, const char *key,
                          struct ledger_hold *ret_hold) CHECKED;
    enum err (*put_hold)(struct ledger_store *s, const struct ledger_hold *h) CHECKED;
    enum err (*drop_hold)(struct ledger_store *s, const char *key) CHECKED;
    /* The one with the earliest until_ms: ERR_NOENT. */
    enum err (*first_hold)(struct ledger_store *s, struct ledger_hold *ret_hold) CHECKED;

    /* Changes what `a` owes to a payee, and a->owes; sums were checked. */
    enum err (*add_debt)(struct ledger_store *s, struct ledger_account *a, int64_t payee,
                         int64_t change) CHECKED;
    /* Any one of what it owes: ERR_NOENT. */
    enum err (*first_debt)(struct ledger_store *s, int64_t account,
                           struct ledger_owed *ret_debt) CHECKED;

    void (*close)(struct ledger_store *s); /* rolls back what was not committed */

    char why[LEDGER_WHY_MAX];  /* of the last ERR_IO: a sentence */
    int64_t accounts, entries; /* how many there are, after the last commit */
};

/* "credit", "spend", ...; NULL: there is no such kind. */
const char *ledger_kind_name(int kind);

/* True for accounts outside: where money comes from and goes to, and which may be below zero. */
bool ledger_account_is_world(const char *name);

#endif
