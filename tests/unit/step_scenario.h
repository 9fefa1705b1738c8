/*
 * tests/unit/step_scenario.h - one customer's story as a table: given these events, expect exactly these signals.
 *
 * given    a line each: TIME NAME [{ properties }]
 *              0s   product_added { product_id: A, price: 10 }
 *              +5m  page_viewed                     + is from the line before
 *              1h   sweep                           the watermark gets there: timers due by then fire
 *          TIME counts from 2026-01-01T00:00:00Z. Plain scalars follow JSON, quoted ones are text.
 * expect   a line each, in order, none left out: TIME TYPE FROM>TO CAUSE [{ data }]; of data only what is named is looked at
 * states   MACHINE=STATE ..., where they stand at the end
 *
 * Events go the whole way from msgpack through the decoder, with the schema `segment`.
 */
#ifndef UNIT_STEP_SCENARIO_H
#define UNIT_STEP_SCENARIO_H

#include <math.h>
#include <msgpack.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/decode.h"
#include "core/datetime.h"
#include "core/mp.h"
#include "core/number.h"
#include "core/yaml.h"
#include "rules/failures.h"
#include "rules/rules.h"

#define SCENARIO_BEGIN    INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define SCENARIO_CUSTOMER "u42"

/* Rules under test, and one customer of theirs. */
struct scenario_world {
    struct rules *rules;
    struct schema *schema;
    struct decoder *decoder;
    struct arena arena;
    struct signal_list signals;
    struct rules_counters counters;
    struct failures failures;
    struct rules_stats stats;
    struct rules_context context;
    struct customer *customer; /* NULL: not heard from */
    struct yaml_file *constants;
};

static inline struct yaml_file *scenario_yaml(const char *text);

struct scenario {
    const char *name;
    const char *given;
    const char *expect;
    const char *states;
};

