#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/utf8.h"

static bool valid(const char *bytes, size_t size)
{
    return utf8_valid((struct slice){bytes, size});
}

static void test_every_character_round_trips_and_no_surrogate_is_one(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char bytes[4];
        size_t size = (size_t)utf8_encode(c, bytes);
        bool is_surrogate = c >= 0xD800 && c <= 0xDFFF;
        if (valid(bytes, size) == is_surrogate)
            fail_msg("U+%04X", c);
        if (is_surrogate)
            continue;
        size_t pos = 0;
        if (utf8_next((struct slice){bytes, size}, &pos) != c || pos != size)
            fail_msg("U+%04X", c);
    }
}

/* There are exactly 61,440 characters of three bytes: no overlong form or surrogate slips in. */
static void test_counts_of_well_formed_sequences(void **state)
{
    (void)state;
    size_t two = 0, three = 0;
    for (unsigned a = 0x80; a < 0x100; a++) {
        for (unsigned b = 0; b < 0x100; b++) {
            char bytes[3] = {(char)a, (char)b, 0};
            two += utf8_sequence(bytes, 2) == 2;
            for (unsigned c = 0; c < 0x100; c++) {
                bytes[2] = (char)c;
                three += utf8_sequence(bytes, 3) == 3;
            }
        }
    }
    assert_int_equal(two, 0x800 - 0x80);
    assert_int_equal(three, 0x10000 - 0x800 - 0x800);
}

static void test_four_bytes_end_at_10ffff(void **state)
{
    (void)state;
    assert_true(valid("\xF0\x90\x80\x80", 4));
    assert_true(valid("\xF4\x8F\xBF\xBF", 4));
    assert_false(valid("\xF0\x8F\xBF\xBF", 4));
    assert_false(valid("\xF4\x90\x80\x80", 4));
    assert_false(valid("\xF5\x80\x80\x80", 4));
    assert_false(valid("\xFF\xBF\xBF\xBF", 4));
    assert_false(valid("\xF0\x90\x80\x41", 4));
    assert_false(valid("\xF0\x90\x41\x80", 4));
}

static void test_a_mistake_is_found_at_every_place(void **state)
{
    (void)state;
    for (size_t size = 1; size < 40; size++) {
        for (size_t bad = 0; bad < size; bad++) {
            char text[40];
            memset(text, 'x', sizeof(text));
            assert_true(valid(text, size));
            text[bad] = (char)0x80;
            assert_false(valid(text, size));
            text[bad] = (char)0xE0; /* begins a character that does not end */
            assert_false(valid(text, size));
        }
    }
}

/* Character by character, as utf8_sequence() has it. */
static bool valid_slowly(const char *bytes, size_t size)
{
    for (size_t pos = 0; pos < size;) {
        size_t length = utf8_sequence(bytes + pos, size - pos);
        if (length == 0)
            return false;
        pos += length;
    }
    return true;
}

/* Whatever two bytes are, and whatever kind the one behind them, anywhere in a run of one script. */
static void test_many_at_a_time_are_judged_as_one_by_one(void **state)
{
    static const char *const scripts[] = {"\xE0\xB8\x81", "\xE4\xB8\xAD", "\xED\x95\x9C",
                                          "\xE0\xA4\x85", "\xEF\xBC\xA1", "abc"};
    static const unsigned char thirds[] = {'x', 0x80, 0xBF, 0xC2, 0xE0, 0xFF};
    enum { SIZE = 18 };

    (void)state;
    for (size_t s = 0; s < sizeof scripts / sizeof scripts[0]; s++) {
        for (size_t at = 0; at + 2 < SIZE; at++) {
            char text[SIZE];
            for (size_t i = 0; i < SIZE; i++)
                text[i] = scripts[s][i % 3];
            for (unsigned bytes = 0; bytes < 0x10000 * sizeof thirds; bytes++) {
                text[at] = (char)(bytes >> 8);
                text[at + 1] = (char)bytes;
                text[at + 2] = (char)thirds[bytes >> 16];
                if (valid(text, SIZE) != valid_slowly(text, SIZE))
                    fail_msg("%06x at %zu of script %zu", bytes & 0xFFFF, at, s);
            }
        }
    }
}

static void test_every_beginning_is_judged_as_one_by_one(void **state)
{
    static const char text[] = "\xE0\xB8\x8A\xE0\xB8\xB2 Tea \xE8\x8C\xB6\xE8\x8C\xB6\xE3\x81\xA1"
                               "\xE3\x82\x83 th\xC3\xA9 \xF0\x9F\x8D\xB5 \xED\x95\x9C\xEA\xB5\xAD";
    (void)state;
    for (size_t size = 0; size < sizeof text; size++)
        assert_int_equal(valid(text, size), valid_slowly(text, size));
}

static void test_nothing_is_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid((struct slice){0}));
    assert_int_equal(utf8_sequence("", 0), 0);
}

/* "aé€😀" has characters that end at 1, 3, 6 and 10. */
static void test_cut_never_splits_a_character(void **state)
{
    (void)state;
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    struct slice text = SLICE("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    for (size_t max = 0; max < sizeof(expected) / sizeof(expected[0]); max++)
        assert_int_equal(utf8_cut(text, max).size, expected[max]);
}

static void test_count(void **state)
{
    (void)state;
    assert_int_equal(utf8_count(SLICE("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")), 4);
    assert_int_equal(utf8_count((struct slice){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_character_round_trips_and_no_surrogate_is_one),
        cmocka_unit_test(test_counts_of_well_formed_sequences),
        cmocka_unit_test(test_four_bytes_end_at_10ffff),
        cmocka_unit_test(test_a_mistake_is_found_at_every_place),
        cmocka_unit_test(test_many_at_a_time_are_judged_as_one_by_one),
        cmocka_unit_test(test_every_beginning_is_judged_as_one_by_one),
        cmocka_unit_test(test_nothing_is_valid),
        cmocka_unit_test(test_cut_never_splits_a_character),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
