#include "state/codec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "core/hash.h"
#include "core/mp.h"
#include "core/pack.h"
#include "state/items.h"
#include "state/texts.h"
#include "state/window.h"
#include "tests/support/state_layouts.h"

static struct layout rich, shipped;
static struct layout_machine rich_machines[STATE_LAYOUT_MACHINES];
static struct layout_machine shipped_machines[STATE_LAYOUT_MACHINES];

static int make_layouts(void **state)
{
    (void)state;
    rich_layout(&rich, rich_machines);
    shipped_layout(&shipped, shipped_machines);
    return 0;
}

static uint32_t seed;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * bound >> 32);
}

static bool one_in(uint32_t n)
{
    return random_below(n) == 0;
}

static struct slice random_text(char out[300], uint32_t size_max)
{
    uint32_t size = random_below(size_max + 1);
    for (uint32_t i = 0; i < size; i++)
        out[i] = (char)('a' + random_below(26));
    return (struct slice){out, size};
}

static double random_amount(void)
{
    static const double amounts[] = {0,
                                     -0.0,
                                     1,
                                     -1,
                                     127,
                                     128,
                                     65536,
                                     -2147483648.0,
                                     2147483648.0,
                                     0.5,
                                     1e300,
                                     -1.25,
                                     9007199254740993.0};
    return amounts[random_below(sizeof(amounts) / sizeof(*amounts))];
}

static int64_t random_int(void)
{
    int64_t value = (int64_t)((uint64_t)random_below(UINT32_MAX) << 32 | random_below(UINT32_MAX));
    return value >> random_below(64);
}

static void fill_containers(union customer_slot *slots, int64_t now)
{
    char text[300], name[300];
    for (uint32_t i = random_below(9); i > 0; i--) {
        struct items_line line = {.product_id = random_text(text, 130),
                                  .name = random_text(name, 290),
                                  .has_price = one_in(2),
                                  .price = random_amount(),
                                  .quantity = random_amount()};
        items_add(&slots[RICH_ITEMS].items, &line, 5);
        items_set_currency(slots[RICH_ITEMS].items, one_in(2) ? SLICE("THB") : SLICE(""));
        texts_add(&slots[RICH_SET].texts, random_text(text, 40), 6);
        texts_count_up(&slots[RICH_COUNTER].texts, random_text(text, 2), 7);
        int64_t time = now - random_below(10000);
        window_add_count(&slots[RICH_COUNTS].window, 8, 1000, time, now);
        window_add_sum(&slots[RICH_SUMS].window, 4, 60000, time, now, random_amount());
    }
}

static uint32_t state_of(const struct layout *layout, const struct customer *customer, uint32_t m)
{
    return customer_machine_now(layout, customer, m).state;
}

static int64_t entered_of(const struct layout *layout, const struct customer *customer, uint32_t m)
{
    return customer_machine_now(layout, customer, m).entered_ms;
}

static uint64_t spent_of(const struct layout *layout, const struct customer *customer, uint32_t m,
                         uint32_t word)
{
    const uint64_t *words = customer_timer_words(layout, customer, m);
    return words ? words[word] : 0;
}

static struct customer *random_customer(void)
{
    char text[300];
    int64_t now = 1700000000000 - random_below(1000000);
    struct customer *customer = customer_new(&rich, SLICE("u42"), now);
    union customer_slot *slots = customer_slots(&rich, customer, 0);
    customer->last_seen_ms -= random_below(1000);
    customer->order_hash = one_in(2) ? (uint64_t)random_int() : 0;
    slots[RICH_BOOL].b = one_in(2);
    slots[RICH_INT].i = random_int();
    slots[RICH_DOUBLE].d = random_amount();
    customer_string_set(&slots[RICH_STRING], random_text(text, 20), 12);
    slots[RICH_TIMESTAMP].i = one_in(2) ? CUSTOMER_NO_TIME : random_int();
    if (one_in(2))
        fill_containers(slots, now);
    for (uint32_t m = 0; m < 3; m++) {
        struct customer_machine *at = customer_machine(&rich, customer, m);
        at->state = (uint16_t)random_below(rich_machines[m].state_count);
        at->entered_ms -= random_below(100000);
        for (uint32_t w = 0; w < rich_machines[m].timer_words; w++)
            customer_timer_words(&rich, customer, m)[w] = one_in(2) ? 0 : (uint64_t)random_int();
    }
    customer_string_set(customer_slots(&rich, customer, 1), random_text(text, 250), 200);
    for (uint32_t i = random_below(24); i > 0; i--)
        customer_add_id(customer, (uint64_t)random_int());
    for (uint32_t i = random_below(4); i > 0; i--)
        customer_fired_rank(customer, random_below(3), now + random_below(3) - 1, random_below(2));
    return customer;
}

static struct slice encode(const struct layout *layout, const struct customer *customer,
                           struct buf *out)
{
    buf_reset(out);
    codec_encode(layout, customer, out);
    return buf_slice(out);
}

static struct customer *decode(const struct codec *codec, struct slice record, uint32_t *flags)
{
    struct customer *customer = NULL;
    struct errinfo info = {""};
    enum err rc = codec_decode(codec, SLICE("u42"), record, &customer, flags, &info);
    if (rc != ERR_NONE)
        print_error("%s\n", info.text);
    assert_int_equal(rc, ERR_NONE);
    return customer;
}

