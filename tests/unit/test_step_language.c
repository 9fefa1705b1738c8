/* DESIGN section 4: what the words of a machine's file do, each by a small machine of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "step_scenario.h"

/* A row says its machines itself. */
struct language_row {
    const char *name;
    const char *machines[3];
    const char *given;
    const char *expect;
    const char *states;
};

static bool run_row(const struct language_row *row)
{
    struct scenario_world world;
    size_t count = 0;
    while (count < 3 && row->machines[count])
        count++;
    scenario_open(&world, row->machines, count);
    struct scenario scenario = {row->name, row->given, row->expect, row->states};
    bool good = scenario_run(&world, &scenario);
    scenario_close(&world);
    return good;
}

static int run_rows(const struct language_row *rows, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        failed += !run_row(&rows[i]);
    return failed;
}

#define RUN(rows) assert_int_equal(run_rows(rows, sizeof(rows) / sizeof((rows)[0])), 0)

/* ---- on: which transitions are looked at */

#define LOOKUP                                                                                     \
    "machine: m\n"                                                                                 \
    "on:\n"                                                                                        \
    "  one, two: { emit: m.machine_name }\n"                                                       \
    "  '*': { emit: m.machine_any }\n"                                                             \
    "initial: plain\n"                                                                             \
    "states:\n"                                                                                    \
    "  plain: { on: { one: { emit: m.state_name }, to_any: any, never: { guard: 'false', target: " \
    "any } } }\n"                                                                                  \
    "  any: { on: { one: { emit: m.state_name }, '*': { emit: m.state_any }, quiet: {} } }\n"

/* clang-format off */
static const struct language_row lookup_rows[] = {
    {"the state's name first", {LOOKUP}, "0s one", "0s m.state_name plain>plain one", NULL},
    {"then the machine's name", {LOOKUP}, "0s two", "0s m.machine_name plain>plain two", NULL},
    {"then the machine's '*'", {LOOKUP}, "0s three", "0s m.machine_any plain>plain three", NULL},
    {"only the first that exists is looked at, whether or not its guards hold", {LOOKUP}, "0s never", NULL, "m=plain"},
    {"the state's '*' goes before the machine's name", {LOOKUP}, "0s to_any\n 1s two", "1s m.state_any any>any two", NULL},
    {"the state's name goes before its '*'", {LOOKUP}, "0s to_any\n 1s one", "1s m.state_name any>any one", NULL},
    {"'*' takes an event that no machine names", {LOOKUP}, "0s to_any\n 1s something_else", "1s m.state_any any>any something_else", NULL},
    {"{} does nothing, and keeps '*' from it", {LOOKUP}, "0s to_any\n 1s quiet", NULL, "m=any"},
};
/* clang-format on */

static void test_which_transitions_are_looked_at(void **state)
{
    (void)state;
    RUN(lookup_rows);
}

/* ---- the order within a step */

#define ORDER                                                                                      \
    "machine: m\n"                                                                                 \
    "context: { n: int, log: string }\n"                                                           \
    "data: { state: state, n: context.n, since: now - entered }\n"                                 \
    "emit_transitions: m.changed\n"                                                                \
    "observe: { 'go, stay, anew': [ { assign: { n: context.n + 1 } }, { emit: m.observed } ] }\n"  \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a:\n"                                                                                       \
    "    entry: { emit: m.entry_a }\n"                                                             \
    "    exit: { emit: m.exit_a, assign: { n: context.n + 10 } }\n"                                \
    "    always: [ { guard: 'context.n == 3', emit: m.always_a } ]\n"                              \
    "    on:\n"                                                                                    \
    "      go: { target: b, emit: m.emit, actions: [ { emit: m.action }, { assign: { n: "          \
    "context.n + 100 } } ] }\n"                                                                    \
    "      stay: { emit: m.emit, actions: { emit: m.action } }\n"                                  \
    "      anew: a\n"                                                                              \
    "  b:\n"                                                                                       \
    "    entry: { assign: { n: context.n + 1000 }, emit: m.entry_b }\n"                            \
    "    always: [ { target: c, emit: m.always_b } ]\n"                                            \
    "  c: {}\n"

