/*
 * The projection against a look-up key by key: whatever it guesses or finds in its tables, it must find the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/projection.h"
#include "core/buf.h"
#include "core/mp.h"

#define KEYS_MAX     300
#define KEY_SIZE_MAX 48

static uint64_t random_state = 7;

static size_t below(size_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (size_t)(random_state >> 33) % bound;
}

struct keys {
    char text[KEYS_MAX][KEY_SIZE_MAX + 1];
    uint32_t places[KEYS_MAX];
    size_t count;
};

/* Keys that differ in one character at any place, so that neither ends nor lengths tell them apart. */
static void make_keys(struct keys *keys, size_t count)
{
    keys->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t size = i == 0 ? 0 : 1 + below(KEY_SIZE_MAX);

        memset(keys->text[i], 'k', size);
        keys->text[i][size] = '\0';
        for (size_t tries = 0; size > 0 && tries < 3; tries++)
            keys->text[i][below(size)] = (char)('a' + below(26));
    }
}

static uint32_t place_of(struct projection *projection, uint32_t node, const char *key)
{
    struct wire_step step = {.key = slice_of(key)};

    return projection_place(projection, projection_step(projection, node, &step));
}

static void add_key(struct buf *out, const char *key)
{
    size_t size = strlen(key);

    if (size < 32 && below(20) != 0) {
        buf_add_char(out, (char)(0xA0 | size));
    } else {
        buf_add_char(out, (char)0xD9);
        buf_add_char(out, (char)size);
    }
    buf_add(out, key, size);
}

static void add_value(struct buf *out)
{
    static const char *const values[] = {"\xC0",          "\x05",      "\xA0",
                                         "\x90",          "\x80",      "\x92\x01\xA1z",
                                         "\x81\xA1z\x07", "\xD9\x01y", "\xCD\x01\x02"};
    static const size_t sizes[] = {1, 1, 1, 1, 1, 4, 4, 3, 3};
    size_t i = below(sizeof sizes / sizeof sizes[0]);

    buf_add(out, values[i], sizes[i]);
}

/* `first` and what follows it in the list, each with a chance, so that maps look alike but are not the same. */
static void make_map(struct buf *out, const struct keys *keys, size_t first, size_t span)
{
    size_t count = 0;

    buf_reset(out);
    buf_add(out, "\xDE\x00\x00", 3);
    for (size_t i = 0; i < span; i++) {
        if (below(4) == 0)
            continue;
        add_key(out, below(8) != 0 ? keys->text[(first + i) % keys->count] : "not wanted at all");
        add_value(out);
        count++;
    }
    out->data[1] = (char)(count >> 8);
    out->data[2] = (char)count;
}

static void compare(const struct projection *projection, struct slice map, const struct keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        uint32_t place = keys->places[i];
        struct slice value;
        bool there = mp_map_find(map, slice_of(keys->text[i]), &value);

        assert_int_equal(projection_has(projection, place), there);
        if (there)
            assert_ptr_equal(projection->values[place], value.data);
    }
}

/* Half of the places are listed: what is found there is in `hits`. */
static void compare_hits(const struct projection *projection, const struct keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        uint32_t place = keys->places[i];
        size_t listed = 0;

        for (const char ***hit = projection->hits; hit < projection->hits_end; hit++)
            listed += *hit == &projection->values[place];
        if (i < keys->count / 2 && listed != 0)
            fail_msg("a plain place is listed");
        /* Keys can be equal, and then share the place of the first. */
        if (place >= projection->plain_count)
            assert_int_equal(listed, projection_has(projection, place));
    }
}

