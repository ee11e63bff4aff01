#include "orchestrator/hello.h"

#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "orchestrator/roster.h"
#include "orchestrator/words.h"

#define LINK_VERSION_MIN 1
#define SAID_MAX         33 /* of what a peer says about itself, inside a reason */

bool hello_is_right(const struct link_hello *h, enum link_role role, unsigned others, char *ret_why)
{
    char said[SAID_MAX];
    if (role != LINK_ROLE_TRANSCODER && role != LINK_ROLE_BROADCASTER) {
        snprintf(ret_why, HELLO_WHY_MAX, "an orchestrator's key cannot be used to connect to one");
        return false;
    }
    if (strcmp(h->role, link_role_name(role)) != 0) {
        words_copy(said, sizeof said, h->role);
        snprintf(ret_why, HELLO_WHY_MAX, "the peer says it is a %s, but its key is that of a %s",
                 said, link_role_name(role));
        return false;
    }
    if (h->version_max < LINK_VERSION_MIN || h->version_min > LINK_VERSION) {
        words_copy(said, sizeof said, h->software);
        snprintf(ret_why, HELLO_WHY_MAX,
                 "the peer (software %s) speaks versions %u to %u of the link, this "
                 "orchestrator (software %.32s) versions %u to %u: run the same release on both",
                 said, h->version_min, h->version_max, software_version, LINK_VERSION_MIN,
                 LINK_VERSION);
        return false;
    }
    if (others >= ROSTER_PEERS_MAX) {
        snprintf(ret_why, HELLO_WHY_MAX, "%u %ss are connected already", others,
                 link_role_name(role));
        return false;
    }
    return true;
}
