#include "run/config.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/mem.h"
#include "run/config_words.h"

struct value {
    char *text; /* NULL: not given */
    unsigned line;
};

struct config_file {
    size_t n;
    struct value values[];
};

struct walk {
    yaml_parser_t parser;
    yaml_event_t event; /* the newest; all zero before the first */
    struct span text;
    const struct option *table;
    const struct option *key;    /* whose value is being read, or NULL */
    const struct option *newest; /* the last key, and its line */
    unsigned newest_line;
    struct config_file *file;
    struct config_fault *fault;
};

/* --- words --- */

/* The byte at libyaml's count of characters; 0 at the end. */
static uint8_t byte_at(struct span text, size_t index)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.data[i] & 0xC0) != 0x80 && index-- == 0) {
            return text.data[i];
        }
    }
    return 0;
}

static unsigned line_at(struct span text, size_t offset)
{
    unsigned line = 1;
    for (size_t i = 0; i < text.len && i < offset; i++) {
        line += text.data[i] == '\n';
    }
    return line;
}

static enum err say(struct walk *w, unsigned line, const char *format, va_list args)
{
    size_t used = 0;
    w->fault->line = line;
    if (w->key != NULL) {
        used = (size_t)snprintf(w->fault->text, CONFIG_WHY_MAX, "%s: ", w->key->name);
        used = used < CONFIG_WHY_MAX ? used : CONFIG_WHY_MAX - 1;
    }
    vsnprintf(w->fault->text + used, CONFIG_WHY_MAX - used, format, args);
    return ERR_PROTO;
}

static unsigned line_of(yaml_mark_t at)
{
    return (unsigned)at.line + 1;
}

