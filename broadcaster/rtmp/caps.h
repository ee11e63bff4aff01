/* What both ends of a connection say of Enhanced RTMP when it begins (v2, "Enhancing NetConnection
 * connect Command"): which codecs, and which further abilities. Pure. */
#ifndef BROADCASTER_RTMP_CAPS_H
#define BROADCASTER_RTMP_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "broadcaster/rtmp/amf0.h"
#include "media/track.h"

/* capsEx */
#define CAPS_EX_RECONNECT   0x01
#define CAPS_EX_MULTITRACK  0x02
#define CAPS_EX_MODEX       0x04
#define CAPS_EX_OFFSET_NANO 0x08

/* of the maps of FourCCs */
#define CAPS_CAN_DECODE  0x01
#define CAPS_CAN_ENCODE  0x02
#define CAPS_CAN_FORWARD 0x04

struct rtmp_caps {
    bool enhanced;           /* any of it was said */
    uint32_t ex;             /* CAPS_EX_*, with bits that are not known here */
    uint8_t codecs[CODECS_]; /* CAPS_CAN_*, from the maps; the old list says CAN_DECODE. "*" counts
                                for every codec of that map or list */
};

/* The members of connect's command object; what is missing or of another type says nothing. */
void caps_read(const struct amf0_value *object, struct rtmp_caps *ret_caps);

/* Our own members, into an object that is being written. */
void caps_put(struct amf0_writer *w);

#endif
