/* Entity tags and what a request makes depend on them (RFC 9110, 8.8.3 and 13.1). Pure, total. */
#ifndef BROADCASTER_VIEWERS_HTTP_TAG_H
#define BROADCASTER_VIEWERS_HTTP_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define HTTP_TAG_MAX 24 /* bytes of a tag as text, with the quotes and the NUL */

/* What stands for a body, never 0: of its bytes, or of numbers that tell it from all others. Equal
 * input gives equal tags on every machine of one byte order. */
uint64_t http_tag_of(struct span bytes);
uint64_t http_tag_of_numbers(const uint64_t *numbers, size_t n);

/* A strong tag as it is sent, e.g. "0123456789abcdef"; another one for the body's form by gzip. */
void http_tag_write(uint64_t tag, bool gzip, char ret_text[HTTP_TAG_MAX]);

/* Whether a list of tags, as If-None-Match has it, names this one: "*" names all, and a weak tag is
 * as good as a strong one (8.8.3.2). NULL: no list, false. What is malformed ends the list. */
bool http_tag_listed(const char *list, const char *tag);

/* The same for If-Match: weak tags name nothing. */
bool http_tag_listed_strong(const char *list, const char *tag);

/* Whether If-Range lets a Range stand: it is absent (NULL), or is this very strong tag. A date
 * never does: nothing here says when it was last changed. */
bool http_tag_allows_range(const char *if_range, const char *tag);

#endif
