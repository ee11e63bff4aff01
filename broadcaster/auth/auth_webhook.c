#include "broadcaster/auth/auth_webhook.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/jobs/ladder_json.h"
#include "broadcaster/jobs/rung_form.h"

#define STATUS_OK  200
#define STATUS_NO  400 /* and above */
#define LOCAL_URL  "rtmp://localhost"
#define SHOWN_MAX  40
#define LISTED_MAX 100       /* presets and profiles that are looked at */
#define GENERATED  "webhook" /* before the name of a profile that has none */

enum err auth_url(const char *tc_url, const char *path, const char *query, struct buf *out)
{
    while (*tc_url == '\'' || *tc_url == '"' || *tc_url == ' ') {
        tc_url++;
    }
    const char *scheme_end = strstr(tc_url, "://");
    struct span base = span_cstr(LOCAL_URL);
    if (scheme_end != NULL) {
        size_t len = (size_t)(scheme_end - tc_url) + 3;
        len += strcspn(tc_url + len, "/?#'\" ");
        base = span_of(tc_url, len);
    }
    enum err e = buf_put(out, base);
    if (e == ERR_OK && path[0] != '/') {
        e = buf_put_u8(out, '/');
    }
    if (e == ERR_OK) {
        e = buf_put(out, span_cstr(path));
    }
    if (e == ERR_OK && query[0] != '\0') {
        e = buf_put_u8(out, '?');
    }
    return e == ERR_OK ? buf_put(out, span_cstr(query)) : e;
}

static struct json *describe(const struct auth_session *s, const char *event)
{
    struct json *j = json_new_object();
    json_set_str(j, "event", event);
    json_set_str(j, "kind", s->kind);
    json_set_str(j, "ip", s->ip);
    json_set_str(j, "sessionID", s->id);
    return j;
}

static char *print(struct json *j)
{
    char *text = json_line(j);
    json_destroy(j);
    return text;
}

char *auth_question(const struct auth_session *s, const char *url)
{
    struct json *j = describe(s, "start");
    json_set_str(j, "url", url);
    return print(j);
}

char *auth_end_notice(const struct auth_session *s, const char *manifest_id, int64_t seconds,
                      const char *reason)
{
    struct json *j = describe(s, "end");
    json_set_str(j, "manifestID", manifest_id);
    json_set_int(j, "seconds", seconds);
    json_set_str(j, "reason", reason);
    return print(j);
}

/* --- the answer --- */

