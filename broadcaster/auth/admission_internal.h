/* What admission.c (the decision) and admission_report.c (what is told of it) share; nobody else
 * includes it. */
#ifndef BROADCASTER_AUTH_ADMISSION_INTERNAL_H
#define BROADCASTER_AUTH_ADMISSION_INTERNAL_H

#include "base/list.h"
#include "broadcaster/auth/admission.h"
#include "broadcaster/auth/auth_client.h"
#include "broadcaster/auth/keys.h"

enum refusal {
    REFUSED_ADDRESS,
    REFUSED_BANNED,
    REFUSED_ADDRESS_FULL,
    REFUSED_NAME,
    REFUSED_KEY,
    REFUSED_TAKEN,
    REFUSED_WEBHOOK,
    REFUSED_NO_VERDICT,
    REFUSALS_
};

struct admission {
    struct admission_config config; /* its texts are not ours any more */
    struct cidr_list publish_allow, publish_deny, play_allow, play_deny;
    char *keys_path;
    struct keys *keys;        /* NULL: without a keys file */
    struct auth_client *auth; /* NULL: without a webhook */
    struct bans *bans;
    struct list passes;
    size_t asks; /* open */
    uint64_t admitted, revoked;
    uint64_t refused[REFUSALS_];
};

#endif