/* ---- the current layout */

static void assert_same(const struct customer *a, const struct customer *b)
{
    assert_int_equal(a->clock_ms, b->clock_ms);
    assert_int_equal(a->last_seen_ms, b->last_seen_ms);
    assert_int_equal(a->order_hash, b->order_hash);
    assert_true(slice_equal(customer_key(&rich, a), customer_key(&rich, b)));
    for (uint32_t m = 0; m < 3; m++) {
        struct customer_machine x = customer_machine_now(&rich, a, m);
        struct customer_machine y = customer_machine_now(&rich, b, m);
        assert_int_equal(x.state, y.state);
        assert_true(x.entered_ms == y.entered_ms);
        for (uint32_t w = 0; w < rich_machines[m].timer_words; w++)
            assert_true(spent_of(&rich, a, m, w) == spent_of(&rich, b, m, w));
    }
    uint64_t ids[CUSTOMER_IDS_MAX], others[CUSTOMER_IDS_MAX];
    uint32_t count = customer_ids(a, ids);
    assert_int_equal(count, customer_ids(b, others));
    if (count > 0)
        assert_memory_equal(ids, others, count * sizeof(*ids));
    const union customer_slot *x = customer_slots(&rich, a, 0), *y = customer_slots(&rich, b, 0);
    assert_int_equal(x[RICH_BOOL].b, y[RICH_BOOL].b);
    assert_true(x[RICH_INT].i == y[RICH_INT].i);
    assert_memory_equal(&x[RICH_DOUBLE].d, &y[RICH_DOUBLE].d, 8);
    assert_true(
        slice_equal(customer_string_get(x[RICH_STRING]), customer_string_get(y[RICH_STRING])));
    assert_true(x[RICH_TIMESTAMP].i == y[RICH_TIMESTAMP].i);
    assert_int_equal(items_count(x[RICH_ITEMS].items), items_count(y[RICH_ITEMS].items));
    assert_true(
        slice_equal(items_currency(x[RICH_ITEMS].items), items_currency(y[RICH_ITEMS].items)));
    for (size_t i = 0; i < items_count(x[RICH_ITEMS].items); i++) {
        struct items_line p = items_at(x[RICH_ITEMS].items, i);
        struct items_line q = items_at(y[RICH_ITEMS].items, i);
        assert_true(slice_equal(p.product_id, q.product_id) && slice_equal(p.name, q.name));
        assert_true(p.has_price == q.has_price && p.price == q.price && p.quantity == q.quantity);
    }
    assert_int_equal(texts_count(x[RICH_COUNTER].texts), texts_count(y[RICH_COUNTER].texts));
    for (size_t i = 0; i < texts_count(x[RICH_COUNTER].texts); i++)
        assert_int_equal(texts_count_at(x[RICH_COUNTER].texts, i),
                         texts_count_at(y[RICH_COUNTER].texts, i));
    for (int64_t now = a->clock_ms; now < a->clock_ms + 300000; now += 30000) {
        assert_int_equal(window_count(x[RICH_COUNTS].window, 8, 1000, now),
                         window_count(y[RICH_COUNTS].window, 8, 1000, now));
        assert_true(window_sum(x[RICH_SUMS].window, 4, 60000, now) ==
                    window_sum(y[RICH_SUMS].window, 4, 60000, now));
    }
}

static void test_a_record_read_back_is_the_same_and_gives_the_same_bytes(void **state)
{
    (void)state;
    struct codec *codec = codec_new(&rich);
    struct buf first, second;
    buf_init(&first);
    buf_init(&second);
    seed = 1;
    for (int i = 0; i < 5000; i++) {
        struct customer *customer = random_customer();
        uint32_t flags = 99;
        struct customer *copy = decode(codec, encode(&rich, customer, &first), &flags);
        assert_int_equal(flags, 0);
        assert_same(customer, copy);
        encode(&rich, copy, &second);
        assert_true(slice_equal(buf_slice(&first), buf_slice(&second)));
        customer_free(&rich, customer);
        customer_free(&rich, copy);
    }
    buf_fini(&first);
    buf_fini(&second);
    codec_free(codec);
}

/*
 * msgpack-c reads a record, and writes the same bytes again: well-formed, and always the shortest
 * form.
 */
static void test_records_are_canonical_msgpack(void **state)
{
    (void)state;
    struct buf record, again;
    buf_init(&record);
    buf_init(&again);
    seed = 2;
    for (int i = 0; i < 1000; i++) {
        struct customer *customer = random_customer();
        encode(&rich, customer, &record);
        assert_true(mp_well_formed(buf_slice(&record)));
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        assert_int_equal(msgpack_unpack_next(&unpacked, record.data, record.size, NULL),
                         MSGPACK_UNPACK_SUCCESS);
        buf_reset(&again);
        msgpack_packer packer;
        msgpack_packer_init(&packer, &again, buf_pack_write);
        msgpack_pack_object(&packer, unpacked.data);
        assert_true(slice_equal(buf_slice(&record), buf_slice(&again)));
        msgpack_unpacked_destroy(&unpacked);
        customer_free(&rich, customer);
    }
    buf_fini(&record);
    buf_fini(&again);
}