/* clang-format off */
static const struct language_row order_rows[] = {
    {"observe, emit, exit, actions, emit_transitions, entry, always", {ORDER}, "0s page_viewed\n 10s go",
     "10s m.observed a>b go { state: a, n: 1, since: 10000 }\n"
     "10s m.emit a>b go { state: a, n: 1, since: 10000 }\n"
     "10s m.exit_a a>b go { state: a, n: 1 }\n"
     "10s m.action a>b go { state: a, n: 11, since: 10000 }\n"
     "10s m.changed a>b go { state: b, n: 111, since: 0, time_in_state: 10000 }\n"
     "10s m.entry_b a>b go { state: b, n: 1111, since: 0 }\n"
     "10s m.always_b b>c go { state: b, n: 1111 }\n"
     "10s m.changed b>c go { state: c, time_in_state: 0 }", "m=c"},
    {"an internal transition leaves nothing and enters nothing", {ORDER}, "0s page_viewed\n 10s stay",
     "10s m.observed a>a stay\n 10s m.emit a>a stay { since: 10000 }\n 10s m.action a>a stay", "m=a"},
    {"a target that is the same state: left and entered anew, no change", {ORDER}, "0s page_viewed\n 10s anew\n 15s stay",
     "10s m.observed a>a anew\n 10s m.exit_a a>a anew\n 10s m.entry_a a>a anew { n: 11, since: 0 }\n"
     "15s m.observed a>a stay { since: 5000 }\n 15s m.emit a>a stay\n 15s m.action a>a stay", "m=a"},
    {"entry and always are not run for the initial state of a new record", {ORDER}, "0s page_viewed", NULL, "m=a"},
    {"always is looked at after an observe entry", {ORDER}, "0s stay\n 1s stay\n 2s stay\n 3s page_viewed",
     "0s m.observed a>a stay\n 0s m.emit a>a stay\n 0s m.action a>a stay\n"
     "1s m.observed a>a stay\n 1s m.emit a>a stay\n 1s m.action a>a stay\n"
     "2s m.observed a>a stay\n 2s m.emit a>a stay\n 2s m.action a>a stay\n 2s m.always_a a>a stay { n: 3 }", "m=a"},
};
/* clang-format on */

static void test_order_within_a_step(void **state)
{
    (void)state;
    RUN(order_rows);
}

/* ---- always */

#define COUNT_DOWN                                                                                 \
    "machine: m\n"                                                                                 \
    "context: { n: int }\n"                                                                        \
    "data: { n: context.n }\n"                                                                     \
    "observe: { ten: { assign: { n: '10' } }, many: { assign: { n: '100' } } }\n"                  \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a:\n"                                                                                       \
    "    always: [ { guard: context.n > 0, target: a, actions: { assign: { n: context.n - 1 } } "  \
    "} ]\n"                                                                                        \
    "    on: { look: { emit: m.seen } }\n"

#define INTERNAL                                                                                   \
    "machine: m\n"                                                                                 \
    "context: { n: int }\n"                                                                        \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a: { on: { go: b, look: { emit: { type: m.seen, data: { n: context.n } } } } }\n"           \
    "  b:\n"                                                                                       \
    "    always:\n"                                                                                \
    "      - { guard: context.n < 5, actions: { assign: { n: context.n + 1 } } }\n"                \
    "      - { target: a }\n"                                                                      \
    "    on: { touch: {} }\n"

/* clang-format off */
static const struct language_row always_rows[] = {
    {"a chain goes on as long as a guard holds", {COUNT_DOWN}, "0s ten\n 1s look", "1s m.seen a>a look { n: 0 }", NULL},
    {"without target: once a step, and ends it", {INTERNAL}, "0s go\n 1s touch\n 2s touch\n 3s page_viewed", NULL, "m=b"},
    {"until its guard does not hold", {INTERNAL}, "0s go\n 1s touch\n 2s touch\n 3s touch\n 4s touch\n 5s touch\n 6s look", "6s m.seen a>a look { n: 5 }", "m=a"},
};
/* clang-format on */

static void test_always(void **state)
{
    (void)state;
    RUN(always_rows);
}

/* 16 are taken, the next is an error. */
static void test_a_chain_of_always_stops_after_16(void **state)
{
    static const char *const machines[] = {COUNT_DOWN};
    struct scenario_world world;
    (void)state;
    scenario_open(&world, machines, 1);
    scenario_event(&world, SCENARIO_BEGIN, "many", "");
    assert_int_equal(world.counters.chain_overflows, 1);
    assert_int_equal(world.failures.failed_count, 1);
    assert_int_equal(scenario_failed(&world, ":8:15"), 1);
    assert_int_equal(customer_slots(rules_layout(world.rules), world.customer, 0)[0].i, 100 - 16);
    scenario_close(&world);
    scenario_open(&world, machines, 1);
    scenario_event(&world, SCENARIO_BEGIN, "ten", "");
    assert_int_equal(world.counters.chain_overflows, 0);
    scenario_close(&world);
}

/* ---- actions */

