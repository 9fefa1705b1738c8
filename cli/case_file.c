#include "cli/case_file.h"

#include <errno.h>
#include <msgpack.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/datetime.h"
#include "core/mp.h"
#include "core/number.h"
#include "engine/backtest.h"

#define START_MS        INT64_C(1767225600000)    /* 2026-01-01T00:00:00Z */
#define FORGET_AFTER_MS (INT64_C(400) * 86400000) /* as memory.forget_after is by default */

/*
 * What the documentation has as constants of a configuration: shipped machines rely on the time
 * zone.
 */
static const char default_constants[] =
    "{ timezone: Asia/Bangkok, festivals: { 01-01T09:00: new_year, 04-13T09:00: songkran } }";

const char *const case_field_names[CASE_FIELD_COUNT] = {"type", "machine", "from",
                                                        "to",   "cause",   "customer"};

static const char *const file_keys[] = {"machines", "start", "constants", "cases", NULL};
static const char *const test_keys[] = {"name", "given", "expect", "until", "state", NULL};
static const char *const event_keys[] = {"at", "event", "properties", "customer", "id", NULL};
static const char *const signal_keys[] = {"at",    "type",     "machine", "from", "to",
                                          "cause", "customer", "data",    NULL};

/* What reading works with. */
struct reading {
    struct case_file *file;
    const struct schema *segment;
    struct diag *diag;
    struct buf buf;
};

/* ---- what all parts are made of ---- */

static const char *kind_of(const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR)
        return yaml_is_null(node) ? "nothing" : "a single value";
    return node->kind == YAML_SEQUENCE ? "a list" : "a mapping";
}

static bool is_among(const char *text, const char *const *names, size_t *count)
{
    for (*count = 0; names[*count]; (*count)++)
        if (strcmp(text, names[*count]) == 0)
            return true;
    return false;
}

/* A mapping with no other keys than these. */
static bool check_mapping(struct reading *reading, const struct yaml_node *node, const char *what,
                          const char *const *keys)
{
    size_t count;
    if (node->kind != YAML_MAPPING) {
        diag_error(reading->diag, node->at, "%s must be a mapping (key: value), not %s", what,
                   kind_of(node));
        return false;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->keys[i];
        if (is_among(key->text.data, keys, &count))
            continue;
        const char *nearest = diag_nearest(key->text.data, keys, count);
        buf_reset(&reading->buf);
        for (size_t k = 0; k < count && !nearest; k++)
            buf_printf(&reading->buf, "%s%s", k ? ", " : "", keys[k]);
        if (nearest)
            diag_error(reading->diag, key->at, "%s has no key '%.64s': did you mean '%s'?", what,
                       key->text.data, nearest);
        else
            diag_error(reading->diag, key->at, "%s has no key '%.64s': it has %.*s", what,
                       key->text.data, (int)reading->buf.size, reading->buf.data);
    }
    return true;
}

static bool check_list(struct reading *reading, const struct yaml_node *node, const char *what)
{
    if (node->kind == YAML_SEQUENCE)
        return true;
    diag_error(reading->diag, node->at, "%s must be a list, not %s", what, kind_of(node));
    return false;
}

/* A scalar that says something. */
static bool check_text(struct reading *reading, const struct yaml_node *node, const char *what)
{
    if (node->kind == YAML_SCALAR && !yaml_is_null(node) && node->text.size > 0)
        return true;
    diag_error(reading->diag, node->at, "%s must be a text, not %s", what,
               node->kind == YAML_SCALAR ? "nothing" : kind_of(node));
    return false;
}

static const struct yaml_node *need(struct reading *reading, const struct yaml_node *mapping,
                                    const char *what, const char *key)
{
    const struct yaml_node *node = yaml_get(mapping, key);
    if (!node && mapping->kind == YAML_MAPPING)
        diag_error(reading->diag, mapping->at, "%s needs `%s`", what, key);
    return node;
}

static struct slice keep(struct reading *reading)
{
    return arena_copy(&reading->file->arena, buf_slice(&reading->buf));
}

static void *keep_array(struct reading *reading, size_t count, size_t size)
{
    return arena_calloc(&reading->file->arena, count + 1, size);
}

/*
 * `35m` from the start, `+5m` from `before_ms` where there may be one before (not NULL), or a date
 * and time.
 */
