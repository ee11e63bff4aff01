/* Whether what a peer says at first is right. Pure. */
#ifndef ORCHESTRATOR_HELLO_H
#define ORCHESTRATOR_HELLO_H

#include <stdbool.h>

#include "proto/link_msg.h"
#include "run/secret.h"

#define HELLO_WHY_MAX 400

/* role: what its key proves; others: how many of that role have said hello before it. ret_why (of
 * size HELLO_WHY_MAX) gets a sentence for people on both sides when it is not. */
bool hello_is_right(const struct link_hello *h, enum link_role role, unsigned others,
                    char *ret_why);

#endif