#define ACTIONS                                                                                    \
    "machine: m\n"                                                                                 \
    "context:\n"                                                                                   \
    "  b: bool\n"                                                                                  \
    "  i: int\n"                                                                                   \
    "  d: double\n"                                                                                \
    "  s: { type: string, max: 4 }\n"                                                              \
    "  t: timestamp\n"                                                                             \
    "  set: { type: set, max: 3 }\n"                                                               \
    "  counter: { type: counter, max: 2 }\n"                                                       \
    "  counted: { type: window, over: 3h, bucket: 1h }\n"                                          \
    "  summed: { type: window, over: 3h, bucket: 1h }\n"                                           \
    "data: { b: context.b, i: context.i, d: context.d, s: context.s, t: context.t, set: "          \
    "context.set, counter: context.counter,"                                                       \
    " counted: context.counted, summed: context.summed, top: top(context.counter) }\n"             \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a:\n"                                                                                       \
    "    on:\n"                                                                                    \
    "      look: { emit: m.seen }\n"                                                               \
    "      fill: { actions: { assign: { b: 'true', i: '7', d: '2', s: '\"abcdef\"', t: "           \
    "event.time } } }\n"                                                                           \
    "      swap: { actions: { assign: { i: 'int(context.d)', d: 'double(context.i)' } } }\n"       \
    "      thai: { actions: { assign: { s: '\"กข\"' } } }\n"                                   \
    "      bad: { actions: { assign: { i: event.properties.text, b: '!context.b' } } }\n"          \
    "      add: { actions: { add: { set: event.properties.x } } }\n"                               \
    "      count: { actions: { count: { counter: event.properties.x } } }\n"                       \
    "      tick: { actions: { count: counted, sum: { summed: 'get(event.properties.x, 1.0)' } } "  \
    "}\n"                                                                                          \
    "      clear: { actions: { clear: [ b, i, d, s, t, set, counter, counted, summed ] } }\n"      \
    "      guarded: { actions: [ { guard: context.b, assign: { i: '1' } }, { guard: "              \
    "'!context.b', assign: { i: '2' } } ] }\n"

/* clang-format off */
static const struct language_row action_rows[] = {
    {"values at first", {ACTIONS}, "0s look",
     "0s m.seen a>a look { b: false, i: 0, d: 0, s: '', t: null, set: [], counter: {}, counted: 0, summed: 0, top: '' }", NULL},
    {"assign, an int into a double, a text cut at max", {ACTIONS}, "0s fill\n 1s look",
     "1s m.seen a>a look { b: true, i: 7, d: 2, s: abcd, t: 1767225600000 }", NULL},
    {"texts are cut between characters", {ACTIONS}, "0s thai\n 1s look", "1s m.seen a>a look { s: 'ก' }", NULL},
    {"all of one assign see the values before it", {ACTIONS}, "0s fill\n 1s swap\n 2s look", "2s m.seen a>a look { i: 2, d: 7 }", NULL},
    {"a number in text is read where a number is expected", {ACTIONS}, "0s bad { text: ' 12 ' }\n 2s look", "2s m.seen a>a look { i: 12 }", NULL},
    {"one that fails leaves its variable; the others are done", {ACTIONS}, "0s fill\n 1s bad { text: x }\n 2s look", "2s m.seen a>a look { i: 7, b: false }", NULL},
    {"a set: each once, in order of arrival; beyond max new ones are left out; an empty text is not added", {ACTIONS},
     "0s add { x: B }\n 1s add { x: A }\n 2s add { x: B }\n 3s add { x: '' }\n 4s add { x: [ C, D ] }\n 5s look", "5s m.seen a>a look { set: [ B, A, C ] }", NULL},
    {"a list with something else in it is not added", {ACTIONS}, "0s add { x: [ A, 1 ] }\n 1s add { x: 5 }\n 2s add\n 5s look", "5s m.seen a>a look { set: [] }", NULL},
    {"a counter: by text, beyond max new keys are left out", {ACTIONS},
     "0s count { x: A }\n 1s count { x: B }\n 2s count { x: B }\n 3s count { x: C }\n 4s count { x: '' }\n 5s look", "5s m.seen a>a look { counter: { A: 1, B: 2 }, top: B }", NULL},
    {"top: of equals the first", {ACTIONS}, "0s count { x: Z }\n 1s count { x: A }\n 5s look", "5s m.seen a>a look { top: Z }", NULL},
    {"a window counts and sums over its buckets", {ACTIONS},
     "0s tick { x: 2 }\n 1h tick\n 2h tick { x: '0.5' }\n 2h59m look\n 3h look\n 6h look",
     "2h59m m.seen a>a look { counted: 3, summed: 3.5 }\n 3h m.seen a>a look { counted: 2, summed: 1.5 }\n 6h m.seen a>a look { counted: 0, summed: 0 }", NULL},
    {"a late amount goes into the bucket of its time", {ACTIONS}, "2h tick\n 0s tick { x: 4 }\n 2h look\n 3h look",
     "2h m.seen a>a look { counted: 2, summed: 5 }\n 3h m.seen a>a look { counted: 1, summed: 1 }", NULL},
    {"before the window: left out", {ACTIONS}, "9h tick\n 0s tick\n 9h look", "9h m.seen a>a look { counted: 1, summed: 1 }", NULL},
    {"clear: to the values at first", {ACTIONS}, "0s fill\n 0s add { x: A }\n 0s count { x: A }\n 0s tick\n 1s clear\n 1s look",
     "1s m.seen a>a look { b: false, i: 0, d: 0, s: '', t: null, set: [], counter: {}, counted: 0, summed: 0 }", NULL},
    {"a list of actions, each with its guard", {ACTIONS}, "0s guarded\n 0s look\n 1s fill\n 1s guarded\n 1s look",
     "0s m.seen a>a look { i: 2 }\n 1s m.seen a>a look { i: 1 }", NULL},
};
/* clang-format on */

