#include "publisher-tools/judge_list.h"

#include <string.h>

#include "base/mem.h"
#include "publisher-tools/judge_list_tags.h"
#include "publisher-tools/judge_text.h"

#define FIRST_CAP          32
#define DOUBLES_LOOKED_FOR 64 /* among the first attributes of a tag */

enum err judge_reader_grow(void **items, size_t n, size_t item_size)
{
    if (n == JUDGE_ITEMS_MAX) {
        return ERR_LIMIT;
    }
    /* Room doubles whenever n is a power of two from FIRST_CAP on. */
    if (n != 0 && (n < FIRST_CAP || (n & (n - 1)) != 0)) {
        return ERR_OK;
    }
    size_t cap = n < FIRST_CAP ? FIRST_CAP : n * 2;
    void *bigger = mem_try_realloc(*items, cap * item_size);
    if (bigger == NULL) {
        return ERR_NOMEM;
    }
    *items = bigger;
    return ERR_OK;
}

void judge_reader_complain(struct judge_reader *r, enum judge_rule rule, const char *words)
{
    struct judge_list *l = r->list;
    if (l->n_complaints < JUDGE_COMPLAINTS_MAX) {
        l->complaints[l->n_complaints] = (struct judge_complaint){rule, r->line, words};
    }
    l->n_complaints++;
}

static bool has_control_bytes(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < ' ' || s.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static enum err read_attributes(struct judge_reader *r, struct judge_tag *t)
{
    struct judge_list *l = r->list;
    struct span rest = t->value;
    t->first_attribute = l->n_attributes;
    while (rest.len > 0) {
        struct judge_attribute a;
        struct span seen;
        if (!judge_text_attribute(&rest, &a)) {
            judge_reader_complain(r, JUDGE_RULE_SYNTAX, "its attribute list cannot be read");
            return ERR_OK;
        }
        char name[32];
        size_t n = a.name.len < sizeof name - 1 ? a.name.len : sizeof name - 1;
        memcpy(name, a.name.data, n);
        name[n] = '\0';
        if (t->n_attributes < DOUBLES_LOOKED_FOR && judge_tag_find(l, t, name, &seen)) {
            judge_reader_complain(r, JUDGE_RULE_SYNTAX, "an attribute is there twice");
        }
        enum err e = judge_reader_grow((void **)&l->attributes, l->n_attributes, sizeof a);
        if (e != ERR_OK) {
            return e;
        }
        l->attributes[l->n_attributes++] = a;
        t->n_attributes++;
    }
    return ERR_OK;
}

static enum err on_tag(struct judge_reader *r, struct span line)
{
    struct judge_list *l = r->list;
    struct span text = span_of(line.data + 1, line.len - 1);
    const uint8_t *colon = memchr(text.data, ':', text.len);
    size_t n = colon != NULL ? (size_t)(colon - text.data) : text.len;
    size_t skip = colon != NULL ? n + 1 : n;
    struct judge_tag t = {.name = span_of(text.data, n),
                          .value = span_of(text.data + skip, text.len - skip),
                          .line = r->line};
    enum err e = judge_reader_grow((void **)&l->tags, l->n_tags, sizeof t);
    if (e == ERR_OK && judge_reader_has_attributes(t.name)) {
        e = read_attributes(r, &t);
    }
    if (e == ERR_OK) {
        l->tags[l->n_tags++] = t;
        e = judge_reader_tag(r, &t);
    }
    return e;
}

static enum err on_line(struct judge_reader *r, struct span line)
{
    if (r->line == 1) {
        if (!judge_text_is(line, "#EXTM3U")) {
            judge_reader_complain(r, JUDGE_RULE_SYNTAX, "the first line is not #EXTM3U");
        }
        return ERR_OK;
    }
    if (has_control_bytes(line)) {
        judge_reader_complain(r, JUDGE_RULE_SYNTAX, "a control character");
    }
    if (line.len == 0) {
        return ERR_OK;
    }
    if (line.data[0] != '#') {
        return judge_reader_uri(r, line);
    }
    return judge_text_starts(line, "#EXT") ? on_tag(r, line) : ERR_OK;
}

static enum err read_all(struct judge_reader *r, struct span text)
{
    struct judge_list *l = r->list;
    if (text.len > JUDGE_LIST_MAX_BYTES) {
        return ERR_LIMIT;
    }
    l->text = mem_try_alloc(text.len + 1);
    if (l->text == NULL) {
        return ERR_NOMEM;
    }
    if (text.len > 0) {
        memcpy(l->text, text.data, text.len);
    }
    l->text_len = text.len;
    struct span rest = span_of(l->text, text.len);
    enum err e = ERR_OK;
    do {
        r->line++;
        e = judge_reader_grow((void **)&l->lines, l->n_lines, sizeof *l->lines);
        if (e == ERR_OK) {
            l->lines[l->n_lines++] = span_take_line(&rest);
            e = on_line(r, l->lines[l->n_lines - 1]);
        }
    } while (e == ERR_OK && rest.len > 0);
    if (e == ERR_OK) {
        judge_reader_end(r);
    }
    return e;
}

enum err judge_list_read(struct span text, struct judge_list **ret_list)
{
    struct judge_list *l = mem_alloc(sizeof *l);
    struct judge_reader r = {.list = l};
    judge_reader_begin(&r);
    enum err e = read_all(&r, text);
    if (e != ERR_OK) {
        judge_list_destroy(l);
        return e;
    }
    *ret_list = l;
    return ERR_OK;
}

void judge_list_destroy(struct judge_list *l)
{
    if (l != NULL) {
        mem_free(l->text);
        mem_free(l->lines);
        mem_free(l->tags);
        mem_free(l->attributes);
        mem_free(l->segments);
        mem_free(l->parts);
        mem_free(l->maps);
        mem_free(l->hints);
        mem_free(l->reports);
        mem_free(l->variants);
        mem_free(l->renditions);
        mem_free(l);
    }
}

struct span judge_list_line(const struct judge_list *l, unsigned line)
{
    return line > 0 && line <= l->n_lines ? l->lines[line - 1] : span_of(NULL, 0);
}

bool judge_tag_find(const struct judge_list *l, const struct judge_tag *t, const char *name,
                    struct span *ret_value)
{
    for (size_t i = 0; i < t->n_attributes; i++) {
        const struct judge_attribute *a = &l->attributes[t->first_attribute + i];
        if (judge_text_is(a->name, name)) {
            *ret_value = a->value;
            return true;
        }
    }
    return false;
}

uint64_t judge_list_next(const struct judge_list *l)
{
    return l->media_sequence + l->skipped + l->n_segments;
}

const struct judge_segment *judge_list_segment(const struct judge_list *l, uint64_t number)
{
    if (l->n_segments > 0 && number >= l->segments[0].number &&
        number - l->segments[0].number < l->n_segments) {
        return &l->segments[number - l->segments[0].number];
    }
    return number == judge_list_next(l) && l->open.n_parts > 0 ? &l->open : NULL;
}

bool judge_list_holds(const struct judge_list *l, uint64_t number, int64_t part)
{
    uint64_t next = judge_list_next(l);
    if (number < next) {
        return true;
    }
    return number == next && part >= 0 && l->open.n_parts > (uint64_t)part;
}

int64_t judge_list_duration_us(const struct judge_list *l)
{
    int64_t sum = 0;
    for (size_t i = 0; i < l->n_segments; i++) {
        sum += l->segments[i].duration_us;
    }
    return sum;
}