/* The same memory reached in two ways. */
static void test_the_way_to_a_record_does_not_show_in_its_bytes(void **state)
{
    (void)state;
    struct customer *straight = customer_new(&rich, SLICE("u42"), 500000);
    struct customer *detour = customer_new(&rich, SLICE("u42"), 500000);
    union customer_slot *a = customer_slots(&rich, straight, 0),
                        *b = customer_slots(&rich, detour, 0);
    const struct items_line tee = {.product_id = SLICE("tee"), .name = SLICE("Tee"), .quantity = 1};
    const struct items_line hat = {.product_id = SLICE("hat"), .quantity = 1};
    items_add(&a[RICH_ITEMS].items, &tee, 5);
    items_add(&b[RICH_ITEMS].items, &hat, 5);
    items_add(&b[RICH_ITEMS].items, &tee, 5);
    items_remove(&b[RICH_ITEMS].items, SLICE("hat"), 0);
    window_add_count(&a[RICH_COUNTS].window, 8, 1000, 500000, 500000);
    window_add_count(&b[RICH_COUNTS].window, 8, 1000, 499000, 499000);
    window_clear(&b[RICH_COUNTS].window);
    window_add_count(&b[RICH_COUNTS].window, 8, 1000, 500000, 500000);
    window_add_sum(&b[RICH_SUMS].window, 4, 60000, 500000, 500000, 2.5);
    window_add_sum(&b[RICH_SUMS].window, 4, 60000, 500000, 500000, -2.5);
    customer_string_set(&b[RICH_STRING], SLICE("x"), 12);
    customer_string_set(&b[RICH_STRING], SLICE(""), 12);
    customer_fired_rank(detour, 0, 400000, true); /* at or before last_seen: can't come again */
    struct buf first, second;
    buf_init(&first);
    buf_init(&second);
    encode(&rich, straight, &first);
    encode(&rich, detour, &second);
    assert_true(slice_equal(buf_slice(&first), buf_slice(&second)));
    buf_fini(&first);
    buf_fini(&second);
    customer_free(&rich, straight);
    customer_free(&rich, detour);
}

/* Whether a machine's part is there does not show in the bytes; reading makes none that is not needed. */
static void test_parts_that_nobody_has_touched_are_not_made_by_reading(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&rich, SLICE("u42"), 1000);
    size_t size = customer_size(&rich, customer);
    customer->clock_ms = 5000;
    struct buf first, second;
    buf_init(&first);
    buf_init(&second);
    encode(&rich, customer, &first);
    customer_machine(&rich, customer, 1);
    assert_true(customer_size(&rich, customer) > size);
    assert_true(slice_equal(buf_slice(&first), encode(&rich, customer, &second)));
    struct codec *codec = codec_new(&rich);
    struct customer *copy = decode(codec, buf_slice(&first), NULL);
    assert_int_equal(customer_size(&rich, copy), size);
    assert_true(entered_of(&rich, copy, 1) == 1000);
    assert_true(entered_of(&rich, copy, 2) == 1000);
    buf_fini(&first);
    buf_fini(&second);
    codec_free(codec);
    customer_free(&rich, customer);
    customer_free(&rich, copy);
}

/* Records had up to 255 timers once: they are read, and the latest deadlines stay. */
static void test_more_fired_timers_than_are_kept_are_read(void **state)
{
    (void)state;
    struct codec *codec = codec_new(&rich);
    struct customer *customer = customer_new(&rich, SLICE("u42"), 1000);
    struct buf record, many;
    buf_init(&record);
    buf_init(&many);
    struct slice bytes = encode(&rich, customer, &record);
    struct mp mp = mp_of(bytes);
    struct mp_token token;
    for (int i = 0; i < 6; i++) /* the array's head, and the five before `fired` */
        assert_true(mp_read(&mp, &token));
    size_t before = (size_t)(mp.pos - bytes.data);
    assert_true(mp_read(&mp, &token) && token.kind == MP_NIL);
    buf_add_slice(&many, (struct slice){bytes.data, before});
    char text[4096], *end = pack_array(text, 3 * 255);
    for (int i = 0; i < 255; i++) {
        end = pack_uint(end, 0);
        end = pack_int(end, 2000 + i);
        end = pack_uint(end, 7);
    }
    buf_add_slice(&many, (struct slice){text, (size_t)(end - text)});
    buf_add_slice(&many, (struct slice){bytes.data + before + 1, bytes.size - before - 1});
    struct customer *copy = decode(codec, buf_slice(&many), NULL);
    assert_int_equal(copy->history->fired_count, CUSTOMER_FIRED_MAX);
    assert_int_equal(customer_fired_rank(copy, 0, 2254, false), 7);
    assert_int_equal(customer_fired_rank(copy, 0, 2000, false), 0);
    customer_free(&rich, customer);
    customer_free(&rich, copy);
    buf_fini(&record);
    buf_fini(&many);
    codec_free(codec);
}

static void test_fired_ranks_count_on_after_reading(void **state)
{
    (void)state;
    struct codec *codec = codec_new(&rich);
    struct customer *customer = customer_new(&rich, SLICE("u42"), 1000);
    customer_fired_rank(customer, 0, 2000, true);
    customer_fired_rank(customer, 0, 2000, true);
    customer_fired_rank(customer, 2, 3000, true);
    struct buf record;
    buf_init(&record);
    struct customer *copy = decode(codec, encode(&rich, customer, &record), NULL);
    assert_int_equal(customer_fired_rank(copy, 0, 2000, true), 2);
    assert_int_equal(customer_fired_rank(copy, 2, 3000, true), 1);
    assert_int_equal(customer_fired_rank(copy, 1, 3000, true), 0);
    customer_free(&rich, customer);
    customer_free(&rich, copy);
    buf_fini(&record);
    codec_free(codec);
}