static void test_actions(void **state)
{
    (void)state;
    RUN(action_rows);
}

/* What fails and what is left out is counted, and named by its place. */
static void test_what_fails_is_counted(void **state)
{
    static const char *const machines[] = {ACTIONS};
    struct scenario_world world;
    (void)state;
    scenario_open(&world, machines, 1);
    scenario_event(&world, SCENARIO_BEGIN, "bad", "{ text: x }");
    assert_int_equal(world.counters.action_errors, 1);
    assert_int_equal(scenario_failed(&world, ":21:38"), 1);
    scenario_event(&world, SCENARIO_BEGIN, "add", "{ x: [ A, B, C, D, E ] }");
    assert_int_equal(world.counters.overflows, 2);
    scenario_event(&world, SCENARIO_BEGIN, "count", "{ x: '' }");
    assert_int_equal(world.counters.overflows, 2);
    assert_int_equal(world.counters.action_errors, 1);
    scenario_event(&world, SCENARIO_BEGIN, "count", "{ x: 3 }");
    assert_int_equal(world.counters.action_errors, 2);
    scenario_close(&world);
}

/* ---- emit */

#define EMITS                                                                                      \
    "machine: m\n"                                                                                 \
    "data: { one: '1', two: '2', bad: event.properties.missing }\n"                                \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a:\n"                                                                                       \
    "    on:\n"                                                                                    \
    "      more: { emit: { type: m.more, data: { two: '\"zwei\"', three: '[1, 2.5, \"x\", null, "  \
    "true]' } } }\n"                                                                               \
    "      guarded: { emit: { type: m.guarded, guard: 'event.properties.x > 1' } }\n"              \
    "      cool: { emit: { type: m.cool, cooldown: 1h } }\n"                                       \
    "      warm: { emit: m.cool }\n"                                                               \
    "      times: { emit: { type: m.times, data: { t: event.time, d: 'duration(\"1d\")', m: "      \
    "'{\"a\": now - entered}' } } }\n"

/* clang-format off */
static const struct language_row emit_rows[] = {
    {"the machine's data, and its own: of one name its own; what fails is null", {EMITS}, "0s more",
     "0s m.more a>a more { one: 1, two: zwei, three: [ 1, 2.5, x, null, true ], bad: null }", NULL},
    {"a guard", {EMITS}, "0s guarded { x: 1 }\n 1s guarded { x: 2 }\n 2s guarded", "1s m.guarded a>a guarded", NULL},
    {"a timestamp or duration becomes an integer of ms", {EMITS}, "0s times", "0s m.times a>a times { t: 1767225600000, d: 86400000, m: { a: 0 } }", NULL},
    {"cooldown: suppressed while less than that has passed since the last one sent", {EMITS}, "0s cool\n 59m cool\n 1h cool\n 1h1m cool",
     "0s m.cool a>a cool\n 1h m.cool a>a cool", NULL},
    {"a cooldown counts from any of its type; one without it is never suppressed", {EMITS}, "0s warm\n 30m cool\n 31m warm\n 90m cool\n 91m cool",
     "0s m.cool a>a warm\n 31m m.cool a>a warm\n 91m m.cool a>a cool", NULL},
};
/* clang-format on */

static void test_emit(void **state)
{
    (void)state;
    RUN(emit_rows);
}

static void test_failing_guards_and_data_are_counted(void **state)
{
    static const char *const machines[] = {EMITS};
    struct scenario_world world;
    (void)state;
    scenario_open(&world, machines, 1);
    scenario_event(&world, SCENARIO_BEGIN, "guarded", "");
    assert_int_equal(world.counters.guard_errors, 1);
    assert_int_equal(scenario_failed(&world, ":8:50"), 1);
    assert_int_equal(world.counters.data_errors, 0);
    scenario_event(&world, SCENARIO_BEGIN, "more", "");
    assert_int_equal(world.counters.data_errors, 1);
    assert_int_equal(scenario_failed(&world, ":2:34"), 1);
    scenario_event(&world, SCENARIO_BEGIN, "guarded", "");
    assert_int_equal(world.counters.guard_errors, 2);
    assert_int_equal(scenario_failed(&world, ":8:50"), 2);
    assert_int_equal(world.failures.failed_count, 2);
    scenario_event(&world, SCENARIO_BEGIN, "cool", "");
    scenario_event(&world, SCENARIO_BEGIN, "cool", "");
    assert_int_equal(world.counters.cooldown_suppressed, 1);
    scenario_close(&world);
}

