/*
 * CEL programs on random events: expressions that are right (expression.h) over events with any properties
 * (random_event.h). Whatever they come to,
 *
 *   - it is the same when it is computed again, and when names are bound late;
 *   - it is within the bounds of rules/cel.h, and so is what it takes to get there;
 *   - a machine with the expression says the same, and counts what fails.
 *
 * With FUZZ_SHOW in the environment each expression is printed, and the properties.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/mp.h"
#include "engine/backtest.h"
#include "rules/cel.h"
#include "rules/step.h"
#include "tests/fuzz/expression.h"
#include "tests/fuzz/random_event.h"

#define TIME_MS  INT64_C(1767607200123)
#define CUSTOMER "u42"
#define NAME     "page_viewed"

/* Memory of one evaluation: a step pays for up to so many bytes of it. */
#define ARENA_SIZE_MAX (UINT64_C(256) * CEL_STEPS_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the expression by itself */

enum slot { SLOT_TIME, SLOT_NAME, SLOT_CUSTOMER, SLOT_LATE, SLOT_MAP, SLOT_KEYS };

struct world {
    struct cel_activation activation; /* first, so that a load finds the rest */
    struct arena arena;
    struct slice properties;
};

static struct value load(struct cel_activation *activation, uint32_t slot)
{
    const struct world *world = (const struct world *)(const void *)activation;
    struct slice value;
    switch (slot) {
    case SLOT_TIME:
        return value_timestamp_ms(TIME_MS);
    case SLOT_NAME:
        return value_string(SLICE(NAME));
    case SLOT_CUSTOMER:
        return value_string(SLICE(CUSTOMER));
    case SLOT_LATE:
        return value_bool(false);
    case SLOT_MAP:
        return value_of_msgpack(world->properties, VALUE_RAW_PLAIN);
    default:
        if (!mp_map_find(world->properties, slice_of(random_keys[slot - SLOT_KEYS]), &value))
            return (struct value){0};
        return value_of_msgpack(value, VALUE_RAW_PLAIN);
    }
}

static bool resolve(void *self, const struct slice *segments, uint32_t count,
                    struct cel_binding *binding, char *message)
{
    static const char *const names[] = {"time", "name", "customer", "late", "properties"};
    static const enum cel_type types[] = {CEL_TIMESTAMP, CEL_STRING, CEL_STRING, CEL_BOOL, CEL_MAP};
    (void)self;
    (void)message;
    if (count < 2 || !slice_is(segments[0], "event"))
        return false;
    for (uint32_t i = 0; count > 2 && i < RANDOM_KEY_COUNT; i++) {
        if (!slice_is(segments[1], "properties") || !slice_is(segments[2], random_keys[i]))
            continue;
        *binding = (struct cel_binding){.slot = SLOT_KEYS + i, .consumed = 3};
        return true;
    }
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!slice_is(segments[1], names[i]))
            continue;
        *binding = (struct cel_binding){.slot = i, .consumed = 2, .type = types[i]};
        return true;
    }
    return false;
}

static struct cel_program *compile(struct slice text, bool bind_late)
{
    const struct cel_host host = {.resolve = resolve,
                                  .functions = step_functions,
                                  .function_count = 1, /* get(): the others want a machine */
                                  .bind_late = bind_late};
    struct cel_problem problem;
    uint32_t count;
    struct cel_program *program = cel_compile(text, &host, CEL_DYN, &problem, 1, &count);
    CHECK((program != NULL) == (count == 0));
    return program;
}

/* What an expression came to, to be compared. */
struct outcome {
    struct buf json, packed;
    enum value_kind kind;
    bool is_true;
    bool ran_out; /* of steps: how many there are to go depends on what was folded */
    bool fails;   /* in a signal's data */
};

static void check_bounds(const struct world *world, struct value value)
{
    CHECK(value.kind != VALUE_ABSENT);
    CHECK(world->activation.steps_left <= CEL_STEPS_MAX);
    CHECK(world->arena.total_size <= ARENA_SIZE_MAX);
    if (value.kind == VALUE_STRING || value.kind == VALUE_BYTES)
        CHECK(value.size <= CEL_STRING_MAX);
    if (value.kind == VALUE_LIST || value.kind == VALUE_MAP)
        CHECK(cel_size(value) <= CEL_LIST_MAX);
}