/* What is empty costs a byte. */
static void test_an_empty_record_is_small(void **state)
{
    (void)state;
    struct buf record;
    buf_init(&record);
    struct customer *customer = customer_new(&shipped, SLICE("u42"), 1700000000000);
    size_t size = encode(&shipped, customer, &record).size;
    print_message("record of the shipped machines: %zu bytes", size);
    assert_true(size <= 40);
    customer_machine(&shipped, customer, 2)->entered_ms -= 86400000;
    for (uint64_t id = 0; id < 16; id++)
        customer_add_id(customer, id);
    customer->order_hash = UINT64_MAX;
    size = encode(&shipped, customer, &record).size;
    print_message(", with ids and an order: %zu\n", size);
    assert_true(size <= 40 + 4 + 129 + 8);
    customer_free(&shipped, customer);
    buf_fini(&record);
}

/* docs/redis.md shows these bytes. */
static void test_the_documented_record(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        0x99, 0xcf, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* the id, filled in below */
        0xcf, 0x00, 0x00, 0x01, 0x9b, 0x8d, 0x99, 0x69, 0x00,       /* 2026-01-05T10:00:00Z */
        0x00,                                                       /* seen at the clock */
        0x00,                                                       /* no order */
        0xc4, 0x08, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* one id */
        0xc0,                                                       /* nothing fired */
        0x94, 0x01, 0x00, 0xc0,                                     /* cart: active, just now */
        0x95, 0xa3, 'T',  'H',  'B',  0xa3, 't',  'e',  'e',  0xc0, /* items */
        0xcb, 0x40, 0x28, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcd, 0x02, /* 12.4 THB, 2 of it */
        0x94, 0x01, 0xcd, 0x75, 0x30, 0xc0, 0x91, 0xa3, 't',  'e',
        'e',                                /* browse: browsing, 30 s */
        0x95, 0x01, 0x00, 0xc0, 0xc3, 0x00, /* lifecycle: evaluation, just now; viewed, no order */
    };
    struct customer *customer = customer_new(&shipped, SLICE("u42"), 1767607200000);
    union customer_slot *slots = customer_slots(&shipped, customer, 0);
    const struct items_line tee = {
        .product_id = SLICE("tee"), .has_price = true, .price = 12.4, .quantity = 2};
    items_add(&slots[0].items, &tee, 256);
    items_set_currency(slots[0].items, SLICE("THB"));
    texts_add(&customer_slots(&shipped, customer, 1)->texts, SLICE("tee"), 64);
    customer_slots(&shipped, customer, 2)[0].b = true;
    customer_machine(&shipped, customer, 0)->state = 1;
    *customer_machine(&shipped, customer, 1) = (struct customer_machine){1767607200000 - 30000, 1};
    customer_machine(&shipped, customer, 2)->state = 1;
    customer_add_id(customer, 0x0102030405060708);
    struct buf record;
    buf_init(&record);
    encode(&shipped, customer, &record);
    unsigned char wanted[sizeof(expected)];
    memcpy(wanted, expected, sizeof(expected));
    for (int i = 0; i < 8; i++)
        wanted[2 + i] = (unsigned char)(shipped.id >> (8 * (7 - i)));
    assert_true(shipped.id == 0x9cbd28468c30d7b8);
    assert_int_equal(record.size, sizeof(wanted));
    assert_memory_equal(record.data, wanted, sizeof(wanted));
    customer_free(&shipped, customer);
    buf_fini(&record);
}

/* ---- older layouts */

/* Writes a customer under `old`, reads it under `now`. */
static struct customer *convert(const struct layout *old, const struct layout *now,
                                const struct customer *customer, uint32_t *flags)
{
    struct codec *codec = codec_new(now);
    struct buf description, record;
    buf_init(&description);
    buf_init(&record);
    codec_layout_describe(old, &description);
    assert_int_equal(codec_know(codec, old->id, buf_slice(&description), NULL), ERR_NONE);
    assert_true(codec_knows(codec, old->id));
    struct customer *read = decode(codec, encode(old, customer, &record), flags);
    buf_fini(&description);
    buf_fini(&record);
    codec_free(codec);
    return read;
}