/* ---- at */

#define AT                                                                                         \
    "machine: m\n"                                                                                 \
    "context: { when: timestamp }\n"                                                               \
    "observe: { set: { assign: { when: 'event.time + duration(get(event.properties.delay, "        \
    "\"1h\"))' } }, unset: { clear: when } }\n"                                                    \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a: { on: { go: b }, at: { when: { emit: m.at_a } } }\n"                                     \
    "  b: { on: { back: a }, at: { when: { target: c, emit: m.at_b } } }\n"                        \
    "  c: { on: { back: a } }\n"

/* clang-format off */
static const struct language_row at_rows[] = {
    {"taken when the time that the variable holds is reached, once", {AT}, "0s set\n 2h sweep\n 3h page_viewed", "1h m.at_a a>a timer", NULL},
    {"setting it later arms it anew", {AT}, "0s set\n 30m set\n 2h sweep\n 3h set\n 5h sweep", "1h30m m.at_a a>a timer\n 4h m.at_a a>a timer", NULL},
    {"null: not armed", {AT}, "0s set\n 30m unset\n 2h sweep", NULL, NULL},
    {"past when setting: not armed", {AT}, "0s page_viewed\n 1h set { delay: '-1h' }\n 2h sweep", NULL, NULL},
    {"now when setting: not armed", {AT}, "1h set { delay: '0s' }\n 2h sweep", NULL, NULL},
    {"a time to come when entering: armed", {AT}, "0s set\n 30m go\n 2h sweep", "1h m.at_b b>c timer", "m=c"},
    {"past when entering: not armed", {AT}, "0s set\n 2h go\n 9h sweep", "1h m.at_a a>a timer", "m=b"},
    {"not in the state: nothing", {AT}, "0s set\n 30m go\n 2h sweep\n 3h set\n 5h back\n 9h sweep", "1h m.at_b b>c timer", "m=a"},
    {"armed behind the clock by a late event: not, the clock decides", {AT}, "3h page_viewed\n 1h set\n 9h sweep", NULL, NULL},
};
/* clang-format on */

static void test_at(void **state)
{
    (void)state;
    RUN(at_rows);
}

/* ---- signals between machines */

#define GIVER                                                                                      \
    "machine: giver\n"                                                                             \
    "data: { product_id: '17', price: '2.5', products: '[{\"product_id\": 5, \"price\": 3, "       \
    "\"quantity\": 2}]' }\n"                                                                       \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a:\n"                                                                                       \
    "    after: { 10m: { emit: giver.given } }\n"                                                  \
    "    on:\n"                                                                                    \
    "      give: { emit: giver.given }\n"                                                          \
    "      twice: { emit: giver.given, actions: { emit: giver.other } }\n"                         \
    "      taker.taken: { emit: giver.never }\n"                                                   \
    "      giver.given: { emit: giver.never }\n"

#define TAKER                                                                                      \
    "machine: taker\n"                                                                             \
    "context: { items: { type: line_items }, n: int }\n"                                           \
    "observe:\n"                                                                                   \
    "  giver.given: { add_item: items, assign: { n: context.n + 1 } }\n"                           \
    "  give: { assign: { n: context.n + 10 } }\n"                                                  \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a:\n"                                                                                       \
    "    idle: { 1h: { emit: taker.idle } }\n"                                                     \
    "    on:\n"                                                                                    \
    "      giver.given: { emit: { type: taker.taken, data: { name: event.name, time: event.time, " \
    "now: now, late: event.late,"                                                                  \
    " id: has(event.id), product: event.properties.product_id, price: event.properties.price, "    \
    "first: 'event.properties.products[0].product_id',"                                            \
    " type: event.raw.type, machine: event.raw.machine, schema: event.raw.schema, cause: "         \
    "event.raw.cause, raw_price: event.raw.data.price,"                                            \
    " items: context.items, n: context.n, customer: event.customer, ids: product_ids(event), "     \
    "giver: machines.giver.state } } }\n"                                                          \
    "      giver.other: { emit: taker.other }\n"                                                   \
    "      '*': { emit: taker.any }\n"

#define LAST                                                                                       \
    "machine: last\n"                                                                              \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a: { on: { giver.given: { emit: last.giver }, taker.taken: { emit: last.taker }, give: { "  \
    "emit: last.event } } }\n"

