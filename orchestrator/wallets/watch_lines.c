#include "orchestrator/wallets/watch_lines.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/ledger/ledger_book.h"

/* One line for each change:
 *   watched payments 1                      the first line
 *   watch PLACE URL ACCOUNT
 *   over PLACE */
#define FIRST_LINE "watched payments 1"

static struct span line_of(const char *line, int n)
{
    return span_of(line, n > 0 && n < WATCH_LINE_MAX ? (size_t)n : 0);
}

struct span watch_line_first(void)
{
    return span_cstr(FIRST_LINE "\n");
}

struct span watch_line_begin(unsigned place, const char *url, const char *account, char *line)
{
    return line_of(line, snprintf(line, WATCH_LINE_MAX, "watch %u %s %s\n", place, url, account));
}

struct span watch_line_over(unsigned place, char *line)
{
    return line_of(line, snprintf(line, WATCH_LINE_MAX, "over %u\n", place));
}

/* --- reading --- */

struct change {
    unsigned place;
    bool is_over;
    char url[WATCH_URL_MAX], account[LEDGER_NAME_MAX];
};

static struct span take_word(struct span *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->data[n] != ' ') {
        n++;
    }
    struct span word = span_of(rest->data, n);
    n += n < rest->len ? 1 : 0;
    *rest = span_of(rest->data + n, rest->len - n);
    return word;
}

static bool copy(struct span text, char *out, size_t size)
{
    if (text.len == 0 || text.len >= size || memchr(text.data, '\0', text.len) != NULL) {
        return false;
    }
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static bool is_printable(const char *url)
{
    for (; *url != '\0'; url++) {
        if (*url <= 0x20 || *url > 0x7e) {
            return false;
        }
    }
    return true;
}

static bool read_change(struct span line, struct change *ret_change)
{
    uint64_t place;
    struct span what = take_word(&line), number = take_word(&line);
    if (!span_decimal(number, WATCH_PLACES - 1, &place)) {
        return false;
    }
    ret_change->place = (unsigned)place;
    ret_change->is_over = span_equal(what, span_cstr("over"));
    if (ret_change->is_over) {
        return line.len == 0;
    }
    struct span url = take_word(&line);
    return span_equal(what, span_cstr("watch")) &&
           copy(url, ret_change->url, sizeof ret_change->url) && is_printable(ret_change->url) &&
           copy(line, ret_change->account, sizeof ret_change->account) &&
           ledger_name_is_valid(ret_change->account);
}

/* Of each place the line that has it at the end; NULL: it is free. */
static size_t find_last(struct span file, const uint8_t **places, size_t *ret_line)
{
    size_t faults = 0;
    for (size_t number = 1; file.len > 0; number++) {
        struct change c;
        struct span line = span_take_line(&file);
        if (read_change(line, &c)) {
            places[c.place] = c.is_over ? NULL : line.data;
        } else if (number > 1 || !span_equal(line, span_cstr(FIRST_LINE))) {
            *ret_line = faults++ == 0 ? number : *ret_line;
        }
    }
    return faults;
}

size_t watch_lines_read(struct span file, watch_lines_fn *fn, void *arg, size_t *ret_line)
{
    const uint8_t **places = mem_alloc(WATCH_PLACES * sizeof *places);
    while (file.len > 0 && file.data[file.len - 1] != '\n') {
        file.len--;
    }
    size_t faults = find_last(file, places, ret_line);
    while (file.len > 0) {
        struct change c;
        struct span line = span_take_line(&file);
        if (read_change(line, &c) && places[c.place] == line.data) {
            fn(arg, c.place, c.url, c.account);
        }
    }
    mem_free(places);
    return faults;
}
