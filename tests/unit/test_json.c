#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/utf8.h"

static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

static void assert_out(const char *expected)
{
    buf_add_char(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_reset(&out);
}

static void test_escapes(void **state)
{
    (void)state;
    json_add_string(&out, SLICE("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f"));
    assert_out("\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    json_add_string(&out, (struct slice){0});
    assert_out("\"\"");
    json_add_string(&out, (struct slice){"\0", 1});
    assert_out("\"\\u0000\"");
}

static void test_text_that_is_not_utf8_gets_replacement_characters(void **state)
{
    (void)state;
    json_add_string(&out, SLICE("ตะ\xff\xe0\xb8กร้า\xc3"));
    assert_out("\"ตะ\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDกร้า\xEF\xBF\xBD\"");
}

static void test_jansson_reads_back_every_character(void **state)
{
    (void)state;
    for (uint32_t c = 1; c < 0x11000; c++) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        char text[8] = "xxxxxxx";
        int size = utf8_encode(c, text + 1);
        struct slice slice = {text, (size_t)size + 2};
        buf_reset(&out);
        json_add_string(&out, slice);
        json_t *read = json_loadb(out.data, out.size, JSON_DECODE_ANY, NULL);
        if (!read || json_string_length(read) != slice.size ||
            memcmp(json_string_value(read), slice.data, slice.size) != 0)
            fail_msg("U+%04X", c);
        json_decref(read);
    }
}

/* As json.h says it, a character at a time. */
static void write_slowly(struct slice text, struct buf *expected)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    buf_add_char(expected, '"');
    for (size_t pos = 0; pos < text.size;) {
        char c = text.data[pos];
        size_t length = utf8_sequence(text.data + pos, text.size - pos);
        const char *found = c ? strchr(escaped, c) : NULL;
        if (found)
            buf_printf(expected, "\\%c", names[found - escaped]);
        else if ((unsigned char)c < 0x20)
            buf_printf(expected, "\\u%04x", (unsigned)c);
        else if (length == 0)
            buf_add_text(expected, "\xEF\xBF\xBD");
        else
            buf_add(expected, text.data + pos, length);
        pos += length ? length : 1;
    }
    buf_add_char(expected, '"');
}

/* In memory of just its size, that nothing around is read. */
static void compare_with_slow(const char *text, size_t size)
{
    struct buf expected;
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    buf_init(&expected);
    buf_reset(&out);
    json_add_string(&out, (struct slice){copy, size});
    write_slowly((struct slice){copy, size}, &expected);
    if (out.size != expected.size || memcmp(out.data, expected.data, out.size) != 0)
        fail_msg("%.*s, not %.*s", (int)out.size, out.data, (int)expected.size, expected.data);
    assert_true(out.size <= JSON_STRING_ROOM(size));
    buf_fini(&expected);
    free(copy);
}

static void test_every_byte_at_every_place_is_written_as_by_a_slow_writer(void **state)
{
    (void)state;
    char text[40];
    memset(text, 'a', sizeof(text));
    for (size_t size = 0; size <= sizeof(text); size++) {
        compare_with_slow(text, size);
        for (size_t pos = 0; pos < size; pos++) {
            for (int byte = 0; byte < 256; byte++) {
                text[pos] = (char)byte;
                compare_with_slow(text, size);
            }
            text[pos] = 'a';
        }
    }
}

/* Characters of one to four bytes, some to be escaped, some damaged. */
static void test_random_text_is_written_as_by_a_slow_writer(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",  "Z~", "\x7f", "é",    "ก",    "€",       "😀",
                                         "\"", "\\", "\n",   "\x1f", "\xff", "\xe0\xb8"};
    char text[64];
    srandom(3);
    for (int i = 0; i < 200000; i++) {
        size_t kinds = (size_t)random() % (sizeof(pieces) / sizeof(pieces[0])) + 1;
        size_t wanted = (size_t)random() % 41;
        size_t size = 0;
        while (size < wanted) {
            const char *piece = pieces[(size_t)random() % kinds];
            memcpy(text + size, piece, strlen(piece));
            size += strlen(piece);
        }
        compare_with_slow(text, size);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    json_add_double(&out, 0.1);
    buf_add_char(&out, ' ');
    json_add_double(&out, NAN);
    buf_add_char(&out, ' ');
    json_add_double(&out, -INFINITY);
    buf_add_char(&out, ' ');
    json_add_int(&out, INT64_MIN);
    buf_add_char(&out, ' ');
    json_add_uint(&out, UINT64_MAX);
    assert_out("0.1 null null -9223372036854775808 18446744073709551615");
}

/* RFC 4648, section 10. */
static void test_base64(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } rows[] = {
        {"", "\"\""},
        {"f", "\"Zg==\""},
        {"fo", "\"Zm8=\""},
        {"foo", "\"Zm9v\""},
        {"foob", "\"Zm9vYg==\""},
        {"fooba", "\"Zm9vYmE=\""},
        {"foobar", "\"Zm9vYmFy\""},
        {"\xff\xef\xbe", "\"/+++\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_add_base64(&out, slice_of(rows[i].bytes));
        assert_out(rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text_that_is_not_utf8_gets_replacement_characters,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_jansson_reads_back_every_character, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_every_byte_at_every_place_is_written_as_by_a_slow_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_text_is_written_as_by_a_slow_writer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base64, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
