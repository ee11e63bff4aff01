/* Keeps who has had the free preview in a file of the data directory, so that it is not given again
 * when the broadcaster is started anew. In it are hashes and the salt that they were made with: of
 * an address for as long as it may have no other preview, of viewers as long as there is room. A
 * thread of its own writes it. One thread at a time calls. */
#ifndef BROADCASTER_PAYWALL_PREVIEW_FILE_H
#define BROADCASTER_PAYWALL_PREVIEW_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "broadcaster/paywall/preview.h"
#include "broadcaster/viewers/audience.h"

#define PREVIEW_FILE       "previews" /* in the data directory, mode 0600 */
#define PREVIEW_FILE_EVERY 5000       /* ms at least between two writes */

struct preview_file;

/* Reads what was kept into `p`, and its salt; without a file both stay as they are. Blocking. What
 * is wrong is logged, and done without. Gives; NULL: nothing can be kept there. */
struct preview_file *preview_file_open(const char *data_dir, struct preview *p,
                                       struct audience_salt *salt);

/* What the file holds. Pure. ERR_PROTO: it is no such file, or damaged from some place on; what was
 * before that counts. */
enum err preview_file_parse(struct span bytes, int64_t now_ms, int64_t wall_ms, struct preview *p,
                            struct audience_salt *salt) CHECKED;

/* Whether it is time to write, as `p` has changed. Takes NULL: false. */
bool preview_file_due(const struct preview_file *f, const struct preview *p, int64_t now_ms);

/* Copies what `p` knows, under its lock; then preview_file_write begins to write that. */
void preview_file_take(struct preview_file *f, const struct preview *p, int64_t now_ms);
void preview_file_write(struct preview_file *f);

/* Writes what has changed since. Blocking. Takes NULL. */
void preview_file_close(struct preview_file *f, const struct preview *p);

#endif
