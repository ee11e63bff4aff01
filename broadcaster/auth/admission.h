/* Who may publish, push and play. One question has one answer, now or later. In this order, where
 * the first no is the answer: the address lists, bans, the keys file, the streams of an address,
 * whether the name is free, the auth webhook. The name is the webhook's when it gives one, else
 * that of the keys file, else the URL's. Loop's thread. */
#ifndef BROADCASTER_AUTH_ADMISSION_H
#define BROADCASTER_AUTH_ADMISSION_H

#include "base/err.h"
#include "broadcaster/auth/bans.h"
#include "broadcaster/auth/limits.h"
#include "broadcaster/ingest/publish_name.h"
#include "broadcaster/jobs/ladder.h"
#include "run/http_route.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"

#define ADMISSION_TEXT_MAX    256
#define ADMISSION_SESSION_MAX 16

enum admission_kind {
    ADMISSION_PUBLISH, /* RTMP */
    ADMISSION_PUSH,    /* HTTP */
    ADMISSION_PLAY,    /* RTMP */
};

/* All borrowed for the call. */
struct admission_request {
    enum admission_kind kind;
    const char *path;   /* "live/movie/key", without the query */
    const char *query;  /* what stood behind "?"; "" */
    const char *tc_url; /* RTMP: as sent; "". PUSH: the whole URL, as the webhook gets it */
    const char *peer;   /* "127.0.0.1:40112" */
    const unsigned char *address; /* its 16 bytes, IPv4 in mapped form */
};

struct admission_verdict {
    enum err err; /* ERR_OK: admitted, as name; anything else: refused, with code and text */
    struct publish_name name;
    const char *code; /* "NetStream.Publish.BadName"; static */
    char text[ADMISSION_TEXT_MAX];

    /* When admitted: */
    const struct ladder *ladder; /* the stream's own; NULL: as all others. Borrowed for the call */
    struct limits limits;        /* that the stream must keep to */

    /* For admission_begin. */
    enum admission_kind kind;
    unsigned char address[16];
    bool by_key, by_webhook;
    bool key_given;             /* name's key is the webhook's */
    struct publish_name listed; /* by_key: the keys file's id, and the key as it came */
    char session[ADMISSION_SESSION_MAX + 1];
};

typedef void admission_fn(void *arg, const struct admission_verdict *v);

struct admission;
struct admission_ask;  /* a question that is still open */
struct admission_pass; /* a session that was admitted and goes on */

/* Texts are borrowed for admission_create. */
struct admission_config {
    struct loop *loop;
    /* Lists of networks (cidr.h), "" none: who is denied may not, and when there is an allow list
     * only who is in it may. */
    const char *publish_allow, *publish_deny, *play_allow, *play_deny;
    const char *keys_file;   /* "": who knows a name may publish it */
    const char *webhook_url; /* "": nobody is asked */
    int64_t webhook_timeout_ms;
    bool webhook_play; /* it is asked about plays too */
    struct bans_config bans;
    struct limits limits;
    long streams_per_address; /* published and pushed at once; 0: no limit */

    /* Whether that stream could be published now, else ERR_STATE (somebody does), ERR_AUTH (it is
     * another key's) or ERR_LIMIT and *ret_why, a static sentence. NULL: always. */
    enum err (*is_free)(void *arg, const struct publish_name *name, const char **ret_why);
    void *is_free_arg;
};

/* ERR_PROTO, ERR_IO, ...: a flag's value cannot be used; one line in the log says which and why. */
enum err admission_create(const struct admission_config *config,
                          struct admission **ret_admission) CHECKED;
void admission_destroy(struct admission *a); /* takes NULL; no question or pass may be open */

/* Reads the keys file again. One that cannot be used is refused in the log and the old stays in
 * force. Passes by a key that is no longer in it are revoked. */
void admission_reload(struct admission *a);

/* Calls fn once, from inside (then NULL is returned) or later. Gives the open question, which is
 * over once fn has been called or it was cancelled. */
struct admission_ask *admission_ask(struct admission *a, const struct admission_request *r,
                                    admission_fn *fn, void *arg);

/* The asker has gone: fn is not called any more. The webhook, which may have said yes by now, is
 * told of an end. */
void admission_cancel(struct admission_ask *ask);

/* The session that v admits has really begun (v is borrowed; its name may be another one by now).
 * on_revoked (or NULL) is called, at most once and never from inside of a call of this module's by
 * the same session, when it may not go on: code is an RTMP status, text for people; admission_end
 * is still due. Gives the pass. */
typedef void admission_revoked_fn(void *arg, const char *code, const char *text);
struct admission_pass *admission_begin(struct admission *a, const struct admission_verdict *v,
                                       admission_revoked_fn *on_revoked, void *arg);

/* The session has ended; the webhook that admitted it is told, with the reason. Takes NULL. */
void admission_end(struct admission_pass *pass, const char *reason);

/* The session that v admits has not begun after all: the webhook that said yes is told of its end.
 */
void admission_unused(struct admission *a, const struct admission_verdict *v, const char *reason);

/* Nothing is on its way to the webhook. */
bool admission_idle(const struct admission *a);

/* "admission": {...} of /status, and the same numbers for /metrics. */
void admission_status(const struct admission *a, int64_t now_ms, struct json *object);
void admission_metrics(const struct admission *a, int64_t now_ms, struct metrics *m);

/* GET /bans and POST /clearBans of the control API (deploy/openapi.yaml). */
void admission_answer_bans(const struct admission *a, int64_t now_ms, struct http_answer *answer);
void admission_clear_bans(struct admission *a, const char *address, int64_t now_ms,
                          struct http_answer *answer);

#endif