static void test_keys_are_found_as_by_looking_at_each(void **state)
{
    static const size_t counts[] = {1, 2, 8, 31, 100, KEYS_MAX};
    struct keys *keys = calloc(1, sizeof *keys);
    struct buf message;

    (void)state;
    assert_non_null(keys);
    buf_init(&message);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct projection projection;

        make_keys(keys, counts[c]);
        projection_init(&projection);
        for (size_t i = 0; i < keys->count; i++) {
            if (i == keys->count / 2)
                projection_list_places(&projection);
            keys->places[i] = place_of(&projection, PROJECTION_ROOT, keys->text[i]);
        }
        projection_seal(&projection);
        for (int round = 0; round < 3000; round++) {
            make_map(&message, keys, below(3) == 0 ? below(keys->count) : 0, 1 + below(40));
            char *exact = malloc(message.size);
            memcpy(exact, message.data, message.size);
            struct slice map = {exact, message.size};
            assert_true(projection_walk(&projection, map, MP_DEPTH_MAX));
            compare(&projection, map, keys);
            compare_hits(&projection, keys);
            free(exact);
        }
        projection_fini(&projection);
    }
    buf_fini(&message);
    free(keys);
}

/* Many keys of one length with the same eight bytes at both ends: the table can't tell them apart, the bytes do. */
static void test_keys_that_only_differ_in_the_middle(void **state)
{
    enum { COUNT = 26 * 4 };
    struct projection projection;
    uint32_t places[COUNT];
    char texts[COUNT][32];

    (void)state;
    projection_init(&projection);
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i],
                 i % 2 == 0 ? "beginning%c%cand_the_end" : "begin_the_key_of_%c%c_the_end",
                 'a' + i % 26, 'a' + i / 26);
        places[i] = place_of(&projection, PROJECTION_ROOT, texts[i]);
    }
    projection_seal(&projection);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            struct buf message;

            buf_init(&message);
            buf_add_char(&message, (char)0x82);
            add_key(&message, texts[i]);
            buf_add(&message, "\x07", 1);
            add_key(&message, "a_key_behind_it_so_that_it_is_not_at_the_end");
            buf_add(&message, "\x08", 1);
            assert_true(projection_walk(&projection, buf_slice(&message), 1));
            for (int j = 0; j < COUNT; j++)
                assert_int_equal(projection_has(&projection, places[j]), i == j);
            assert_int_equal(*projection.values[places[i]], 7);
            buf_fini(&message);
        }
    }
    projection_fini(&projection);
}

/* `hits` has room for each place once; in one map and in a nested one. */
static void test_keys_that_come_thousands_of_times(void **state)
{
    static const size_t counts[] = {1, 1023, 1024, 1025, 5000};
    struct projection projection;
    struct wire_step nested = {.key = SLICE("nested")};
    uint32_t places[3];

    (void)state;
    projection_init(&projection);
    projection_list_places(&projection);
    places[0] = place_of(&projection, PROJECTION_ROOT, "key");
    places[1] =
        place_of(&projection, projection_step(&projection, PROJECTION_ROOT, &nested), "key");
    places[2] = place_of(&projection, PROJECTION_ROOT, "absent");
    projection_seal(&projection);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct buf message;

        buf_init(&message);
        buf_add_char(&message, (char)0xDE);
        buf_add_char(&message, (char)(2 * counts[c] >> 8));
        buf_add_char(&message, (char)(2 * counts[c]));
        for (size_t i = 1; i <= counts[c]; i++) {
            bool last = i == counts[c];

            add_key(&message, "key");
            buf_add_char(&message, last ? 1 : 7);
            add_key(&message, "nested");
            buf_add(&message, "\x82\xA3key\x07\xA3key", 10);
            buf_add_char(&message, last ? 2 : 7);
        }
        assert_true(projection_walk(&projection, buf_slice(&message), 2));
        assert_true(projection_has(&projection, places[0]) &&
                    projection_has(&projection, places[1]));
        assert_false(projection_has(&projection, places[2]));
        assert_int_equal(*projection.values[places[0]], 1);
        assert_int_equal(*projection.values[places[1]], 2);
        buf_fini(&message);
    }
    projection_fini(&projection);
}

