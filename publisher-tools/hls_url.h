/* URLs of playlists and segments. Pure. */
#ifndef PUBLISHER_TOOLS_HLS_URL_H
#define PUBLISHER_TOOLS_HLS_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define HLS_URL_MAX 4096 /* bytes with the NUL */

/* True for http://host... and https://host... */
bool hls_url_is_http(const char *url);

/* The reference as seen from base (RFC 3986, section 5.2; base is an http or https URL). ret_url
 * holds HLS_URL_MAX. ERR_LIMIT: too long; ERR_PROTO: base has no host, or the reference is of
 * another scheme. */
enum err hls_url_resolve(const char *base, struct span reference, char *ret_url) CHECKED;

/* The number that the file name in front of its extension is ("/a/119802.ts?x=1" -> 119802). False:
 * the name is not a plain number. */
bool hls_url_number(const char *url, uint64_t *ret_number);

#endif
