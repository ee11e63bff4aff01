/* Whose account a request is about, by what it carries: "?token=", "?userId=" where that is
 * allowed, or the cookie. Pure but for the random ids; any thread. */
#ifndef BROADCASTER_PAYWALL_PAY_WHO_H
#define BROADCASTER_PAYWALL_PAY_WHO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "broadcaster/paywall/paywall.h"
#include "broadcaster/paywall/token.h"

#define PAY_WHO_COOKIE "sbe-viewer"
/* By HTTPS: neither another host of the domain nor somebody between can set it (RFC 6265bis,
 * 4.1.3.2). */
#define PAY_WHO_COOKIE_SECURE "__Host-sbe-viewer"
#define PAY_WHO_USER_MAX      64 /* bytes of a userId: letters, digits, "-", "_" */

struct pay_who {
    bool known;  /* it carried something of ours, or a userId */
    bool forged; /* it carried a token that is none of ours */
    char
        account[PAYWALL_NAME_MAX]; /* "viewer:ID", "viewer:user-USERID"; of a new one when !known */
    char token[TOKEN_LEN + 1];     /* to be given to the viewer: a new one; "": he has a good one */
    bool secure;                   /* in the cookie for HTTPS */
};

struct pay_who_config {
    const struct token_keys *keys;
    bool allow_user_id;
};

/* target: of the request, with the query; cookie: the header, NULL: none came. secure: the viewer
 * asked by HTTPS; a cookie that he has from plain HTTP is taken then too, and given anew as the
 * secure one. */
struct pay_who pay_who_read(const struct pay_who_config *c, struct span target, const char *cookie,
                            bool secure);

#define PAY_WHO_SET_MAX 192 /* bytes of what pay_who_cookie writes, with the NUL */

/* What Set-Cookie says; "": there is nothing to be set. */
void pay_who_cookie(const struct pay_who *who, char ret_text[PAY_WHO_SET_MAX]);

/* The same for what stands in a body: a userId or token there comes before what the request
 * carries; NULL: none. */
void pay_who_override(const struct pay_who_config *c, const char *token, const char *user_id,
                      struct pay_who *who);

/* The value of a parameter in a target's query, percent-decoded; false: there is none, or it does
 * not fit, or it holds a NUL. */
bool pay_who_parameter(struct span target, const char *name, char *ret_value, size_t size);

/* Percent-decoding of a text as above. */
bool pay_who_decode(struct span text, char *ret_text, size_t size);

#endif
