#include "broadcaster/push/push_media.h"

void push_media_init(struct push_media *m)
{
    *m = (struct push_media){.independent = false};
    packets_init(&m->video_packets);
    packets_init(&m->audio_packets);
    packets_init(&m->preroll);
}

void push_media_fini(struct push_media *m)
{
    packets_fini(&m->video_packets);
    packets_fini(&m->audio_packets);
    packets_fini(&m->preroll);
    track_unref(m->video);
    track_unref(m->audio);
    push_media_init(m);
}
