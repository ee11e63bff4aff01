#include "run/config_print.h"

#include <assert.h>
#include <string.h>

#include "run/config.h"

#define ORIGIN_COLUMN 48
#define COMMENT_WIDTH 96

/* --- one value --- */

/* Reads the UTF-8 character at s (RFC 3629, section 4); its bytes, or 0 when it is none. */
static size_t utf8_char(const unsigned char *s, unsigned *ret_point)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (n <= 1) {
        *ret_point = s[0];
        return n;
    }
    unsigned point = s[0] & (0x7FU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
        point = point << 6 | (s[i] & 0x3F);
    }
    if (point < least[n] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
        return 0;
    }
    *ret_point = point;
    return n;
}

/* What config_read takes as a value: UTF-8 without control characters. */
static bool fits_a_file(const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        unsigned point;
        size_t n = utf8_char(s, &point);
        if (n == 0 || point < ' ' || (point >= 0x7F && point < 0xA0)) {
            return false;
        }
        s += n;
    }
    return true;
}

/* Addresses, names and paths, which every reader of YAML takes for the same text with quotes and
 * without. */
static bool is_plain(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789._/:,@+-";
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    size_t len = strlen(text);
    if (len == 0 || strspn(text, all) != len || text[len - 1] == ':') {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return false;
        }
    }
    bool dotted = strchr(text, '.') != strrchr(text, '.'); /* no number has two dots */
    return strchr(letters, text[0]) != NULL || text[0] == '/' ||
           (text[0] >= '0' && text[0] <= '9' && dotted);
}

/* YAML 1.1, section 5.6; what libyaml would read as a line's end or not at all is escaped. */
static enum err put_quoted(struct buf *out, const char *text)
{
    enum err e = buf_put_u8(out, '"');
    for (const unsigned char *s = (const unsigned char *)text; e == ERR_OK && *s != '\0';) {
        unsigned point = 0;
        size_t n = utf8_char(s, &point);
        assert(n > 0); /* fits_a_file */
        if (point == '"' || point == '\\') {
            e = buf_printf(out, "\\%c", (int)point);
        } else if (point == 0x2028 || point == 0x2029 || (point >= 0xFE00 && point < 0x10000)) {
            e = buf_printf(out, "\\u%04X", point);
        } else {
            e = buf_put(out, span_of(s, n));
        }
        s += n;
    }
    return e == ERR_OK ? buf_put_u8(out, '"') : e;
}

static enum err put_text(struct buf *out, const char *text)
{
    return is_plain(text) ? buf_put(out, span_cstr(text)) : put_quoted(out, text);
}

static enum err put_field(struct buf *out, const struct option *o, const void *config)
{
    const void *field = (const char *)config + o->offset;
    switch (o->type) {
    case OPTION_BOOL:
    case OPTION_COMMAND:
        return buf_printf(out, "%s", *(const bool *)field ? "true" : "false");
    case OPTION_INT:
        return buf_printf(out, "%ld", *(const long *)field);
    case OPTION_DURATION: {
        char text[OPTION_DURATION_MAX];
        option_duration_text(*(const long *)field, text);
        return buf_put(out, span_cstr(text));
    }
    case OPTION_STRING:
    case OPTION_LIST:
    case OPTION_COMMAND_TEXT:
    case OPTION_ARGUMENT:
        break;
    }
    return put_text(out, *(const char *const *)field);
}

/* --- effective values --- */

/* Why a line must be a comment, or NULL. */
static const char *hidden(const struct option *o, const void *config)
{
    if (o->type != OPTION_STRING && o->type != OPTION_LIST) {
        return NULL;
    }
    const char *text = *(const char *const *)((const char *)config + o->offset);
    if (o->secret && text[0] != '\0') {
        return "a secret is not shown";
    }
    return fits_a_file(text) ? NULL : "holds bytes that no file can give";
}

/* A file's name in a comment: a control character could end that. */
static enum err put_path(struct buf *out, const char *path)
{
    enum err e = ERR_OK;
    bool fits = fits_a_file(path);
    for (const char *s = path; e == ERR_OK && *s != '\0'; s++) {
        bool bad = (unsigned char)*s < ' ' || *s == 0x7F || (!fits && (unsigned char)*s >= 0x80);
        e = buf_put_u8(out, bad ? '?' : (uint8_t)*s);
    }
    return e;
}

static enum err put_origin(struct buf *out, const struct option_origin *origin, const char *path)
{
    switch (origin->source) {
    case OPTION_FROM_DEFAULT:
        return buf_put(out, span_cstr("default"));
    case OPTION_FROM_FLAG:
        return buf_put(out, span_cstr("flag"));
    case OPTION_FROM_FILE:
        break;
    }
    enum err e = put_path(out, path != NULL ? path : "");
    return e == ERR_OK ? buf_printf(out, ":%u", origin->line) : e;
}

static enum err put_line(struct buf *out, const struct option *o, const void *config,
                         const struct option_origin *origin, const char *path)
{
    size_t start = out->len;
    const char *why = hidden(o, config);
    enum err e = buf_printf(out, "%s%s: ", why != NULL ? "#" : "", o->name);
    if (e == ERR_OK) {
        e = why == NULL ? put_field(out, o, config)
                        : put_text(out, o->secret ? CONFIG_SECRET_SHOWN : "?");
    }
    size_t width = out->len - start;
    if (e == ERR_OK) {
        e = buf_printf(out, "%*s# ", width < ORIGIN_COLUMN ? (int)(ORIGIN_COLUMN - width) : 2, "");
    }
    if (e == ERR_OK) {
        e = put_origin(out, origin, path);
    }
    return e == ERR_OK ? buf_printf(out, "%s%s\n", why != NULL ? "; " : "", why != NULL ? why : "")
                       : e;
}

