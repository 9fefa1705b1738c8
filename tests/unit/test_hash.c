#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/hash.h"

/*
 * From xxHash's own sanity checks (tests/sanity_test_vectors.h): the function is part of the
 * stored format.
 */
static void test_is_xxh3_with_seed_0(void **state)
{
    (void)state;
    assert_true(hash_bytes((struct slice){0}) == UINT64_C(0x2D06800538D394C2));
    assert_true(hash_bytes(SLICE("a")) == UINT64_C(0xE6C632B61E964E1F));
    assert_true(hash_bytes(SLICE("abc")) == UINT64_C(0x78AF5F94892F3950));
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    char text[300] = {0};
    uint64_t base = hash_bytes((struct slice){text, sizeof(text)});
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = 1;
        assert_true(hash_bytes((struct slice){text, sizeof(text)}) != base);
        text[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_xxh3_with_seed_0),
        cmocka_unit_test(test_every_byte_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
