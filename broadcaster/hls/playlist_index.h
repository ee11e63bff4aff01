/* Writing /stream/index.m3u8: one master playlist (RFC 8216, 4.3.4) with what all live streams have
 * in MPEG-TS, for players that are to offer several. Pure. */
#ifndef BROADCASTER_HLS_PLAYLIST_INDEX_H
#define BROADCASTER_HLS_PLAYLIST_INDEX_H

#include "base/buf.h"
#include "broadcaster/hls/index_stream.h"

/* Adds it: the streams that have not ended, in their order, each with its variants as in its own
 * master; URIs are relative to /stream/. The variants of one stream have its number as PROGRAM-ID;
 * NAME="ID RENDITION" is for people (hls.js shows it). Streams that find no room under out's
 * maximum are left out, the last ones first. ERR_NOENT: there is no variant; ERR_NOMEM, ERR_LIMIT;
 * out keeps what it had then. */
enum err playlist_index(struct buf *out, const struct index_stream *list, size_t n) CHECKED;

#endif
