/* Memory. Small fixed structs come from mem_alloc, which ends the process when there is none;
 * anything sized by a peer comes from mem_try_*, which may fail and whose failure is tested. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Zeroed memory; aborts the process with a sentence on stderr when there is none. Gives. */
void *mem_alloc(size_t size);

/* A copy of a NUL-terminated string; aborts when there is no memory. Gives. */
char *mem_strdup(const char *s);

/* Zeroed memory of a size that a peer chose, or NULL. Gives. */
void *mem_try_alloc(size_t size);

/* Like realloc (new bytes are not zeroed); NULL on failure, and then the old memory stands. */
void *mem_try_realloc(void *p, size_t size);

/* Frees memory of any of the above; takes NULL. */
void mem_free(void *p);

/* For tests: the nth next mem_try_* call fails (1 = the next one), once; 0 turns this off.
 * Not thread-safe: only for single-threaded tests. */
void mem_fail_nth(size_t n);

/* For tests: true when the failure asked for by mem_fail_nth has happened. */
_Bool mem_has_failed(void);

#endif
