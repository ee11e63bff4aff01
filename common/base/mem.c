#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t fail_countdown;
static _Bool failed;

static _Bool must_fail(void)
{
    if (fail_countdown == 0 || --fail_countdown > 0) {
        return 0;
    }
    failed = 1;
    return 1;
}

void *mem_alloc(size_t size)
{
    void *p = calloc(1, size > 0 ? size : 1);
    if (p == NULL) {
        fprintf(stderr, "out of memory: %zu bytes were refused by the system\n", size);
        abort();
    }
    return p;
}

char *mem_strdup(const char *s)
{
    size_t len = strlen(s) + 1;
    char *copy = mem_alloc(len);
    memcpy(copy, s, len);
    return copy;
}

void *mem_try_alloc(size_t size)
{
    return must_fail() ? NULL : calloc(1, size > 0 ? size : 1);
}

void *mem_try_realloc(void *p, size_t size)
{
    return must_fail() ? NULL : realloc(p, size > 0 ? size : 1);
}

void mem_free(void *p)
{
    free(p);
}

void mem_fail_nth(size_t n)
{
    fail_countdown = n;
    failed = 0;
}

_Bool mem_has_failed(void)
{
    return failed;
}
