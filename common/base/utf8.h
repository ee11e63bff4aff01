/* UTF-8 (RFC 3629). Pure. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Bytes of the character at the front of s, 1 to 4; 0: there is none, or it is not well-formed
 * (cut short, overlong, a surrogate, beyond U+10FFFF). */
size_t utf8_read(struct span s, uint32_t *ret_code);

#endif
