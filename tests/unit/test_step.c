/* DESIGN section 5, rule by rule, as far as it is one customer's: the rest is the engine's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "step_scenario.h"

static int run(const char *const *machines, size_t count, const struct scenario *table, size_t rows)
{
    struct scenario_world world;
    scenario_open(&world, machines, count);
    int failed = scenario_run_all(&world, table, rows);
    scenario_close(&world);
    return failed;
}

#define RUN(machines, table)                                                                       \
    assert_int_equal(run(machines, sizeof(machines) / sizeof((machines)[0]), table,                \
                         sizeof(table) / sizeof((table)[0])),                                      \
                     0)

/* Says what it sees of each event `look`, and of a timer after 10 minutes. */
static const char *const clocks[] = {
    "machine: m\n"
    "data: { time: event.time, now: now, late: event.late, entered: entered, state: state, name: "
    "event.name, id: has(event.id) }\n"
    "initial: a\n"
    "states:\n"
    "  a:\n"
    "    on:\n"
    "      look: { emit: m.seen }\n"
    "      go: b\n"
    "  b:\n"
    "    after: { 10m: { target: c, emit: m.timer } }\n"
    "    on: { look: { emit: m.seen } }\n"
    "  c:\n"
    "    on: { look: { emit: m.seen } }\n"};

/* clang-format off */
static const struct scenario clock_rows[] = {
    {"1: now is the event's time", "0s look\n 5m look",
     "0s m.seen a>a look { time: 1767225600000, now: 1767225600000, late: false, entered: 1767225600000, state: a, name: look, id: false }\n"
     "5m m.seen a>a look { time: 1767225900000, now: 1767225900000, late: false }", NULL},
    {"1, 4: or the customer's clock where that is later; it is late then", "5m look\n 1m look",
     "5m m.seen a>a look { late: false }\n 5m m.seen a>a look { time: 1767225660000, now: 1767225900000, late: true }", NULL},
    {"4: as old as the clock is not late", "5m look\n 5m look",
     "5m m.seen a>a look { late: false }\n 5m m.seen a>a look { late: false }", NULL},
    {"1: a fired deadline moves the clock", "0s go\n 10m sweep\n 7m look",
     "10m m.timer b>c timer { time: 1767226200000, now: 1767226200000, late: false, entered: 1767225600000, state: b, name: timer, id: false }\n"
     "10m m.seen c>c look { time: 1767226020000, now: 1767226200000, late: true, entered: 1767226200000, state: c }", NULL},
    {"2: timers due fire before the event, each with now as its deadline", "0s go\n 12m look",
     "10m m.timer b>c timer\n 12m m.seen c>c look { entered: 1767226200000 }", "m=c"},
    {"2: one that is due at the very time of the event fires before it", "0s go\n 10m look",
     "10m m.timer b>c timer\n 10m m.seen c>c look { late: false }", "m=c"},
    {"2: one that is due a second later does not", "0s go\n 9m59s look", "9m59s m.seen b>b look", "m=b"},
    {"4: a late event fires no timer", "0s go\n 9m page_viewed\n 3m look", "9m m.seen b>b look { late: true }", "m=b"},
    {"8: a new record is in the initial state, entered at the event's time, and says nothing of it", "3m page_viewed", NULL, "m=a"},
};
/* clang-format on */

static void test_clock_now_and_late(void **state)
{
    (void)state;
    RUN(clocks, clock_rows);
}

/* Two machines with timers at one deadline, chains of timers, and idle timers. */
static const char *const timers[] = {
    "machine: first\n"
    "initial: a\n"
    "states:\n"
    "  a: { on: { go: b } }\n"
    "  b:\n"
    "    after:\n"
    "      20m: { emit: first.twenty }\n"
    "      10m: { emit: first.ten }\n"
    "      30m: c\n"
    "    idle:\n"
    "      20m: { emit: first.idle }\n"
    "  c: { after: { 1m: { target: d, emit: first.d } } }\n"
    "  d: { after: { 1m: { target: c, emit: first.c, guard: 'now < "
    "timestamp(\"2026-01-01T00:36:00Z\")' } } }\n",
    "machine: second\n"
    "initial: a\n"
    "states:\n"
    "  a: { on: { go: b } }\n"
    "  b:\n"
    "    after: { 10m: { emit: second.ten }, 5m: { emit: second.five } }\n"};

