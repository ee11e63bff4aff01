/* What a viewer gets at the addresses of media files: /media/, /media.json, /video. Any thread. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_MEDIA_H
#define BROADCASTER_VIEWERS_VIEWERS_MEDIA_H

#include <stdbool.h>

#include "broadcaster/media/media.h"
#include "broadcaster/viewers/viewers_answer.h"

/* False: another method or address; the answer is untouched. True: it is to be freed with
 * answer_fini. media NULL: there are none; listed: false: it is not told which there are. */
bool viewers_media_answer(struct media *media, bool listed, const struct viewer_request *request,
                          struct answer *a);

#endif
