/* A YAML file (1.1, as libyaml 0.2.5 reads it) of maps, lists and texts, read as strictly as a
 * configuration file (run/config.h): no anchors, aliases, tags, second documents, values over
 * several lines, control characters, empty values, and no key twice in a map. What the keys and
 * values mean is its reader's business. Pure; one thread per tree. */
#ifndef RUN_CONFIG_TREE_H
#define RUN_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"
#include "run/config.h"

#define CONFIG_TREE_BYTES_MAX (1024 * 1024)
#define CONFIG_TREE_NODES_MAX 100000
#define CONFIG_TREE_DEPTH_MAX 8

enum config_kind { CONFIG_TEXT, CONFIG_LIST, CONFIG_MAP };

struct config_node {
    enum config_kind kind;
    unsigned line;            /* where it begins; of a map's member: its key's */
    char *key;                /* of a map's member; else NULL */
    char *text;               /* CONFIG_TEXT */
    bool plain;               /* CONFIG_TEXT: without quotes, so that digits are a number */
    struct config_node *next; /* in its map or list */
    struct config_node *first;
    struct config_node *last;
    size_t count;
};

/* Gives the root, or NULL for a text without any value. ERR_LIMIT, ERR_PROTO, ERR_NOMEM: ret_fault
 * says what and where, without values. */
enum err config_tree_read(struct span text, struct config_node **ret_root,
                          struct config_fault *ret_fault) CHECKED;

/* Wipes the texts. Takes NULL. */
void config_tree_destroy(struct config_node *root);

/* The member of a map, or NULL. */
const struct config_node *config_tree_member(const struct config_node *map, const char *key);

/* A decimal number without quotes, min to max. */
bool config_tree_int(const struct config_node *n, long min, long max, long *ret_value);

/* Reads the whole file (or pipe) of that name, which a flag ("-keysFile") gave. ERR_IO: it cannot
 * be read; else as config_tree_read.
 */
enum err config_tree_load(const char *path, const char *flag, struct config_node **ret_root,
                          char *ret_why) CHECKED;

/* "FILE:LINE: text" in one line, whatever the path is made of; ret_why of CONFIG_WHY_MAX. */
void config_fault_format(const char *path, const struct config_fault *fault, char *ret_why);

#endif
