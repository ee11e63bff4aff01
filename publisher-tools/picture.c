#include "publisher-tools/picture.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "publisher-tools/font.h"

#define BITS      32
#define BARS      8
#define Y_BLACK   16
#define Y_WHITE   235
#define C_NEUTRAL 128

struct colour {
    uint8_t y, u, v;
};

/* 75 % bars of BT.601: white, yellow, cyan, green, magenta, red, blue, black. */
static const struct colour bars[BARS] = {
    {180, 128, 128}, {162, 44, 142}, {131, 156, 44}, {112, 72, 58},
    {84, 184, 198},  {65, 100, 212}, {35, 212, 114}, {16, 128, 128},
};
static const struct colour black = {Y_BLACK, C_NEUTRAL, C_NEUTRAL};
static const struct colour white = {Y_WHITE, C_NEUTRAL, C_NEUTRAL};

/* Chroma follows the even rows and columns, so that neighbouring fills leave no seam. */
static void fill(const struct picture *p, int x, int y, int w, int h, struct colour c)
{
    for (int row = y; row < y + h; row++) {
        memset(p->y + (size_t)row * p->y_stride + x, c.y, (size_t)w);
    }
    int cx = (x + 1) / 2;
    int cw = (x + w + 1) / 2 - cx;
    for (int row = (y + 1) / 2; row < (y + h + 1) / 2; row++) {
        memset(p->u + (size_t)row * p->u_stride + cx, c.u, (size_t)cw);
        memset(p->v + (size_t)row * p->v_stride + cx, c.v, (size_t)cw);
    }
}

static void draw_number_row(const struct picture *p, int top, int bottom, uint32_t bits)
{
    for (int i = 0; i < BITS; i++) {
        int left = i * p->width / BITS;
        int right = (i + 1) * p->width / BITS;
        bool one = bits >> (BITS - 1 - i) & 1;
        fill(p, left, top, right - left, bottom - top, one ? white : black);
    }
}

static void draw_bars(const struct picture *p, int top, int bottom)
{
    for (int i = 0; i < BARS; i++) {
        int left = i * p->width / BARS;
        int right = (i + 1) * p->width / BARS;
        fill(p, left, top, right - left, bottom - top, bars[i]);
    }
}

/* A grey ramp that moves by two pixels per frame. */
static void draw_ramp(const struct picture *p, int top, int bottom, uint32_t number)
{
    fill(p, 0, top, p->width, bottom - top, black);
    uint8_t *first = p->y + (size_t)top * p->y_stride;
    for (int x = 0; x < p->width; x++) {
        int at = (int)(((uint32_t)x + number * 2) % (uint32_t)p->width);
        first[x] = (uint8_t)(Y_BLACK + at * (Y_WHITE - Y_BLACK) / p->width);
    }
    for (int row = top + 1; row < bottom; row++) {
        memcpy(p->y + (size_t)row * p->y_stride, first, (size_t)p->width);
    }
}

/* Goes from 0 to range and back, by step for each n. */
static int bounce(uint32_t n, int step, int range)
{
    if (range <= 0) {
        return 0;
    }
    int at = (int)((uint64_t)n * (unsigned)step % (2 * (unsigned)range));
    return at <= range ? at : 2 * range - at;
}

static void draw_box(const struct picture *p, int top, int bottom, uint32_t number)
{
    int side = (bottom - top) / 5;
    int x = bounce(number, 4, p->width - side);
    int y = top + bounce(number, 3, bottom - top - side);
    fill(p, x, y, side, side, white);
}

static void draw_text(const struct picture *p, const char *text, int x, int y, int scale)
{
    for (; *text != '\0'; text++, x += FONT_CELL_WIDTH * scale) {
        for (int row = 0; row < FONT_HEIGHT; row++) {
            for (int column = 0; column < FONT_WIDTH; column++) {
                if (font_pixel(*text, column, row)) {
                    fill(p, x + column * scale, y + row * scale, scale, scale, white);
                }
            }
        }
    }
}

/* Two lines on a black ground: the time of day and the frame number. */
static void draw_clock(const struct picture *p, uint32_t number, int64_t wall_ms)
{
    char lines[2][16];
    int64_t day_ms = wall_ms % 86400000;
    unsigned ms = (unsigned)(day_ms < 0 ? day_ms + 86400000 : day_ms);
    snprintf(lines[0], sizeof lines[0], "%02u:%02u:%02u.%03u", ms / 3600000, ms / 60000 % 60,
             ms / 1000 % 60, ms % 1000);
    snprintf(lines[1], sizeof lines[1], "%12u", (unsigned)number);
    int text_cells = 12 * FONT_CELL_WIDTH + 1;
    int scale = p->width * 3 / 4 / text_cells;
    int by_height = p->height / 4 / (2 * FONT_CELL_HEIGHT + 1);
    scale = scale < by_height ? scale : by_height;
    if (scale < 1) {
        return; /* too small to be read anyway */
    }
    int w = text_cells * scale;
    int h = (2 * FONT_CELL_HEIGHT + 1) * scale;
    int x = (p->width - w) / 2;
    int y = (p->height - h) / 2;
    fill(p, x, y, w, h, black);
    draw_text(p, lines[0], x + scale, y + scale, scale);
    draw_text(p, lines[1], x + scale, y + (1 + FONT_CELL_HEIGHT) * scale, scale);
}

void picture_draw(const struct picture *p, uint32_t number, int64_t wall_ms)
{
    int sixteenth = p->height / 16;
    int ramp_top = p->height * 3 / 4;
    draw_number_row(p, 0, sixteenth, number);
    draw_number_row(p, sixteenth, 2 * sixteenth, ~number);
    draw_bars(p, 2 * sixteenth, ramp_top);
    draw_ramp(p, ramp_top, p->height, number);
    draw_box(p, 2 * sixteenth, ramp_top, number);
    draw_clock(p, number, wall_ms);
}

static uint32_t read_row(const uint8_t *y, int stride, int width, int middle)
{
    uint32_t bits = 0;
    for (int i = 0; i < BITS; i++) {
        int x = (2 * i + 1) * width / (2 * BITS);
        bits = bits << 1 | (y[(size_t)middle * stride + x] >= 128);
    }
    return bits;
}

enum err picture_read_number(const uint8_t *y, int stride, int width, int height,
                             uint32_t *ret_number)
{
    uint32_t number = read_row(y, stride, width, height / 32);
    uint32_t complement = read_row(y, stride, width, 3 * height / 32);
    if (number != ~complement) {
        return ERR_PROTO;
    }
    *ret_number = number;
    return ERR_OK;
}