static void test_an_older_record_is_read_by_name(void **state)
{
    (void)state;
    /* Machines in another order, one gone, one new; states and variables likewise. */
    static const struct slice states[] = {NAME("third"), NAME("first"), NAME("fourth")};
    static const struct layout_variable variables[] = {
        {.name = NAME("new"), .type = LAYOUT_TIMESTAMP},
        {.name = NAME("set"), .type = LAYOUT_SET, .max = 2},
        {.name = NAME("int"), .type = LAYOUT_DOUBLE}, /* another type */
        {.name = NAME("items"), .type = LAYOUT_LINE_ITEMS, .max = 1},
        {.name = NAME("counts"), .type = LAYOUT_WINDOW, .max = 8, .bucket_ms = 2000},
        {.name = NAME("sums"),
         .type = LAYOUT_WINDOW,
         .max = 2,
         .bucket_ms = 60000,
         .window_is_sum = true},
        {.name = NAME("string"), .type = LAYOUT_STRING, .max = 3},
    };
    struct layout_machine machines[] = {
        {.name = NAME("newcomer"), .states = states, .state_count = 2, .initial = 1},
        {.name = NAME("bare"), .states = states, .state_count = 3, .timer_words = 2},
        {.name = NAME("rich"),
         .states = states,
         .state_count = 3,
         .initial = 2,
         .timer_words = 1,
         .variables = variables,
         .variable_count = 7},
    };
    struct layout now = {.machine_count = 3};
    layout_seal(&now, machines);

    struct customer *old = customer_new(&rich, SLICE("u42"), 100000);
    union customer_slot *slots = customer_slots(&rich, old, 0);
    const struct items_line tee = {.product_id = SLICE("tee"), .quantity = 1};
    const struct items_line hat = {.product_id = SLICE("hat"), .quantity = 1};
    items_add(&slots[RICH_ITEMS].items, &tee, 5);
    items_add(&slots[RICH_ITEMS].items, &hat, 5);
    texts_add(&slots[RICH_SET].texts, SLICE("a"), 6);
    texts_add(&slots[RICH_SET].texts, SLICE("b"), 6);
    texts_add(&slots[RICH_SET].texts, SLICE("c"), 6);
    window_add_count(&slots[RICH_COUNTS].window, 8, 1000, 100000, 100000);
    window_add_sum(&slots[RICH_SUMS].window, 4, 60000, 100000, 100000, 2.5);
    customer_string_set(&slots[RICH_STRING], SLICE("abcdef"), 12);
    slots[RICH_INT].i = 7;
    *customer_machine(&rich, old, 0) = (struct customer_machine){90000, 2}; /* rich: third */
    *customer_machine(&rich, old, 2) = (struct customer_machine){80000, 0}; /* bare: first */
    customer_timer_words(&rich, old, 0)[0] = 5;
    customer_timer_words(&rich, old, 0)[1] = 6;
    customer_timer_words(&rich, old, 2)[0] = 7;
    customer_fired_rank(old, 1, 200000, true); /* of the machine that is gone */
    customer_fired_rank(old, 2, 200000, true);
    customer_add_id(old, 77);
    old->order_hash = 88;

    uint32_t flags = 0;
    struct customer *read = convert(&rich, &now, old, &flags);
    assert_int_equal(flags, CODEC_CONVERTED);
    assert_int_equal(read->clock_ms, 100000);
    assert_int_equal(read->order_hash, 88);
    assert_true(customer_id_known(read, 77));
    assert_int_equal(state_of(&now, read, 0), 1);
    assert_true(entered_of(&now, read, 0) == 100000);
    assert_int_equal(state_of(&now, read, 1), 1);
    assert_true(entered_of(&now, read, 1) == 80000);
    assert_int_equal(state_of(&now, read, 2), 0);
    assert_true(entered_of(&now, read, 2) == 90000);
    assert_int_equal(spent_of(&now, read, 1, 0), 7);
    assert_int_equal(spent_of(&now, read, 1, 1), 0);
    assert_int_equal(spent_of(&now, read, 2, 0), 5);
    assert_int_equal(customer_fired_rank(read, 1, 200000, true), 1);
    assert_int_equal(read->history->fired_count, 1);
    const union customer_slot *here = customer_slots(&now, read, 2);
    assert_true(here[0].i == CUSTOMER_NO_TIME);
    assert_int_equal(texts_count(here[1].texts), 2);
    assert_true(slice_is(texts_at(here[1].texts, 1), "b"));
    assert_true(here[2].d == 0);
    assert_int_equal(items_count(here[3].items), 1);
    assert_true(slice_is(items_at(here[3].items, 0).product_id, "hat"));
    assert_null(here[4].window);
    assert_true(window_sum(here[5].window, 2, 60000, 100000) == 2.5);
    assert_true(slice_is(customer_string_get(here[6]), "abc"));
    customer_free(&rich, old);
    customer_free(&now, read);
}

static void test_a_state_that_is_gone_gives_the_initial_one(void **state)
{
    (void)state;
    static const struct slice states[] = {NAME("second"), NAME("first")};
    struct layout_machine machines[] = {
        {.name = NAME("rich"), .states = states, .state_count = 2, .initial = 1, .timer_words = 2}};
    struct layout now = {.machine_count = 1};
    layout_seal(&now, machines);
    struct customer *old = customer_new(&rich, SLICE("u42"), 100000);
    *customer_machine(&rich, old, 0) = (struct customer_machine){90000, 2}; /* third */
    customer_timer_words(&rich, old, 0)[0] = 5;
    uint32_t flags = 0;
    struct customer *read = convert(&rich, &now, old, &flags);
    assert_int_equal(flags, CODEC_CONVERTED | CODEC_STATE_GONE);
    assert_int_equal(state_of(&now, read, 0), 1);
    assert_true(entered_of(&now, read, 0) == 100000);
    assert_int_equal(spent_of(&now, read, 0, 0), 0); /* they were that state's */
    customer_free(&rich, old);
    customer_free(&now, read);
}

/* ---- spent timers */

/* clang-format off */
#define IDLE(ms)     {.kind = LAYOUT_IDLE, .duration_ms = (ms)}
#define AFTER(ms)    {.kind = LAYOUT_AFTER, .duration_ms = (ms)}
#define AT(name_)    {.kind = LAYOUT_AT, .variable = NAME(name_)}
#define TIMERS(list) {list, sizeof(list) / sizeof(*(list))}
/* clang-format on */

