/* What a media file is by its name's ending. Pure. */
#ifndef BROADCASTER_MEDIA_MEDIA_TYPES_H
#define BROADCASTER_MEDIA_MEDIA_TYPES_H

#include <stdbool.h>

enum media_kind {
    MEDIA_KIND_OTHER, /* served, and not listed: texts, pictures, unknown ones */
    MEDIA_KIND_VIDEO,
    MEDIA_KIND_AUDIO,
    MEDIA_KIND_PLAYLIST, /* of HLS or DASH */
    MEDIA_KIND_PIECE,    /* of an HLS or DASH presentation: served, and not listed */
};

struct media_type {
    const char *ending; /* small letters, without the dot; NULL: any other */
    const char *type;   /* for Content-Type; static storage */
    enum media_kind kind;
    bool piece_too; /* a piece where a playlist lies beside it */
};

/* By what stands behind the last dot of a path, in small letters or capitals; never NULL. */
const struct media_type *media_type_of(const char *path);

#endif