/* clang-format off */
static const struct scenario timer_rows[] = {
    {"2: by deadline, then by machine, then in the order of the file", "0s go\n 20m sweep",
     "5m second.five b>b timer\n 10m first.ten b>b timer\n 10m second.ten b>b timer\n 20m first.twenty b>b timer\n 20m first.idle b>b timer", NULL},
    {"2: each fires once: looked at, it is spent", "0s go\n 10m sweep\n 11m sweep\n 12m sweep",
     "5m second.five b>b timer\n 10m first.ten b>b timer\n 10m second.ten b>b timer", NULL},
    {"2: timers that these set and that are also due fire too",
     "0s go\n 33m page_viewed",
     "5m second.five b>b timer\n 10m first.ten b>b timer\n 10m second.ten b>b timer\n 20m first.twenty b>b timer\n 20m first.idle b>b timer\n"
     "31m first.d c>d timer\n 32m first.c d>c timer\n 33m first.d c>d timer", "first=d"},
    {"2: a timer's guard sees its own deadline as now",
     "0s go\n 2h page_viewed",
     "5m second.five b>b timer\n 10m first.ten b>b timer\n 10m second.ten b>b timer\n 20m first.twenty b>b timer\n 20m first.idle b>b timer\n"
     "31m first.d c>d timer\n 32m first.c d>c timer\n 33m first.d c>d timer\n 34m first.c d>c timer\n 35m first.d c>d timer", "first=d"},
    {"idle counts from the last event of any kind", "0s go\n 4m page_viewed\n 24m sweep",
     "5m second.five b>b timer\n 10m first.ten b>b timer\n 10m second.ten b>b timer\n 20m first.twenty b>b timer\n 24m first.idle b>b timer", NULL},
    {"a spent idle timer is armed anew by the customer's next event", "0s go\n 25m page_viewed\n 29m sweep\n 46m sweep",
     "5m second.five b>b timer\n 10m first.ten b>b timer\n 10m second.ten b>b timer\n 20m first.twenty b>b timer\n 20m first.idle b>b timer\n"
     "31m first.d c>d timer\n 32m first.c d>c timer\n 33m first.d c>d timer\n 34m first.c d>c timer\n 35m first.d c>d timer", NULL},
    {"4: a late event does not put idle off", "0s go\n 4m page_viewed\n 1m page_viewed\n 24m sweep",
     "5m second.five b>b timer\n 10m first.ten b>b timer\n 10m second.ten b>b timer\n 20m first.twenty b>b timer\n 24m first.idle b>b timer", NULL},
};
/* clang-format on */

static void test_timers(void **state)
{
    (void)state;
    RUN(timers, timer_rows);
}

/* idle is armed anew by any event, and fires again; a late one arms it too, at the deadline that it had. */
static const char *const again[] = {"machine: m\n"
                                    "initial: a\n"
                                    "states:\n"
                                    "  a:\n"
                                    "    idle: { 10m: { emit: m.idle } }\n"
                                    "    after: { 15m: { emit: m.after } }\n"
                                    "    on: { anew: a }\n"};

/* clang-format off */
static const struct scenario again_rows[] = {
    {"idle once per silence", "0s page_viewed\n 14m sweep\n", "10m m.idle a>a timer", NULL},
    {"idle again after the next event", "0s page_viewed\n 12m page_viewed\n 22m sweep",
     "10m m.idle a>a timer\n 15m m.after a>a timer\n 22m m.idle a>a timer", NULL},
    {"after only once, whatever comes", "0s page_viewed\n 16m page_viewed\n 20m page_viewed\n 25m sweep",
     "10m m.idle a>a timer\n 15m m.after a>a timer", NULL},
    {"after again once the state is entered anew", "0s page_viewed\n 12m anew\n 14m page_viewed\n 27m sweep",
     "10m m.idle a>a timer\n 24m m.idle a>a timer\n 27m m.after a>a timer", NULL},
    {"any next event: a late one arms it too; it counts from the greatest event time still",
     "0s page_viewed\n 11m sweep\n 5m page_viewed\n 16m sweep",
     "10m m.idle a>a timer\n 15m m.idle a>a timer\n 15m m.after a>a timer", NULL},
};
/* clang-format on */

static void test_idle_is_armed_anew(void **state)
{
    (void)state;
    RUN(again, again_rows);
}

/* A customer's record goes after memory.forget_after, or when asked to. */
static const char *const memory[] = {
    "machine: m\n"
    "context: { seen: int }\n"
    "observe: { look: { assign: { seen: context.seen + 1 } } }\n"
    "data: { seen: context.seen, entered: entered }\n"
    "initial: a\n"
    "states:\n"
    "  a:\n"
    "    after: { 399d: { emit: m.almost }, 400d: { emit: m.last } }\n"
    "    on: { look: { emit: m.seen }, customer_forgotten: { emit: m.never } }\n"};