static bool read_time(struct reading *reading, const struct yaml_node *node, const char *what,
                      const int64_t *before_ms, int64_t *time_ms)
{
    int64_t ms, base_ms = reading->file->start_ms;
    struct slice text = node->text;
    if (node->kind == YAML_SCALAR && datetime_parse_ms(text, time_ms))
        return true;
    if (node->kind == YAML_SCALAR && before_ms && text.size > 0 && text.data[0] == '+') {
        text = (struct slice){text.data + 1, text.size - 1};
        base_ms = *before_ms;
    }
    if (node->kind != YAML_SCALAR || !duration_parse_ms(text, &ms) ||
        ms > DATETIME_MAX_SECONDS * 1000 - base_ms) {
        diag_error(reading->diag, node->at,
                   "%s must be the time since the start, such as 0s, 35m or 1d2h%s, not %s%.64s%s",
                   what, before_ms ? ", or since the event before, such as +5m" : "",
                   node->kind == YAML_SCALAR ? "'" : "",
                   node->kind == YAML_SCALAR ? node->text.data : kind_of(node),
                   node->kind == YAML_SCALAR ? "'" : "");
        return false;
    }
    *time_ms = base_ms + ms;
    return true;
}

/* ---- YAML as msgpack: plain scalars follow JSON, quoted ones are text ---- */

static void pack_text(msgpack_packer *packer, struct slice text)
{
    msgpack_pack_str_with_body(packer, text.data, text.size);
}

static void pack_scalar(msgpack_packer *packer, const struct yaml_node *node)
{
    struct number number;
    bool flag;
    if (node->quoted)
        pack_text(packer, node->text);
    else if (yaml_is_null(node))
        msgpack_pack_nil(packer);
    else if (yaml_bool(node, &flag))
        flag ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    else if (!number_parse(node->text, &number))
        pack_text(packer, node->text);
    else if (number.is_int)
        msgpack_pack_int64(packer, number.i);
    else
        msgpack_pack_double(packer, number.d);
}

static void pack(msgpack_packer *packer, const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR) {
        pack_scalar(packer, node);
        return;
    }
    if (node->kind == YAML_SEQUENCE)
        msgpack_pack_array(packer, node->count);
    else
        msgpack_pack_map(packer, node->count);
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == YAML_MAPPING)
            pack_text(packer, node->keys[i]->text);
        pack(packer, node->items[i]);
    }
}

/* ---- given ---- */

/* Text, or an integer in decimal, as the wire has ids. */
static bool check_id(struct reading *reading, const struct yaml_node *node, const char *what,
                     size_t size_max)
{
    struct number number;
    bool flag;
    bool is_text = node->kind == YAML_SCALAR && node->text.size > 0 &&
                   (node->quoted || (!yaml_is_null(node) && !yaml_bool(node, &flag) &&
                                     (!number_parse(node->text, &number) || number.is_int)));
    if (is_text && node->text.size <= size_max)
        return true;
    diag_error(reading->diag, node->at, "%s must be a text or an integer, 1 to %zu bytes long",
               what, size_max);
    return false;
}

