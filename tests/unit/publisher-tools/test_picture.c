#include "publisher-tools/picture.h"

#include <string.h>

#include "base/mem.h"
#include "publisher-tools/font.h"
#include "tests/support/unit.h"

#define GUARD 64
#define PAINT 0xee /* what nothing draws */

struct canvas {
    struct picture p;
    uint8_t *memory;
    size_t size;
};

static struct canvas new_canvas(int w, int h)
{
    struct canvas c = {.size = (size_t)(w + 8) * h * 2 + 4 * GUARD};
    c.memory = mem_alloc(c.size);
    memset(c.memory, PAINT, c.size);
    c.p = (struct picture){.width = w, .height = h, .y_stride = w + 8};
    c.p.u_stride = c.p.v_stride = w / 2 + 4;
    c.p.y = c.memory + GUARD;
    c.p.u = c.p.y + (size_t)c.p.y_stride * h + GUARD;
    c.p.v = c.p.u + (size_t)c.p.u_stride * h / 2 + GUARD;
    return c;
}

static void assert_plane(const uint8_t *plane, int stride, int w, int h)
{
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < stride; x++) {
            bool inside = x < w;
            ck_assert_msg((plane[(size_t)y * stride + x] != PAINT) == inside, "at %d,%d", x, y);
        }
    }
    for (int i = 1; i <= GUARD; i++) {
        ck_assert_uint_eq(plane[-i], PAINT);
        ck_assert_uint_eq(plane[(size_t)stride * h + i - 1], PAINT);
    }
}

START_TEST(every_pixel_is_drawn_and_none_outside)
{
    const int sizes[][2] = {{64, 64}, {640, 480}, {66, 90}, {256, 144}, {130, 1000}, {1920, 64}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct canvas c = new_canvas(sizes[i][0], sizes[i][1]);
        for (uint32_t n = 0; n < 2000; n += 333) {
            picture_draw(&c.p, n, 1795000000123);
        }
        assert_plane(c.p.y, c.p.y_stride, c.p.width, c.p.height);
        assert_plane(c.p.u, c.p.u_stride, c.p.width / 2, c.p.height / 2);
        assert_plane(c.p.v, c.p.v_stride, c.p.width / 2, c.p.height / 2);
        mem_free(c.memory);
    }
}
END_TEST

START_TEST(the_number_is_read_back)
{
    const uint32_t numbers[] = {0, 1, 2, 0x55555555, 0xaaaaaaaa, 0x80000001, 0xffffffff, 123456};
    struct canvas c = new_canvas(320, 180);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint32_t got = 7;
        picture_draw(&c.p, numbers[i], 0);
        ck_assert_int_eq(picture_read_number(c.p.y, c.p.y_stride, 320, 180, &got), ERR_OK);
        ck_assert_uint_eq(got, numbers[i]);
    }
    mem_free(c.memory);
}
END_TEST

START_TEST(another_picture_has_no_number)
{
    struct canvas c = new_canvas(320, 180);
    uint32_t got = 7;
    memset(c.p.y, 16, (size_t)c.p.y_stride * 180);
    ck_assert_int_eq(picture_read_number(c.p.y, c.p.y_stride, 320, 180, &got), ERR_PROTO);
    picture_draw(&c.p, 5, 0);
    c.p.y[5 * c.p.y_stride + 315] ^= 0x80; /* one block of the first row */
    ck_assert_int_eq(picture_read_number(c.p.y, c.p.y_stride, 320, 180, &got), ERR_PROTO);
    ck_assert_uint_eq(got, 7);
    mem_free(c.memory);
}
END_TEST

START_TEST(pictures_move)
{
    struct canvas a = new_canvas(320, 240);
    struct canvas b = new_canvas(320, 240);
    picture_draw(&a.p, 1, 1000);
    picture_draw(&b.p, 1, 1000);
    ck_assert_mem_eq(a.memory, b.memory, a.size);
    picture_draw(&b.p, 1, 2000); /* the clock */
    ck_assert_mem_ne(a.memory, b.memory, a.size);
    picture_draw(&b.p, 2, 1000); /* below the number rows, box and ramp */
    size_t from = (size_t)a.p.y_stride * 60;
    ck_assert_mem_ne(a.p.y + from, b.p.y + from, (size_t)a.p.y_stride * 60);
    mem_free(a.memory);
    mem_free(b.memory);
}
END_TEST

START_TEST(digits_differ)
{
    const char glyphs[] = "0123456789:. ";
    for (size_t i = 0; i < sizeof glyphs - 1; i++) {
        for (size_t j = 0; j < i; j++) {
            bool differ = false;
            for (int k = 0; k < FONT_WIDTH * FONT_HEIGHT; k++) {
                differ = differ || font_pixel(glyphs[i], k % FONT_WIDTH, k / FONT_WIDTH) !=
                                       font_pixel(glyphs[j], k % FONT_WIDTH, k / FONT_WIDTH);
            }
            ck_assert(differ);
        }
    }
}
END_TEST

UNIT_MAIN("picture", every_pixel_is_drawn_and_none_outside, the_number_is_read_back,
          another_picture_has_no_number, pictures_move, digits_differ)
