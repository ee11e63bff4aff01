/* The limits of every field of a link message, in one place: unpacking refuses what breaks them,
 * packing does too. Pure; any thread. */
#ifndef PROTO_LINK_CHECK_H
#define PROTO_LINK_CHECK_H

#include "base/err.h"
#include "proto/link_msg.h"

/* ERR_PROTO: a field is missing or malformed; ERR_LIMIT: it is outside its limits. ret_why gets a
 * static sentence naming the field. */
enum err link_check(const struct link_msg *m, const char **ret_why) CHECKED;

/* Whether a unit's packets add up to the payload, and others have none. */
enum err link_check_payload(const struct link_msg *m, size_t payload_len,
                            const char **ret_why) CHECKED;

#endif
