/*
 * Machine files as anybody may write them: whatever they are, loading ends with mistakes or with a machine, and a
 * machine takes a shop's first events to their end, and then random ones of the names that it listens to, with any
 * properties, early, late, and long after each other.
 *
 * The input is a text, a NUL, and what the random events are made of. With FUZZ_SHOW in the environment the
 * mistakes found in it are printed.
 */
#include <stdint.h>
#include <stdlib.h>

#include "bench/shop.h"
#include "core/check.h"
#include "core/mp.h"
#include "core/yaml.h"
#include "engine/backtest.h"
#include "tests/fuzz/random_event.h"

#define EVENTS        40
#define RANDOM_EVENTS 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct schema *schema;
static struct yaml_file *constants;

static struct yaml_file *load_constants(void)
{
    struct diag diag;
    diag_init(&diag);
    struct yaml_file *loaded = yaml_parse(
        "constants",
        SLICE("{ timezone: Asia/Bangkok, festivals: { 01-01T09:00: new_year, 04-13T09:00: s } }"),
        &diag);
    diag_fini(&diag);
    CHECK(loaded != NULL);
    return loaded;
}

static void ignore(void *self, const struct signal *signal, struct slice id)
{
    (void)self;
    (void)signal;
    (void)id;
}

/* One of the rules' names; a shop's where they have none. */
static struct slice random_name(struct choices *choices, const struct event_wants *wants)
{
    uint32_t count = wants->name_count < 255 ? (uint32_t)wants->name_count : 255;
    uint32_t chosen = choose(choices, count + 1);
    return chosen < count ? wants->names[chosen] : SLICE("page_viewed");
}

/* Milliseconds to months, sometimes back. */
static int64_t random_gap_ms(struct choices *choices)
{
    static const int64_t units_ms[] = {1, 1000, 60000, 3600000, 86400000, -1, -60000, -86400000};
    return units_ms[choose(choices, 8)] * choose(choices, 64);
}

static void play_random(const struct rules *rules, struct choices *choices,
                        struct backtest *backtest)
{
    static const char *const customers[] = {"u1", "u2"};
    struct random_envelope envelope = {.time_ms = SHOP_START_MS + INT64_C(86400000)};
    struct buf properties, message;
    struct decoded decoded;
    buf_init(&properties);
    buf_init(&message);
    for (int64_t i = 0; i < RANDOM_EVENTS && choices_are_left(choices); i++) {
        buf_reset(&properties);
        buf_reset(&message);
        envelope.name = random_name(choices, rules_wants(rules));
        envelope.customer = slice_of(customers[choose(choices, 2)]);
        envelope.time_ms += random_gap_ms(choices);
        random_properties(choices, random_shop_keys, RANDOM_SHOP_KEY_COUNT, &properties);
        envelope.properties = buf_slice(&properties);
        random_message(&envelope, &message);
        CHECK(mp_well_formed(buf_slice(&message)));
        backtest_message(backtest, EVENTS + i, buf_slice(&message), &decoded);
        CHECK(decoded.count == 1);
    }
    buf_fini(&properties);
    buf_fini(&message);
}

static void play(const struct rules *rules, struct choices *choices)
{
    struct backtest_options options = {
        .rules = rules,
        .schema = schema,
        .lateness_ms = 5000,
        .forget_after_ms = INT64_C(400) * 86400000,
        .until_ms = BACKTEST_NO_UNTIL,
        .signal = ignore,
    };
    struct shop_options few = {.seed = 1, .customers = 8, .products = 8, .events_per_second = 0.01};
    struct backtest *backtest = backtest_new(&options);
    struct shop *shop = shop_new(&few);
    struct shop_event event;
    struct decoded decoded;
    for (int64_t i = 0; i < EVENTS; i++) {
        shop_next(shop, &event);
        backtest_message(backtest, i, event.message, &decoded);
    }
    play_random(rules, choices, backtest);
    backtest_finish(backtest);
    shop_free(shop);
    backtest_free(backtest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *name = "machine.yaml";
    const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
    struct slice text = {(const char *)data, end ? (size_t)(end - data) : size};
    struct choices choices = {end ? end + 1 : NULL, end ? size - text.size - 1 : 0};
    struct rules_options options = {.files = &name,
                                    .file_count = 1,
                                    .texts = &text,
                                    .forget_after_ms = INT64_C(400) * 86400000};
    struct diag diag;

    if (!schema) {
        schema = random_schema();
        constants = load_constants();
    }
    options.constants = yaml_root(constants);
    diag_init(&diag);
    struct rules *rules = rules_load(&options, &diag);
    CHECK((rules == NULL) == (diag.error_count > 0));
    if (getenv("FUZZ_SHOW"))
        diag_print(&diag, stderr);
    if (rules)
        play(rules, &choices);
    rules_free(rules);
    diag_fini(&diag);
    return 0;
}
