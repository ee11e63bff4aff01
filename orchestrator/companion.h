/* The credential of the transcoder in the orchestrator's own process, for when there is no shared
 * secret: kept in the data directory like those that are minted, and listed with them. */
#ifndef ORCHESTRATOR_COMPANION_H
#define ORCHESTRATOR_COMPANION_H

#include <stddef.h>

#include "orchestrator/credentials.h"

#define COMPANION_NAME "local-transcoder"

/* Writes the path of its file, made when there is none that is admitted, for -orchSecret. Only
 * where the orchestrator starts without a secret. Blocking. On failure ret_why (of size
 * CREDENTIALS_WHY_MAX) is a sentence. */
enum err companion_credential(const char *data_dir, char *ret_path, size_t size,
                              char *ret_why) CHECKED;

#endif