static uint32_t place_at(struct projection *projection, const char *path)
{
    struct arena arena;
    struct wire_path parsed;
    uint32_t node = PROJECTION_ROOT;

    arena_init(&arena);
    assert_null(wire_path_parse(slice_of(path), &parsed, &arena));
    for (uint32_t i = 0; i < parsed.step_count; i++)
        node = projection_step(projection, node, &parsed.steps[i]);
    arena_fini(&arena);
    return projection_place(projection, node);
}

static void test_elements_of_arrays_are_found_by_index(void **state)
{
    /* {a: [1, {b: 2, c: [3]}, 4], d: {a: 5}} */
    static const char message[] = "\x82\xA1"
                                  "a\x93\x01\x82\xA1"
                                  "b\x02\xA1"
                                  "c\x91\x03\x04\xA1"
                                  "d\x81\xA1"
                                  "a\x05";
    static const struct {
        const char *path;
        int want; /* first byte, 0: nothing */
    } rows[] = {
        {"a[0]", 1},    {"a[1].b", 2}, {"a[1].c[0]", 3}, {"a[2]", 4},    {"a[3]", 0},
        {"a[1]", 0x82}, {"a", 0x93},   {"d[0]", 0},      {"a[0].b", 0},  {"d.a", 5},
        {"d.a[0]", 0},  {"a.b", 0},    {"a[1].c[1]", 0}, {"a[1][0]", 0},
    };
    uint32_t places[sizeof rows / sizeof rows[0]];
    struct projection projection;

    (void)state;
    projection_init(&projection);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        places[i] = place_at(&projection, rows[i].path);
    projection_seal(&projection);
    for (int round = 0; round < 2; round++) {
        assert_true(projection_walk(&projection, (struct slice){message, sizeof message - 1}, 32));
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            int got = projection_has(&projection, places[i])
                          ? (unsigned char)*projection.values[places[i]]
                          : 0;

            if (got != rows[i].want)
                fail_msg("%s: %#x instead of %#x", rows[i].path, got, rows[i].want);
        }
    }
    /* The same paths when the bytes end early, and when the map may not be so deep. */
    for (size_t size = 0; size < sizeof message - 1; size++)
        assert_false(projection_walk(&projection, (struct slice){message, size}, 32));
    assert_true(projection_walk(&projection, (struct slice){message, sizeof message - 1}, 4));
    assert_false(projection_walk(&projection, (struct slice){message, sizeof message - 1}, 3));
    projection_fini(&projection);
}

/* What was learnt from one message is nothing to go by where the next one is broken there. */
static void test_guesses_do_not_hide_what_is_cut_off(void **state)
{
    static const char whole[] = "\x83\xA9timestamp\xA3"
                                "abc\xB1originalTimestamp\xA3"
                                "def\xA8"
                                "quantity\xCD\x01\x02";
    struct projection projection;

    (void)state;
    projection_init(&projection);
    place_of(&projection, PROJECTION_ROOT, "timestamp");
    place_of(&projection, PROJECTION_ROOT, "originalTimestamp");
    projection_seal(&projection);
    for (size_t size = 0; size < sizeof whole; size++) {
        char *cut = malloc(size > 0 ? size : 1);

        assert_true(projection_walk(&projection, (struct slice){whole, sizeof whole - 1}, 32));
        memcpy(cut, whole, size);
        assert_int_equal(projection_walk(&projection, (struct slice){cut, size}, 32),
                         size == sizeof whole - 1);
        free(cut);
    }
    projection_fini(&projection);
}

