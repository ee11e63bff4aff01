/* Lists of orchestrators: -orchAddr, and what the webhook of -orchWebhookUrl answers, which is the
 * known system's form: [{"address": "https://10.4.3.2:8935"}, ...], or names alone. Pure. */
#ifndef BROADCASTER_JOBS_ORCH_LIST_H
#define BROADCASTER_JOBS_ORCH_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"
#include "run/addr.h"

#define ORCH_LIST_MAX     32
#define ORCH_LIST_WHY_MAX 256
#define ORCH_PORT         8935 /* unless told otherwise */

struct orch_list {
    size_t n;
    char addrs[ORCH_LIST_MAX][ADDR_MAX]; /* "host:port", complete, each once */
};

/* Names with commas between; blanks around them are dropped. ERR_PROTO: one is no address;
 * ERR_LIMIT: more than ORCH_LIST_MAX. ret_why: a part of a sentence that begins with what text is.
 */
enum err orch_list_parse(const char *text, struct orch_list *ret_list,
                         char ret_why[ORCH_LIST_WHY_MAX]) CHECKED;

/* A webhook's answer. Also ERR_NOENT: it names none, which is taken for a mistake; ERR_AUTH: its
 * status is not 200. ret_why: a sentence, without the answer's own texts. */
enum err orch_list_read(int status, struct span body, struct orch_list *ret_list,
                        char ret_why[ORCH_LIST_WHY_MAX]) CHECKED;

bool orch_list_has(const struct orch_list *l, const char *addr);

#endif