/* clang-format off */
static const struct scenario memory_rows[] = {
    {"8: kept while it is heard from", "0s look\n 300d page_viewed\n 600d look",
     "0s m.seen a>a look { seen: 1 }\n 399d m.almost a>a timer\n 400d m.last a>a timer\n 600d m.seen a>a look { seen: 2 }", "m=a"},
    {"8: gone 400 d after the greatest event time; the last of the timers at that deadline", "0s look\n 400d sweep",
     "0s m.seen a>a look\n 399d m.almost a>a timer\n 400d m.last a>a timer", "m=gone"},
    {"8: not a second earlier", "0s look\n 399d23h59m59s sweep", "0s m.seen a>a look\n 399d m.almost a>a timer", "m=a"},
    {"8: the event that finds it due makes a new record", "0s look\n 500d look",
     "0s m.seen a>a look { seen: 1 }\n 399d m.almost a>a timer\n 400d m.last a>a timer\n 500d m.seen a>a look { seen: 1, entered: 1810425600000 }", "m=a"},
    {"8: customer_forgotten, and no machine sees it", "0s look\n 1d customer_forgotten", "0s m.seen a>a look", "m=gone"},
    {"8: late or not", "1d look\n 1h customer_forgotten", "1d m.seen a>a look", "m=gone"},
    {"8: after the timers that are due", "0s look\n 399d customer_forgotten", "0s m.seen a>a look\n 399d m.almost a>a timer", "m=gone"},
    {"8: heard from again: a new record", "0s look\n 1d customer_forgotten\n 2d look",
     "0s m.seen a>a look { seen: 1 }\n 2d m.seen a>a look { seen: 1, entered: 1767398400000 }", "m=a"},
    {"8: the first event may be the last", "0s customer_forgotten", NULL, "m=gone"},
};
/* clang-format on */

static void test_forgetting(void **state)
{
    (void)state;
    RUN(memory, memory_rows);
}

/* The last ids go with the record, but the event that begins the new one is known. */
static void test_a_new_record_knows_the_id_of_its_first_event(void **state)
{
    struct scenario_world world;
    struct decoded decoded;
    (void)state;
    scenario_open(&world, memory, 1);
    scenario_event(&world, SCENARIO_BEGIN, "page_viewed", "");
    customer_add_id(world.customer, 7);
    struct slice message =
        scenario_message(&world, SCENARIO_BEGIN + INT64_C(500) * 86400000, "page_viewed", "", "e1");
    decode_message(world.decoder, message, EVENT_NO_TIME, &world.arena, &decoded);
    assert_int_equal(decoded.count, 1);
    struct event *event = &decoded.events[0];
    assert_false(customer_id_known(world.customer, event->id_hash));
    customer_add_id(world.customer, event->id_hash);
    rules_step_event(&world.context, world.customer, event);
    assert_int_equal(world.customer->flags & CUSTOMER_GONE, 0);
    assert_true(customer_id_known(world.customer, event->id_hash));
    assert_false(customer_id_known(world.customer, 7));
    scenario_close(&world);
}

/* At most 1,000 timers a step; what is left fires in a later one, with its own deadline as now. */
static const char *const busy[] = {
    "machine: m\n"
    "initial: a\n"
    "states:\n"
    "  a:\n"
    "    after: { 1s: a }\n"
    "    on: { look: { target: b, emit: { type: m.seen, data: { entered: entered } } } }\n"
    "  b: {}\n"};

static void test_a_step_fires_at_most_1000_timers(void **state)
{
    struct scenario_world world;
    (void)state;
    scenario_open(&world, busy, 1);
    scenario_event(&world, SCENARIO_BEGIN, "page_viewed", "");
    assert_true(scenario_sweep(&world, SCENARIO_BEGIN + 2500 * 1000));
    assert_int_equal(customer_machine_now(rules_layout(world.rules), world.customer, 0).entered_ms,
                     SCENARIO_BEGIN + 1000 * 1000);
    assert_int_equal(world.customer->deadline_ms, SCENARIO_BEGIN + 1001 * 1000);
    assert_int_equal(world.counters.timer_overflows, 1);
    /* An event does not wait: it is applied with 500 of them left behind it. */
    scenario_event(&world, SCENARIO_BEGIN + 2500 * 1000, "look", "");
    assert_int_equal(world.counters.timer_overflows, 2);
    assert_int_equal(world.counters.event_overflows, 1);
    assert_true(scenario_check_signals(&world, "2500s m.seen a>b look { entered: 1767227600000 }"));
    assert_false(scenario_sweep(&world, SCENARIO_BEGIN + 2501 * 1000));
    scenario_close(&world);
}

