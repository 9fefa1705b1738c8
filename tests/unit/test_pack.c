/* core/pack.h writes what msgpack-c writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <msgpack.h>

#include "core/pack.h"

struct fixture {
    struct buf ours, theirs;
    msgpack_packer packer; /* writes into `theirs` */
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    buf_init(&fixture.ours);
    buf_init(&fixture.theirs);
    msgpack_packer_init(&fixture.packer, &fixture.theirs, buf_pack_write);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    buf_fini(&fixture->ours);
    buf_fini(&fixture->theirs);
    return 0;
}

static void assert_same(struct fixture *fixture)
{
    assert_int_equal(fixture->ours.size, fixture->theirs.size);
    assert_memory_equal(fixture->ours.data, fixture->theirs.data, fixture->theirs.size);
    buf_reset(&fixture->ours);
    buf_reset(&fixture->theirs);
}

static void compare_numbers(struct fixture *fixture, uint64_t value)
{
    double number;
    memcpy(&number, &value, sizeof(number));
    pack_add_uint(&fixture->ours, value);
    pack_add_int(&fixture->ours, (int64_t)value);
    pack_add_double(&fixture->ours, number);
    msgpack_pack_uint64(&fixture->packer, value);
    msgpack_pack_int64(&fixture->packer, (int64_t)value);
    msgpack_pack_double(&fixture->packer, number);
    assert_same(fixture);
}

/* Around each power of two, where the forms change, on both sides of 0. */
static void test_numbers_are_msgpack_cs(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned bit = 0; bit < 64; bit++)
        for (uint64_t near = 0; near < 5; near++) {
            uint64_t value = (UINT64_C(1) << bit) + near - 2;
            compare_numbers(fixture, value);
            compare_numbers(fixture, 0 - value);
        }
}

static void test_texts_and_bytes_are_msgpack_cs(void **state)
{
    static const size_t sizes[] = {0, 1, 31, 32, 33, 255, 256, 257, 65535, 65536, 65537};
    static char bytes[65537];
    struct fixture *fixture = *state;
    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct slice slice = {bytes, sizes[i]};
        pack_add_text(&fixture->ours, slice);
        pack_add_bin(&fixture->ours, slice);
        msgpack_pack_str_with_body(&fixture->packer, slice.data, slice.size);
        msgpack_pack_bin_with_body(&fixture->packer, slice.data, slice.size);
        assert_same(fixture);
    }
}

static void test_heads_and_the_rest_are_msgpack_cs(void **state)
{
    static const uint32_t counts[] = {0, 1, 15, 16, 17, 65535, 65536, UINT32_MAX};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        pack_add_array(&fixture->ours, counts[i]);
        pack_add_map(&fixture->ours, counts[i]);
        msgpack_pack_array(&fixture->packer, counts[i]);
        msgpack_pack_map(&fixture->packer, counts[i]);
        assert_same(fixture);
    }
    pack_add_nil(&fixture->ours);
    pack_add_bool(&fixture->ours, true);
    pack_add_bool(&fixture->ours, false);
    msgpack_pack_nil(&fixture->packer);
    msgpack_pack_true(&fixture->packer);
    msgpack_pack_false(&fixture->packer);
    assert_same(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers_are_msgpack_cs, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_texts_and_bytes_are_msgpack_cs, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_heads_and_the_rest_are_msgpack_cs, open_fixture,
                                        close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
