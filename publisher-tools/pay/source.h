/* Where bin/pay has its facts from: a running orchestrator's control API, or a ledger's file.
 * Either gives the same documents (orchestrator/ledger/ledger_json.h). Blocks. One thread. */
#ifndef PUBLISHER_TOOLS_PAY_SOURCE_H
#define PUBLISHER_TOOLS_PAY_SOURCE_H

#include <stdint.h>

#include "base/err.h"
#include "run/json_read.h"

#define PAY_WHY_MAX   512
#define PAY_PAGE      100 /* accounts or entries: a page of them is surely within what is read */
#define PAY_PAIRS_MAX 4

struct pay_source;

struct pay_source_config {
    const char *url;   /* "http://127.0.0.1:7935" */
    const char *token; /* a file; "": none */
    const char *file;  /* "": by the API; a ledger's file, or a folder with ledger.db in it */
    long timeout_s;
};

/* One parameter of a request. */
struct pay_pair {
    const char *name, *value;
};

/* On failure ret_why (PAY_WHY_MAX bytes) says why. Gives. */
enum err pay_source_open(const struct pay_source_config *config, struct pay_source **ret_source,
                         char *ret_why) CHECKED;
void pay_source_close(struct pay_source *s); /* takes NULL */

/* Pages; give. ERR_NOENT: there is no such account; ERR_IO: ret_why. */
enum err pay_source_accounts(struct pay_source *s, const char *after, struct json **ret_json,
                             char *ret_why) CHECKED;
enum err pay_source_account(struct pay_source *s, const char *name, long entries,
                            struct json **ret_json, char *ret_why) CHECKED;
enum err pay_source_journal(struct pay_source *s, int64_t after, struct json **ret_json,
                            char *ret_why) CHECKED;
enum err pay_source_audit(struct pay_source *s, struct json **ret_json, char *ret_why) CHECKED;

/* Asks the orchestrator to change something. ERR_CLOSED: there was no answer, and it may have been
 * done. ERR_STATE: a file is only read. ERR_IO: it was refused, ret_why says why. Gives. */
enum err pay_source_change(struct pay_source *s, const char *path, const struct pay_pair *pairs,
                           size_t n, struct json **ret_json, char *ret_why) CHECKED;

#endif