/* What was left behind the clock fires with its deadline as now; exactly 1,000 leave nothing. */
static void test_left_timers_fire_later(void **state)
{
    struct scenario_world world;
    (void)state;
    scenario_open(&world, busy, 1);
    scenario_event(&world, SCENARIO_BEGIN, "page_viewed", "");
    scenario_event(&world, SCENARIO_BEGIN + 1500 * 1000, "page_viewed", "");
    assert_int_equal(customer_machine_now(rules_layout(world.rules), world.customer, 0).entered_ms,
                     SCENARIO_BEGIN + 1000 * 1000);
    assert_false(scenario_sweep(&world, SCENARIO_BEGIN + 1500 * 1000));
    assert_int_equal(customer_machine_now(rules_layout(world.rules), world.customer, 0).entered_ms,
                     SCENARIO_BEGIN + 1500 * 1000);
    assert_int_equal(world.customer->clock_ms, SCENARIO_BEGIN + 1500 * 1000);
    assert_false(scenario_sweep(&world, SCENARIO_BEGIN + 2500 * 1000));
    assert_int_equal(world.counters.timer_overflows, 1);
    world.context.timers_max = 10;
    assert_true(scenario_sweep(&world, SCENARIO_BEGIN + 2520 * 1000));
    assert_int_equal(world.context.timers_fired, 10);
    scenario_close(&world);
}

/* Timers of one customer, machine and deadline count their signals on; another deadline begins anew. */
static void test_ranks_of_timers(void **state)
{
    static const char *const machines[] = {
        "machine: first\n"
        "initial: a\n"
        "states:\n"
        "  a:\n"
        "    after: { 1m: { emit: first.one, actions: [ { emit: first.two }, { emit: first.three } "
        "] }, 2m: { emit: first.one } }\n"
        "    idle: { 1m: { emit: first.idle } }\n",
        "machine: second\n"
        "initial: a\n"
        "states:\n"
        "  a:\n"
        "    after: { 1m: { emit: second.own } }\n"
        "    on: { first.two: { emit: second.echo } }\n"};
    static const struct {
        const char *type, *timer_machine;
        int64_t after_ms;
        uint32_t rank;
    } expected[] = {{"first.one", "first", 60000, 0},   {"first.two", "first", 60000, 1},
                    {"first.three", "first", 60000, 2}, {"second.echo", "first", 60000, 3},
                    {"first.idle", "first", 60000, 4},  {"second.own", "second", 60000, 0},
                    {"first.one", "first", 120000, 0}};
    struct scenario_world world;
    (void)state;
    scenario_open(&world, machines, 2);
    scenario_event(&world, SCENARIO_BEGIN, "page_viewed", "");
    scenario_sweep(&world, SCENARIO_BEGIN + 120000);
    assert_int_equal(world.signals.count, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < world.signals.count; i++) {
        const struct signal *signal = &world.signals.items[i];
        assert_true(slice_is(signal->type, expected[i].type));
        assert_true(signal->is_timer);
        assert_true(slice_is(signal->timer_machine, expected[i].timer_machine));
        assert_int_equal(signal->deadline_ms, SCENARIO_BEGIN + expected[i].after_ms);
        assert_int_equal(signal->rank, expected[i].rank);
    }
    scenario_close(&world);
}

/* Times from year 1 to 9999, with the longest durations: no sum overflows. */
static void test_times_at_the_ends(void **state)
{
    static const char *const machines[] = {
        "machine: m\n"
        "initial: a\n"
        "states:\n"
        "  a: { after: { 3650000d: b }, idle: { 3650000d: b } }\n"
        "  b: {}\n"};
    struct scenario_world world;
    (void)state;
    scenario_open(&world, machines, 1);
    scenario_event(&world, DATETIME_MIN_SECONDS * 1000, "page_viewed", "");
    assert_true(world.customer->deadline_ms > DATETIME_MIN_SECONDS * 1000);
    scenario_event(&world, DATETIME_MAX_SECONDS * 1000, "page_viewed", "");
    assert_true(world.customer->deadline_ms > DATETIME_MAX_SECONDS * 1000);
    scenario_close(&world);
}

