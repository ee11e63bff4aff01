/* libcheck notes the place of each assertion that holds, for what may crash behind it, by writing
 * to a file: tests that assert in loops did little else. Linked with --wrap=_mark_point, unit tests
 * note their first places and some of the others. */
#include <stdatomic.h>

#define ALL_UNTIL   1000
#define THEN_ONE_OF 100

void __real__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line);

void __wrap__mark_point(const char *file, int line)
{
    static atomic_uint count;
    unsigned n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    if (n < ALL_UNTIL || n % THEN_ONE_OF == 0) {
        __real__mark_point(file, line);
    }
}
