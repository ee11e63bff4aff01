/* The form of this system's own small text files (credentials, lists of them): a first line that
 * names the kind and its version, lines of words, and a last line with a checksum over all before
 * it, so that a file that was cut short, edited or damaged is never read by halves. It is no
 * signature: who can write the file can write that line too. Pure; any thread. */
#ifndef RUN_SEALED_H
#define RUN_SEALED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define SEALED_PREFIX     "streaming back-end " /* every such file begins with it */
#define SEALED_LINE_BYTES 39                    /* of the last line, with its line end */

/* Whether the text begins as such a file does: it is no secret and no configuration then. */
bool sealed_is_ours(struct span text);

/* Whether it begins as a file of that kind ("link credential"), of whatever version. */
bool sealed_is(struct span text, const char *kind);

/* The last line for the text before it, with a NUL. */
void sealed_line(struct span text, char ret_line[SEALED_LINE_BYTES + 1]);

/* Checks the first and the last line; *ret_body are the lines between them, borrowed, empty or with
 * a line end. ERR_PROTO, ERR_UNSUPPORTED (another version); *ret_why: a part of a sentence, "it
 * ...". */
enum err sealed_open(struct span text, const char *kind, unsigned version, struct span *ret_body,
                     const char **ret_why) CHECKED;

/* Takes the next line off the body, without its line end. ERR_NOENT: there is none. */
enum err sealed_take_line(struct span *body, struct span *ret_line) CHECKED;

/* Takes the next word off a line. Words are parted by one space; the last takes the rest's end.
 * ERR_PROTO: there is none, or it is empty. */
enum err sealed_take_word(struct span *line, struct span *ret_word) CHECKED;

/* A key of n bytes written as 2n small hexadecimal digits (and a NUL). */
void sealed_write_key(const unsigned char *key, size_t n, char *ret_text);
enum err sealed_read_key(struct span word, unsigned char *ret_key, size_t n) CHECKED;

/* A decimal number without sign or leading zeros, up to INT64_MAX. */
enum err sealed_read_number(struct span word, int64_t *ret_number) CHECKED;

#endif
