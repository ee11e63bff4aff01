/* Names that people and peers choose, and random ones. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

#define ID_MAX 128 /* bytes of a stream id, without the NUL */

/* A stream id that can stand in a URL path and a log line: 1..ID_MAX bytes of A-Z a-z 0-9 . _ - ~
 * and well-formed UTF-8 from U+00A0 on; not "." or ".."; never starting with a dot. */
bool id_valid(struct span s);

/* Fills out with 2*n_bytes random hex digits and a NUL (out holds 2*n_bytes+1); unguessable:
 * from the kernel's random source. n_bytes <= 32. */
void id_random_hex(char *out, size_t n_bytes);

#endif