/* Fields of all kinds, without any, a failing one, one that with the data around it is too deep. */
static const char *const speaker[] = {
    "machine: m\n"
    "context: { seen: { type: set, max: 3 }, n: int }\n"
    "initial: a\n"
    "states:\n"
    "  a:\n"
    "    on:\n"
    "      none: { emit: m.none }\n"
    "      some: { emit: { type: m.some, data: { s: event.name, t: now, l: '[1, [2.5, null]]', m: "
    "'{\"k\": context.seen, \"z\": {}}' } } }\n"
    "      fails: { emit: { type: m.fails, data: { x: 1 / context.n, y: 2 } } }\n"
    "      deep: { emit: { type: m.deep, data: { x: 1, d: "
    "'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]' } } }\n"
    "      heard: { emit: { type: m.heard, data: { x: 1 } } }\n",
    "machine: listener\n"
    "initial: a\n"
    "states:\n"
    "  a: { on: { m.heard: { emit: { type: l.echo, data: { x: event.properties.x } } } } }\n"};

static void test_data_made_as_json_is_what_msgpack_gives(void **state)
{
    static const char *const names[] = {"none", "some", "fails", "deep", "heard"};
    struct scenario_world packs, writes;
    struct buf packed, written;
    (void)state;
    scenario_open(&packs, speaker, 2);
    scenario_open(&writes, speaker, 2);
    buf_init(&packed);
    buf_init(&written);
    writes.signals.data_as_json = true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        scenario_event(&packs, SCENARIO_BEGIN, names[i], "");
        scenario_event(&writes, SCENARIO_BEGIN, names[i], "");
    }
    assert_int_equal(packs.signals.count, 6);
    assert_int_equal(writes.signals.count, 6);
    for (size_t i = 0; i < 6; i++) {
        signal_encode(&packs.signals.items[i], SIGNAL_JSON, (struct slice){NULL, 0}, &packed);
        signal_encode(&writes.signals.items[i], SIGNAL_JSON, (struct slice){NULL, 0}, &written);
    }
    buf_add_char(&packed, '\0');
    buf_add_char(&written, '\0');
    assert_string_equal(written.data, packed.data);
    assert_non_null(strstr(written.data, "\"data\":{}"));
    assert_non_null(strstr(written.data, "\"data\":{\"x\":1,\"d\":null}"));
    assert_non_null(strstr(written.data, "\"data\":{\"x\":null,\"y\":2}"));
    assert_true(writes.signals.items[1].data_is_json);
    assert_false(writes.signals.items[4].data_is_json); /* a rule reads it */
    assert_int_equal(packs.counters.data_errors, 2);    /* what fails, and what is too deep */
    assert_int_equal(writes.counters.data_errors, 2);
    buf_fini(&packed);
    buf_fini(&written);
    scenario_close(&packs);
    scenario_close(&writes);
}

/* How many stand where, and how often each way was taken. */
static void test_statistics(void **state)
{
    struct scenario_world world;
    (void)state;
    scenario_open(&world, clocks, 1);
    const struct rules *rules = world.rules;
    scenario_event(&world, SCENARIO_BEGIN, "page_viewed", "");
    assert_int_equal(world.stats.states[rules_stats_state(rules, 0, 0)], 1);
    scenario_event(&world, SCENARIO_BEGIN, "go", "");
    scenario_sweep(&world, SCENARIO_BEGIN + 600000);
    assert_int_equal(world.stats.states[rules_stats_state(rules, 0, 0)], 0);
    assert_int_equal(world.stats.states[rules_stats_state(rules, 0, 2)], 1);
    assert_int_equal(world.stats.transitions[rules_stats_transition(rules, 0, 0, 1)], 1);
    assert_int_equal(world.stats.transitions[rules_stats_transition(rules, 0, 1, 2)], 1);
    assert_true(slice_is(rules_stats_state_field(rules, 0, 2), "m/c"));
    assert_true(slice_is(rules_stats_transition_field(rules, 0, 1, 2), "m/b>c"));
    scenario_event(&world, SCENARIO_BEGIN + 600000, "customer_forgotten", "");
    assert_int_equal(world.stats.states[rules_stats_state(rules, 0, 2)], 0);
    scenario_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_now_and_late),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_idle_is_armed_anew),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_a_new_record_knows_the_id_of_its_first_event),
        cmocka_unit_test(test_a_step_fires_at_most_1000_timers),
        cmocka_unit_test(test_left_timers_fire_later),
        cmocka_unit_test(test_ranks_of_timers),
        cmocka_unit_test(test_times_at_the_ends),
        cmocka_unit_test(test_data_made_as_json_is_what_msgpack_gives),
        cmocka_unit_test(test_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
