#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <msgpack.h>

#include "core/buf.h"

static void test_grows_and_keeps_what_was_added(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    for (int i = 0; i < 1000; i++) {
        buf_add_text(&buf, "ab");
        buf_add_char(&buf, 'c');
        buf_add_slice(&buf, SLICE("def"));
        buf_add(&buf, NULL, 0);
        buf_printf(&buf, "%03d", i);
    }
    assert_int_equal(buf.size, 9000);
    assert_memory_equal(buf.data, "abcdef000abcdef001", 18);
    assert_memory_equal(buf.data + 8991, "abcdef999", 9);
    assert_int_equal(buf_slice(&buf).size, 9000);
    buf_fini(&buf);
}

static void test_reset_keeps_the_memory(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    buf_reserve(&buf, 5000);
    const char *data = buf.data;
    size_t capacity = buf.capacity;
    buf_add_text(&buf, "x");
    buf_reset(&buf);
    buf_reserve(&buf, 5000);
    assert_int_equal(buf.size, 0);
    assert_ptr_equal(buf.data, data);
    assert_int_equal(buf.capacity, capacity);
    buf_fini(&buf);
    assert_null(buf.data);
}

static void test_reserve_of_nothing_still_gives_a_pointer(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    assert_non_null(buf_reserve(&buf, 0));
    buf_fini(&buf);
}

static void test_is_written_to_by_msgpack_c(void **state)
{
    (void)state;
    struct buf buf;
    msgpack_packer packer;
    buf_init(&buf);
    msgpack_packer_init(&packer, &buf, buf_pack_write);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_int(&packer, 300);
    msgpack_pack_str_with_body(&packer, "hi", 2);
    assert_int_equal(buf.size, 7);
    assert_memory_equal(buf.data, "\x92\xcd\x01\x2c\xa2hi", 7);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_and_keeps_what_was_added),
        cmocka_unit_test(test_reset_keeps_the_memory),
        cmocka_unit_test(test_reserve_of_nothing_still_gives_a_pointer),
        cmocka_unit_test(test_is_written_to_by_msgpack_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
