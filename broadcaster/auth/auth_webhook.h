/* What is said to the auth webhook and what its answers mean: the known system's contract, in JSON.
 *
 * Asked, by POST: {"url": "rtmp://host/live/movie?x=y", "event": "start", "kind": "publish" |
 * "push" | "play", "ip": "192.0.2.7", "sessionID": "..."}. A contract of old has the url only; what
 * is more can be ignored.
 *
 * Its answer is a yes when the status is 200 and the body is empty (names are taken from the URL),
 * or a JSON object with a "manifestID" that is not empty; beside it may be "streamKey", "presets"
 * (names of rungs) and "profiles" (name, width, height, bitrate, fps, fpsDen), which are the
 * stream's own ladder, presets first. Other members are ignored. Everything else is a no.
 *
 * Told, by POST, once for each session that the server has admitted, or may have (auth_maybe_yes),
 * and never for one that it refused: {"event": "end", "kind", "manifestID", "sessionID", "ip",
 * "seconds", "reason"}. There is no "url" in it, so that one who knows only the contract of old
 * does not take it for a question. The answer is ignored.
 *
 * Pure. */
#ifndef BROADCASTER_AUTH_AUTH_WEBHOOK_H
#define BROADCASTER_AUTH_AUTH_WEBHOOK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "broadcaster/ingest/publish_name.h"
#include "broadcaster/jobs/ladder.h"
#include "run/json_read.h"

#define AUTH_ANSWER_MAX  JSON_READ_BYTES_MAX
#define AUTH_WHY_MAX     256
#define AUTH_SESSION_MAX 16 /* digits of a session's id */
#define AUTH_URL_MAX     (16 * 1024)

struct auth_session {
    const char *kind; /* "publish", "push", "play"; static */
    char ip[64];
    char id[AUTH_SESSION_MAX + 1];
};

/* The whole URL as the client meant it: scheme and host of tc_url ("rtmp://localhost" when it has
 * none), then path and query. */
enum err auth_url(const char *tc_url, const char *path, const char *query, struct buf *out) CHECKED;

/* Bodies; give (mem_free). */
char *auth_question(const struct auth_session *s, const char *url);
char *auth_end_notice(const struct auth_session *s, const char *manifest_id, int64_t seconds,
                      const char *reason);

struct auth_answer {
    char id[ID_MAX + 1];           /* "": from the URL */
    char key[PUBLISH_KEY_MAX + 1]; /* "": from the URL */
    bool has_ladder;
    struct ladder ladder;
    char warning[AUTH_WHY_MAX]; /* "" or a sentence for the log: what was left out */
};

/* ERR_AUTH: it says no; ERR_PROTO, ERR_LIMIT: it cannot be understood, which is a no too. ret_why
 * (AUTH_WHY_MAX bytes) is a sentence for the log, without the answer's own texts. */
enum err auth_answer_read(int status, struct span body, struct auth_answer *ret_answer,
                          char *ret_why) CHECKED;

/* Whether the server may take for admitted what was not: it had the question, and either its answer
 * did not come or it was not understood (e, of auth_answer_read or of the way there). sent: as in
 * struct http_client_result; status: as far as the answer came, 0: not so far. */
bool auth_maybe_yes(enum err e, bool sent, int status);

#endif
