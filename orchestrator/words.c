#include "orchestrator/words.h"

#include <string.h>

void words_copy(char *out, size_t size, const char *from)
{
    size_t n = strnlen(from, size);
    if (n == size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80) {
            n--; /* from[n] continues a character that would be cut */
        }
    }
    memmove(out, from, n);
    out[n] = '\0';
}