enum err config_print_values(struct buf *out, const struct config_print *p, const void *config,
                             const struct option_origin *origins, const char *path)
{
    enum err e = buf_printf(out,
                            "# What the flags of the %s are, and where each value came from: the "
                            "default, a line\n# of a file, or a flag. This can be given to -config "
                            "as it stands.\n\n",
                            p->role);
    for (size_t i = 0; e == ERR_OK && i < p->n; i++) {
        if (!option_is_command(&p->table[i])) {
            e = put_line(out, &p->table[i], config, &origins[i], path);
        }
    }
    return e;
}

/* --- samples --- */

/* In lines of at most COMMENT_WIDTH, broken at blanks. */
static enum err put_comment(struct buf *out, const char *text)
{
    enum err e = ERR_OK;
    while (e == ERR_OK && *text != '\0') {
        size_t len = strlen(text);
        if (len > COMMENT_WIDTH) {
            for (len = COMMENT_WIDTH; len > 0 && text[len] != ' '; len--) {
            }
            len = len > 0 ? len : strcspn(text, " ");
        }
        e = buf_printf(out, "# %.*s\n", (int)len, text);
        text += len + (text[len] == ' ');
    }
    return e;
}

/* What the flag takes, and what it is when nobody gives it. */
static enum err put_takes(struct buf *out, const struct option *o)
{
    const char *what = o->placeholder != NULL ? o->placeholder : "";
    enum err e = ERR_OK;
    if (o->type == OPTION_BOOL) {
        e = buf_printf(out, "#   true or false");
    } else if (o->type == OPTION_INT && o->min >= 0) {
        e = buf_printf(out, "#   %s: a number from %ld to %ld", what, o->min, o->max);
    } else if (o->type == OPTION_INT) {
        e = buf_printf(out, "#   %s: a number up to %ld", what, o->max);
    } else if (o->type == OPTION_DURATION) {
        char min[OPTION_DURATION_MAX], max[OPTION_DURATION_MAX];
        option_duration_text(o->min, min);
        option_duration_text(o->max, max);
        e = buf_printf(out, "#   %s: a duration like 30s or 500ms, from %s to %s", what, min, max);
    } else if (o->type == OPTION_LIST) {
        e = buf_printf(out, "#   %s, or a sequence: [A, B]", what);
    } else {
        e = buf_printf(out, "#   %s", what);
    }
    if (e == ERR_OK && o->default_text != NULL && o->default_text[0] != '\0' && !o->secret) {
        e = buf_printf(out, "; default %s", o->default_text);
    }
    return e == ERR_OK ? buf_put_u8(out, '\n') : e;
}

static const char *sample_of(const struct option_sample *samples, const char *name)
{
    for (; samples != NULL && samples->name != NULL; samples++) {
        if (strcmp(samples->name, name) == 0) {
            return samples->text;
        }
    }
    return NULL;
}

static enum err put_sample_line(struct buf *out, const struct option *o, const char *sample)
{
    const char *text = sample != NULL ? sample : o->default_text;
    bool texts = o->type == OPTION_STRING || o->type == OPTION_LIST;
    enum err e = buf_printf(out, "%s%s: ", sample != NULL ? "" : "#", o->name);
    if (e != ERR_OK) {
        return e;
    }
    if (texts) {
        e = put_text(out, text != NULL && !o->secret ? text : "");
    } else {
        e = buf_printf(out, "%s", text != NULL ? text : o->type == OPTION_BOOL ? "false" : "0");
    }
    return e == ERR_OK ? buf_printf(out, "\n\n") : e;
}

static enum err put_heading(struct buf *out, const char *heading)
{
    return heading != NULL ? buf_printf(out, "# ---- %s ----\n\n", heading) : ERR_OK;
}

enum err config_print_sample(struct buf *out, const struct config_print *p,
                             const struct option_sample *samples)
{
    enum err e = buf_printf(out,
                            "# A sample for bin/%s -config FILE, as `bin/%s -sampleConfig` prints "
                            "it.\n"
                            "# Each flag is a key here; a flag on the command line wins over its "
                            "line.\n"
                            "# To set one that stands here as a comment, take its # away. Keep a "
                            "file with a\n"
                            "# secret to yourself: chmod 600.\n\n",
                            p->role, p->role);
    for (size_t i = 0; e == ERR_OK && i < p->n; i++) {
        const struct option *o = &p->table[i];
        if (option_is_command(o)) {
            continue;
        }
        e = put_heading(out, options_heading(p->groups, o->name));
        if (e == ERR_OK) {
            e = put_comment(out, o->help);
        }
        if (e == ERR_OK) {
            e = put_takes(out, o);
        }
        if (e == ERR_OK) {
            e = put_sample_line(out, o, sample_of(samples, o->name));
        }
    }
    if (e == ERR_OK) {
        out->len--; /* the last empty line */
    }
    return e;
}
