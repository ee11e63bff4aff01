#include "orchestrator/ledger/ledger_csv.h"

#include <inttypes.h>
#include <string.h>

#include "orchestrator/ledger/ledger_money.h"

#define FORMULA "=+-@'" /* what a text may not begin with */
#define DEPTH   3       /* page, row, posting */

struct column {
    const char *name;
    enum { TEXT, NUMBER, MONEY, FLAG } type;
};

static const struct column of_accounts[] = {
    {"account", TEXT}, {"balance", MONEY}, {"held", MONEY},
    {"owed", MONEY},   {"frozen", FLAG},   {"asset", TEXT},
};
static const struct column of_account[] = {
    {"entry", NUMBER},      {"at", TEXT},       {"kind", TEXT},
    {"key", TEXT},          {"account", TEXT},  {"balance_change", MONEY},
    {"held_change", MONEY}, {"balance", MONEY}, {"held", MONEY},
    {"asset", TEXT},
};
static const struct column of_journal[] = {
    {"entry", NUMBER},      {"at", TEXT},      {"kind", TEXT},
    {"key", TEXT},          {"account", TEXT}, {"balance_change", MONEY},
    {"held_change", MONEY}, {"asset", TEXT},
};

struct sheet {
    struct buf *out;
    const struct column *columns;
    size_t n;
    int scale;
    const struct json *at[DEPTH]; /* where a cell is looked for, innermost first; NULL: no more */
};

static enum err put_text(struct buf *out, const char *text)
{
    bool guarded = text[0] != '\0' && strchr(FORMULA, text[0]) != NULL;
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    enum err e = quoted ? buf_put_u8(out, '"') : ERR_OK;
    e = e == ERR_OK && guarded ? buf_put_u8(out, '\'') : e;
    for (; e == ERR_OK && *text != '\0'; text++) {
        e = *text == '"' ? buf_put_u8(out, '"') : e;
        e = e == ERR_OK ? buf_put_u8(out, (uint8_t)*text) : e;
    }
    return e == ERR_OK && quoted ? buf_put_u8(out, '"') : e;
}

static enum err put_money(struct buf *out, const char *units, int scale)
{
    char text[LEDGER_MONEY_SIZE];
    ledger_money_write(units, scale, text);
    return buf_put(out, span_cstr(text));
}

static enum err put_cell(const struct sheet *s, const struct column *c)
{
    const struct json *j = NULL;
    int64_t number;
    for (size_t i = 0; j == NULL && i < DEPTH && s->at[i] != NULL; i++) {
        j = json_member(s->at[i], c->name);
    }
    const char *text = json_string_of(j);
    switch (c->type) {
    case TEXT:
        return text != NULL ? put_text(s->out, text) : ERR_OK;
    case NUMBER:
        return json_int_of(j, &number) ? buf_printf(s->out, "%" PRId64, number) : ERR_OK;
    case MONEY:
        return text != NULL ? put_money(s->out, text, s->scale) : ERR_OK;
    case FLAG:
        return buf_put(s->out, span_cstr(json_bool_of(j) ? "true" : "false"));
    }
    return ERR_UNSUPPORTED;
}

static enum err put_line(const struct sheet *s, bool names)
{
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < s->n; i++) {
        e = i > 0 ? buf_put_u8(s->out, ',') : ERR_OK;
        if (e == ERR_OK) {
            e = names ? put_text(s->out, s->columns[i].name) : put_cell(s, &s->columns[i]);
        }
    }
    return e == ERR_OK ? buf_put(s->out, span_cstr("\r\n")) : e;
}

static enum err put_row(struct sheet *s, const struct json *page, const struct json *row)
{
    const struct json *postings = json_member(row, "postings");
    enum err e = ERR_OK;
    if (postings == NULL) {
        s->at[0] = row;
        s->at[1] = page;
        return put_line(s, false);
    }
    s->at[1] = row;
    s->at[2] = page;
    for (size_t i = 0; e == ERR_OK && i < json_count(postings); i++) {
        s->at[0] = json_item(postings, i);
        e = put_line(s, false);
    }
    return e;
}

#define COLUMNS(of) .columns = (of), .n = sizeof(of) / sizeof(of)[0]

enum err ledger_csv_put(struct buf *out, const struct json *page, bool names)
{
    const struct json *accounts = json_member(page, "accounts");
    const struct json *rows = accounts != NULL ? accounts : json_member(page, "entries");
    int64_t scale = 0;
    bool has_scale = json_int_of(json_member(page, "scale"), &scale) && scale >= 0 && scale <= 18;
    struct sheet s = accounts != NULL                       ? (struct sheet){COLUMNS(of_accounts)}
                     : json_member(page, "account") != NULL ? (struct sheet){COLUMNS(of_account)}
                                                            : (struct sheet){COLUMNS(of_journal)};
    s.out = out;
    s.scale = has_scale ? (int)scale : -1; /* amounts are "?" then */
    enum err e = names ? put_line(&s, true) : ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < json_count(rows); i++) {
        e = put_row(&s, page, json_item(rows, i));
    }
    return e;
}
