/* What the files of wallets.h share. */
#ifndef ORCHESTRATOR_WALLETS_WALLETS_INTERNAL_H
#define ORCHESTRATOR_WALLETS_WALLETS_INTERNAL_H

#include "base/list.h"
#include "orchestrator/notebook.h"
#include "orchestrator/wallets/http_signature.h"
#include "orchestrator/wallets/open_payments.h"
#include "orchestrator/wallets/wallets.h"
#include "run/http_client.h"

enum wallets_count {
    COUNT_QUESTIONS,
    COUNT_FAILED,
    COUNT_REFUSED, /* not ours, or no payment */
    COUNT_CREDITS,
    COUNT_GRANTS,
    COUNTS_
};

/* An incoming payment that is watched. It is freed when neither notebook, call nor ledger will call
 * back. */
struct watched {
    struct list node;
    struct wallets *wallets;
    unsigned place; /* in the file */
    char url[WATCH_URL_MAX];
    char account[LEDGER_NAME_MAX];
    bool is_noting, is_noted; /* the file is being written; it has this payment */
    bool is_resumed;          /* from before the start, and not asked about since */
    bool is_ours;             /* the wallet has said so, or had time to */
    struct http_client_call *call;
    bool is_booking; /* the ledger has been asked */
    bool completed;
    bool retried; /* with a new token */
    unsigned idle, failures;
    int64_t next_ms;
    wallets_fn *fn; /* who waits for the first answer; NULL: nobody */
    void *arg;
};

struct wallets {
    struct loop *loop;
    struct ledger *ledger;
    struct http_client *http;
    struct loop_timer *tick;
    struct wallets_config config;
    char address_url[OPEN_PAYMENTS_URL_MAX];
    char client_url[OPEN_PAYMENTS_URL_MAX];
    bool has_key;
    struct http_signature_key key;
    struct wallet_address address;
    bool is_known; /* the wallet has said what it is */
    struct http_client_call *address_call, *grant_call;
    int64_t address_ms, grant_ms; /* when to ask (again) */
    char token[OPEN_PAYMENTS_TOKEN_MAX];
    int64_t token_until_ms;
    char trouble[OPEN_PAYMENTS_WHY_MAX]; /* what keeps us from asking; "": nothing */
    struct notebook *notebook;           /* NULL: it is stopping */
    bool is_taken[WALLETS_WATCHED_MAX];  /* places in its file */
    unsigned next_place;                 /* to look for a free one from */
    bool has_told_elsewhere;
    struct list watched;
    unsigned n_watched, n_asked;
    uint64_t counts[COUNTS_];
};

/* Reads what was watched when the program last ended, and keeps the file. ERR_IO: ret_why
 * (WALLETS_WHY_MAX bytes). (wallets_watched.c, as the next four) */
enum err watched_open(struct wallets *w, const char *data_dir, char *ret_why) CHECKED;

/* There must be room for it. */
struct watched *watched_begin(struct wallets *w, const char *account, const char *url);

/* Puts it into the file. If that fails, who waits is told so, and it is tried again. */
void watched_note(struct watched *v);

/* Says what became of the question to whoever waits. */
void watched_answer(struct watched *v, int status, const char *text, uint64_t amount,
                    uint64_t balance);

/* Nobody asks about it any more, and it leaves the file. */
void watched_end(struct watched *v);

/* The wallet's own address, and the token: asked for when they are due. (wallets_ask.c) */
void wallets_ask_address(struct wallets *w, int64_t now_ms);
void wallets_ask_grant(struct wallets *w, int64_t now_ms);
bool wallets_can_ask(const struct wallets *w, int64_t now_ms);
void wallets_ask_payment(struct watched *v, int64_t now_ms);

#endif
