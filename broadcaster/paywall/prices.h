/* What each stream and each file costs: a file of prices (YAML), and one price for all that it does
 * not name. Asked on any thread, also while it is replaced. */
#ifndef BROADCASTER_PAYWALL_PRICES_H
#define BROADCASTER_PAYWALL_PRICES_H

#include "base/err.h"
#include "broadcaster/paywall/toll.h"
#include "run/config_tree.h"

struct prices;

#define PRICES_MAX      10000 /* entries of one file */
#define PRICES_NAME_MAX 1024  /* bytes of a name */

/* The price of whatever nothing else is said of, from two flags' texts, of which at most one is not
 * "". ERR_PROTO, ERR_LIMIT: ret_why (CONFIG_WHY_MAX bytes) names the flag. Both "": free. */
enum err prices_default(const char *per_minute, const char *per_mb, int scale,
                        struct toll *ret_toll, char *ret_why) CHECKED;

/* Takes nothing; `rest` is the price of what root does not name. root NULL: an empty file.
 *
 *   streams:
 *     concert: {perMinute: 0.002}
 *     "news-*": {perMB: 0.05}     # a star at the end stands for anything
 *     trailer: free
 *   files:
 *     "films-*": {perMinute: 0.01}
 *
 * The first that fits counts. ERR_PROTO, ERR_LIMIT: ret_fault. Gives. */
enum err prices_read(const struct config_node *root, const struct toll *rest, int scale,
                     struct prices **ret_prices, struct config_fault *ret_fault) CHECKED;

/* The same from a file; path "": none. ERR_IO too; ret_why (CONFIG_WHY_MAX bytes). Blocking. */
enum err prices_load(const char *path, const struct toll *rest, int scale,
                     struct prices **ret_prices, char *ret_why) CHECKED;
void prices_destroy(struct prices *p); /* takes NULL */

/* From now on p has what `fresh` had. Takes fresh. */
void prices_replace(struct prices *p, struct prices *fresh);

struct toll prices_of_stream(struct prices *p, const char *id);
struct toll prices_of_file(struct prices *p, const char *path); /* below /media/ */

/* Whether anything costs something. */
bool prices_any(struct prices *p);

#endif
