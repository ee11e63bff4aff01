#include "broadcaster/codec/av1.h"

#include "base/mem.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

#define WRITTEN_MAX 1000

/* libaom, 320x240, 8 bits */
#define RECORD_PLAIN   "81000c000a0b000000043cffbcdaf90040"
#define SEQUENCE_PLAIN "000000043cffbcdaf90040"
/* SVT-AV1, 1280x720, 10 bits, BT.2020 with PQ */
#define RECORD_HDR "81054c000a0e0000002d4cffb3c02f8509100904"

static struct span sequence_in(struct span record)
{
    struct span payload;
    ck_assert_int_eq(av1_config_parse(record, &payload), ERR_OK);
    return payload;
}

START_TEST(records)
{
    struct av1_sequence s;
    ck_assert_int_eq(av1_sequence_parse(sequence_in(cut_hex(RECORD_PLAIN)), &s), ERR_OK);
    ck_assert_int_eq(s.width, 320);
    ck_assert_int_eq(s.height, 240);
    ck_assert(!s.high_bit_depth && !s.monochrome && s.sub_x && s.sub_y && !s.reduced_still);
    ck_assert_int_eq(s.color.primaries, 2);
    ck_assert_int_eq(av1_sequence_parse(sequence_in(cut_hex(RECORD_HDR)), &s), ERR_OK);
    ck_assert_int_eq(s.width, 1280);
    ck_assert_int_eq(s.height, 720);
    ck_assert(s.high_bit_depth && !s.twelve_bit);
    ck_assert_int_eq(s.level, 5);
    ck_assert_int_eq(s.color.primaries, 9);
    ck_assert_int_eq(s.color.transfer, 16);
    ck_assert_int_eq(s.color.matrix, 9);
}
END_TEST

START_TEST(records_cut_short)
{
    struct span record = cut_hex(RECORD_HDR), payload = sequence_in(record), found;
    struct av1_sequence s = {.width = 7};
    for (size_t n = 0; n < record.len; n++) {
        struct span cut = cut_at(record, n);
        ck_assert_int_eq(av1_config_parse(cut, &found), n == AV1_RECORD_BYTES ? ERR_OK : ERR_PROTO);
        cut_free(cut);
    }
    for (size_t n = 0; n < payload.len - 1; n++) { /* the last byte is film grain and padding */
        struct span cut = cut_at(payload, n);
        ck_assert_int_eq(av1_sequence_parse(cut, &s), ERR_PROTO);
        cut_free(cut);
    }
    ck_assert_int_eq(s.width, 7);
    ck_assert_int_eq(av1_config_parse(BYTES(0x01, 0, 0x0c, 0), &found), ERR_PROTO);
}
END_TEST

/* What an encoder put into its record is what follows from the sequence header in it. */
START_TEST(records_made)
{
    static const char *const records[] = {RECORD_PLAIN, RECORD_HDR};
    for (size_t i = 0; i < 2; i++) {
        struct span record = cut_hex(records[i]);
        struct buf out;
        buf_init(&out, WRITTEN_MAX);
        ck_assert_int_eq(av1_config_make(sequence_in(record), &out), ERR_OK);
        ck_assert(span_equal(buf_span(&out), record));
        buf_fini(&out);
    }
    struct buf out;
    buf_init(&out, WRITTEN_MAX);
    ck_assert_int_eq(av1_config_make(BYTES(0), &out), ERR_PROTO);
    buf_fini(&out);
}
END_TEST

START_TEST(descriptor)
{
    ck_assert(av1_is_descriptor(BYTES(0x80, 4, 0x81, 0, 0x0c, 0)));
    ck_assert(!av1_is_descriptor(BYTES(0x80, 4, 0x81, 0, 0x0c)));
    ck_assert(!av1_is_descriptor(BYTES(0x81, 4, 0x81, 0, 0x0c, 0)));
    ck_assert(!av1_is_descriptor(BYTES(0x80, 4, 0x01, 0, 0x0c, 0)));
}
END_TEST

static struct av1_unit unit_of(struct span s)
{
    struct av1_unit u;
    ck_assert_int_eq(av1_unit_parse(s, false, &u), ERR_OK);
    return u;
}

START_TEST(units)
{
    struct av1_unit u = unit_of(BYTES(0x32, 2, 0x10, 0xaa)); /* frame: key, shown */
    ck_assert(u.key && u.plain && u.sequence.len == 0 && u.body.len == 4);
    ck_assert(!unit_of(BYTES(0x32, 2, 0x00, 0xaa)).key);          /* key, not shown */
    ck_assert(!unit_of(BYTES(0x32, 2, 0x30, 0xaa)).key);          /* inter */
    ck_assert(!unit_of(BYTES(0x32, 2, 0x90, 0xaa)).key);          /* shows an old one */
    ck_assert(unit_of(BYTES(0x1a, 1, 0x10)).key);                 /* frame header by itself */
    ck_assert(!unit_of(BYTES(0x32, 1, 0x30, 0x32, 1, 0x10)).key); /* the first one counts */
    u = unit_of(BYTES(0x12, 0, 0x32, 1, 0x10));
    ck_assert(u.plain && u.body.len == 3); /* a delimiter is left out without copying */
    u = unit_of(BYTES(0x12, 0, 0x30, 0x10, 0xaa));
    ck_assert(!u.plain && u.key); /* an OBU without a size */
    u = unit_of(BYTES(0x32, 1, 0x10, 0x12, 0, 0x32, 1, 0x30));
    ck_assert(!u.plain && u.key); /* a delimiter in the middle */
    u = unit_of(BYTES(0x36, 0x08, 1, 0x10));
    ck_assert(u.key && u.plain); /* with an extension header */
}
END_TEST