static enum err wrong(struct walk *w, yaml_mark_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err wrong(struct walk *w, yaml_mark_t at, const char *format, ...)
{
    /* libyaml makes the end a line of its own. */
    bool end = w->text.len > 0 && byte_at(w->text, at.index) == 0;
    va_list args;
    va_start(args, format);
    enum err e = say(w, end ? line_at(w->text, w->text.len - 1) : line_of(at), format, args);
    va_end(args);
    return e;
}

/* Names a line found otherwise; 0: the text as a whole. */
static enum err wrong_line(struct walk *w, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err wrong_line(struct walk *w, unsigned line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum err e = say(w, line, format, args);
    va_end(args);
    return e;
}

static enum err no_memory(struct walk *w)
{
    (void)wrong_line(w, 0, "there is not enough memory to read it");
    return ERR_NOMEM;
}

/* --- what libyaml does not understand --- */

static enum err not_yaml(struct walk *w)
{
    const yaml_parser_t *p = &w->parser;
    const char *problem = p->problem != NULL ? p->problem : "it cannot be understood";
    if (p->error == YAML_MEMORY_ERROR) {
        return no_memory(w);
    }
    if (p->error == YAML_READER_ERROR) {
        w->key = NULL; /* libyaml reads ahead */
        return wrong_line(w, line_at(w->text, p->problem_offset),
                          strstr(problem, "control") != NULL
                              ? "there is a control character; a file of settings is plain text"
                              : "this is not UTF-8; save the file as UTF-8");
    }
    if (strstr(problem, "cannot start any token") != NULL &&
        byte_at(w->text, p->problem_mark.index) == '\t') {
        problem = "tab character";
    }
    bool at_beginning = false;
    const char *sentence = config_words_of(problem, &at_beginning);
    yaml_mark_t at = at_beginning ? p->context_mark : p->problem_mark;
    w->key = line_of(at) == w->newest_line ? w->newest : NULL;
    if (sentence == NULL) {
        return wrong(w, at, "this is not YAML (%s); put values in quotes", problem);
    }
    return wrong(w, at, "%s", sentence);
}

/* --- events --- */

static void drop_event(struct walk *w)
{
    if (w->event.type == YAML_SCALAR_EVENT) {
        explicit_bzero(w->event.data.scalar.value, w->event.data.scalar.length);
    }
    yaml_event_delete(&w->event);
}

/* Moves on; refuses what may stand nowhere in a file of ours. */
static enum err next(struct walk *w)
{
    drop_event(w);
    if (!yaml_parser_parse(&w->parser, &w->event)) {
        return not_yaml(w);
    }
    const yaml_event_t *v = &w->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (v->type) {
    case YAML_ALIAS_EVENT:
        anchor = v->data.alias.anchor;
        break;
    case YAML_SCALAR_EVENT:
        anchor = v->data.scalar.anchor;
        tag = v->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = v->data.sequence_start.anchor;
        tag = v->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = v->data.mapping_start.anchor;
        tag = v->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor != NULL) {
        return wrong(
            w, v->start_mark,
            "anchors (&name) and aliases (*name) are not read; write the value out, or put "
            "it in quotes");
    }
    if (tag != NULL) {
        return wrong(w, v->start_mark,
                     "tags (!name) are not read; delete it, or put the value in quotes");
    }
    return ERR_OK;
}

/* --- values --- */

static bool is_null(const yaml_event_t *v)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (v->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp((const char *)v->data.scalar.value, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Any value: one line of text without control characters (RFC 20 and U+0080..U+009F). */
static enum err check_scalar(struct walk *w)
{
    const yaml_event_t *v = &w->event;
    yaml_mark_t at = v->start_mark;
    const yaml_char_t *text = v->data.scalar.value;
    yaml_scalar_style_t style = v->data.scalar.style;
    if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE ||
        v->start_mark.line != v->end_mark.line) {
        return wrong(w, at,
                     "the value goes on in the next line; write it in one line, and begin each "
                     "flag at the same column");
    }
    if (is_null(v)) {
        return wrong(
            w, at,
            "there is no value; write one (in quotes if it begins with #), '' for an empty "
            "text, or delete the line");
    }
    for (size_t i = 0; i < v->data.scalar.length; i++) {
        if (text[i] < ' ' || text[i] == 0x7F ||
            (text[i] == 0xC2 && text[i + 1] >= 0x80 && text[i + 1] < 0xA0)) {
            return wrong(w, at, "there is a control character in the value; leave it out");
        }
    }
    return ERR_OK;
}

/* The only form in which a number cannot be mistaken: YAML 1.1 reads 010 as eight. */
static bool is_decimal(const char *text)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    size_t n = strspn(digits, "0123456789");
    return n > 0 && digits[n] == '\0' && (digits[0] != '0' || n == 1);
}

/* What the flag itself says to the text; ret_why as options_set. */
static bool fits(const struct option *o, const char *text, char *ret_why)
{
    union {
        bool on;
        long number;
        const char *text;
    } field;
    struct option alone = *o;
    alone.offset = 0;
    return options_set(&alone, &field, text, ret_why) == ERR_OK;
}

static enum err check_int(struct walk *w, const char *text, bool plain)
{
    const struct option *o = w->key;
    yaml_mark_t at = w->event.start_mark;
    char space[CONFIG_SHOWN_SIZE];
    char why[OPTIONS_WHY_MAX];
    if (!plain && is_decimal(text)) {
        return wrong(w, at, "in quotes this is a text; a number stands without them");
    }
    if (!plain || !is_decimal(text) || !fits(o, text, why)) {
        return wrong(w, at, "takes a number from %ld to %ld (decimal digits), not \"%s\"", o->min,
                     o->max, config_shown(text, space));
    }
    return ERR_OK;
}

static enum err check_bool(struct walk *w, const char *text, bool plain)
{
    char space[CONFIG_SHOWN_SIZE];
    bool word = strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    if (word && !plain) {
        return wrong(w, w->event.start_mark,
                     "in quotes this is a text; true and false stand without them");
    }
    return word ? ERR_OK
                : wrong(w, w->event.start_mark, "takes true or false, not \"%s\"",
                        config_shown(text, space));
}

/* Keeps the text (len bytes) as the value of the key. */
static enum err keep(struct walk *w, const void *text, size_t len, yaml_mark_t at)
{
    char why[OPTIONS_WHY_MAX];
    struct value *v = &w->file->values[w->key - w->table];
    v->text = mem_try_alloc(len + 1);
    if (v->text == NULL) {
        return no_memory(w);
    }
    memcpy(v->text, text, len);
    v->line = line_of(at);
    return fits(w->key, v->text, why) ? ERR_OK : wrong(w, at, "%s", why);
}

static enum err take_scalar(struct walk *w)
{
    const struct option *o = w->key;
    enum err e = check_scalar(w);
    if (e != ERR_OK) {
        return e;
    }
    const char *text = (const char *)w->event.data.scalar.value;
    bool plain = w->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (o->type == OPTION_INT) {
        e = check_int(w, text, plain);
    } else if (o->type == OPTION_BOOL) {
        e = check_bool(w, text, plain);
    } else if (o->secret && strcmp(text, CONFIG_SECRET_SHOWN) == 0) {
        e = wrong(w, w->event.start_mark,
                  "%s stands for a secret that was not shown; write the secret itself, or the name "
                  "of a file with it",
                  CONFIG_SECRET_SHOWN);
    }
    return e == ERR_OK ? keep(w, text, w->event.data.scalar.length, w->event.start_mark) : e;
}

/* One item of a list, behind what was joined before. */
static enum err take_item(struct walk *w, struct buf *joined, bool first)
{
    yaml_mark_t at = w->event.start_mark;
    if (w->event.type != YAML_SCALAR_EVENT) {
        return wrong(w, at, "the list may hold names only, no lists or maps");
    }
    enum err e = check_scalar(w);
    if (e != ERR_OK) {
        return e;
    }
    const char *text = (const char *)w->event.data.scalar.value;
    if (text[strspn(text, " ")] == '\0' || strchr(text, ',') != NULL) {
        return wrong(w, at, "each item of the list is one name, without a comma");
    }
    e = first ? ERR_OK : buf_put_u8(joined, ',');
    if (e == ERR_OK) {
        e = buf_put(joined, span_cstr(text));
    }
    if (e != ERR_OK) {
        return no_memory(w);
    }
    return ERR_OK;
}

static enum err take_sequence(struct walk *w)
{
    yaml_mark_t at = w->event.start_mark;
    if (w->key->type != OPTION_LIST) {
        return wrong(w, at,
                     "takes one value, not a list; a text with [ or - in front must stand "
                     "in quotes");
    }
    struct buf joined;
    buf_init(&joined, 2 * CONFIG_BYTES_MAX); /* an escape of two bytes may stand for three */
    enum err e = next(w);
    for (bool first = true; e == ERR_OK && w->event.type != YAML_SEQUENCE_END_EVENT;
         first = false) {
        e = take_item(w, &joined, first);
        if (e == ERR_OK) {
            e = next(w);
        }
    }
    if (e == ERR_OK) {
        e = keep(w, joined.len > 0 ? (const void *)joined.data : "", joined.len, at);
    }
    buf_fini(&joined);
    return e;
}

/* --- the map --- */

static enum err unknown_key(struct walk *w, yaml_mark_t at, const char *text)
{
    char space[CONFIG_SHOWN_SIZE];
    const struct option *o = options_guess(w->table, w->file->n, text, strlen(text));
    if (o != NULL && !option_is_command(o)) {
        return wrong(w, at, "%s: there is no flag of that name; did you mean %s?",
                     config_shown(text, space), o->name);
    }
    return wrong(w, at, "%s: there is no flag of that name; -help lists them",
                 config_shown(text, space));
}

static enum err take_key(struct walk *w)
{
    yaml_mark_t at = w->event.start_mark;
    if (w->event.type != YAML_SCALAR_EVENT) {
        return wrong(w, at, "before the colon stands the name of a flag, nothing else");
    }
    const char *text = (const char *)w->event.data.scalar.value;
    const struct option *o = options_find(w->table, w->file->n, text, w->event.data.scalar.length);
    if (o == NULL) {
        return unknown_key(w, at, text);
    }
    w->key = w->newest = o;
    w->newest_line = line_of(at);
    if (option_is_command(o)) {
        return wrong(w, at, "can only be given on the command line; delete it here");
    }
    const struct value *before = &w->file->values[o - w->table];
    if (before->text != NULL) {
        return wrong(w, at, "stands in line %u already; keep one of the two", before->line);
    }
    return ERR_OK;
}

static enum err take_value(struct walk *w)
{
    enum err e = next(w);
    if (e != ERR_OK) {
        return e;
    }
    if (w->event.type == YAML_SCALAR_EVENT) {
        e = take_scalar(w);
    } else if (w->event.type == YAML_SEQUENCE_START_EVENT) {
        e = take_sequence(w);
    } else {
        e = wrong(w, w->event.start_mark,
                  "takes one value, not a map; a text with { in front must stand in quotes");
    }
    w->key = e == ERR_OK ? NULL : w->key;
    return e;
}

static enum err take_map(struct walk *w)
{
    if (w->event.type == YAML_SCALAR_EVENT && is_null(&w->event)) {
        return ERR_OK; /* a document of comments */
    }
    if (w->event.type != YAML_MAPPING_START_EVENT) {
        return wrong(w, w->event.start_mark,
                     "the file must be lines of \"flag: value\", with a blank after the colon");
    }
    enum err e = next(w);
    while (e == ERR_OK && w->event.type != YAML_MAPPING_END_EVENT) {
        e = take_key(w);
        if (e == ERR_OK) {
            e = take_value(w);
        }
        if (e == ERR_OK) {
            e = next(w);
        }
    }
    return e;
}

static enum err take_stream(struct walk *w)
{
    enum err e = next(w); /* the stream's start */
    if (e == ERR_OK) {
        e = next(w);
    }
    if (e != ERR_OK || w->event.type == YAML_STREAM_END_EVENT) {
        return e;
    }
    e = next(w); /* behind the document's start */
    if (e == ERR_OK) {
        e = take_map(w);
    }
    if (e == ERR_OK) {
        e = next(w); /* the document's end */
    }
    if (e == ERR_OK) {
        e = next(w);
    }
    if (e == ERR_OK && w->event.type != YAML_STREAM_END_EVENT) {
        e = wrong(w, w->event.start_mark,
                  "a second document begins here; keep one, without --- between the lines");
    }
    return e;
}

enum err config_read(struct span text, const struct option *table, size_t n,
                     struct config_file **ret_file, struct config_fault *ret_fault)
{
    struct walk w = {.text = text, .table = table, .fault = ret_fault};
    if (text.len > CONFIG_BYTES_MAX) {
        (void)wrong_line(&w, 0, "it is larger than %d KiB, which no file of settings is",
                         CONFIG_BYTES_MAX / 1024);
        return ERR_LIMIT;
    }
    if (!yaml_parser_initialize(&w.parser)) {
        return no_memory(&w);
    }
    /* Else libyaml takes a byte order mark's word for UTF-16. */
    yaml_parser_set_encoding(&w.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&w.parser, text.data, text.len);
    w.file = mem_alloc(sizeof *w.file + n * sizeof w.file->values[0]);
    w.file->n = n;
    enum err e = take_stream(&w);
    drop_event(&w);
    yaml_parser_delete(&w.parser);
    if (e != ERR_OK) {
        config_destroy(w.file);
        return e;
    }
    *ret_file = w.file;
    return ERR_OK;
}

void config_destroy(struct config_file *file)
{
    for (size_t i = 0; file != NULL && i < file->n; i++) {
        if (file->values[i].text != NULL) {
            explicit_bzero(file->values[i].text, strlen(file->values[i].text));
        }
        mem_free(file->values[i].text);
    }
    mem_free(file);
}

const char *config_value(const struct config_file *file, size_t i, unsigned *ret_line)
{
    *ret_line = file->values[i].line;
    return file->values[i].text;
}

void config_apply(const struct config_file *file, const struct option *table, void *config,
                  struct option_origin *origins)
{
    char why[OPTIONS_WHY_MAX];
    for (size_t i = 0; i < file->n; i++) {
        const struct value *v = &file->values[i];
        if (v->text == NULL || origins[i].source == OPTION_FROM_FLAG) {
            continue;
        }
        enum err e = options_set(&table[i], config, v->text, why);
        assert(e == ERR_OK); /* checked when it was read */
        (void)e;
        origins[i] = (struct option_origin){.source = OPTION_FROM_FILE, .line = v->line};
    }
}
