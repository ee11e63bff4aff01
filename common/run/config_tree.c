#include "run/config_tree.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "run/config_words.h"

struct walk {
    yaml_parser_t parser;
    yaml_event_t event; /* the newest; all zero before the first */
    struct config_fault *fault;
    size_t nodes;
    struct config_node *open[CONFIG_TREE_DEPTH_MAX]; /* maps and lists around the newest value */
    size_t depth;
};

/* --- words --- */

static enum err wrong(struct walk *w, unsigned line, enum err e, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static enum err wrong(struct walk *w, unsigned line, enum err e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    w->fault->line = line;
    vsnprintf(w->fault->text, sizeof w->fault->text, format, args);
    va_end(args);
    return e;
}

static unsigned here(const struct walk *w)
{
    return (unsigned)w->event.start_mark.line + 1;
}

static enum err no_memory(struct walk *w)
{
    return wrong(w, 0, ERR_NOMEM, "there is not enough memory to read it");
}

static enum err not_yaml(struct walk *w)
{
    const yaml_parser_t *p = &w->parser;
    const char *problem = p->problem != NULL ? p->problem : "it cannot be understood";
    if (p->error == YAML_MEMORY_ERROR) {
        return no_memory(w);
    }
    if (p->error == YAML_READER_ERROR) {
        return wrong(w, (unsigned)p->mark.line + 1, ERR_PROTO,
                     "near here are bytes that are not UTF-8 text; save the file as UTF-8");
    }
    bool at_beginning = false;
    const char *sentence = config_words_of(problem, &at_beginning);
    yaml_mark_t at = at_beginning ? p->context_mark : p->problem_mark;
    return wrong(w, (unsigned)at.line + 1, ERR_PROTO, "%s",
                 sentence != NULL ? sentence : "this is not YAML; put values in quotes");
}

/* --- events --- */

static void drop_event(struct walk *w)
{
    if (w->event.type == YAML_SCALAR_EVENT) {
        explicit_bzero(w->event.data.scalar.value, w->event.data.scalar.length);
    }
    yaml_event_delete(&w->event);
}

static bool has_anchor_or_tag(const yaml_event_t *v)
{
    switch (v->type) {
    case YAML_ALIAS_EVENT:
        return true;
    case YAML_SCALAR_EVENT:
        return v->data.scalar.anchor != NULL || v->data.scalar.tag != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return v->data.sequence_start.anchor != NULL || v->data.sequence_start.tag != NULL;
    case YAML_MAPPING_START_EVENT:
        return v->data.mapping_start.anchor != NULL || v->data.mapping_start.tag != NULL;
    default:
        return false;
    }
}

static enum err next(struct walk *w)
{
    drop_event(w);
    if (!yaml_parser_parse(&w->parser, &w->event)) {
        return not_yaml(w);
    }
    if (has_anchor_or_tag(&w->event)) {
        return wrong(
            w, here(w), ERR_PROTO,
            "anchors (&name), aliases (*name) and tags (!name) are not read; put the value "
            "in quotes");
    }
    return ERR_OK;
}

/* --- nodes --- */

static enum err check_scalar(struct walk *w)
{
    const yaml_event_t *v = &w->event;
    const yaml_char_t *text = v->data.scalar.value;
    if (v->start_mark.line != v->end_mark.line) {
        return wrong(w, here(w), ERR_PROTO,
                     "the value goes on in the next line; write it in one line");
    }
    if (v->data.scalar.length == 0 ||
        (v->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
         (strcmp((const char *)text, "~") == 0 || strcasecmp((const char *)text, "null") == 0))) {
        return wrong(w, here(w), ERR_PROTO, "there is no value; write one, or delete the line");
    }
    for (size_t i = 0; i < v->data.scalar.length; i++) {
        if (text[i] < ' ' || text[i] == 0x7F ||
            (text[i] == 0xC2 && text[i + 1] >= 0x80 && text[i + 1] < 0xA0)) {
            return wrong(w, here(w), ERR_PROTO, "there is a control character; leave it out");
        }
    }
    return ERR_OK;
}

static char *copy_scalar(const yaml_event_t *v)
{
    char *text = mem_try_alloc(v->data.scalar.length + 1);
    if (text != NULL) {
        memcpy(text, v->data.scalar.value, v->data.scalar.length);
    }
    return text;
}

/* A node for the newest event, at the end of the innermost map or list. A map's member takes the
 * place that its key has made for it. */
static enum err add_node(struct walk *w, enum config_kind kind, struct config_node **ret_node)
{
    struct config_node *parent = w->depth > 0 ? w->open[w->depth - 1] : NULL;
    if (parent != NULL && parent->kind == CONFIG_MAP) {
        assert(parent->last != NULL); /* its key was there */
        *ret_node = parent->last;
        (*ret_node)->kind = kind;
        return ERR_OK;
    }
    if (++w->nodes > CONFIG_TREE_NODES_MAX) {
        return wrong(w, here(w), ERR_LIMIT, "there are more than %d values", CONFIG_TREE_NODES_MAX);
    }
    struct config_node *n = mem_try_alloc(sizeof *n);
    if (n == NULL) {
        return no_memory(w);
    }
    n->kind = kind;
    n->line = here(w);
    if (parent != NULL) {
        *(parent->last != NULL ? &parent->last->next : &parent->first) = n;
        parent->last = n;
        parent->count++;
    }
    *ret_node = n;
    return ERR_OK;
}

/* The newest event is a map's key: makes the place for its value. */
static enum err take_key(struct walk *w)
{
    struct config_node *map = w->open[w->depth - 1];
    char space[CONFIG_SHOWN_SIZE];
    if (w->event.type != YAML_SCALAR_EVENT) {
        return wrong(w, here(w), ERR_PROTO, "before the colon stands a word, nothing else");
    }
    enum err e = check_scalar(w);
    if (e != ERR_OK) {
        return e;
    }
    const struct config_node *before =
        config_tree_member(map, (const char *)w->event.data.scalar.value);
    if (before != NULL) {
        return wrong(w, here(w), ERR_PROTO, "%s: stands in line %u already; keep one of the two",
                     config_shown(before->key, space), before->line);
    }
    map->kind = CONFIG_LIST; /* for add_node: a new node at its end */
    struct config_node *n = NULL;
    e = add_node(w, CONFIG_TEXT, &n);
    map->kind = CONFIG_MAP;
    if (e != ERR_OK) {
        return e;
    }
    assert(n != NULL);
    n->key = copy_scalar(&w->event);
    return n->key != NULL ? next(w) : no_memory(w);
}

/* The newest event begins a value; a map or list stays open. */
static enum err take_value(struct walk *w, struct config_node **ret_node)
{
    enum config_kind kind = w->event.type == YAML_MAPPING_START_EVENT    ? CONFIG_MAP
                            : w->event.type == YAML_SEQUENCE_START_EVENT ? CONFIG_LIST
                                                                         : CONFIG_TEXT;
    enum err e = kind == CONFIG_TEXT ? check_scalar(w) : ERR_OK;
    if (e == ERR_OK && kind != CONFIG_TEXT && w->depth == CONFIG_TREE_DEPTH_MAX) {
        e = wrong(w, here(w), ERR_LIMIT, "this is nested too deep");
    }
    if (e == ERR_OK) {
        e = add_node(w, kind, ret_node);
    }
    if (e != ERR_OK) {
        return e;
    }
    assert(*ret_node != NULL);
    if (kind != CONFIG_TEXT) {
        w->open[w->depth++] = *ret_node;
        return ERR_OK;
    }
    (*ret_node)->text = copy_scalar(&w->event);
    (*ret_node)->plain = w->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return (*ret_node)->text != NULL ? ERR_OK : no_memory(w);
}

/* From the root's first event to its last. */
static enum err take_root(struct walk *w, struct config_node **ret_root)
{
    struct config_node *n = NULL;
    enum err e = take_value(w, ret_root);
    while (e == ERR_OK && w->depth > 0) {
        e = next(w);
        if (e != ERR_OK) {
            break;
        }
        if (w->event.type == YAML_MAPPING_END_EVENT || w->event.type == YAML_SEQUENCE_END_EVENT) {
            w->depth--;
            continue;
        }
        if (w->open[w->depth - 1]->kind == CONFIG_MAP) {
            e = take_key(w);
        }
        if (e == ERR_OK) {
            e = take_value(w, &n);
        }
    }
    return e;
}

static bool is_nothing(const yaml_event_t *v)
{
    return v->type == YAML_SCALAR_EVENT && v->data.scalar.length == 0 &&
           v->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static enum err take_stream(struct walk *w, struct config_node **ret_root)
{
    enum err e = next(w); /* the stream's start */
    if (e == ERR_OK) {
        e = next(w);
    }
    if (e != ERR_OK || w->event.type == YAML_STREAM_END_EVENT) {
        return e;
    }
    e = next(w); /* behind the document's start */
    if (e == ERR_OK && !is_nothing(&w->event)) {
        e = take_root(w, ret_root);
    }
    if (e == ERR_OK) {
        e = next(w); /* the document's end */
    }
    if (e == ERR_OK) {
        e = next(w);
    }
    if (e == ERR_OK && w->event.type != YAML_STREAM_END_EVENT) {
        e = wrong(w, here(w), ERR_PROTO, "a second document begins here; keep one");
    }
    return e;
}

enum err config_tree_read(struct span text, struct config_node **ret_root,
                          struct config_fault *ret_fault)
{
    struct walk w = {.fault = ret_fault};
    struct config_node *root = NULL;
    if (text.len > CONFIG_TREE_BYTES_MAX) {
        return wrong(&w, 0, ERR_LIMIT, "it is larger than %d KiB", CONFIG_TREE_BYTES_MAX / 1024);
    }
    if (!yaml_parser_initialize(&w.parser)) {
        return no_memory(&w);
    }
    /* Else libyaml takes a byte order mark's word for UTF-16. */
    yaml_parser_set_encoding(&w.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&w.parser, text.len > 0 ? text.data : (const uint8_t *)"",
                                 text.len);
    enum err e = take_stream(&w, &root);
    drop_event(&w);
    yaml_parser_delete(&w.parser);
    if (e != ERR_OK) {
        config_tree_destroy(root);
        return e;
    }
    *ret_root = root;
    return ERR_OK;
}

/* --- afterwards --- */

static void wipe(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
    }
    mem_free(text);
}

/* Children are put in front of what is still to be destroyed: no recursion, whatever the depth. */
void config_tree_destroy(struct config_node *root)
{
    while (root != NULL) {
        struct config_node *n = root;
        root = n->next;
        if (n->first != NULL) {
            n->last->next = root;
            root = n->first;
        }
        wipe(n->key);
        wipe(n->text);
        mem_free(n);
    }
}

const struct config_node *config_tree_member(const struct config_node *map, const char *key)
{
    for (const struct config_node *n = map->first; n != NULL; n = n->next) {
        if (n->key != NULL && strcmp(n->key, key) == 0) {
            return n;
        }
    }
    return NULL;
}

bool config_tree_int(const struct config_node *n, long min, long max, long *ret_value)
{
    if (n->kind != CONFIG_TEXT || !n->plain) {
        return false;
    }
    size_t digits = strspn(n->text, "0123456789");
    if (digits == 0 || digits > 15 || n->text[digits] != '\0' ||
        (n->text[0] == '0' && digits > 1)) {
        return false;
    }
    long v = strtol(n->text, NULL, 10);
    if (v < min || v > max) {
        return false;
    }
    *ret_value = v;
    return true;
}