START_TEST(units_with_sequence)
{
    struct span s = cut_hex("0a0b" SEQUENCE_PLAIN "320110");
    struct av1_unit u = unit_of(s);
    ck_assert(u.key && u.plain && span_equal(u.sequence, cut_hex(SEQUENCE_PLAIN)));
    /* reduced still pictures have no frame type: 000 1 1 level 00000, 4+4 bits: 16x16 */
    s = BYTES(0x0a, 6, 0x18, 0x0c, 0xff, 0xff, 0x00, 0x00, 0x32, 1, 0x60);
    ck_assert(unit_of(s).key);
    ck_assert_int_eq(av1_unit_parse(BYTES(0x32, 1, 0x60), true, &u), ERR_OK);
    ck_assert(u.key);
}
END_TEST

START_TEST(bad_units)
{
    struct av1_unit u = {.key = true};
    ck_assert_int_eq(av1_unit_parse(span_of(NULL, 0), false, &u), ERR_PROTO);
    ck_assert_int_eq(av1_unit_parse(BYTES(0x12, 0), false, &u), ERR_PROTO);
    ck_assert_int_eq(av1_unit_parse(BYTES(0x32), false, &u), ERR_PROTO);
    ck_assert_int_eq(av1_unit_parse(BYTES(0x32, 5, 0x10), false, &u), ERR_PROTO);
    ck_assert_int_eq(av1_unit_parse(BYTES(0xb2, 1, 0x10), false, &u), ERR_PROTO);
    ck_assert_int_eq(av1_unit_parse(BYTES(0x36, 8), false, &u), ERR_PROTO);
    ck_assert_int_eq(
        av1_unit_parse(BYTES(0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0), false, &u),
        ERR_PROTO);
    ck_assert(u.key);
}
END_TEST

START_TEST(rewritten)
{
    struct buf out;
    buf_init(&out, WRITTEN_MAX);
    ck_assert_int_eq(av1_unit_write(BYTES(0x12, 0, 0x34, 0x08, 0x10, 0xaa), BYTES(7, 8), &out),
                     ERR_OK);
    ck_assert(span_equal(buf_span(&out), BYTES(0x0a, 2, 7, 8, 0x36, 0x08, 2, 0x10, 0xaa)));
    buf_fini(&out);
    uint8_t large[300] = {0x30, 0x10};
    buf_init(&out, WRITTEN_MAX);
    ck_assert_int_eq(av1_unit_write(span_of(large, sizeof large), span_of(NULL, 0), &out), ERR_OK);
    ck_assert_uint_eq(out.len, 1 + 2 + 299);
    ck_assert_int_eq(out.data[1], 0xab);
    ck_assert_int_eq(out.data[2], 0x02);
    buf_fini(&out);
    buf_init(&out, 10);
    ck_assert_int_eq(av1_unit_write(span_of(large, sizeof large), span_of(NULL, 0), &out),
                     ERR_LIMIT);
    buf_fini(&out);
}
END_TEST

START_TEST(from_ts)
{
    struct span unit = BYTES(0, 0, 1, 0x10, 0, 0, 1, 0x30, 0x10, 0, 0, 3, 1, 0xaa);
    struct buf out;
    buf_init(&out, WRITTEN_MAX);
    ck_assert(av1_is_ts_unit(unit) && !av1_is_ts_unit(BYTES(0x12, 0, 0x32, 1, 0x10)));
    ck_assert_int_eq(av1_ts_unit_write(unit, &out), ERR_OK);
    ck_assert(span_equal(buf_span(&out), BYTES(0x32, 5, 0x10, 0, 0, 1, 0xaa)));
    buf_clear(&out);
    ck_assert_int_eq(av1_ts_unit_write(BYTES(0, 0, 1, 0x32, 9, 0), &out), ERR_PROTO);
    for (size_t nth = 1; nth < 3; nth++) {
        buf_fini(&out);
        mem_fail_nth(nth);
        ck_assert_int_eq(av1_ts_unit_write(unit, &out), ERR_NOMEM);
        mem_fail_nth(0);
    }
    buf_fini(&out);
}
END_TEST

UNIT_MAIN("av1", records, records_cut_short, records_made, descriptor, units, units_with_sequence,
          bad_units, rewritten, from_ts)