/* clang-format off */
static const struct language_row signal_rows[] = {
    {"first the event, then the signals of the machines before, in order", {GIVER, TAKER, LAST}, "0s give",
     "0s giver.given a>a give\n"
     "0s taker.any a>a give\n"
     "0s taker.taken a>a giver.given { name: giver.given, time: 1767225600000, now: 1767225600000, late: false, id: false, product: '17', price: 2.5, first: '5',"
     " type: giver.given, machine: giver, schema: 1, cause: give, raw_price: 2.5, items: [ { product_id: '5', price: 3, quantity: 2 } ], n: 11, customer: u42, ids: [ '5' ], giver: a }\n"
     "0s last.event a>a give\n 0s last.giver a>a giver.given\n 0s last.taker a>a taker.taken", NULL},
    {"'*' never takes a signal; a machine does not see its own", {GIVER, TAKER}, "0s twice",
     "0s giver.given a>a twice\n 0s giver.other a>a twice\n 0s taker.any a>a twice\n 0s taker.taken a>a giver.given { n: 1 }\n 0s taker.other a>a giver.other", NULL},
    {"a timer's signals: machines behind see these, not the timer", {GIVER, TAKER}, "0s page_viewed\n 10m sweep",
     "0s taker.any a>a page_viewed\n 10m giver.given a>a timer\n 10m taker.taken a>a giver.given { cause: timer, time: 1767226200000 }", NULL},
    {"a signal is no activity for idle", {GIVER, TAKER}, "0s page_viewed\n 1h sweep",
     "0s taker.any a>a page_viewed\n 10m giver.given a>a timer\n 10m taker.taken a>a giver.given\n 1h taker.idle a>a timer", NULL},
    {"a late event's signals are not late", {GIVER, TAKER}, "5m page_viewed\n 1m give",
     "5m taker.any a>a page_viewed\n 5m giver.given a>a give\n 5m taker.any a>a give\n 5m taker.taken a>a giver.given { late: false, time: 1767225900000 }", NULL},
    {"machines before do not see the signals of those behind", {TAKER, GIVER}, "0s give", "0s taker.any a>a give\n 0s giver.given a>a give", NULL},
};
/* clang-format on */

static void test_signals_between_machines(void **state)
{
    (void)state;
    RUN(signal_rows);
}

/* ---- touched, removed */

#define CHANGES                                                                                    \
    "machine: m\n"                                                                                 \
    "context: { items: { type: line_items, max: 3 }, set: { type: set, max: 3 }, keys: { type: "   \
    "counter }, n: int, s: string, t: timestamp }\n"                                               \
    "data: { ti: touched(context.items), ri: removed(context.items), ts: touched(context.set), "   \
    "rs: removed(context.set), tk: touched(context.keys), rk: removed(context.keys),"              \
    " tn: touched(context.n), rn: removed(context.n), tt: touched(context.t), tx: "                \
    "touched(context.s) }\n"                                                                       \
    "observe:\n"                                                                                   \
    "  product_added: { add_item: items }\n"                                                       \
    "  product_removed: { remove_item: items }\n"                                                  \
    "  cart_viewed: { set_items: items }\n"                                                        \
    "  add: { add: { set: event.properties.x } }\n"                                                \
    "  count: { count: { keys: event.properties.x } }\n"                                           \
    "  set: { assign: { n: event.properties.n, s: event.properties.s, t: event.time } }\n"         \
    "  clear: { clear: [ items, set, keys, n, s, t ] }\n"                                          \
    "initial: a\n"                                                                                 \
    "states:\n"                                                                                    \
    "  a:\n"                                                                                       \
    "    on: { '*': { emit: m.seen } }\n"

#define FILL "0s product_added { product_id: A }\n 0s product_added { product_id: B }\n"
#define FILLED                                                                                     \
    "0s m.seen a>a product_added { ti: 1, ri: 0 }\n 0s m.seen a>a product_added { ti: 1, ri: 0 "   \
    "}\n"
