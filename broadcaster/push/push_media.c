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

static bool stands(struct track_turn turn)
{
    return turn.quarters == 0 && !turn.mirrored;
}

enum err push_media_turn(struct push_media *m, struct track_turn turn)
{
    struct track_params params = *track_params(m->video);
    params.turn = turn;
    struct track *turned = track_create(&params);
    if (turned == NULL) {
        return ERR_NOMEM;
    }
    track_unref(m->video);
    m->video = turned;
    return ERR_OK;
}

enum err push_media_keep_turn(struct push_media *m, struct track_turn *io_turn)
{
    if (m->turn_told) {
        *io_turn = m->turn_last;
    } else if (m->video != NULL && stands(track_params(m->video)->turn) && !stands(*io_turn)) {
        return push_media_turn(m, *io_turn);
    }
    return ERR_OK;
}
