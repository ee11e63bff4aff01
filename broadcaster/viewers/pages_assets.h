/* The files of broadcaster/web and the player library, as broadcaster/web/pack put them into this
 * executable. Constant; any thread. */
#ifndef BROADCASTER_VIEWERS_PAGES_ASSETS_H
#define BROADCASTER_VIEWERS_PAGES_ASSETS_H

#include <stddef.h>
#include <stdint.h>

struct pages_asset {
    const char *name; /* "watch.html"; in hls.h's letters for an asset */
    const char *type; /* Content-Type */
    const char *etag; /* strong, of the plain form: a quoted hash of the content */
    const char *etag_gzip;
    const uint8_t *plain, *gzip;
    size_t plain_len, gzip_len; /* bytes */
};

extern const struct pages_asset pages_assets[];
extern const size_t pages_assets_count;

#endif