static const struct slice timed_states[] = {NAME("waiting"), NAME("resting")};
static const struct layout_variable timed_variables[] = {
    {.name = NAME("due"), .type = LAYOUT_TIMESTAMP},
    {.name = NAME("then"), .type = LAYOUT_TIMESTAMP}};

static struct layout timed_layout(struct layout_machine *machine,
                                  const struct layout_timers *timers)
{
    struct layout layout = {.machine_count = 1};
    *machine = (struct layout_machine){.name = NAME("timed"),
                                       .states = timed_states,
                                       .state_count = 2,
                                       .timers = timers,
                                       .variables = timed_variables,
                                       .variable_count = 2};
    layout_seal(&layout, machine);
    return layout;
}

/* What is spent of `old` in the state, as bits of `now`. */
static uint64_t spent_after(const struct layout_timers *old, const struct layout_timers *now,
                            uint16_t at, uint64_t spent, int64_t due_ms)
{
    struct layout_machine machines[2];
    struct layout before = timed_layout(&machines[0], old), after = timed_layout(&machines[1], now);
    struct customer *customer = customer_new(&before, SLICE("u42"), 100000);
    *customer_machine(&before, customer, 0) = (struct customer_machine){90000, at};
    if (before.machines[0].timer_words > 0)
        customer_timer_words(&before, customer, 0)[0] = spent;
    customer_slots(&before, customer, 0)[0].i = due_ms;
    struct customer *read = convert(&before, &after, customer, NULL);
    assert_int_equal(state_of(&after, read, 0), at);
    uint64_t bits =
        after.machines[0].timer_words > 0 ? customer_timer_words(&after, read, 0)[0] : 0;
    customer_free(&before, customer);
    customer_free(&after, read);
    return bits;
}

/* Whatever their order: a timer is the same one by its state, its kind and what it waits for. */
static void test_spent_timers_are_read_by_what_they_are(void **state)
{
    (void)state;
    static const struct layout_timer old_waiting[] = {AFTER(60000), IDLE(60000), AT("due"),
                                                      AFTER(7200000)};
    static const struct layout_timer new_waiting[] = {AFTER(3600000), AT("due"), AFTER(7200000),
                                                      IDLE(60000)};
    static const struct layout_timer resting[] = {AFTER(60000)};
    static const struct layout_timers old[] = {TIMERS(old_waiting), TIMERS(resting)};
    static const struct layout_timers now[] = {TIMERS(new_waiting), TIMERS(resting)};
    static const struct layout_timers none[] = {{NULL, 0}, TIMERS(resting)};
    const int64_t never = CUSTOMER_NO_TIME;
    static const struct {
        uint64_t old, now;
    } rows[] = {
        {0x0, 0x0}, {0x1, 0x0} /* gone */, {0x2, 0x8}, {0x4, 0x2}, {0x8, 0x4}, {0xf, 0xe},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(spent_after(old, now, 0, rows[i].old, never), rows[i].now);
    assert_int_equal(spent_after(old, now, 1, 1, never), 1);
    assert_int_equal(spent_after(old, none, 0, 0xf, never), 0);
    assert_int_equal(spent_after(none, now, 0, 0, never), 0);
    assert_int_equal(spent_after(old, NULL, 0, 0xf, never), 0);
    assert_int_equal(spent_after(NULL, now, 0, 0, never), 0);
}

/* As on entering: a time that is past arms nothing. One that was armed fires, late as it is. */
static void test_a_new_at_whose_time_is_past_is_not_armed(void **state)
{
    (void)state;
    static const struct layout_timer one[] = {AFTER(60000), AT("then")};
    static const struct layout_timer two[] = {AT("due"), AFTER(60000)};
    static const struct layout_timers old[] = {TIMERS(one), {NULL, 0}};
    static const struct layout_timers now[] = {TIMERS(two), {NULL, 0}};
    assert_int_equal(spent_after(old, now, 0, 0, 99999), 1);
    assert_int_equal(spent_after(old, now, 0, 1, 100000), 3);
    assert_int_equal(spent_after(old, now, 0, 0, 100001), 0);
    assert_int_equal(spent_after(old, now, 0, 0, CUSTOMER_NO_TIME), 0);
    assert_int_equal(spent_after(NULL, now, 0, 0, 99999), 1);
    static const struct layout_timers moved[] = {{two + 1, 1}, {two, 1}};
    assert_int_equal(spent_after(now, moved, 1, 0, 99999), 1);
    static const struct layout_timer swapped[] = {AFTER(60000), AT("due")};
    static const struct layout_timers same[] = {TIMERS(swapped), {NULL, 0}};
    assert_int_equal(spent_after(now, same, 0, 0, 99999), 0);
}

/* More than a word of them, in the opposite order. */
static void test_many_spent_timers_are_read_by_what_they_are(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct layout_timer forwards[COUNT], backwards[COUNT];
    for (uint32_t i = 0; i < COUNT; i++)
        forwards[i] = backwards[COUNT - 1 - i] = (struct layout_timer)AFTER(1000 * (i + 1));
    const struct layout_timers one[] = {TIMERS(forwards), {NULL, 0}};
    const struct layout_timers two[] = {TIMERS(backwards), {NULL, 0}};
    struct layout_machine machines[2];
    struct layout old = timed_layout(&machines[0], one), now = timed_layout(&machines[1], two);
    assert_int_equal(old.machines[0].timer_words, 2);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct customer *customer = customer_new(&old, SLICE("u42"), 100000);
        customer_timer_words(&old, customer, 0)[i / 64] = UINT64_C(1) << i % 64;
        struct customer *read = convert(&old, &now, customer, NULL);
        const uint64_t *words = customer_timer_words(&now, read, 0);
        uint32_t wanted = COUNT - 1 - i;
        assert_true(words[wanted / 64] == UINT64_C(1) << wanted % 64);
        assert_true(words[1 - wanted / 64] == 0);
        customer_free(&old, customer);
        customer_free(&now, read);
    }
}