static enum err no(char *ret_why, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err no(char *ret_why, enum err e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(ret_why, AUTH_WHY_MAX, format, args);
    va_end(args);
    return e;
}

/* A name as it may stand in a log line. */
static void show(const char *text, char out[SHOWN_MAX + 1])
{
    size_t n = 0;
    for (; n < SHOWN_MAX && text[n] != '\0'; n++) {
        out[n] = (char)(text[n] > ' ' && text[n] < 0x7F && text[n] != '"' ? text[n] : '?');
    }
    out[n] = '\0';
}

static enum err take_presets(const struct json *list, struct auth_answer *a, char *ret_why)
{
    if (list == NULL) {
        return ERR_OK;
    }
    if (!json_has_items(list) || json_count(list) > LISTED_MAX) {
        return no(ret_why, ERR_PROTO, "its presets are no list of up to %d names", LISTED_MAX);
    }
    for (size_t i = 0; i < json_count(list); i++) {
        char shown[SHOWN_MAX + 1];
        const char *name = json_string_of(json_item(list, i));
        if (name == NULL) {
            return no(ret_why, ERR_PROTO, "its presets are no list of names");
        }
        const struct profile *p = profile_find(span_cstr(name));
        enum err e = p != NULL ? ladder_add(&a->ladder, p) : ERR_NOENT;
        show(name, shown);
        if (e == ERR_LIMIT) {
            return no(ret_why, e, "it gives the stream more than %d rungs", PROFILE_LADDER_MAX);
        }
        if (e != ERR_OK) {
            snprintf(a->warning, sizeof a->warning, "the preset \"%s\" %s and is left out", shown,
                     e == ERR_NOENT ? "is not known" : "is there twice");
        }
    }
    return ERR_OK;
}

static enum err take_profile(const struct json *j, struct auth_answer *a, char *ret_why)
{
    char why[RUNG_FORM_WHY_MAX] = "";
    struct profile p;
    enum err e = ladder_json_rung(j, GENERATED, false, &p, why);
    if (e == ERR_OK) {
        e = ladder_add(&a->ladder, &p);
        snprintf(why, sizeof why, "%s",
                 e == ERR_STATE ? "two of them have one name" : "there are more than 10");
    }
    return e == ERR_OK ? ERR_OK : no(ret_why, e, "a profile cannot be used: %s", why);
}

static enum err take_profiles(const struct json *list, struct auth_answer *a, char *ret_why)
{
    if (list == NULL) {
        return ERR_OK;
    }
    if (!json_has_items(list) || json_count(list) > LISTED_MAX) {
        return no(ret_why, ERR_PROTO, "its profiles are no list of up to %d", LISTED_MAX);
    }
    enum err e = ERR_OK;
    for (size_t i = 0; i < json_count(list) && e == ERR_OK; i++) {
        e = take_profile(json_item(list, i), a, ret_why);
    }
    return e;
}

static enum err take_names(const struct json *j, struct auth_answer *a, char *ret_why)
{
    const struct json *id = json_member(j, "manifestID"), *key = json_member(j, "streamKey");
    const char *text = id != NULL ? json_string_of(id) : "";
    if (text == NULL || (key != NULL && json_string_of(key) == NULL)) {
        return no(ret_why, ERR_PROTO, "its manifestID or streamKey is no text");
    }
    if (text[0] == '\0') {
        return no(ret_why, ERR_AUTH, "its manifestID is empty, which is a no");
    }
    if (!id_valid(span_cstr(text))) {
        return no(ret_why, ERR_PROTO,
                  "its manifestID cannot name a stream: letters, digits and . _ - ~ can, up to %d "
                  "bytes",
                  ID_MAX);
    }
    snprintf(a->id, sizeof a->id, "%s", text);
    text = key != NULL ? json_string_of(key) : "";
    if (strlen(text) > PUBLISH_KEY_MAX) {
        return no(ret_why, ERR_LIMIT, "its streamKey is longer than %d bytes", PUBLISH_KEY_MAX);
    }
    snprintf(a->key, sizeof a->key, "%s", text);
    return ERR_OK;
}

static enum err take_answer(const struct json *j, struct auth_answer *a, char *ret_why)
{
    if (!json_has_members(j)) {
        return no(ret_why, ERR_PROTO, "its answer is no JSON object");
    }
    enum err e = take_names(j, a, ret_why);
    if (e == ERR_OK) {
        e = take_presets(json_member(j, "presets"), a, ret_why);
    }
    if (e == ERR_OK) {
        e = take_profiles(json_member(j, "profiles"), a, ret_why);
    }
    a->has_ladder = a->ladder.n > 0;
    return e;
}

enum err auth_answer_read(int status, struct span body, struct auth_answer *ret_answer,
                          char *ret_why)
{
    char why[JSON_READ_WHY_MAX] = "";
    if (status != STATUS_OK) {
        return no(ret_why, ERR_AUTH, "it answered with status %d, and only 200 is a yes", status);
    }
    struct auth_answer *a = mem_alloc(sizeof *a);
    struct json *j = NULL;
    enum err e = body.len > 0 ? json_read(body, &j, why) : ERR_OK;
    if (e != ERR_OK) {
        (void)no(ret_why, e, "its answer is no JSON object: %s", why);
    } else if (j != NULL) {
        e = take_answer(j, a, ret_why);
        json_destroy(j);
    }
    if (e == ERR_OK) {
        *ret_answer = *a;
    }
    mem_free(a);
    return e;
}

bool auth_maybe_yes(enum err e, bool sent, int status)
{
    return e != ERR_OK && e != ERR_AUTH && sent && status < STATUS_NO;
}
