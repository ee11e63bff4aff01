/* The test picture: colour bars with a moving box, a running grey ramp, a clock and a frame counter
 * for people, and the frame number once more for machines. Pure.
 *
 * For machines: the picture's top sixteenth is a row of 32 blocks of equal width, the frame number
 * as 32 bits, highest bit left, white is 1 and black is 0. The sixteenth below it holds the
 * complement: where the two rows do not add up to all ones, the picture was read wrongly. Blocks
 * keep their places when the picture is scaled, and survive coding at any sane bitrate. */
#ifndef PUBLISHER_TOOLS_PICTURE_H
#define PUBLISHER_TOOLS_PICTURE_H

#include <stdint.h>

#include "base/err.h"

#define PICTURE_SIDE_MIN 64 /* pixels */
#define PICTURE_SIDE_MAX 8192

/* Planar YUV 4:2:0, limited range; the planes are borrowed. Width and height are even and within
 * the limits above. Strides in bytes. */
struct picture {
    uint8_t *y, *u, *v;
    int y_stride, u_stride, v_stride;
    int width, height;
};

/* Draws every pixel. number: of the frame, from 0. wall_ms: UTC since 1970, shown as the clock. */
void picture_draw(const struct picture *p, uint32_t number, int64_t wall_ms);

/* Reads the number back from a luma plane of any size from 64 x 32 on. ERR_PROTO: the two rows
 * disagree. */
enum err picture_read_number(const uint8_t *y, int stride, int width, int height,
                             uint32_t *ret_number) CHECKED;

#endif
