/* The broadcaster's doors as its flags describe them: where it listens, with what certificate,
 * whose word on addresses it takes, and who may publish. What cannot be used has been logged. Opens
 * nothing. */
#ifndef BROADCASTER_ROLE_DOORS_H
#define BROADCASTER_ROLE_DOORS_H

#include <stdbool.h>

#include "broadcaster/auth/admission.h"
#include "broadcaster/auth/cidr.h"
#include "broadcaster/ingest/ingest.h"
#include "broadcaster/role_config.h"
#include "broadcaster/viewers/pages.h"
#include "run/addr.h"
#include "run/daemon.h"

/* Adds the RTMP addresses, what TLS needs, and the proxies, which stay in `proxies` (the caller's
 * to free, on failure too). */
enum err role_doors_rtmp(const struct broadcaster_config *c, struct cidr_list *proxies,
                         struct ingest_config *config) CHECKED;

enum err role_doors_http(const struct broadcaster_config *c, struct addr *ret_addr) CHECKED;

/* Whether streams may be pushed at that address. */
bool role_doors_push(const struct daemon *d, const struct broadcaster_config *c,
                     const struct addr *http);

/* Adds who may publish and play, and how much. */
enum err role_doors_admission(const struct daemon *d, const struct broadcaster_config *c,
                              struct admission_config *config) CHECKED;

/* Whether a publisher needs a key of some sort. */
bool role_doors_guarded(const struct broadcaster_config *c);

/* Adds what the pages say of where to publish. An address that is wrong is left out: what is wrong
 * with it is said by role_doors_rtmp. */
void role_doors_pages(const struct broadcaster_config *c, struct pages_config *config);

#endif
