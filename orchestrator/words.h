/* Texts for people that are cut to a size. Texts in messages are UTF-8, so they are never cut
 * inside a character. Pure. */
#ifndef ORCHESTRATOR_WORDS_H
#define ORCHESTRATOR_WORDS_H

#include <stddef.h>

/* Copies as many whole characters as fit into size bytes with the NUL (size > 0). from is UTF-8 and
 * may be longer. */
void words_copy(char *out, size_t size, const char *from);

#endif