/* What Segment's libraries send as `type`. */
static const char *message_type(struct slice name)
{
    static const char *const types[][2] = {{"page_viewed", "page"},
                                           {"screen_viewed", "screen"},
                                           {"customer_identified", "identify"},
                                           {"customer_aliased", "alias"},
                                           {"customer_grouped", "group"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (slice_is(name, types[i][0]))
            return types[i][1];
    return "track";
}

/*
 * The properties where Segment has them: those of identify are its traits, and a time zone stands
 * in the context.
 */
static void pack_properties(msgpack_packer *packer, const struct yaml_node *properties,
                            bool is_identify)
{
    pack_text(packer, slice_of(is_identify ? "traits" : "properties"));
    pack(packer, properties);
    if (is_identify || !yaml_get(properties, "timezone"))
        return;
    pack_text(packer, SLICE("context"));
    msgpack_pack_map(packer, 1);
    pack_text(packer, SLICE("timezone"));
    pack(packer, yaml_get(properties, "timezone"));
}

static void pack_event(struct reading *reading, const struct yaml_node *node,
                       struct case_event *event)
{
    const struct yaml_node *customer = yaml_get(node, "customer"), *id = yaml_get(node, "id");
    const struct yaml_node *name = yaml_get(node, "event"),
                           *properties = yaml_get(node, "properties");
    const char *type =
        message_type(schema_event_name(reading->segment, name->text, &reading->file->arena));
    bool is_identify = strcmp(type, "identify") == 0;
    bool has_context = !is_identify && yaml_get(properties, "timezone");
    msgpack_packer packer;
    char time[32];
    int time_size = datetime_format_ms(event->time_ms, time);

    buf_reset(&reading->buf);
    msgpack_packer_init(&packer, &reading->buf, buf_pack_write);
    msgpack_pack_map(&packer, 4u + (id != NULL) + (properties != NULL) + has_context);
    pack_text(&packer, SLICE("type"));
    pack_text(&packer, slice_of(type));
    pack_text(&packer, SLICE("event"));
    pack_text(&packer, name->text);
    pack_text(&packer, SLICE("userId"));
    if (customer)
        pack_scalar(&packer, customer);
    else
        pack_text(&packer, SLICE(CASE_CUSTOMER));
    pack_text(&packer, SLICE("timestamp"));
    pack_text(&packer, (struct slice){time, (size_t)time_size});
    if (id) {
        pack_text(&packer, SLICE("messageId"));
        pack_scalar(&packer, id);
    }
    if (properties)
        pack_properties(&packer, properties, is_identify);
    event->message = keep(reading);
}

static void read_event(struct reading *reading, const struct yaml_node *node, int64_t before_ms,
                       struct case_event *event)
{
    size_t errors = reading->diag->error_count;
    *event = (struct case_event){.at = node->at, .time_ms = before_ms};
    if (!check_mapping(reading, node, "an event", event_keys))
        return;
    const struct yaml_node *at = need(reading, node, "an event", "at"),
                           *name = need(reading, node, "an event", "event");
    const struct yaml_node *customer = yaml_get(node, "customer"), *id = yaml_get(node, "id");
    const struct yaml_node *properties = yaml_get(node, "properties");
    if (at)
        read_time(reading, at, "`at`", &before_ms, &event->time_ms);
    if (name)
        check_text(reading, name, "`event`");
    if (customer)
        check_id(reading, customer, "`customer`", EVENT_CUSTOMER_SIZE_MAX);
    if (id)
        check_id(reading, id, "`id`", 65536);
    if (properties && properties->kind != YAML_MAPPING)
        diag_error(reading->diag, properties->at,
                   "`properties` must be a mapping (key: value), not %s", kind_of(properties));
    if (reading->diag->error_count == errors)
        pack_event(reading, node, event);
}

static void read_given(struct reading *reading, const struct yaml_node *node,
                       struct case_test *test)
{
    int64_t before_ms = reading->file->start_ms;
    if (!check_list(reading, node, "`given`"))
        return;
    if (node->count == 0)
        diag_error(reading->diag, node->at, "`given` is empty: without an event there is no clock");
    test->events = keep_array(reading, node->count, sizeof *test->events);
    test->event_count = node->count;
    for (size_t i = 0; i < node->count; i++) {
        read_event(reading, node->items[i], before_ms, &test->events[i]);
        before_ms = test->events[i].time_ms;
    }
}

/* ---- expect ---- */

static void read_signal(struct reading *reading, const struct yaml_node *node,
                        struct case_signal *signal)
{
    const struct yaml_node *at, *data, *field;
    msgpack_packer packer;
    if (!check_mapping(reading, node, "a signal", signal_keys))
        return;
    if (node->count == 0)
        diag_error(reading->diag, node->at,
                   "a signal of which nothing is expected: give its `type` at least");
    if ((at = yaml_get(node, "at")))
        signal->has_time = read_time(reading, at, "`at`", NULL, &signal->time_ms);
    for (size_t i = 0; i < CASE_FIELD_COUNT; i++)
        if ((field = yaml_get(node, case_field_names[i])) &&
            check_text(reading, field, case_field_names[i]))
            signal->fields[i] = field->text;
    if (!(data = yaml_get(node, "data")))
        return;
    if (data->kind != YAML_MAPPING) {
        diag_error(reading->diag, data->at, "`data` must be a mapping (key: value), not %s",
                   kind_of(data));
        return;
    }
    buf_reset(&reading->buf);
    msgpack_packer_init(&packer, &reading->buf, buf_pack_write);
    pack(&packer, data);
    if (mp_well_formed(buf_slice(&reading->buf)))
        signal->data = keep(reading);
    else
        diag_error(reading->diag, data->at, "`data` is deeper than %d levels: no signal is",
                   MP_DEPTH_MAX);
}

static void read_expect(struct reading *reading, const struct yaml_node *node,
                        struct case_test *test)
{
    test->expects_signals = true;
    if (!check_list(reading, node, "`expect`"))
        return;
    test->signals = keep_array(reading, node->count, sizeof *test->signals);
    test->signal_count = node->count;
    for (size_t i = 0; i < node->count; i++)
        read_signal(reading, node->items[i], &test->signals[i]);
}

/* ---- state ---- */

/*
 * The number of a name among `count`, or an error that says what there is. `what` is its
 * beginning.
 */
static bool find_name(struct reading *reading, const struct yaml_node *node, const char *what,
                      const struct slice *names, size_t count, uint32_t *index)
{
    const char **texts = keep_array(reading, count, sizeof *texts);
    for (*index = 0; *index < count; (*index)++) {
        if (slice_equal(names[*index], node->text))
            return true;
        texts[*index] =
            arena_printf(&reading->file->arena, "%.*s", (int)names[*index].size, names[*index].data)
                .data;
    }
    const char *nearest = diag_nearest(node->text.data, texts, count);
    buf_reset(&reading->buf);
    for (size_t i = 0; i < count && !nearest; i++)
        buf_printf(&reading->buf, "%s%s", i ? ", " : "", texts[i]);
    if (nearest)
        diag_error(reading->diag, node->at, "%s '%.64s': did you mean '%s'?", what, node->text.data,
                   nearest);
    else
        diag_error(reading->diag, node->at, "%s '%.64s': there is %.*s", what, node->text.data,
                   (int)reading->buf.size, reading->buf.data);
    return false;
}

static void read_state(struct reading *reading, const struct yaml_node *key,
                       const struct yaml_node *value, struct case_test *test)
{
    struct case_state *state = &test->states[test->state_count];
    uint32_t index;
    if (!check_text(reading, value, "a state") || !reading->file->rules)
        return;
    const struct layout *layout = rules_layout(reading->file->rules);
    struct slice *machines = keep_array(reading, layout->machine_count, sizeof *machines);
    for (uint32_t m = 0; m < layout->machine_count; m++)
        machines[m] = layout->machines[m].name;
    if (!find_name(reading, key, "`machines` has no machine", machines, layout->machine_count,
                   &state->machine))
        return;
    const struct layout_machine *machine = &layout->machines[state->machine];
    const char *what = arena_printf(&reading->file->arena, "%.*s has no state",
                                    (int)machine->name.size, machine->name.data)
                           .data;
    if (!find_name(reading, value, what, machine->states, machine->state_count, &index))
        return;
    state->state = value->text;
    test->state_count++;
}

static void read_states(struct reading *reading, const struct yaml_node *node,
                        struct case_test *test)
{
    if (node->kind != YAML_MAPPING || node->count == 0) {
        diag_error(reading->diag, node->at,
                   "`state` must be a mapping of machines to their states, not %s",
                   node->kind == YAML_MAPPING ? "an empty one" : kind_of(node));
        return;
    }
    test->states = keep_array(reading, node->count, sizeof *test->states);
    for (size_t i = 0; i < node->count; i++)
        read_state(reading, node->keys[i], node->items[i], test);
}

/* ---- the whole ---- */

static void read_test(struct reading *reading, const struct yaml_node *node, struct case_test *test)
{
    *test = (struct case_test){.at = node->at, .name = "", .until_ms = BACKTEST_NO_UNTIL};
    if (!check_mapping(reading, node, "a case", test_keys))
        return;
    const struct yaml_node *name = need(reading, node, "a case", "name"),
                           *given = need(reading, node, "a case", "given");
    const struct yaml_node *expect = yaml_get(node, "expect"), *state = yaml_get(node, "state"),
                           *until = yaml_get(node, "until");
    if (name && check_text(reading, name, "`name`"))
        test->name = name->text.data;
    if (given)
        read_given(reading, given, test);
    if (expect)
        read_expect(reading, expect, test);
    if (state)
        read_states(reading, state, test);
    if (until)
        read_time(reading, until, "`until`", NULL, &test->until_ms);
    if (!expect && !state)
        diag_error(reading->diag, node->at,
                   "a case needs `expect` (`[]` for no signal at all) or `state`");
}

/* Relative to the file that names it. */
static const char *machine_path(struct reading *reading, const struct yaml_node *node)
{
    const char *path = reading->file->path, *slash = strrchr(path, '/');
    int folder = slash && node->text.data[0] != '/' ? (int)(slash - path) + 1 : 0;
    return arena_printf(&reading->file->arena, "%.*s%s", folder, path, node->text.data).data;
}

static bool check_readable(struct reading *reading, const struct yaml_node *node, const char **path)
{
    *path = machine_path(reading, node);
    if (access(*path, R_OK) == 0)
        return true;
    diag_error(reading->diag, node->at, "%s can't be read: %s", *path, strerror(errno));
    return false;
}

static const struct yaml_node *read_constants(struct reading *reading, const struct yaml_node *root)
{
    const struct yaml_node *constants = yaml_get(root, "constants");
    if (!constants) {
        reading->file->constants = yaml_parse("constants", SLICE(default_constants), reading->diag);
        return yaml_root(reading->file->constants);
    }
    if (constants->kind == YAML_MAPPING)
        return constants;
    diag_error(reading->diag, constants->at, "`constants` must be a mapping (key: value), not %s",
               kind_of(constants));
    return NULL;
}

/*
 * Warnings are left to `check`: a test may well load one machine of several that belong together.
 */
static void load_rules(struct reading *reading, const struct rules_options *options)
{
    struct diag diag;
    diag_init(&diag);
    reading->file->rules = rules_load(options, &diag);
    if (!reading->file->rules)
        rules_load(options, reading->diag);
    diag_fini(&diag);
}

static void read_machines(struct reading *reading, const struct yaml_node *root)
{
    const struct yaml_node *machines = need(reading, root, "a file of tests", "machines");
    if (!machines || !check_list(reading, machines, "`machines`"))
        return;
    if (machines->count == 0)
        diag_error(reading->diag, machines->at,
                   "`machines` is empty: name the machine files that are tested");
    const char **files = keep_array(reading, machines->count, sizeof *files);
    size_t count = 0;
    for (size_t i = 0; i < machines->count; i++)
        if (check_text(reading, machines->items[i], "a machine's file") &&
            check_readable(reading, machines->items[i], &files[count]))
            count++;
    struct rules_options options = {
        .files = files,
        .file_count = count,
        .constants = read_constants(reading, root),
        .forget_after_ms = FORGET_AFTER_MS,
    };
    if (count > 0 && count == machines->count)
        load_rules(reading, &options);
}

static void read_start(struct reading *reading, const struct yaml_node *root)
{
    const struct yaml_node *start = yaml_get(root, "start");
    reading->file->start_ms = START_MS;
    if (start &&
        (start->kind != YAML_SCALAR || !datetime_parse_ms(start->text, &reading->file->start_ms)))
        diag_error(reading->diag, start->at,
                   "`start` must be a time with an offset, such as 2026-01-05T10:00:00Z");
}

static void read_tests(struct reading *reading, const struct yaml_node *root)
{
    struct case_file *file = reading->file;
    const struct yaml_node *cases = need(reading, root, "a file of tests", "cases");
    if (!cases || !check_list(reading, cases, "`cases`"))
        return;
    if (cases->count == 0)
        diag_error(reading->diag, cases->at, "`cases` is empty: nothing would be tested");
    file->tests = keep_array(reading, cases->count, sizeof *file->tests);
    file->test_count = cases->count;
    for (size_t i = 0; i < cases->count; i++)
        read_test(reading, cases->items[i], &file->tests[i]);
}

bool case_file_read(struct case_file *file, const char *path, const struct schema *segment,
                    struct diag *diag)
{
    struct reading reading = {.file = file, .segment = segment, .diag = diag};
    size_t errors = diag->error_count;
    *file = (struct case_file){.path = path, .yaml = yaml_load(path, diag)};
    arena_init(&file->arena);
    buf_init(&reading.buf);
    const struct yaml_node *root = file->yaml ? yaml_root(file->yaml) : NULL;
    if (root && check_mapping(&reading, root, "a file of tests", file_keys)) {
        read_start(&reading, root);
        read_machines(&reading, root);
        read_tests(&reading, root);
    }
    buf_fini(&reading.buf);
    return diag->error_count == errors;
}

void case_file_fini(struct case_file *file)
{
    rules_free(file->rules);
    yaml_free(file->constants);
    yaml_free(file->yaml);
    arena_fini(&file->arena);
}
