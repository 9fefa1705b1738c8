/*
 * Random lives under all shipped machines. Results may not depend on what is in memory: a customer whose record is written and read
 * anew after every step gives the same signals, byte for byte, and the same record, as one that stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/buf.h"
#include "producer/signal.h"
#include "state/codec.h"
#include "step_scenario.h"

#define EVENTS 1200
#define LIVES  6

#define MACHINE(name) STAGECOACH_SOURCE_DIR "/config/machines/" name ".yaml"

static const char *const files[] = {
    MACHINE("cart"),     MACHINE("browse"),       MACHINE("lifecycle"),
    MACHINE("buyer"),    MACHINE("experience"),   MACHINE("loyalty"),
    MACHINE("friction"), MACHINE("relationship"), MACHINE("touchpoints")};

static const char *const names[] = {
    "product_viewed",       "product_viewed",      "product_added",
    "product_added",        "product_removed",     "cart_viewed",
    "cart_updated",         "checkout_started",    "checkout_step_viewed",
    "payment_info_entered", "order_completed",     "order_completed",
    "products_searched",    "product_shared",      "referral_sent",
    "product_reviewed",     "nps_submitted",       "csat_submitted",
    "ces_submitted",        "order_refunded",      "order_delivered",
    "product_used",         "customer_identified", "unsubscribed",
    "email_opened",         "page_viewed",         "liked",
    "element_clicked",      "rage_clicked",        "error_shown",
    "payment_failed",       "coupon_denied",       "customer_forgotten",
    "what_nobody_names",
};

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)((random_state >> 33) % n);
}

/* From seconds to months, mostly short. */
static int64_t random_gap_ms(void)
{
    static const int64_t most_ms[] = {
        1000, 1000, 60000, 60000, 3600000, 86400000, INT64_C(40) * 86400000};
    int64_t most = most_ms[random_below(sizeof(most_ms) / sizeof(most_ms[0]))];
    return most * random_below(1000) / 1000;
}

static void random_properties(char *out, size_t size)
{
    static const char *const products[] = {
        "", "products: [],", "products: [ { product_id: p1, price: 3 }, { product_id: p2 } ],",
        "products: [ { name: x } ],"};
    snprintf(out, size,
             "{ %s product_id: p%u, price: %u.25, quantity: %d, order_id: o%u, rating: %u, score: "
             "'%u', element: e%u, step: %u, results: %u,"
             " channel: c%u, birthday: 1990-%02u-01, timezone: %s, currency: THB }",
             products[random_below(4)], random_below(5), random_below(50), (int)random_below(5) - 1,
             random_below(4), random_below(6), random_below(11), random_below(2), random_below(3),
             random_below(2), random_below(20), 1 + random_below(12),
             random_below(2) ? "Asia/Tokyo" : "Nowhere/Land");
}

static void write_and_read(struct scenario_world *world, struct codec *codec)
{
    const struct layout *layout = rules_layout(world->rules);
    struct customer *customer = world->customer, *read;
    struct errinfo info;
    struct buf bytes;
    if (customer->flags & CUSTOMER_GONE)
        return;
    buf_init(&bytes);
    codec_encode(layout, customer, &bytes);
    assert_int_equal(
        codec_decode(codec, customer_key(layout, customer), buf_slice(&bytes), &read, NULL, &info),
        ERR_NONE);
    read->deadline_ms = rules_deadline(world->rules, read);
    customer_free(layout, customer);
    world->customer = read;
    buf_fini(&bytes);
}

static void assert_same_signals(const struct signal_list *a, const struct signal_list *b)
{
    struct buf of_a, of_b;
    buf_init(&of_a);
    buf_init(&of_b);
    for (size_t i = 0; i < a->count; i++) {
        signal_encode(&a->items[i], SIGNAL_JSON, (struct slice){NULL, 0}, &of_a);
        buf_printf(&of_a, "%d %u\n", a->items[i].is_timer, a->items[i].rank);
    }
    for (size_t i = 0; i < b->count; i++) {
        signal_encode(&b->items[i], SIGNAL_JSON, (struct slice){NULL, 0}, &of_b);
        buf_printf(&of_b, "%d %u\n", b->items[i].is_timer, b->items[i].rank);
    }
    buf_add_char(&of_a, '\0');
    buf_add_char(&of_b, '\0');
    assert_string_equal(of_a.data, of_b.data);
    buf_fini(&of_a);
    buf_fini(&of_b);
}

static void assert_same_records(const struct scenario_world *a, const struct scenario_world *b)
{
    struct buf of_a, of_b;
    buf_init(&of_a);
    buf_init(&of_b);
    codec_encode(rules_layout(a->rules), a->customer, &of_a);
    codec_encode(rules_layout(b->rules), b->customer, &of_b);
    assert_int_equal(of_a.size, of_b.size);
    assert_memory_equal(of_a.data, of_b.data, of_a.size);
    buf_fini(&of_a);
    buf_fini(&of_b);
}

static size_t live(struct scenario_world *stays, struct scenario_world *moves, struct codec *codec)
{
    char properties[512];
    size_t signals = 0;
    int64_t now_ms = SCENARIO_BEGIN;
    for (int i = 0; i < EVENTS; i++) {
        int64_t time_ms = now_ms;
        if (random_below(10) == 0)
            time_ms -= random_gap_ms(); /* late */
        else
            time_ms = now_ms += random_gap_ms();
        const char *name = names[random_below(sizeof(names) / sizeof(names[0]))];
        if (strcmp(name, "customer_forgotten") == 0 && random_below(20))
            name = "page_viewed";
        random_properties(properties, sizeof(properties));
        bool sweep = i > 0 && random_below(8) == 0;
        if (sweep) {
            scenario_sweep(stays, now_ms);
            scenario_sweep(moves, now_ms);
        } else {
            scenario_event(stays, time_ms, name, properties);
            scenario_event(moves, time_ms, name, properties);
        }
        assert_true(scenario_check_record(stays));
        assert_same_signals(&stays->signals, &moves->signals);
        assert_same_records(stays, moves);
        write_and_read(moves, codec);
        signals += stays->signals.count;
        signal_list_reset(&stays->signals);
        signal_list_reset(&moves->signals);
        arena_reset(&stays->arena);
        arena_reset(&moves->arena);
    }
    return signals;
}

static void test_results_do_not_depend_on_what_is_in_memory(void **state)
{
    struct scenario_world stays, moves;
    size_t signals = 0;
    (void)state;
    scenario_open_files(&stays, files, sizeof(files) / sizeof(files[0]), INT64_C(400) * 86400000);
    scenario_open_files(&moves, files, sizeof(files) / sizeof(files[0]), INT64_C(400) * 86400000);
    moves.signals.data_as_json = true; /* which must not matter either */
    struct codec *codec = codec_new(rules_layout(moves.rules));
    for (uint64_t seed = 1; seed <= LIVES; seed++) {
        random_state = seed;
        signals += live(&stays, &moves, codec);
        scenario_forget_customer(&stays);
        scenario_forget_customer(&moves);
    }
    assert_true(signals > EVENTS); /* they did say something */
    assert_int_equal(stays.counters.action_errors, 0);
    assert_int_equal(stays.counters.data_errors, 0);
    assert_int_equal(stays.counters.chain_overflows, 0);
    codec_free(codec);
    scenario_close(&stays);
    scenario_close(&moves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_do_not_depend_on_what_is_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