static void test_a_layout_of_timers_described_and_read_is_the_same(void **state)
{
    (void)state;
    static const struct layout_timer some[] = {AFTER(60000), IDLE(60000), AT("due")};
    static const struct layout_timers timers[] = {{NULL, 0}, TIMERS(some)};
    struct layout_machine machine;
    struct layout layout = timed_layout(&machine, timers);
    struct buf description;
    buf_init(&description);
    codec_layout_describe(&layout, &description);
    struct layout *read = codec_layout_read(buf_slice(&description));
    assert_non_null(read);
    assert_int_equal(read->id, layout.id);
    assert_int_equal(read->machines[0].timer_words, 1);
    assert_int_equal(read->machines[0].timers[0].count, 0);
    assert_int_equal(read->machines[0].timers[1].count, 3);
    for (int64_t i = 0; i < 3; i++)
        assert_int_equal(layout_find_timer(&read->machines[0].timers[1], &some[i]), i);
    codec_layout_free(read);
    struct codec *codec = codec_new(&shipped);
    for (size_t size = 0; size < description.size; size++) {
        struct slice cut = {description.data, size};
        assert_int_equal(codec_know(codec, hash_bytes(cut), cut, NULL), ERR_REJECT);
    }
    seed = 9;
    for (int i = 0; i < 20000; i++) { /* under its own hash, so that it is read */
        size_t at = random_below((uint32_t)description.size);
        char before = description.data[at];
        description.data[at] = (char)(before ^ (1 << random_below(8)));
        read = codec_layout_read(buf_slice(&description));
        codec_layout_free(read);
        description.data[at] = before;
    }
    codec_free(codec);
    buf_fini(&description);
}

static void test_any_record_is_read_under_another_layout(void **state)
{
    (void)state;
    struct buf record;
    buf_init(&record);
    seed = 3;
    for (int i = 0; i < 500; i++) {
        struct customer *customer = random_customer();
        uint32_t flags;
        struct customer *read = convert(&rich, &shipped, customer, &flags);
        assert_int_equal(flags, CODEC_CONVERTED);
        struct customer *fresh = customer_new(&shipped, SLICE("u42"), customer->clock_ms);
        assert_int_equal(read->clock_ms, customer->clock_ms);
        for (uint32_t m = 0; m < 3; m++) {
            assert_int_equal(state_of(&shipped, read, m), state_of(&shipped, fresh, m));
            assert_true(entered_of(&shipped, read, m) == entered_of(&shipped, fresh, m));
        }
        customer_free(&rich, customer);
        customer_free(&shipped, read);
        customer_free(&shipped, fresh);
    }
    buf_fini(&record);
}

static void test_a_layout_described_and_read_is_the_same(void **state)
{
    (void)state;
    struct buf first, second;
    buf_init(&first);
    buf_init(&second);
    codec_layout_describe(&rich, &first);
    assert_true(mp_well_formed(buf_slice(&first)));
    assert_int_equal(hash_bytes(buf_slice(&first)), rich.id);
    struct layout *read = codec_layout_read(buf_slice(&first));
    assert_non_null(read);
    assert_int_equal(read->id, rich.id);
    assert_int_equal(read->key_at, rich.key_at);
    codec_layout_describe(read, &second);
    assert_true(slice_equal(buf_slice(&first), buf_slice(&second)));
    codec_layout_free(read);
    codec_layout_free(NULL);
    buf_fini(&first);
    buf_fini(&second);
}

/* ---- foreign bytes */

static void test_a_record_of_an_unknown_layout_is_refused(void **state)
{
    (void)state;
    struct codec *codec = codec_new(&rich);
    struct customer *customer = customer_new(&shipped, SLICE("u42"), 1000), *read = NULL;
    struct buf record;
    buf_init(&record);
    encode(&shipped, customer, &record);
    struct errinfo info;
    assert_int_equal(codec_decode(codec, SLICE("u42"), buf_slice(&record), &read, NULL, &info),
                     ERR_REJECT);
    assert_non_null(strstr(info.text, "not known"));
    assert_false(codec_knows(codec, shipped.id));
    customer_free(&shipped, customer);
    buf_fini(&record);
    codec_free(codec);
}

static void test_a_key_of_no_size_is_refused(void **state)
{
    (void)state;
    struct codec *codec = codec_new(&rich);
    struct customer *customer = customer_new(&rich, SLICE("u42"), 1000), *read = NULL;
    struct buf record;
    buf_init(&record);
    encode(&rich, customer, &record);
    char key[CUSTOMER_KEY_SIZE_MAX + 1] = {0};
    assert_int_equal(codec_decode(codec, SLICE(""), buf_slice(&record), &read, NULL, NULL),
                     ERR_REJECT);
    assert_int_equal(codec_decode(codec, (struct slice){key, sizeof(key)}, buf_slice(&record),
                                  &read, NULL, NULL),
                     ERR_REJECT);
    customer_free(&rich, customer);
    buf_fini(&record);
    codec_free(codec);
}

