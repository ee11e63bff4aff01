#include "broadcaster/jobs/ladder.h"

#include <stdio.h>
#include <string.h>

#include "broadcaster/hls/hls.h"

#define SHOWN_MAX 64 /* of a name that is not known */

static void list_known(char *out, size_t size)
{
    size_t n;
    const struct profile *all = profile_all(&n);
    for (size_t i = 0, used = 0; i < n && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, " %s", all[i].name);
    }
}

enum err ladder_parse(const char *text, struct ladder *ret_ladder, char *ret_why)
{
    struct ladder l = {.n = 0};
    struct span bad = {0};
    const struct profile *found[PROFILE_LADDER_MAX];
    enum err e = profile_parse_list(span_cstr(text), found, &l.n, &bad);
    int shown = bad.len < SHOWN_MAX ? (int)bad.len : SHOWN_MAX;
    if (e == ERR_OK) {
        for (size_t i = 0; i < l.n; i++) {
            l.rungs[i] = *found[i];
        }
        *ret_ladder = l;
    } else if (e == ERR_LIMIT) {
        snprintf(ret_why, LADDER_WHY_MAX, "more than %d rungs", PROFILE_LADDER_MAX);
    } else if (e == ERR_STATE) {
        snprintf(ret_why, LADDER_WHY_MAX, "\"%.*s\" stands there twice", shown,
                 (const char *)bad.data);
    } else {
        char known[LADDER_WHY_MAX - 2 * SHOWN_MAX] = "";
        list_known(known, sizeof known);
        snprintf(ret_why, LADDER_WHY_MAX, "there is no rung \"%.*s\"; known are:%s", shown,
                 (const char *)bad.data, known);
    }
    return e;
}

enum err ladder_add(struct ladder *l, const struct profile *p)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->rungs[i].name, p->name) == 0) {
            return ERR_STATE;
        }
    }
    if (l->n == PROFILE_LADDER_MAX) {
        return ERR_LIMIT;
    }
    l->rungs[l->n++] = *p;
    return ERR_OK;
}

enum err ladder_check(struct profile *p, const char **ret_why)
{
    enum err e = profile_check(p, ret_why);
    if (e == ERR_OK && hls_is_reserved(p->name)) {
        *ret_why = "a rung cannot be called \"live\", \"audio\" or \"audio1\" to \"audio7\": its "
                   "addresses would be others'";
        e = ERR_PROTO;
    }
    return e;
}

void ladder_format(const struct ladder *l, char *out)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < l->n && used < LADDER_TEXT_MAX; i++) {
        used += (size_t)snprintf(out + used, LADDER_TEXT_MAX - used, "%s%s", i > 0 ? "," : "",
                                 l->rungs[i].name);
    }
}
