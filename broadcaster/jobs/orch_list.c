#include "broadcaster/jobs/orch_list.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "run/json_read.h"

#define HOST      "127.0.0.1"
#define STATUS_OK 200
#define BLANKS    " \t\r\n"

bool orch_list_has(const struct orch_list *l, const char *addr)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->addrs[i], addr) == 0) {
            return true;
        }
    }
    return false;
}

/* A URL's path, which must be empty, is dropped. */
static size_t length_without_slash(const char *text, size_t len)
{
    return len > 0 && text[len - 1] == '/' ? len - 1 : len;
}

static enum err add(struct orch_list *l, const char *text, size_t len)
{
    char one[ADDR_MAX], complete[ADDR_MAX];
    struct addr a;
    len = length_without_slash(text, len);
    if (len == 0 || len >= sizeof one) {
        return ERR_PROTO;
    }
    snprintf(one, sizeof one, "%.*s", (int)len, text);
    if (addr_parse(one, HOST, ORCH_PORT, &a) != ERR_OK || a.port == 0) {
        return ERR_PROTO;
    }
    addr_format(&a, complete);
    if (orch_list_has(l, complete)) {
        return ERR_OK;
    }
    if (l->n == ORCH_LIST_MAX) {
        return ERR_LIMIT;
    }
    snprintf(l->addrs[l->n++], ADDR_MAX, "%s", complete);
    return ERR_OK;
}

enum err orch_list_parse(const char *text, struct orch_list *ret_list,
                         char ret_why[ORCH_LIST_WHY_MAX])
{
    struct orch_list *l = mem_alloc(sizeof *l);
    enum err e = ERR_OK;
    while (e == ERR_OK && text[0] != '\0') {
        size_t blank = strspn(text, BLANKS), whole = strcspn(text, ","), len = whole;
        blank = blank < whole ? blank : whole;
        while (len > blank && strchr(BLANKS, text[len - 1]) != NULL) {
            len--;
        }
        e = add(l, text + blank, len - blank);
        if (e == ERR_LIMIT) {
            snprintf(ret_why, ORCH_LIST_WHY_MAX, "names more than %d orchestrators", ORCH_LIST_MAX);
        } else if (e != ERR_OK) {
            snprintf(ret_why, ORCH_LIST_WHY_MAX, "\"%.*s\" is not host:port",
                     (int)(len - blank < 100 ? len - blank : 100), text + blank);
        }
        text += text[whole] == ',' ? whole + 1 : whole;
    }
    if (e == ERR_OK) {
        *ret_list = *l;
    }
    mem_free(l);
    return e;
}

static enum err read_items(const struct json *j, struct orch_list *l,
                           char ret_why[ORCH_LIST_WHY_MAX])
{
    if (!json_has_items(j)) {
        snprintf(ret_why, ORCH_LIST_WHY_MAX, "its answer is no list");
        return ERR_PROTO;
    }
    for (size_t i = 0; i < json_count(j); i++) {
        const struct json *item = json_item(j, i);
        const struct json *address = json_has_members(item) ? json_member(item, "address") : item;
        const char *text = address != NULL ? json_string_of(address) : NULL;
        enum err e = text != NULL ? add(l, text, strlen(text)) : ERR_PROTO;
        if (e == ERR_LIMIT) {
            snprintf(ret_why, ORCH_LIST_WHY_MAX, "it names more than %d orchestrators",
                     ORCH_LIST_MAX);
        } else if (e != ERR_OK) {
            snprintf(ret_why, ORCH_LIST_WHY_MAX,
                     "entry %zu of its list has no \"address\" that is host:port or "
                     "https://host:port",
                     i + 1);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    if (l->n == 0) {
        snprintf(ret_why, ORCH_LIST_WHY_MAX, "its list is empty");
        return ERR_NOENT;
    }
    return ERR_OK;
}

enum err orch_list_read(int status, struct span body, struct orch_list *ret_list,
                        char ret_why[ORCH_LIST_WHY_MAX])
{
    char why[JSON_READ_WHY_MAX] = "";
    if (status != STATUS_OK) {
        snprintf(ret_why, ORCH_LIST_WHY_MAX, "it answered with status %d instead of 200", status);
        return ERR_AUTH;
    }
    struct json *j = NULL;
    enum err e = json_read(body, &j, why);
    if (e != ERR_OK) {
        snprintf(ret_why, ORCH_LIST_WHY_MAX, "its answer is no JSON: %s", why);
        return e;
    }
    struct orch_list *l = mem_alloc(sizeof *l);
    e = read_items(j, l, ret_why);
    if (e == ERR_OK) {
        *ret_list = *l;
    }
    mem_free(l);
    json_destroy(j);
    return e;
}
