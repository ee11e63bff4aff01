#include "run/sealed.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SUM_BYTES  16
#define SUM_LABEL  "check "
#define HEADER_MAX 80

_Static_assert(SEALED_LINE_BYTES == sizeof SUM_LABEL - 1 + 2 * SUM_BYTES + 1, "the last line");

static bool begins(struct span text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.data, with, len) == 0;
}

bool sealed_is_ours(struct span text)
{
    return begins(text, SEALED_PREFIX);
}

bool sealed_is(struct span text, const char *kind)
{
    char header[HEADER_MAX];
    snprintf(header, sizeof header, SEALED_PREFIX "%s ", kind);
    return begins(text, header);
}

void sealed_line(struct span text, char ret_line[SEALED_LINE_BYTES + 1])
{
    unsigned char sum[SUM_BYTES];
    size_t label = sizeof SUM_LABEL - 1;
    crypto_generichash(sum, sizeof sum, text.data, text.len, NULL, 0);
    memcpy(ret_line, SUM_LABEL, label);
    sodium_bin2hex(ret_line + label, 2 * SUM_BYTES + 1, sum, sizeof sum);
    ret_line[SEALED_LINE_BYTES - 1] = '\n';
    ret_line[SEALED_LINE_BYTES] = '\0';
}

static enum err refuse(enum err e, const char *why, const char **ret_why)
{
    *ret_why = why;
    return e;
}

enum err sealed_open(struct span text, const char *kind, unsigned version, struct span *ret_body,
                     const char **ret_why)
{
    char header[HEADER_MAX], line[SEALED_LINE_BYTES + 1];
    snprintf(header, sizeof header, SEALED_PREFIX "%s %u\n", kind, version);
    if (!begins(text, header)) {
        return sealed_is(text, kind) && memchr(text.data, '\n', text.len) != NULL
                   ? refuse(ERR_UNSUPPORTED, "it is of another version than this program", ret_why)
                   : refuse(ERR_PROTO, "its first line is not that of such a file", ret_why);
    }
    size_t first = strlen(header);
    size_t label = sizeof SUM_LABEL - 1;
    if (text.len < first + SEALED_LINE_BYTES || text.data[text.len - 1] != '\n' ||
        memcmp(text.data + text.len - SEALED_LINE_BYTES, SUM_LABEL, label) != 0 ||
        text.data[text.len - SEALED_LINE_BYTES - 1] != '\n') {
        return refuse(ERR_PROTO, "it is not whole: its last line is missing", ret_why);
    }
    struct span sealed = span_of(text.data, text.len - SEALED_LINE_BYTES);
    sealed_line(sealed, line);
    if (memcmp(text.data + sealed.len, line, SEALED_LINE_BYTES) != 0) {
        return refuse(ERR_PROTO, "it was changed or damaged: its checksum does not fit", ret_why);
    }
    *ret_body = span_of(text.data + first, sealed.len - first);
    return ERR_OK;
}

enum err sealed_take_line(struct span *body, struct span *ret_line)
{
    const uint8_t *end = body->len > 0 ? memchr(body->data, '\n', body->len) : NULL;
    if (end == NULL) {
        return ERR_NOENT;
    }
    size_t len = (size_t)(end - body->data);
    *ret_line = span_of(body->data, len);
    *body = span_of(end + 1, body->len - len - 1);
    return ERR_OK;
}

enum err sealed_take_word(struct span *line, struct span *ret_word)
{
    const uint8_t *space = line->len > 0 ? memchr(line->data, ' ', line->len) : NULL;
    size_t len = space != NULL ? (size_t)(space - line->data) : line->len;
    /* A space at the line's end would stand before an empty word. */
    if (len == 0 || len + 1 == line->len) {
        return ERR_PROTO;
    }
    *ret_word = span_of(line->data, len);
    size_t taken = len + (space != NULL);
    *line = span_of(line->data + taken, line->len - taken);
    return ERR_OK;
}

static int digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err sealed_read_key(struct span word, unsigned char *ret_key, size_t n)
{
    if (word.len != 2 * n) {
        return ERR_PROTO;
    }
    for (size_t i = 0; i < word.len; i++) {
        if (digit(word.data[i]) < 0) {
            return ERR_PROTO;
        }
    }
    for (size_t i = 0; i < n; i++) {
        unsigned high = (unsigned)digit(word.data[2 * i]);
        unsigned low = (unsigned)digit(word.data[2 * i + 1]);
        ret_key[i] = (unsigned char)(high << 4 | low);
    }
    return ERR_OK;
}

void sealed_write_key(const unsigned char *key, size_t n, char *ret_text)
{
    sodium_bin2hex(ret_text, 2 * n + 1, key, n);
}

enum err sealed_read_number(struct span word, int64_t *ret_number)
{
    int64_t v = 0;
    if (word.len == 0 || (word.len > 1 && word.data[0] == '0')) {
        return ERR_PROTO;
    }
    for (size_t i = 0; i < word.len; i++) {
        int d = digit(word.data[i]);
        if (d < 0 || d > 9 || v > (INT64_MAX - d) / 10) {
            return ERR_PROTO;
        }
        v = v * 10 + d;
    }
    *ret_number = v;
    return ERR_OK;
}
