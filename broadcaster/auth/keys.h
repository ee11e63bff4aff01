/* The keys file: who may publish, as what, and how much. YAML (run/config_tree.h):
 *
 *   keys:
 *     - key: SECRET                # or hash: "blake2b:..." (broadcaster -hashKey)
 *       id: movie                  # the public name
 *       ladder: [P240p30fps16x9]   # optional: instead of -transcodingOptions; a named rung, or
 *                                  # {name: low, width: 426, height: 240, bitrate: 500000, fps: 30}
 *       limits: {bitrateKbps: 6000, maxWidth: 1920, maxHeight: 1080}   # optional
 *
 * Pure. Keys are kept as hashes only. */
#ifndef BROADCASTER_AUTH_KEYS_H
#define BROADCASTER_AUTH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/id.h"
#include "broadcaster/auth/limits.h"
#include "broadcaster/ingest/publish_name.h"
#include "broadcaster/jobs/ladder.h"
#include "run/config_tree.h"
#include "run/key_hash.h"

#define KEYS_MAX 1000 /* of one file: each attempt is compared with all of them */

struct key_entry {
    struct key_hash hash;
    char id[ID_MAX + 1];
    bool has_ladder;
    struct ladder ladder;
    struct limits limits;
    unsigned line;
};

struct keys {
    struct key_entry *entries;
    size_t count;
    size_t weak; /* keys that are shorter than KEY_HASH_GOOD, as far as they can be seen */
};

/* Gives; root may be NULL (a file without keys, which admits nobody). ERR_PROTO, ERR_LIMIT,
 * ERR_NOMEM: ret_fault says what and where, without keys. */
enum err keys_read(const struct config_node *root, struct keys **ret_keys,
                   struct config_fault *ret_fault) CHECKED;
void keys_destroy(struct keys *k); /* takes NULL */

/* The entry of that key, or NULL. */
const struct key_entry *keys_find(const struct keys *k, struct span key);

/* What a publisher's path ("live/KEY", "ID/KEY") and query ("key=KEY" beside "live/ID") mean: the
 * entry, and in *ret_name its id and the key as it came. ERR_AUTH: no key of the file, or that of
 * another id. */
enum err keys_match(const struct keys *k, const char *path, const char *query,
                    const struct key_entry **ret_entry, struct publish_name *ret_name) CHECKED;

/* Whether a text can be a key: 1 to PUBLISH_KEY_MAX visible characters that a publish URL can carry
 * as they are. */
bool keys_is_key(const char *text);

#endif
