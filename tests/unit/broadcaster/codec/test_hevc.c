#include "broadcaster/codec/hevc.h"

#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

/* x265, 320x240, 8 bits; the record as FFmpeg writes it, without its SEI */
#define RECORD_PLAIN                                                                               \
    "0104080000009e08000000003cf000fcfff8f800000f03200001001740010c01ffff0408000003009e0800000300" \
    "003c959809210001002b4201010408000003009e0800000300003c90014101e2cb2b349265780b70202000400000" \
    "0300400000078222000100084401c172860c4624"
/* x265, 1918x1078, 10 bits, BT.2020 with PQ, sample aspect 4:3, five reference sets */
#define RECORD_HDR                                                                                 \
    "01022000000090000000000078f000fcfdfafa00000f03200001001840010c01ffff022000000300900000030000" \
    "0300789598092100010030420101022000000300900000030000030078a003c08010e754d96566924e5787350910" \
    "0904000003000400000300782022000100074401c172b46240"

static struct hevc_sps sps_of(const char *hex)
{
    struct span record = cut_hex(hex);
    struct hevc_config c;
    struct hevc_sps sps;
    ck_assert_int_eq(hevc_config_parse(record, &c), ERR_OK);
    ck_assert_int_eq(c.nal_length_size, 4);
    ck_assert_int_eq(hevc_sps_parse(c.sps, &sps), ERR_OK);
    cut_free(record);
    return sps;
}

START_TEST(sizes)
{
    struct hevc_sps sps = sps_of(RECORD_PLAIN);
    ck_assert_int_eq(sps.width, 320);
    ck_assert_int_eq(sps.height, 240);
    ck_assert_int_eq(sps.sar_num, 1);
    ck_assert_int_eq(sps.sar_den, 1);
    sps = sps_of(RECORD_HDR);
    ck_assert_int_eq(sps.width, 1918);
    ck_assert_int_eq(sps.height, 1078);
}
END_TEST

START_TEST(aspect_and_colors)
{
    struct hevc_sps sps = sps_of(RECORD_HDR);
    ck_assert_int_eq(sps.sar_num, 4);
    ck_assert_int_eq(sps.sar_den, 3);
    ck_assert_int_eq(sps.color.primaries, 9);
    ck_assert_int_eq(sps.color.transfer, 16);
    ck_assert_int_eq(sps.color.matrix, 9);
    ck_assert(!sps.color.full_range);
}
END_TEST

START_TEST(cut_short)
{
    struct span record = cut_hex(RECORD_HDR);
    struct hevc_config c;
    struct hevc_sps sps;
    for (size_t n = 0; n < record.len; n++) {
        struct span cut = cut_at(record, n);
        ck_assert_int_eq(hevc_config_parse(cut, &c), ERR_PROTO);
        cut_free(cut);
    }
    ck_assert_int_eq(hevc_config_parse(record, &c), ERR_OK);
    size_t sized = 0;
    for (size_t n = 0; n < c.sps.len; n++) {
        struct span cut = cut_at(c.sps, n);
        enum err e = hevc_sps_parse(cut, &sps);
        ck_assert(e == ERR_OK || e == ERR_PROTO);
        ck_assert(e == ERR_OK || sized == 0); /* once it has its size it stays readable */
        sized += e == ERR_OK;
        ck_assert(e != ERR_OK || (sps.width == 1918 && sps.height == 1078));
        cut_free(cut);
    }
    ck_assert_uint_gt(sized, 0);
    ck_assert_uint_lt(sized, c.sps.len - 10);
}
END_TEST

START_TEST(not_hevc)
{
    struct hevc_config c;
    struct hevc_sps sps = {.width = 7};
    /* an AVCDecoderConfigurationRecord */
    ck_assert_int_eq(hevc_config_parse(cut_hex("0142c00dffe100166742c00dda0507ec04400000030040"
                                               "00000f03c50aa801000468ce0fc8"),
                                       &c),
                     ERR_PROTO);
    ck_assert_int_eq(
        hevc_config_parse(cut_hex("02022000000090000000000078f000fcfdfafa00000f00"), &c),
        ERR_PROTO);
    ck_assert_int_eq(
        hevc_config_parse(cut_hex("01022000000090000000000078f000fcfdfafa00000f00"), &c),
        ERR_NOENT);
    ck_assert_int_eq(
        hevc_config_parse(cut_hex("00022000000090000000000078f000fcfdfafa00000f00"), &c),
        ERR_NOENT); /* the version that some leave at 0 */
    ck_assert_int_eq(
        hevc_config_parse(cut_hex("01022000000090000000000078f000fcfdfafa00000e00"), &c),
        ERR_PROTO); /* lengths of 3 bytes */
    ck_assert_int_eq(hevc_sps_parse(BYTES(0x44, 1, 0xc1, 0x72), &sps), ERR_PROTO);
    ck_assert_int_eq(hevc_sps_parse(BYTES(0x42, 1, 0x0f, 0x72), &sps), ERR_PROTO);
    ck_assert_int_eq(sps.width, 7);
}
END_TEST

START_TEST(pictures)
{
    static const struct {
        int type;
        bool irap, broken_link, clean, rasl;
    } rows[] = {{0, 0, 0, 0, 0},  {1, 0, 0, 0, 0},  {7, 0, 0, 0, 0},  {8, 0, 0, 0, 1},
                {9, 0, 0, 0, 1},  {16, 1, 1, 0, 0}, {17, 1, 1, 0, 0}, {18, 1, 1, 0, 0},
                {19, 1, 0, 1, 0}, {20, 1, 0, 1, 0}, {21, 1, 0, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t unit[] = {0, 0, 0, 3, 32 << 1, 1, 0, 0, 0, 0, 2, (uint8_t)(rows[i].type << 1), 1};
        struct hevc_picture p = hevc_picture_of(span_of(unit, sizeof unit), 4);
        ck_assert_msg(p.irap == rows[i].irap && p.broken_link == rows[i].broken_link &&
                          p.clean == rows[i].clean && p.rasl == rows[i].rasl,
                      "type %d", rows[i].type);
    }
    ck_assert(!hevc_picture_of(BYTES(0, 0, 0, 2, 32 << 1, 1), 4).irap);
    ck_assert(!hevc_picture_of(BYTES(0, 0, 0, 9, 19 << 1, 1), 4).irap); /* cut short */
    ck_assert(hevc_picture_of(BYTES(0, 2, 19 << 1, 1), 2).irap);
    ck_assert(!hevc_picture_of(span_of(NULL, 0), 4).irap);
}
END_TEST

UNIT_MAIN("hevc", sizes, aspect_and_colors, cut_short, not_hevc, pictures)