/* clang-format off */
static const struct language_row change_rows[] = {
    {"nothing", {CHANGES}, "0s page_viewed", "0s m.seen a>a page_viewed { ti: 0, ri: 0, ts: 0, rs: 0, tk: 0, rk: 0, tn: 0, rn: 0 }", NULL},
    {"each step begins anew", {CHANGES}, FILL "1s page_viewed", FILLED "1s m.seen a>a page_viewed { ti: 0 }", NULL},
    {"elements, not actions: the same product twice is one", {CHANGES}, "0s product_added { products: [ { product_id: A }, { product_id: B }, { product_id: A } ] }", "0s m.seen a>a product_added { ti: 2, ri: 0 }", NULL},
    {"a line removed", {CHANGES}, FILL "1s product_removed { product_id: A }", FILLED "1s m.seen a>a product_removed { ti: 0, ri: 1 }", NULL},
    {"fewer of a line: changed", {CHANGES}, "0s product_added { product_id: A, quantity: 3 }\n 1s product_removed { product_id: A, quantity: 1 }", "0s m.seen a>a product_added\n 1s m.seen a>a product_removed { ti: 1, ri: 0 }", NULL},
    {"a snapshot: its lines touched, those it no longer has removed", {CHANGES}, FILL "1s cart_viewed { products: [ { product_id: B }, { product_id: C } ] }", FILLED "1s m.seen a>a cart_viewed { ti: 2, ri: 1 }", NULL},
    {"the oldest line goes beyond max: removed", {CHANGES}, FILL "1s product_added { products: [ { product_id: C }, { product_id: D } ] }", FILLED "1s m.seen a>a product_added { ti: 2, ri: 1 }", NULL},
    {"a set: what was there is not touched, nor what is left out", {CHANGES}, "0s add { x: [ A, B ] }\n 1s add { x: [ B, C, D, E ] }", "0s m.seen a>a add { ts: 2 }\n 1s m.seen a>a add { ts: 1, rs: 0 }", NULL},
    {"a counter: what is counted", {CHANGES}, "0s count { x: A }\n 1s count { x: A }", "0s m.seen a>a count { tk: 1 }\n 1s m.seen a>a count { tk: 1 }", NULL},
    {"others: 1 if the value differs from that at the start of the step", {CHANGES}, "0s set { n: 1, s: x }\n 0s set { n: 1, s: y }\n 1s set { n: 0, s: y }", "0s m.seen a>a set { tn: 1, tx: 1, tt: 1 }\n 0s m.seen a>a set { tn: 0, tx: 1, tt: 0 }\n 1s m.seen a>a set { tn: 1, rn: 1, tx: 0, tt: 1 }", NULL},
    {"clear: all of it", {CHANGES}, FILL "0s add { x: [ A, B ] }\n 0s count { x: A }\n 0s set { n: 3, s: x }\n 1s clear", FILLED "0s m.seen a>a add\n 0s m.seen a>a count\n 0s m.seen a>a set\n 1s m.seen a>a clear { ri: 2, rs: 2, rk: 1, tn: 1, tt: 1, tx: 1, ti: 0 }", NULL},
    {"clear of what is empty: nothing", {CHANGES}, "0s clear", "0s m.seen a>a clear { ri: 0, rs: 0, rk: 0, tn: 0, tt: 0, tx: 0 }", NULL},
};
/* clang-format on */

static void test_touched_and_removed(void **state)
{
    (void)state;
    RUN(change_rows);
}

/* ---- get, new_order, event */

#define GETS                                                                                       \
    "machine: m\n"                                                                                 \
    "data:\n"                                                                                      \
    "  int: get(event.properties.x, 42)\n"                                                         \
    "  double: get(event.properties.x, 4.5)\n"                                                     \
    "  text: get(event.properties.x, 'none')\n"                                                    \
    "  bool: get(event.properties.x, true)\n"                                                      \
    "  list: get(event.properties.x, [])\n"                                                        \
    "  deep: get(event.properties.x.y.z, 'none')\n"                                                \
    "  first: get(event.properties.x[0], 'none')\n"                                                \
    "  raw: get(event.raw.event, '')\n"                                                            \
    "  price: get(event.properties.products[0].price, 0.0)\n"                                      \
    "initial: a\n"                                                                                 \
    "states: { a: { on: { look: { emit: m.seen } } } }\n"

#define ORDERS                                                                                     \
    "machine: m\n"                                                                                 \
    "initial: a\n"                                                                                 \
    "states: { a: { on: { '*': { guard: new_order(event), emit: m.new } } } }\n"

/* clang-format off */
static const struct language_row get_rows[] = {
    {"absent: the default", {GETS}, "0s look", "0s m.seen a>a look { int: 42, double: 4.5, text: none, bool: true, list: [], deep: none, first: none, raw: look, price: 0 }", NULL},
    {"null and '': the default", {GETS}, "0s look { x: null }\n 0s look { x: '' }", "0s m.seen a>a look { int: 42, double: 4.5, text: none, bool: true }\n 0s m.seen a>a look { int: 42, text: none }", NULL},
    {"an integer", {GETS}, "0s look { x: 7 }", "0s m.seen a>a look { int: 7, double: 7, text: '7', bool: true }", NULL},
    {"a number in text", {GETS}, "0s look { x: ' 7 ' }", "0s m.seen a>a look { int: 7, double: 7, text: ' 7 ' }", NULL},
    {"a fraction is no int", {GETS}, "0s look { x: 7.5 }", "0s m.seen a>a look { int: 42, double: 7.5, text: none }", NULL},
    {"a whole double is", {GETS}, "0s look { x: 7.0 }", "0s m.seen a>a look { int: 7 }", NULL},
    {"text that is no number", {GETS}, "0s look { x: seven }", "0s m.seen a>a look { int: 42, double: 4.5, text: seven }", NULL},
    {"a bool", {GETS}, "0s look { x: false }", "0s m.seen a>a look { bool: false, int: 42, text: none }", NULL},
    {"lists and maps, and what lies in them", {GETS}, "0s look { x: [ A, B ], products: [ { price: '2.5' } ] }\n 0s look { x: { y: { z: deep } } }",
     "0s m.seen a>a look { list: [ A, B ], first: A, deep: none, price: 2.5 }\n 0s m.seen a>a look { deep: deep, first: none, list: [] }", NULL},
    {"new_order: another than the last that was given, or none", {ORDERS},
     "0s order_completed { order_id: o1 }\n 1s order_completed { order_id: o1 }\n 2s order_completed\n 3s order_completed { order_id: o1 }\n 4s order_completed { order_id: o2 }\n 5s order_completed { order_id: o1 }\n 6s page_viewed { order_id: o9 }",
     "0s m.new a>a order_completed\n 2s m.new a>a order_completed\n 4s m.new a>a order_completed\n 5s m.new a>a order_completed", NULL},
};
/* clang-format on */

