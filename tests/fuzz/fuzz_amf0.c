/* libFuzzer target: any bytes as a run of AMF0 values, as a command message is. What is read lies
 * inside the input, moves on, and means the same when it is written and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/rtmp/amf0.h"

#define WRITTEN_MAX (128 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_inside(struct span part, struct span whole)
{
    check(part.len == 0 ||
          (part.data >= whole.data && part.data + part.len <= whole.data + whole.len));
}

static void write_again(const struct amf0_value *v)
{
    struct buf b;
    buf_init(&b, WRITTEN_MAX);
    struct amf0_writer w = {.out = &b};
    if (v->type == AMF0_NUMBER) {
        amf0_put_number(&w, v->number);
    } else if (v->type == AMF0_BOOLEAN) {
        amf0_put_boolean(&w, v->boolean);
    } else {
        amf0_put_null(&w);
    }
    check(w.err == ERR_OK);
    struct span s = buf_span(&b);
    struct amf0_value again;
    check(amf0_read(&s, &again) == ERR_OK && s.len == 0);
    if (v->type == AMF0_NUMBER) {
        check(memcmp(&again.number, &v->number, sizeof again.number) == 0);
    } else if (v->type == AMF0_BOOLEAN) {
        check(again.boolean == v->boolean);
    }
    buf_fini(&b);
}

/* Objects are looked into as the session does, and one level further. */
static void use_members(const struct amf0_value *v, struct span whole)
{
    static const char *const keys[] = {"app", "tcUrl", "objectEncoding", "a", ""};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct amf0_value member, inner;
        if (amf0_find(v, keys[i], &member) == ERR_OK) {
            check(v->type == AMF0_OBJECT);
            check_inside(member.bytes, whole);
            if (amf0_find(&member, "app", &inner) == ERR_OK) {
                check_inside(inner.bytes, whole);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span whole = span_of(data, size), s = whole;
    for (;;) {
        struct span before = s, text;
        struct amf0_value v;
        double number;
        enum err e = amf0_read(&s, &v);
        struct span as_text = before, as_number = before;
        bool is_text = amf0_read_string(&as_text, &text) == ERR_OK;
        bool is_number = amf0_read_number(&as_number, &number) == ERR_OK;
        if (e != ERR_OK) {
            check(e == ERR_PROTO || e == ERR_LIMIT);
            check(s.data == before.data && s.len == before.len && !is_text && !is_number);
            return 0;
        }
        check(s.len < before.len && s.data + s.len == data + size);
        check(is_text == (v.type == AMF0_STRING) && is_number == (v.type == AMF0_NUMBER));
        check(!is_text || (text.data == v.bytes.data && text.len == v.bytes.len));
        check_inside(v.bytes, whole);
        use_members(&v, whole);
        write_again(&v);
    }
}