/* Straight to JSON is what comes of the way by msgpack. */
static void check_data_json(struct world *world, struct value value, const struct outcome *outcome)
{
    struct buf direct, expected, within;
    buf_init(&direct);
    buf_init(&expected);
    buf_init(&within);
    CHECK(cel_to_data_json(&world->activation, value, &direct) == !outcome->fails);
    mp_to_json(buf_slice(&outcome->packed), &expected);
    CHECK(slice_equal(buf_slice(&direct), buf_slice(&expected)));
    buf_add_char(&within, '\x91'); /* an array of one */
    buf_add_slice(&within, buf_slice(&outcome->packed));
    CHECK(mp_well_formed(buf_slice(&within))); /* as in the map of the data */
    buf_fini(&direct);
    buf_fini(&expected);
    buf_fini(&within);
}

static void evaluate(struct world *world, const struct cel_program *program,
                     struct outcome *outcome)
{
    arena_reset(&world->arena);
    world->activation.steps_left = CEL_STEPS_MAX; /* a constant leaves them alone */
    struct value value = cel_eval(program, &world->activation);
    check_bounds(world, value);
    buf_init(&outcome->json);
    buf_init(&outcome->packed);
    outcome->kind = (enum value_kind)value.kind;
    outcome->is_true = value.kind == VALUE_BOOL && value.b;
    outcome->ran_out = world->activation.steps_left == 0;
    cel_to_json(&world->activation, value, &outcome->json);
    outcome->fails = !cel_to_msgpack(&world->activation, value, &outcome->packed);
    CHECK(outcome->fails || value.kind != VALUE_ERROR);
    CHECK(mp_well_formed(buf_slice(&outcome->packed)));
    CHECK(outcome->packed.size <= CEL_OUTPUT_MAX + CEL_STRING_MAX);
    check_data_json(world, value, outcome);
}

static void outcome_fini(struct outcome *outcome)
{
    buf_fini(&outcome->json);
    buf_fini(&outcome->packed);
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return a->kind == b->kind && a->fails == b->fails &&
           slice_equal(buf_slice(&a->json), buf_slice(&b->json)) &&
           slice_equal(buf_slice(&a->packed), buf_slice(&b->packed));
}

static void check_again(struct world *world, const struct cel_program *program,
                        const struct outcome *first, bool is_early)
{
    struct outcome again;
    evaluate(world, program, &again);
    if (is_early || (!again.ran_out && !first->ran_out))
        CHECK(same(first, &again));
    outcome_fini(&again);
}

/* ---- the expression in a machine */

static struct schema *schema;

/* As a quoted scalar. */
static void add_quoted(struct buf *out, struct slice text)
{
    buf_add_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            buf_add_char(out, '\'');
        buf_add_char(out, text.data[i]);
    }
    buf_add_char(out, '\'');
}

static void write_machine(struct slice expression, enum expression_kind kind, struct buf *out)
{
    buf_add_text(out, "machine: m\ninitial: s\nstates: { s: { on: { " NAME ": { ");
    if (kind == EXPRESSION_BOOL) {
        buf_add_text(out, "emit: m.said, guard: ");
        add_quoted(out, expression);
    } else {
        buf_add_text(out, "emit: { type: m.said, data: { v: ");
        add_quoted(out, expression);
        buf_add_text(out, " } }");
    }
    buf_add_text(out, " } } } }\n");
}

struct said {
    uint32_t count;
    struct buf data;
};

static void take_signal(void *self, const struct signal *signal, struct slice id)
{
    struct said *said = self;
    (void)id;
    said->count++;
    buf_add_slice(&said->data, signal->data);
}

/* { v: VALUE } */
static void check_data(struct slice data, const struct outcome *expected)
{
    struct slice value;
    CHECK(mp_map_find(data, SLICE("v"), &value));
    CHECK(slice_equal(value, buf_slice(&expected->packed)));
}