/* Messages of several kinds take turns; each is cut at every length. Keys of all sizes lie near the end. */
static void test_keys_near_the_end_are_guessed_only_as_far_as_they_are_there(void **state)
{
#define MESSAGE(text)                                                                              \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
    static const struct slice messages[] = {
        MESSAGE("\x80"),
        MESSAGE("\x81\xA1k\x01"),
        MESSAGE("\x81\xA2k\x00\x02"), /* what is cut off here is 0 */
        MESSAGE("\x81\xA0\x03"),
        MESSAGE("\x81\xA7quantit\x01"),
        MESSAGE("\x81\xA8quantity\xCD\x01\x02"),
        MESSAGE("\x82\xA4name\xACProduct Seen\xA1p\x81\xA8quantity\x01"),
        MESSAGE("\x82\xA4name\xACProduct Seen\xA1p\x81\xA8quantitx\x01"),
        MESSAGE("\x82\xA4name\xADProduct Added\xA1p\x81\xA8position\x01"),
        MESSAGE("\x82\xA4name\xA5Short\xA1p\x82\xA1k\xA0\xA8position\x01"),
        MESSAGE("\x82\xA4name\xA5Thort\xA1p\x82\xA1k\xA0\xA8quantity\x91\x01"),
        MESSAGE("\x82\xA4name\xADProduct Added\xA1p\x81\xAFoforder_sixteen\x01"),
        MESSAGE("\x82\xA4name\xADProduct Added\xA1p\x81\xB0oforderseventeen\x01"),
        MESSAGE("\x82\xA4name\xADProduct Added\xA1p\x81\xB0oforderseventeem\x01"),
        MESSAGE("\x83\xA1p\x80\x07\x08\xA4name\xC0"),
        MESSAGE("\x82\xA1p\x81\xD9\x29quantity quantity quantity quantity quant\x01\x05\x06"),
        MESSAGE("\x81\xBFkorder_of_thirty_one_bytes_long\xC3"),
    };
#undef MESSAGE
    static const char *const keys[] = {
        "k", "", "quantit", "quantity", "position", "oforder_sixteen", "oforderseventeen"};
    enum { COUNT = sizeof messages / sizeof messages[0], KEYS = sizeof keys / sizeof keys[0] };
    struct wire_step inner = {.key = SLICE("p")};
    uint32_t places[2 * KEYS];
    struct projection projection;

    (void)state;
    projection_init(&projection);
    projection_tell_kinds_by(&projection, place_of(&projection, PROJECTION_ROOT, "name"));
    for (size_t i = 0; i < KEYS; i++) {
        if (i == KEYS / 2)
            projection_list_places(&projection);
        places[i] = place_of(&projection, PROJECTION_ROOT, keys[i]);
        places[KEYS + i] =
            place_of(&projection, projection_step(&projection, PROJECTION_ROOT, &inner), keys[i]);
    }
    projection_seal(&projection);
    for (size_t round = 0; round < (size_t)COUNT * COUNT; round++) {
        const struct slice *last = &messages[round / COUNT], *next = &messages[round % COUNT];

        for (size_t size = 0; size <= next->size; size++) {
            char *cut = malloc(size > 0 ? size : 1);
            struct slice map = {cut, size}, found;

            assert_true(projection_walk(&projection, *last, 3));
            memcpy(cut, next->data, size);
            assert_int_equal(projection_walk(&projection, map, 3), size == next->size);
            for (size_t i = 0; size == next->size && i < KEYS; i++) {
                bool has_inner = mp_map_find(map, SLICE("p"), &found);

                assert_int_equal(projection_has(&projection, places[KEYS + i]),
                                 has_inner && mp_map_find(found, slice_of(keys[i]), &found));
                assert_int_equal(projection_has(&projection, places[i]),
                                 mp_map_find(map, slice_of(keys[i]), &found));
            }
            free(cut);
        }
    }
    projection_fini(&projection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_found_as_by_looking_at_each),
        cmocka_unit_test(test_keys_that_only_differ_in_the_middle),
        cmocka_unit_test(test_keys_that_come_thousands_of_times),
        cmocka_unit_test(test_elements_of_arrays_are_found_by_index),
        cmocka_unit_test(test_guesses_do_not_hide_what_is_cut_off),
        cmocka_unit_test(test_keys_near_the_end_are_guessed_only_as_far_as_they_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
