/* What a track's codec is called in playlists, and whether a packet can be decoded without others.
 * Pure, on libav's structs. */
#ifndef PUBLISHER_TOOLS_MEDIA_CODEC_H
#define PUBLISHER_TOOLS_MEDIA_CODEC_H

#include <libavcodec/avcodec.h>
#include <stdbool.h>

#include "publisher-tools/media_facts.h"

/* ITU-T H.265, table 7-1 */
#define MEDIA_HEVC_RASL_N 8
#define MEDIA_HEVC_RASL_R 9
#define MEDIA_HEVC_CRA    21

/* RFC 6381, section 3.3, and the documents of each codec, as far as the track tells: "avc1.42c01e",
 * "hvc1.1.L93" (profile and level), "mp4a.40.2", "av01.0", "vp09.00". ret_codec holds
 * MEDIA_CODEC_MAX; "" when the codec has no such name. */
void media_codec_string(const AVCodecParameters *par, char *ret_codec);

/* What kind of HEVC picture it is; -1: it is none. */
int media_codec_hevc_kind(const AVCodecParameters *par, const AVPacket *p);

/* An IDR picture (H.264), an IRAP picture (HEVC), else a key frame. */
bool media_codec_independent(const AVCodecParameters *par, const AVPacket *p);

#endif
