/* What Open Payments' servers answer (openpayments.dev: wallet address, incoming payment, GNAP
 * grant), read from their JSON; and which incoming payments may be asked about at all. Pure; takes
 * hostile bytes; any thread. */
#ifndef ORCHESTRATOR_WALLETS_OPEN_PAYMENTS_H
#define ORCHESTRATOR_WALLETS_OPEN_PAYMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define OPEN_PAYMENTS_URL_MAX   512 /* bytes with the NUL */
#define OPEN_PAYMENTS_ASSET_MAX 16
#define OPEN_PAYMENTS_TOKEN_MAX 512
#define OPEN_PAYMENTS_WHY_MAX   200

struct wallet_address {
    char id[OPEN_PAYMENTS_URL_MAX];
    char asset_code[OPEN_PAYMENTS_ASSET_MAX];
    int asset_scale;
    char auth_server[OPEN_PAYMENTS_URL_MAX];
    char resource_server[OPEN_PAYMENTS_URL_MAX];
};

struct incoming_payment {
    bool has_received;
    uint64_t received; /* in units of 10^-asset_scale */
    char asset_code[OPEN_PAYMENTS_ASSET_MAX];
    int asset_scale;
    char auth_server[OPEN_PAYMENTS_URL_MAX];    /* "": not said (the form for those with a token) */
    char wallet_address[OPEN_PAYMENTS_URL_MAX]; /* "": not said (the public form) */
    char id[OPEN_PAYMENTS_URL_MAX];             /* "": not said */
    bool completed;
};

struct grant {
    char token[OPEN_PAYMENTS_TOKEN_MAX];
    int64_t expires_in_s; /* 0: not said */
};

/* All: ERR_PROTO or ERR_LIMIT with a sentence in ret_why (OPEN_PAYMENTS_WHY_MAX bytes). */
enum err open_payments_wallet(struct span json, struct wallet_address *ret_wallet,
                              char *ret_why) CHECKED;
enum err open_payments_incoming(struct span json, struct incoming_payment *ret_payment,
                                char *ret_why) CHECKED;
enum err open_payments_grant(struct span json, struct grant *ret_grant, char *ret_why) CHECKED;

/* A wallet address as it is written: "https://wallet.example/alice" or a payment pointer
 * "$wallet.example/alice". allow_http: for tests. */
enum err open_payments_address(const char *text, bool allow_http, char *ret_url,
                               char *ret_why) CHECKED;

/* What the ledger calls an incoming payment at a URL that was checked: the same however its letters
 * are written, so that it is credited once. ERR_LIMIT: it does not fit into size bytes. */
enum err open_payments_source(const char *url, char *ret_key, size_t size) CHECKED;

/* Whether a URL that a page sent is an incoming payment at this wallet: at its resource server,
 * plain (no user, query, fragment, empty or dot segments), with /incoming-payments/ in its path. */
enum err open_payments_check_url(const struct wallet_address *w, const char *url,
                                 char *ret_why) CHECKED;

/* Whether this answer is about money for that wallet, in its own asset. url: what was asked. */
enum err open_payments_check(const struct wallet_address *w, const char *url,
                             const struct incoming_payment *p, bool with_token,
                             char *ret_why) CHECKED;

#endif
