#include "broadcaster/viewers/http_target.h"

#include <stddef.h>
#include <string.h>

#define FOLDED '\1' /* no address has it; from a client it means the same */

void http_target_fold(char *target)
{
    char *at = strchr(target, '?');
    while (at != NULL && (at = strchr(at, '&')) != NULL) {
        *at++ = FOLDED;
    }
}

char http_target_sent(char c)
{
    return c == ' ' ? '+' : c == FOLDED ? '&' : c;
}

void http_target_unfold(char *target)
{
    for (char *at = target; *at != '\0'; at++) {
        *at = http_target_sent(*at);
    }
}