static void check_said(const struct said *said, const struct rules_counters *counters,
                       enum expression_kind kind, const struct outcome *expected)
{
    if (kind == EXPRESSION_BOOL) {
        CHECK(counters->guard_errors == (expected->kind != VALUE_BOOL));
        CHECK(said->count == expected->is_true);
    } else {
        CHECK(counters->data_errors == expected->fails);
        CHECK(said->count == 1);
        check_data(buf_slice(&said->data), expected);
    }
}

static void play(const struct rules *rules, struct slice properties, enum expression_kind kind,
                 const struct outcome *expected)
{
    struct said said = {0};
    struct backtest_options options = {
        .rules = rules,
        .schema = schema,
        .lateness_ms = 5000,
        .forget_after_ms = INT64_C(400) * 86400000,
        .until_ms = BACKTEST_NO_UNTIL,
        .self = &said,
        .signal = take_signal,
    };
    const struct random_envelope envelope = {SLICE(CUSTOMER), SLICE(NAME), properties, TIME_MS};
    struct backtest_totals totals;
    struct decoded decoded;
    struct buf message;
    buf_init(&message);
    buf_init(&said.data);
    random_message(&envelope, &message);
    struct backtest *backtest = backtest_new(&options);
    backtest_message(backtest, 0, buf_slice(&message), &decoded);
    CHECK(decoded.count == 1);
    backtest_totals(backtest, &totals);
    check_said(&said, totals.rules, kind, expected);
    backtest_free(backtest);
    buf_fini(&said.data);
    buf_fini(&message);
}

static void check_machine(struct slice expression, struct slice properties,
                          enum expression_kind kind, const struct outcome *expected)
{
    const char *name = "machine.yaml";
    struct buf text;
    struct diag diag;
    buf_init(&text);
    write_machine(expression, kind, &text);
    struct slice texts = buf_slice(&text);
    struct rules_options options = {.files = &name,
                                    .file_count = 1,
                                    .texts = &texts,
                                    .forget_after_ms = INT64_C(400) * 86400000};
    diag_init(&diag);
    struct rules *rules = rules_load(&options, &diag);
    CHECK((rules == NULL) == (diag.error_count > 0));
    if (rules)
        play(rules, properties, kind, expected);
    rules_free(rules);
    diag_fini(&diag);
    buf_fini(&text);
}

/* ---- both */

static void run(struct slice expression, struct slice properties, enum expression_kind kind)
{
    struct world world = {.activation.load = load, .properties = properties};
    struct cel_program *early = compile(expression, false), *late = compile(expression, true);
    struct outcome outcome;
    CHECK(late != NULL);
    arena_init(&world.arena);
    world.activation.arena = &world.arena;
    if (early) {
        evaluate(&world, early, &outcome);
        check_again(&world, early, &outcome, true);
        check_again(&world, late, &outcome, false);
        check_machine(expression, properties, kind, &outcome);
    } else {
        evaluate(&world, late, &outcome);
    }
    outcome_fini(&outcome);
    cel_free(early);
    cel_free(late);
    arena_fini(&world.arena);
}

static void show(struct slice expression, struct slice properties)
{
    struct buf json;
    buf_init(&json);
    mp_to_json(properties, &json);
    fprintf(stderr, "%.*s\n%.*s\n", (int)expression.size, expression.data, (int)json.size,
            json.data);
    buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choices choices = {data, size};
    struct buf properties, expression;
    if (!schema)
        schema = random_schema();
    buf_init(&properties);
    buf_init(&expression);
    random_properties(&choices, random_keys, RANDOM_KEY_COUNT, &properties);
    enum expression_kind kind = choose(&choices, 2) ? EXPRESSION_ANY : EXPRESSION_BOOL;
    expression_write(&choices, kind, &expression);
    if (getenv("FUZZ_SHOW"))
        show(buf_slice(&expression), buf_slice(&properties));
    run(buf_slice(&expression), buf_slice(&properties), kind);
    buf_fini(&properties);
    buf_fini(&expression);
    return 0;
}