/* In a block of its own size, so that a read beyond it is seen. */
static bool decodes(const struct codec *codec, const char *data, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    struct customer *customer = NULL;
    enum err rc =
        codec_decode(codec, SLICE("u42"), (struct slice){copy, size}, &customer, NULL, NULL);
    if (rc == ERR_NONE) { /* then it is a record like any other */
        struct buf again;
        buf_init(&again);
        codec_encode(&rich, customer, &again);
        struct customer *twice = decode(codec, buf_slice(&again), NULL);
        customer_free(&rich, twice);
        customer_free(&rich, customer);
        buf_fini(&again);
    } else {
        assert_int_equal(rc, ERR_REJECT);
        assert_null(customer);
    }
    free(copy);
    return rc == ERR_NONE;
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    struct codec *codec = codec_new(&rich);
    struct buf record;
    buf_init(&record);
    seed = 4;
    for (int i = 0; i < 20; i++) {
        struct customer *customer = random_customer();
        encode(&rich, customer, &record);
        for (size_t size = 0; size < record.size; size++)
            assert_false(decodes(codec, record.data, size));
        buf_add_char(&record, '\0');
        assert_false(decodes(codec, record.data, record.size)); /* and so are bytes behind it */
        customer_free(&rich, customer);
    }
    buf_fini(&record);
    codec_free(codec);
}

static void test_damaged_bytes_give_an_error_or_a_sound_record(void **state)
{
    (void)state;
    struct codec *codec = codec_new(&rich);
    struct buf record;
    buf_init(&record);
    size_t refused = 0, taken = 0;
    seed = 6;
    for (int i = 0; i < 300; i++) {
        struct customer *customer = random_customer();
        encode(&rich, customer, &record);
        for (int k = 0; k < 100; k++) {
            size_t at = random_below((uint32_t)record.size);
            char before = record.data[at];
            if (one_in(2))
                record.data[at] = (char)(before ^ (1 << random_below(8)));
            else
                record.data[at] = (char)random_below(256);
            *(decodes(codec, record.data, record.size) ? &taken : &refused) += 1;
            if (!one_in(4)) /* now and then damage adds up */
                record.data[at] = before;
        }
        customer_free(&rich, customer);
    }
    assert_true(refused > 1000 && taken > 1000);
    buf_fini(&record);
    codec_free(codec);
}

static void test_a_damaged_layout_is_refused(void **state)
{
    (void)state;
    struct codec *codec = codec_new(&shipped);
    struct buf description;
    buf_init(&description);
    codec_layout_describe(&rich, &description);
    for (size_t size = 0; size < description.size; size++) {
        char *copy = malloc(size ? size : 1);
        memcpy(copy, description.data, size);
        assert_int_equal(codec_know(codec, rich.id, (struct slice){copy, size}, NULL), ERR_REJECT);
        free(copy);
    }
    seed = 8;
    for (int i = 0; i < 20000; i++) {
        size_t at = random_below((uint32_t)description.size);
        char before = description.data[at];
        description.data[at] = (char)(before ^ (1 << random_below(8)));
        assert_int_equal(codec_know(codec, rich.id, buf_slice(&description), NULL), ERR_REJECT);
        description.data[at] = before;
    }
    assert_false(codec_knows(codec, rich.id));
    assert_int_equal(codec_know(codec, rich.id, buf_slice(&description), NULL), ERR_NONE);
    buf_fini(&description);
    codec_free(codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record_read_back_is_the_same_and_gives_the_same_bytes),
        cmocka_unit_test(test_records_are_canonical_msgpack),
        cmocka_unit_test(test_the_way_to_a_record_does_not_show_in_its_bytes),
        cmocka_unit_test(test_parts_that_nobody_has_touched_are_not_made_by_reading),
        cmocka_unit_test(test_more_fired_timers_than_are_kept_are_read),
        cmocka_unit_test(test_fired_ranks_count_on_after_reading),
        cmocka_unit_test(test_an_empty_record_is_small),
        cmocka_unit_test(test_the_documented_record),
        cmocka_unit_test(test_an_older_record_is_read_by_name),
        cmocka_unit_test(test_a_state_that_is_gone_gives_the_initial_one),
        cmocka_unit_test(test_spent_timers_are_read_by_what_they_are),
        cmocka_unit_test(test_a_new_at_whose_time_is_past_is_not_armed),
        cmocka_unit_test(test_many_spent_timers_are_read_by_what_they_are),
        cmocka_unit_test(test_a_layout_of_timers_described_and_read_is_the_same),
        cmocka_unit_test(test_any_record_is_read_under_another_layout),
        cmocka_unit_test(test_a_layout_described_and_read_is_the_same),
        cmocka_unit_test(test_a_record_of_an_unknown_layout_is_refused),
        cmocka_unit_test(test_a_key_of_no_size_is_refused),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_damaged_bytes_give_an_error_or_a_sound_record),
        cmocka_unit_test(test_a_damaged_layout_is_refused),
    };
    return cmocka_run_group_tests(tests, make_layouts, NULL);
}
