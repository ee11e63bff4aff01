#include "base/blob.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static int released;

static void release(void *arg)
{
    ck_assert_ptr_eq(arg, &released);
    released++;
}

START_TEST(a_copy_is_its_own)
{
    char bytes[] = "hello";
    struct blob *b = blob_copy(span_cstr(bytes));
    bytes[0] = 'j';
    ck_assert(span_equal(blob_span(b), span_cstr("hello")));
    ck_assert_uint_eq(blob_live_bytes(), 5);
    blob_unref(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(the_last_reference_frees)
{
    struct blob *b = blob_create(100);
    memset(blob_bytes(b), 7, 100);
    ck_assert_ptr_eq(blob_ref(b), b);
    blob_unref(b);
    ck_assert_uint_eq(blob_live_bytes(), 100);
    ck_assert_uint_eq(blob_span(b).data[99], 7);
    blob_unref(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(wrapped_memory_is_released_once)
{
    struct blob *b = blob_wrap("abc", 3, release, &released);
    ck_assert(span_equal(blob_span(b), span_cstr("abc")));
    blob_ref(b);
    blob_unref(b);
    ck_assert_int_eq(released, 0);
    blob_unref(b);
    ck_assert_int_eq(released, 1);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

struct counted {
    struct blob_companion base;
    int ended;
};

static void count_end(struct blob_companion *companion)
{
    ((struct counted *)companion)->ended++;
}

START_TEST(a_companion_ends_with_its_blob)
{
    struct counted first = {.base = {count_end}}, second = {.base = {count_end}};
    struct blob *b = blob_create(3);
    ck_assert_ptr_null(blob_companion(b));
    ck_assert_ptr_eq(blob_set_companion(b, &first.base), &first.base);
    ck_assert_ptr_eq(blob_set_companion(b, &second.base), &first.base);
    ck_assert_ptr_eq(blob_companion(b), &first.base);
    blob_unref(blob_ref(b));
    ck_assert_int_eq(first.ended, 0);
    blob_unref(b);
    ck_assert_int_eq(first.ended, 1);
    ck_assert_int_eq(second.ended, 0);
}
END_TEST

START_TEST(nothing_is_an_empty_span)
{
    blob_unref(NULL);
    ck_assert_uint_eq(blob_span(NULL).len, 0);
    struct blob *b = blob_create(0);
    ck_assert_ptr_nonnull(b);
    ck_assert_uint_eq(blob_span(b).len, 0);
    blob_unref(b);
    b = blob_copy(span_of(NULL, 0));
    ck_assert_uint_eq(blob_span(b).len, 0);
    blob_unref(b);
}
END_TEST

START_TEST(refused_memory_gives_null)
{
    ck_assert_ptr_null(blob_create(SIZE_MAX));
    ck_assert_ptr_null(blob_create(SIZE_MAX - 8));
    mem_fail_nth(1);
    ck_assert_ptr_null(blob_create(10));
    mem_fail_nth(1);
    ck_assert_ptr_null(blob_copy(span_cstr("x")));
    mem_fail_nth(1);
    ck_assert_ptr_null(blob_wrap("abc", 3, release, &released));
    ck_assert_int_eq(released, 0);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static void *ref_and_unref(void *arg)
{
    for (int i = 0; i < 100000; i++) {
        blob_unref(blob_ref(arg));
    }
    return NULL;
}

START_TEST(threads_share_references)
{
    struct blob *b = blob_wrap("abc", 3, release, &released);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ref_and_unref, b), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_int_eq(released, 0);
    blob_unref(b);
    ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(a_file_holds_the_same_bytes)
{
    static const char text[] = "some bytes";
    struct span bytes = span_cstr(text);
    struct blob *memory = blob_copy(bytes);
    ck_assert_int_eq(blob_descriptor(memory), -1);
    blob_unref(memory);
    ck_assert_ptr_null(blob_copy_to_file(bytes)); /* none are allowed */
    blob_allow_files(2);
    struct blob *b = blob_copy_to_file(bytes);
    ck_assert_ptr_nonnull(b);
    ck_assert(span_equal(blob_span(b), bytes));
    int fd = blob_descriptor(b);
    char read_back[sizeof text];
    ck_assert_int_eq(pread(fd, read_back, sizeof read_back, 0), (int)bytes.len);
    ck_assert_mem_eq(read_back, text, bytes.len);
    ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1); /* sealed */
    ck_assert_int_eq(ftruncate(fd, 1), -1);
    ck_assert_uint_eq(blob_live_files(), 1);
    ck_assert_uint_eq(blob_live_bytes(), bytes.len);
    blob_unref(b);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* closed */
    ck_assert_uint_eq(blob_live_files(), 0);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    ck_assert_ptr_null(blob_copy_to_file(span_of(NULL, 0)));
    ck_assert_uint_eq(blob_live_files(), 0);
}
END_TEST

START_TEST(files_have_a_limit)
{
    blob_allow_files(1);
    struct blob *b = blob_copy_to_file(span_cstr("a"));
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_null(blob_copy_to_file(span_cstr("b")));
    blob_unref(b);
    b = blob_copy_to_file(span_cstr("c"));
    ck_assert_ptr_nonnull(b);
    blob_unref(b);
    struct rlimit none;
    getrlimit(RLIMIT_NOFILE, &none);
    none.rlim_cur = 0; /* no descriptor is left */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    b = blob_copy_to_file(span_cstr("d"));
    none.rlim_cur = none.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_ptr_null(b);
    mem_fail_nth(1);
    ck_assert_ptr_null(blob_copy_to_file(span_cstr("e")));
    ck_assert_uint_eq(blob_live_files(), 0);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

UNIT_MAIN("blob", a_file_holds_the_same_bytes, files_have_a_limit, a_copy_is_its_own,
          the_last_reference_frees, wrapped_memory_is_released_once, a_companion_ends_with_its_blob,
          nothing_is_an_empty_span, refused_memory_gives_null, threads_share_references)