static void test_functions(void **state)
{
    (void)state;
    RUN(get_rows);
}

/* ---- a variable that is fed with its own texts, and moves when it grows */

#define OWN(context, action)                                                                       \
    "machine: m\n"                                                                                 \
    "context: { " context " }\n"                                                                   \
    "data: { v: context.v }\n"                                                                     \
    "observe: { look: { " action " } }\n"                                                          \
    "initial: a\n"                                                                                 \
    "states: { a: { on: { dump: { emit: m.dump } } } }\n"

#define LOOKS                                                                                      \
    "0s look { w: abcdefghij }\n 1s look { w: klmnopqrst }\n 2s look { w: 0123456789 }\n"          \
    "3s look { w: ABCDEFGHIJ }\n 4s look { w: KLMNOPQRST }\n 5s look { w: qwertyuiop }\n 6s dump"

/* clang-format off */
static const struct language_row own_rows[] = {
    {"a set, with what is new first", {OWN("v: { type: set, max: 99 }", "add: { v: '[event.properties.w] + context.v' }")}, LOOKS,
     "6s m.dump a>a dump { v: [abcdefghij, klmnopqrst, 0123456789, ABCDEFGHIJ, KLMNOPQRST, qwertyuiop] }", "m=a"},
    {"a set, with parts of its own", {OWN("v: { type: set, max: 99 }", "add: { v: '[event.properties.w] + context.v.map(t, t.substring(5))' }")},
     "0s look { w: abcdefghij }\n 1s look { w: klmnopqrstuvwxyz }\n 2s look { w: 0123456789 }\n 3s dump",
     "3s m.dump a>a dump { v: [abcdefghij, klmnopqrstuvwxyz, fghij, 0123456789, pqrstuvwxyz] }", "m=a"},
    {"a counter, by parts of its keys", {OWN("v: { type: counter, max: 99 }", "count: { v: 'size(context.v) > 0 ? top(context.v).substring(size(context.v)) : event.properties.w' }")},
     "0s look { w: abcdefghijklmnopqrstuvwxyz }\n 1s look\n 2s look\n 3s look\n 4s look\n 5s dump",
     "5s m.dump a>a dump { v: { abcdefghijklmnopqrstuvwxyz: 1, bcdefghijklmnopqrstuvwxyz: 1, cdefghijklmnopqrstuvwxyz: 1, "
     "defghijklmnopqrstuvwxyz: 1, efghijklmnopqrstuvwxyz: 1 } }", "m=a"},
};
/* clang-format on */

static const struct language_row escaped_rows[] = {
    {"touched(), written with an escape of YAML",
     {"machine: m\n"
      "context: { s: { type: set, max: 4 } }\n"
      "observe: { e: { add: { s: event.name } } }\n"
      "initial: a\n"
      "states: { a: { on: { e: { guard: \"touche\\x64(context.s) > 0\", emit: m.yes } } } }\n"},
     "0s e\n 1s e",
     "0s m.yes a>a e",
     "m=a"},
};

static void test_what_is_noted_does_not_depend_on_how_it_is_written(void **state)
{
    (void)state;
    RUN(escaped_rows);
}

static void test_a_variable_is_fed_with_its_own_texts(void **state)
{
    (void)state;
    RUN(own_rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_transitions_are_looked_at),
        cmocka_unit_test(test_order_within_a_step),
        cmocka_unit_test(test_always),
        cmocka_unit_test(test_a_chain_of_always_stops_after_16),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_what_fails_is_counted),
        cmocka_unit_test(test_emit),
        cmocka_unit_test(test_failing_guards_and_data_are_counted),
        cmocka_unit_test(test_at),
        cmocka_unit_test(test_signals_between_machines),
        cmocka_unit_test(test_touched_and_removed),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_a_variable_is_fed_with_its_own_texts),
        cmocka_unit_test(test_what_is_noted_does_not_depend_on_how_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