static inline void scenario_open_files(struct scenario_world *world, const char *const *files,
                                       size_t count, int64_t forget_after_ms)
{
    struct diag diag;
    diag_init(&diag);
    *world = (struct scenario_world){0};
    world->constants = scenario_yaml("{ timezone: Asia/Bangkok, n: 5, festivals: "
                                     "{ '01-01T09:00': new_year, '04-13T09:00': songkran } }");
    struct rules_options options = {.constants = yaml_root(world->constants),
                                    .files = files,
                                    .file_count = count,
                                    .forget_after_ms = forget_after_ms};
    world->rules = rules_load(&options, &diag);
    world->schema = schema_load(STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml", &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    if (!world->rules || !world->schema)
        abort();
    const struct rules *rules = world->rules;
    uint32_t machines = rules_layout(rules)->machine_count;
    world->decoder = decoder_new(world->schema, rules_wants(rules));
    failures_init(&world->failures, rules);
    world->counters.failures = &world->failures;
    arena_init(&world->arena);
    signal_list_init(&world->signals);
    world->stats.states = calloc(rules_stats_state(rules, machines, 0) + 1, sizeof(int64_t));
    world->stats.transitions =
        calloc(rules_stats_transition(rules, machines, 0, 0) + 1, sizeof(int64_t));
    world->context = (struct rules_context){.rules = rules,
                                            .schema = world->schema,
                                            .arena = &world->arena,
                                            .signals = &world->signals,
                                            .stats = &world->stats,
                                            .counters = &world->counters};
}

/* Machines written in the test itself, by way of temporary files. */
static inline void scenario_open(struct scenario_world *world, const char *const *texts,
                                 size_t count)
{
    char paths[8][64];
    const char *files[8] = {0};
    for (size_t i = 0; i < count; i++) {
        snprintf(paths[i], sizeof(paths[i]), "/tmp/stagecoach-machine-XXXXXX");
        int fd = mkstemp(paths[i]);
        FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
        if (!out)
            abort();
        fputs(texts[i], out);
        fclose(out);
        files[i] = paths[i];
    }
    scenario_open_files(world, files, count, INT64_C(400) * 86400000);
    for (size_t i = 0; i < count; i++)
        remove(paths[i]);
}

static inline void scenario_forget_customer(struct scenario_world *world)
{
    customer_free(rules_layout(world->rules), world->customer);
    world->customer = NULL;
    signal_list_reset(&world->signals);
    arena_reset(&world->arena);
}

static inline void scenario_close(struct scenario_world *world)
{
    scenario_forget_customer(world);
    failures_fini(&world->failures);
    signal_list_fini(&world->signals);
    decoder_free(world->decoder);
    arena_fini(&world->arena);
    free(world->stats.states);
    free(world->stats.transitions);
    rules_free(world->rules);
    schema_free(world->schema);
    yaml_free(world->constants);
}

/* How often what stands at ":LINE:COLUMN" has failed. */
static inline uint64_t scenario_failed(const struct scenario_world *world, const char *place)
{
    struct failures_list list = {0};
    uint64_t count = 0;
    failures_list_add(&list, &world->failures);
    for (size_t i = 0; i < list.count; i++) {
        size_t size = strlen(list.items[i].place), wanted = strlen(place);
        if (size >= wanted && strcmp(list.items[i].place + size - wanted, place) == 0)
            count += list.items[i].count;
    }
    failures_list_fini(&list);
    return count;
}

/* ---- from text to events */

static inline void scenario_pack_text(msgpack_packer *packer, struct slice text)
{
    msgpack_pack_str(packer, text.size);
    msgpack_pack_str_body(packer, text.data, text.size);
}

static inline void scenario_pack(msgpack_packer *packer, const struct yaml_node *node)
{
    struct number number;
    bool flag;
    switch (node->kind) {
    case YAML_SCALAR:
        if (node->quoted)
            scenario_pack_text(packer, node->text);
        else if (yaml_is_null(node))
            msgpack_pack_nil(packer);
        else if (yaml_bool(node, &flag))
            flag ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        else if (!number_parse(node->text, &number))
            scenario_pack_text(packer, node->text);
        else if (number.is_int)
            msgpack_pack_int64(packer, number.i);
        else
            msgpack_pack_double(packer, number.d);
        return;
    case YAML_SEQUENCE:
        msgpack_pack_array(packer, node->count);
        for (size_t i = 0; i < node->count; i++)
            scenario_pack(packer, node->items[i]);
        return;
    case YAML_MAPPING:
        msgpack_pack_map(packer, node->count);
        for (size_t i = 0; i < node->count; i++) {
            scenario_pack_text(packer, node->keys[i]->text);
            scenario_pack(packer, node->items[i]);
        }
        return;
    }
}

static inline struct yaml_file *scenario_yaml(const char *text)
{
    struct diag diag;
    diag_init(&diag);
    struct yaml_file *file = yaml_parse("scenario", slice_of(text), &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    if (!file)
        abort();
    return file;
}

/* One event as a message; without properties where `properties` is empty. `id` may be NULL. */
static inline struct slice scenario_message(struct scenario_world *world, int64_t time_ms,
                                            const char *name, const char *properties,
                                            const char *id)
{
    struct buf out;
    msgpack_packer packer;
    buf_init(&out);
    msgpack_packer_init(&packer, &out, buf_pack_write);
    msgpack_pack_map(&packer, 3u + (*properties ? 1 : 0) + (id ? 1 : 0));
    scenario_pack_text(&packer, SLICE("userId"));
    scenario_pack_text(&packer, SLICE(SCENARIO_CUSTOMER));
    scenario_pack_text(&packer, SLICE("event"));
    scenario_pack_text(&packer, slice_of(name));
    scenario_pack_text(&packer, SLICE("timestamp"));
    msgpack_pack_int64(&packer, time_ms);
    if (id) {
        scenario_pack_text(&packer, SLICE("messageId"));
        scenario_pack_text(&packer, slice_of(id));
    }
    if (*properties) {
        struct yaml_file *file = scenario_yaml(properties);
        scenario_pack_text(&packer, SLICE("properties"));
        scenario_pack(&packer, yaml_root(file));
        yaml_free(file);
    }
    struct slice message = arena_copy(&world->arena, buf_slice(&out));
    buf_fini(&out);
    return message;
}

/* As the engine does it for one customer: the record is made, or made anew, by the first event. */
static inline void scenario_event(struct scenario_world *world, int64_t time_ms, const char *name,
                                  const char *properties)
{
    struct decoded decoded;
    struct slice message = scenario_message(world, time_ms, name, properties, NULL);
    decode_message(world->decoder, message, EVENT_NO_TIME, &world->arena, &decoded);
    if (decoded.count != 1) {
        fprintf(stderr, "%s: dead letter: %s\n", name, decoded.detail);
        abort();
    }
    struct event *event = &decoded.events[0];
    const struct layout *layout = rules_layout(world->rules);
    if (!world->customer) {
        world->customer = customer_new(layout, event->customer, event->time_ms);
        rules_begin(&world->context, world->customer);
    } else if (world->customer->flags & CUSTOMER_GONE) {
        customer_restart(layout, world->customer, event->time_ms);
        world->customer->flags = 0;
        rules_begin(&world->context, world->customer);
    }
    rules_step_event(&world->context, world->customer, event);
}

static inline bool scenario_sweep(struct scenario_world *world, int64_t until_ms)
{
    if (!world->customer || world->customer->flags & CUSTOMER_GONE)
        return false;
    return rules_step_timers(&world->context, world->customer, until_ms);
}

/* ---- comparing */

static inline bool scenario_same_number(struct mp_token token, struct number number)
{
    double d = token.kind == MP_INT    ? (double)token.i
               : token.kind == MP_UINT ? (double)token.u
                                       : token.d;
    bool is_number = token.kind == MP_INT || token.kind == MP_UINT || token.kind == MP_DOUBLE;
    return is_number && fabs(d - number.d) < 1e-9 * (fabs(d) + 1);
}

/* Of maps only the keys that are expected. */
static inline bool scenario_matches(const struct yaml_node *expected, struct slice actual)
{
    struct mp mp = mp_of(actual);
    struct mp_token token;
    struct number number;
    struct slice value;
    bool flag;
    if (!mp_read(&mp, &token))
        return false;
    switch (expected->kind) {
    case YAML_SCALAR:
        if (!expected->quoted && yaml_is_null(expected))
            return token.kind == MP_NIL;
        if (!expected->quoted && yaml_bool(expected, &flag))
            return token.kind == MP_BOOL && token.b == flag;
        if (!expected->quoted && number_parse(expected->text, &number))
            return scenario_same_number(token, number);
        return token.kind == MP_STR && slice_equal(token.bytes, expected->text);
    case YAML_SEQUENCE:
        if (token.kind != MP_ARRAY || token.count != expected->count)
            return false;
        for (size_t i = 0; i < expected->count; i++)
            if (!mp_value(&mp, &value) || !scenario_matches(expected->items[i], value))
                return false;
        return true;
    case YAML_MAPPING:
        if (token.kind != MP_MAP)
            return false;
        for (size_t i = 0; i < expected->count; i++)
            if (!mp_map_find(actual, expected->keys[i]->text, &value) ||
                !scenario_matches(expected->items[i], value))
                return false;
        return true;
    }
    return false;
}

static inline void scenario_print_signal(const struct signal *signal, FILE *out)
{
    struct buf json;
    buf_init(&json);
    mp_to_json(signal->data, &json);
    fprintf(out, "%gs %.*s %.*s>%.*s %.*s %.*s\n",
            (double)(signal->time_ms - SCENARIO_BEGIN) / 1000, (int)signal->type.size,
            signal->type.data, (int)signal->from.size, signal->from.data, (int)signal->to.size,
            signal->to.data, (int)signal->cause.size, signal->cause.data, (int)json.size,
            json.data);
    buf_fini(&json);
}

/* "TIME TYPE FROM>TO CAUSE {...}" against a signal. */
static inline bool scenario_signal_is(const struct signal *signal, const char *line)
{
    char time[32], type[64], states[128], cause[64], actual[160];
    int read = 0;
    int64_t ms;
    if (sscanf(line, "%31s %63s %127s %63s %n", time, type, states, cause, &read) < 4)
        return false;
    if (!duration_parse_ms(slice_of(time), &ms) || signal->time_ms != SCENARIO_BEGIN + ms)
        return false;
    snprintf(actual, sizeof(actual), "%.*s>%.*s", (int)signal->from.size, signal->from.data,
             (int)signal->to.size, signal->to.data);
    if (!slice_is(signal->type, type) || strcmp(actual, states) != 0 ||
        !slice_is(signal->cause, cause) || !slice_is(signal->customer, SCENARIO_CUSTOMER))
        return false;
    if (!mp_well_formed(signal->data))
        return false;
    if (!line[read])
        return true;
    struct yaml_file *file = scenario_yaml(line + read);
    bool matches = scenario_matches(yaml_root(file), signal->data);
    yaml_free(file);
    return matches;
}

/* The next line that is not blank, without its indent; NULL behind the last. Cuts the text up. */
static inline char *scenario_line(char **rest)
{
    char *line;
    while ((line = strsep(rest, "\n"))) {
        line += strspn(line, " ");
        if (*line)
            return line;
    }
    return NULL;
}

static inline bool scenario_check_signals(const struct scenario_world *world, const char *expect)
{
    char *copy = strdup(expect ? expect : ""), *rest = copy, *line;
    size_t index = 0;
    bool same = true;
    while ((line = scenario_line(&rest))) {
        if (index < world->signals.count &&
            scenario_signal_is(&world->signals.items[index], line)) {
            index++;
            continue;
        }
        fprintf(stderr, "  expected: %s\n  got:      ", line);
        if (index < world->signals.count)
            scenario_print_signal(&world->signals.items[index++], stderr);
        else
            fprintf(stderr, "nothing\n");
        same = false;
    }
    for (; index < world->signals.count; index++) {
        fprintf(stderr, "  expected: nothing\n  got:      ");
        scenario_print_signal(&world->signals.items[index], stderr);
        same = false;
    }
    free(copy);
    return same;
}

static inline struct slice scenario_state(const struct scenario_world *world, struct slice machine)
{
    const struct layout *layout = rules_layout(world->rules);
    for (uint32_t m = 0; m < layout->machine_count; m++)
        if (slice_equal(layout->machines[m].name, machine))
            return layout->machines[m]
                .states[customer_machine_now(layout, world->customer, m).state];
    return SLICE("(no such machine)");
}

static inline bool scenario_check_states(const struct scenario_world *world, const char *states)
{
    char *copy = strdup(states ? states : ""), *rest = copy, *pair;
    bool same = true;
    while ((pair = strsep(&rest, " "))) {
        char *equals = strchr(pair, '=');
        if (!equals)
            continue;
        struct slice machine = {pair, (size_t)(equals - pair)};
        bool gone = !world->customer || world->customer->flags & CUSTOMER_GONE;
        struct slice state = gone ? SLICE("gone") : scenario_state(world, machine);
        if (slice_is(state, equals + 1))
            continue;
        fprintf(stderr, "  expected: %s\n  got:      %.*s\n", pair, (int)state.size, state.data);
        same = false;
    }
    free(copy);
    return same;
}

/* What has to hold after each step, whatever the rules. */
static inline bool scenario_check_record(const struct scenario_world *world)
{
    struct customer *customer = world->customer;
    if (!customer || customer->flags & CUSTOMER_GONE)
        return true;
    uint64_t armed = customer->armed;
    int64_t known_ms = rules_deadline(world->rules, customer);
    customer->armed = UINT64_MAX;
    int64_t exact_ms = rules_deadline(world->rules, customer);
    customer->armed = armed;
    if (known_ms != exact_ms) {
        fprintf(stderr, "  a machine has a timer at %lld, and is not known as armed\n",
                (long long)exact_ms);
        return false;
    }
    if (customer->deadline_ms <= exact_ms)
        return true;
    fprintf(stderr, "  the record's deadline lies %lld ms behind its first timer\n",
            (long long)(customer->deadline_ms - exact_ms));
    return false;
}

static inline bool scenario_run(struct scenario_world *world, const struct scenario *scenario)
{
    char *copy = strdup(scenario->given), *rest = copy, *line;
    int64_t now_ms = SCENARIO_BEGIN, greatest_ms = INT64_MIN, ms;
    bool good = true;
    while ((line = scenario_line(&rest))) {
        char time[32], name[64];
        int read = 0;
        if (sscanf(line, "%31s %63s %n", time, name, &read) < 2)
            abort();
        bool relative = time[0] == '+';
        if (!duration_parse_ms(slice_of(time + relative), &ms))
            abort();
        now_ms = (relative ? now_ms : SCENARIO_BEGIN) + ms;
        if (now_ms > greatest_ms)
            greatest_ms = now_ms;
        if (strcmp(name, "sweep") == 0)
            scenario_sweep(world, now_ms);
        else
            scenario_event(world, now_ms, name, line + read);
        good = scenario_check_record(world) && good;
    }
    scenario_sweep(world, greatest_ms);
    good = scenario_check_record(world) && good;
    good = scenario_check_signals(world, scenario->expect) && good;
    good = scenario_check_states(world, scenario->states) && good;
    free(copy);
    if (!good)
        fprintf(stderr, "in: %s\n", scenario->name);
    scenario_forget_customer(world);
    return good;
}

/* How many of the table fail. */
static inline int scenario_run_all(struct scenario_world *world, const struct scenario *table,
                                   size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        failed += !scenario_run(world, &table[i]);
    return failed;
}

#endif
