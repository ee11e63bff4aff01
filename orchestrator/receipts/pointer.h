/* Payment pointers (Interledger RFC 0026): "$host/path" is https://host/path, "$host" is
 * https://host/.well-known/pay; a plain URL stands for itself. A list of ours says which of them
 * money may be for; nothing else is ever asked. Pure; any thread. */
#ifndef ORCHESTRATOR_RECEIPTS_POINTER_H
#define ORCHESTRATOR_RECEIPTS_POINTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

#define POINTER_SIZE     256 /* bytes of a pointer or its URL, with the NUL */
#define POINTERS_MAX     64
#define POINTER_WHY_SIZE 160

struct pointer {
    char text[POINTER_SIZE]; /* as it was written */
    char url[POINTER_SIZE];  /* of its endpoint */
};

struct pointers {
    struct pointer items[POINTERS_MAX];
    size_t n;
};

/* allow_http: http:// as well. ERR_PROTO: ret_why (POINTER_WHY_SIZE bytes) says, after "it", what
 * is wrong; ERR_LIMIT: too long. */
enum err pointer_parse(struct span text, bool allow_http, struct pointer *ret_pointer,
                       char *ret_why) CHECKED;

/* A list with commas between, of one at least. ret_why names the bad one. */
enum err pointers_parse(const char *list, bool allow_http, struct pointers *ret_list,
                        char *ret_why) CHECKED;

/* The one of ours that leads to the same endpoint, whichever way it is written; NULL: none. */
const struct pointer *pointers_find(const struct pointers *list, struct span text);

/* The same for what a page says that it pays to: the pointer itself, or the address of a proxy in
 * front of it whose last part is the pointer, percent-encoded
 * ("https://pay.example/receipts/%24wallet.example%2Falice"). */
const struct pointer *pointers_find_claimed(const struct pointers *list, struct span text);

/* Decodes percent signs (RFC 3986, section 2.1). ERR_PROTO: a broken one, or a control character;
 * ERR_LIMIT: more than size - 1 bytes. */
enum err pointer_decode(struct span text, char *ret_text, size_t size) CHECKED;

#endif
