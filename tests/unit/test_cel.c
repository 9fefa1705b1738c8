/*
 * CEL as a host sees it: what is bound, what is refused and where, what a value becomes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "core/buf.h"
#include "core/mp.h"
#include "rules/cel.h"

/* ---- a host: an event, a cart ---- */

enum slot {
    SLOT_TIME,
    SLOT_ENTERED,
    SLOT_NAME,
    SLOT_ITEMS,
    SLOT_COUNTER,
    SLOT_PROPERTIES,
    SLOT_RATING,
    SLOT_SHAPED
};

struct world {
    struct cel_activation activation; /* first, so that a load finds the rest */
    struct arena arena;
    struct value slots[8];
    int loads;
    struct cel_program *programs[64]; /* values may borrow from them */
    int program_count;
};

static struct value load(struct cel_activation *activation, uint32_t slot)
{
    struct world *world = (struct world *)(void *)activation;
    world->loads++;
    return world->slots[slot];
}

static bool path_is(const struct slice *segments, uint32_t count, const char *first,
                    const char *second)
{
    return count >= 2 && slice_is(segments[0], first) && slice_is(segments[1], second);
}

static const struct cel_shape an_int = {.type = CEL_INT}, a_text = {.type = CEL_STRING};
static const struct cel_shape text_or_null = {.type = CEL_STRING, .or_null = true};
static const struct cel_shape_field line_fields[] = {{"id", &a_text}, {"name", &text_or_null}};
static const struct cel_shape a_line = {
    .type = CEL_MAP, .key = CEL_STRING, .fields = line_fields, .field_count = 2, .what = "a line"};

/* Variables of which more is known than a type. */
static const struct cel_shape due = {.type = CEL_TIMESTAMP, .or_null = true};
static const struct cel_shape tags = {.type = CEL_LIST, .element = &a_text};
static const struct cel_shape counts = {.type = CEL_MAP, .key = CEL_STRING, .element = &an_int};
static const struct cel_shape lines = {.type = CEL_LIST, .element = &a_line};

static bool resolve_shaped(const struct slice *segments, uint32_t count,
                           struct cel_binding *binding)
{
    static const struct {
        const char *name;
        const struct cel_shape *shape;
    } variables[] = {{"due", &due}, {"tags", &tags}, {"counts", &counts}, {"lines", &lines}};
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const struct cel_shape *shape = variables[i].shape;
        if (!path_is(segments, count, "context", variables[i].name))
            continue;
        *binding = (struct cel_binding){
            .slot = SLOT_SHAPED, .consumed = 2, .type = shape->type, .shape = shape};
        if (shape->or_null)
            binding->type = CEL_DYN;
        return true;
    }
    return false;
}

static bool resolve(void *self, const struct slice *segments, uint32_t count,
                    struct cel_binding *binding, char *message)
{
    static const struct {
        const char *first, *second;
        enum slot slot;
        enum cel_type type;
    } names[] = {
        {"event", "time", SLOT_TIME, CEL_TIMESTAMP},
        {"event", "name", SLOT_NAME, CEL_STRING},
        {"context", "items", SLOT_ITEMS, CEL_LIST},
        {"context", "seen", SLOT_COUNTER, CEL_MAP},
        {"event", "properties", SLOT_PROPERTIES, CEL_MAP},
    };
    (void)self;
    if (resolve_shaped(segments, count, binding))
        return true;
    if (count >= 3 && path_is(segments, count, "event", "properties") &&
        slice_is(segments[2], "rating")) {
        *binding = (struct cel_binding){.slot = SLOT_RATING, .consumed = 3};
        return true;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!path_is(segments, count, names[i].first, names[i].second))
            continue;
        *binding =
            (struct cel_binding){.slot = names[i].slot, .consumed = 2, .type = names[i].type};
        return true;
    }
    if (slice_is(segments[0], "entered")) {
        *binding = (struct cel_binding){.slot = SLOT_ENTERED, .consumed = 1, .type = CEL_TIMESTAMP};
        return true;
    }
    if (path_is(segments, count, "constants", "zone")) {
        *binding = (struct cel_binding){.consumed = 2, .is_constant = true};
        binding->constant = value_string(SLICE("Asia/Bangkok"));
        return true;
    }
    if (slice_is(segments[0], "context")) {
        binding->consumed = 1;
        snprintf(message, 256, "context has items and seen");
    }
    return false;
}

/* get(path, default), without the reading of types that machines have. */
static struct value call_get(struct cel_activation *activation, const struct value *arguments,
                             uint32_t count)
{
    (void)count;
    struct value value = cel_argument(activation, arguments[0]);
    bool absent =
        value.kind == VALUE_ABSENT || value.kind == VALUE_NULL || value.kind == VALUE_ERROR;
    return absent ? arguments[1] : value;
}

/* touched(variable): the slot's number, so that a test sees that it was not loaded. */
static struct value call_touched(struct cel_activation *activation, const struct value *arguments,
                                 uint32_t count)
{
    (void)activation;
    (void)count;
    assert_int_equal(arguments[0].aux, CEL_REFERENCE);
    return value_int(arguments[0].i);
}

static struct value call_twice(struct cel_activation *activation, const struct value *arguments,
                               uint32_t count)
{
    (void)activation;
    (void)count;
    assert_int_equal(arguments[0].kind, VALUE_INT);
    return value_int(2 * arguments[0].i);
}

/* even(x), even([x, ...]): what is known must be even. */
static bool check_even(uint32_t index, struct value known, bool is_element, char *message)
{
    assert_int_equal(index, 0);
    if (known.kind == VALUE_LIST && !is_element)
        return true;
    snprintf(message, 256, "%d is odd", (int)known.i);
    return known.kind == VALUE_INT && known.i % 2 == 0;
}

static const struct cel_function functions[] = {
    {.name = "get", .argument_count = 2, .call = call_get, .by_reference = true, .or_path = true},
    {.name = "touched",
     .argument_count = 1,
     .call = call_touched,
     .result = CEL_INT,
     .by_reference = true},
    {.name = "twice",
     .argument_count = 1,
     .call = call_twice,
     .result = CEL_INT,
     .arguments = {CEL_INT}},
    {.name = "read",
     .argument_count = 2,
     .call = call_get,
     .by_reference = true,
     .or_path = true,
     .gives_default = true},
    {.name = "words", .argument_count = 1, .call = call_twice, .shape = &tags},
    {.name = "even", .argument_count = 1, .call = call_twice, .check = check_even},
};

static const struct cel_host host = {.resolve = resolve,
                                     .functions = functions,
                                     .function_count = sizeof(functions) / sizeof(functions[0])};

static void world_init(struct world *world)
{
    *world = (struct world){.activation.load = load};
    arena_init(&world->arena);
    world->activation.arena = &world->arena;
    world->slots[SLOT_TIME] = value_timestamp_ms(1000);
    world->slots[SLOT_ENTERED] = value_timestamp_ms(2000);
    world->slots[SLOT_NAME] = value_string(SLICE("order_completed"));
}

static void world_fini(struct world *world)
{
    for (int i = 0; i < world->program_count; i++)
        cel_free(world->programs[i]);
    arena_fini(&world->arena);
}

static struct value eval_in(struct world *world, const char *text)
{
    struct cel_problem problem = {0};
    uint32_t count;
    struct cel_program *program = cel_compile(slice_of(text), &host, CEL_DYN, &problem, 1, &count);
    if (!program)
        fail_msg("%s: at %u: %s", text, problem.offset, problem.message);
    assert_true(world->program_count < 64);
    world->programs[world->program_count++] = program;
    return cel_eval(program, &world->activation);
}

static bool eval_bool(struct world *world, const char *text)
{
    struct value value = eval_in(world, text);
    if (value.kind != VALUE_BOOL)
        fail_msg("%s: kind %u: %.*s", text, value.kind,
                 value.kind == VALUE_ERROR ? (int)value.size : 0,
                 value.kind == VALUE_ERROR ? value.s : "");
    return value.b;
}

static void expect_error(struct world *world, const char *text, const char *message)
{
    struct value value = eval_in(world, text);
    assert_int_equal(value.kind, VALUE_ERROR);
    char got[256];
    snprintf(got, sizeof(got), "%.*s", (int)value.size, value.s);
    assert_string_equal(got, message);
}

/* A value as JSON text; valid until the arena goes. */
static const char *json_of(struct world *world, const char *text)
{
    struct buf out;
    buf_init(&out);
    cel_to_json(&world->activation, eval_in(world, text), &out);
    buf_add_char(&out, '\0');
    const char *json = arena_copy(&world->arena, buf_slice(&out)).data;
    buf_fini(&out);
    return json;
}

/* {"list": [1, "two"], "deep": {"x": 5}, "at": ext timestamp 1.5 s, 7: "seven"} */
static struct value raw_map(struct world *world)
{
    struct buf bytes;
    msgpack_packer packer;
    msgpack_timestamp stamp = {.tv_sec = 1, .tv_nsec = 500000000};
    buf_init(&bytes);
    msgpack_packer_init(&packer, &bytes, buf_pack_write);
    msgpack_pack_map(&packer, 4);
    msgpack_pack_str_with_body(&packer, "list", 4);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_int(&packer, 1);
    msgpack_pack_str_with_body(&packer, "two", 3);
    msgpack_pack_str_with_body(&packer, "deep", 4);
    msgpack_pack_map(&packer, 1);
    msgpack_pack_str_with_body(&packer, "x", 1);
    msgpack_pack_int(&packer, 5);
    msgpack_pack_str_with_body(&packer, "at", 2);
    msgpack_pack_timestamp(&packer, &stamp);
    msgpack_pack_int(&packer, 7);
    msgpack_pack_str_with_body(&packer, "seven", 5);
    struct slice copy = arena_copy(&world->arena, buf_slice(&bytes));
    buf_fini(&bytes);
    return value_of_msgpack(copy, VALUE_RAW_PLAIN);
}

/* ---- names ---- */

static void test_names_become_slots_and_what_is_absent_an_error(void **state)
{
    struct world world;
    (void)state;
    world_init(&world);
    assert_true(eval_bool(&world, "event.time < entered"));
    assert_true(eval_bool(&world, "event['name'] == 'order_completed'"));
    assert_true(eval_bool(&world, "constants.zone.startsWith('Asia/')"));
    assert_false(eval_bool(&world, "has(event.properties.rating)"));
    assert_true(eval_bool(&world, "has(constants.zone) && has(event.time)"));
    expect_error(&world, "event.properties.rating > 3", "no such key: event.properties.rating");
    world.slots[SLOT_RATING] = value_null();
    assert_true(eval_bool(&world, "has(event.properties.rating)"));
    expect_error(&world, "event.properties.rating > 3", "no such overload: null_type > int");
    world_fini(&world);
}

static void test_raw_maps_are_read_where_they_lie(void **state)
{
    struct world world;
    (void)state;
    world_init(&world);
    world.slots[SLOT_PROPERTIES] = raw_map(&world);
    assert_true(eval_bool(&world, "event.properties.deep.x == 5"));
    assert_true(eval_bool(&world, "event.properties.list[1] == 'two'"));
    assert_true(eval_bool(&world, "event.properties[7] == 'seven'"));
    assert_true(eval_bool(&world, "event.properties.at == timestamp('1970-01-01T00:00:01.5Z')"));
    assert_true(
        eval_bool(&world, "size(event.properties) == 4 && size(event.properties.list) == 2"));
    assert_true(eval_bool(&world, "'deep' in event.properties && !('x' in event.properties)"));
    assert_true(eval_bool(&world, "has(event.properties.deep) && !has(event.properties.nothing)"));
    assert_true(eval_bool(&world, "event.properties.list == [1, 'two']"));
    assert_true(eval_bool(&world, "event.properties.deep == {'x': 5.0}"));
    assert_true(eval_bool(&world, "event.properties.list.exists(e, e == 'two')"));
    assert_true(eval_bool(&world, "event.properties.all(k, v, k == 7 || k != v)"));
    assert_string_equal(json_of(&world, "event.properties.list + [3u]"), "[1,\"two\",3]");
    assert_string_equal(json_of(&world, "event.properties"),
                        "{\"list\":[1,\"two\"],\"deep\":{\"x\":5},\"at\":\"1970-01-01T00:00:01."
                        "500Z\",\"7\":\"seven\"}");
    expect_error(&world, "event.properties.list[2]", "index out of range");
    expect_error(&world, "event.properties.nothing", "no such key: nothing");
    world_fini(&world);
}

/* A container of the record: three texts, which are counted when they are made. */
struct texts_view {
    struct value_view view;
    int *made;
};

static size_t texts_count(const struct value_view *view)
{
    (void)view;
    return 3;
}

static struct value texts_at(const struct value_view *view, size_t index, struct arena *arena)
{
    static const char *const texts[] = {"a", "b", "c"};
    (void)arena;
    ++*((const struct texts_view *)(const void *)view)->made;
    return value_string(slice_of(texts[index]));
}

static struct value texts_find(const struct value_view *view, struct slice key, struct arena *arena)
{
    for (size_t i = 0; i < 3; i++)
        if (slice_equal(value_text(texts_at(view, i, arena)), key))
            return value_int((int64_t)i);
    return (struct value){0};
}

static void test_views_are_asked_and_not_copied(void **state)
{
    static const struct value_view_ops ops = {texts_count, texts_at, texts_at, texts_find};
    struct world world;
    int made = 0;
    struct texts_view view = {{&ops}, &made};
    (void)state;
    world_init(&world);
    world.slots[SLOT_ITEMS] =
        (struct value){.kind = VALUE_LIST, .rep = VALUE_REP_VIEW, .view = &view.view};
    world.slots[SLOT_COUNTER] =
        (struct value){.kind = VALUE_MAP, .rep = VALUE_REP_VIEW, .view = &view.view};
    assert_true(eval_bool(&world, "size(context.items) == 3 && context.items.size() > 2"));
    assert_int_equal(made, 0);
    assert_true(eval_bool(&world, "context.items[1] == 'b'"));
    assert_int_equal(made, 1);
    assert_true(eval_bool(&world, "'c' in context.items && context.seen.c == 2"));
    assert_true(eval_bool(&world, "context.seen['a'] == 0 && !has(context.seen.d)"));
    assert_true(eval_bool(&world, "context.items == ['a', 'b', 'c']"));
    assert_string_equal(json_of(&world, "context.items.map(t, t + t)"), "[\"aa\",\"bb\",\"cc\"]");
    world_fini(&world);
}

/* Names other than those on the wire are the host's business. */
static struct value select_alias(struct cel_activation *activation, struct value map,
                                 struct slice key)
{
    struct slice found;
    (void)activation;
    assert_int_equal(map.aux, VALUE_RAW_PROPERTIES);
    if (!slice_is(key, "position") || !mp_map_find(value_text(map), SLICE("deep"), &found))
        return (struct value){0};
    return value_of_msgpack(found, VALUE_RAW_PLAIN);
}

static void test_maps_with_aliases_are_selected_by_the_host(void **state)
{
    struct world world;
    (void)state;
    world_init(&world);
    world.slots[SLOT_PROPERTIES] = raw_map(&world);
    world.slots[SLOT_PROPERTIES].aux = VALUE_RAW_PROPERTIES;
    world.activation.select = select_alias;
    assert_true(eval_bool(&world, "event.properties.position.x == 5"));
    assert_false(eval_bool(&world, "has(event.properties.deep)"));
    world_fini(&world);
}

/* ---- functions of the host ---- */

static void test_references_are_not_loaded_and_paths_may_be_absent(void **state)
{
    struct world world;
    (void)state;
    world_init(&world);
    assert_true(eval_bool(&world, "touched(context.items) == 3"));
    assert_int_equal(world.loads, 0);
    assert_true(eval_bool(&world, "get(event.properties.rating, 0.0) < 1"));
    world.slots[SLOT_RATING] = value_int(4);
    assert_true(eval_bool(&world, "get(event.properties.rating, 0.0) == 4"));
    world.slots[SLOT_PROPERTIES] = raw_map(&world);
    assert_true(eval_bool(&world, "get(event.properties.deep.x, 0) == 5"));
    assert_true(eval_bool(&world, "get(event.properties.deep.y, 9) == 9"));
    assert_true(eval_bool(&world, "get(event.properties.list[0], 9) == 1"));
    assert_true(eval_bool(&world, "get(event.properties.list[5].x, 9) == 9"));
    assert_true(eval_bool(&world, "[{'a': 1}, {}].map(p, get(p.a, 7)) == [1, 7]"));
    expect_error(&world, "twice(event.properties.deep.y)", "no such key: y");
    expect_error(&world, "twice(event.properties.list)", "no such overload: twice(list)");
    world_fini(&world);
}

static void test_a_guard_over_slots_allocates_nothing(void **state)
{
    static const char *const guards[] = {
        "get(event.properties.rating, 0.0) >= 4",
        "size(context.items) == 0",
        "event.time < entered",
        "event.properties.rating > 3",
        "event.name == 'x' || entered - event.time > duration('1h') && !(event.time < entered)",
        "event.name in ['a', 'b', 'order_completed']",
        "event.properties.deep.x > 4 ? true : false",
        "event.properties.list.exists(e, e == 'two')",
    };
    struct world world;
    struct cel_problem problem;
    uint32_t count;
    (void)state;
    world_init(&world);
    world.slots[SLOT_PROPERTIES] = raw_map(&world);
    world.slots[SLOT_ITEMS] = (struct value){.kind = VALUE_LIST};
    for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
        struct cel_program *program =
            cel_compile(slice_of(guards[i]), &host, CEL_BOOL, &problem, 1, &count);
        assert_non_null(program);
        size_t before = world.arena.total_size;
        cel_eval(program, &world.activation);
        assert_int_equal(world.arena.total_size, before);
        cel_free(program);
    }
    world_fini(&world);
}

/* ---- problems ---- */

struct wrong {
    const char *text;
    uint32_t offset;
    const char *message;
};

static const struct wrong wrongs[] = {
    /* syntax */
    {"", 0, "the expression is empty"},
    {"  // nothing", 0, "the expression is empty"},
    {"1 +", 3, "the expression ends here, but a value is missing"},
    {"(1 + 2", 6, "the expression ends here, but ')' is missing"},
    {"1 2", 2, "an operator is expected here, not '2'"},
    {"[1, 2", 5, "the expression ends here, but a comma or a closing bracket is missing"},
    {"{'a' 1}", 5, "':' and a value is expected here, not '1'"},
    {"true ? 1", 8, "the expression ends here, but ':' and what it is otherwise is missing"},
    {"event.time.", 11, "the expression ends here, but a field's name is missing"},
    {"a = 1", 2, "'=' is not an operator of CEL; to compare write '=='"},
    {"a & b", 2, "'&' is not an operator of CEL; for 'and' write '&&'"},
    {"a | b", 2, "'|' is not an operator of CEL; for 'or' write '||'"},
    {"a; b", 1, "an expression has no ';'"},
    {"1 @ 2", 2, "'@' can't stand here"},
    {"\xe0\xb8\x81 > 1", 0, "a character that can't stand here; text goes between quotes"},
    {"'abc", 0, "the text that begins here is not closed with '"},
    {"'''abc'", 0, "the text that begins here is not closed with '''"},
    {"'a\nb'", 0, "the text that begins here is not closed with '"},
    {"'a\\qb'", 2, "no such escape; a backslash is written '\\\\', or the text as r'...'"},
    {"'\\ud800'", 1, "no such escape; a backslash is written '\\\\', or the text as r'...'"},
    {"b'\\u0041'", 2, "no such escape; a backslash is written '\\\\', or the text as r'...'"},
    {"12abc", 2, "'a' does not belong to a number"},
    {"0x", 0, "a hexadecimal number needs digits, such as 0x1F"},
    {"9223372036854775808", 0, "the number 9223372036854775808 is too large for its type"},
    {"1e999", 0, "the number 1e999 is too large for its type"},
    {"while > 1", 0, "'while' is a reserved word and can't be a name"},
    {"has(event)", 0, "has() takes one field, such as has(event.properties.value)"},
    {"[1].all(1, true)", 8, "the name of a variable for each element is expected here"},
    {"[1].all(i, i, true)", 4, "the two variables need two names"},
    {"Cart{items: 1}", 4, "an operator (messages are not supported) is expected here, not '{'"},
    /* names */
    {"evnt.time", 0, "there is no 'evnt'"},
    {"1 == 1 && context.itemz > 1", 18, "context has items and seen"},
    {"lowerAscii('x')", 0, "write x.lowerAscii(...) instead of lowerAscii(x, ...)"},
    {"context.items.touched()", 14, "write touched(x, ...) instead of x.touched(...)"},
    {"toched(context.items)", 0, "there is no function 'toched'; did you mean 'touched'?"},
    {"event.name.startWith('a')", 11,
     "there is no function 'startWith'; did you mean 'startsWith'?"},
    {"size(1, 2)", 0, "size() takes 1 argument, not 2"},
    {"'a'.substring()", 4, "substring() takes 1 to 2 arguments, not 0"},
    {"twice(1, 2)", 0, "twice() takes 1 argument, not 2"},
    {"math.sqr(2.0)", 5, "there is no function 'math.sqr'; did you mean 'math.sqrt'?"},
    {"touched(event.name + 'x')", 19,
     "the first argument of touched() must be a variable, such as context.items"},
    {"get(1 + 2, 0)", 6,
     "the first argument of get() must be a path, such as event.properties.value"},
    /* types */
    {"1 + 'a'", 2, "'+' can't be applied to int and string: convert to text by string(...)"},
    {"1 + 1.5", 2, "'+' can't be applied to int and double: convert one by double(...)"},
    {"5.0 % 2.0", 4,
     "'%' can't be applied to double and double: '%' is for whole numbers; convert by int(...)"},
    {"event.time == 'x'", 11, "'==' can't be applied to google.protobuf.Timestamp and string"},
    {"event.name < 1", 11, "'<' can't be applied to string and int"},
    {"event.time + entered", 11,
     "'+' can't be applied to google.protobuf.Timestamp and google.protobuf.Timestamp"},
    {"1 in 2", 2, "'in' can't be applied to int and int: only in a list or a map can something be"},
    {"!1", 0, "'!' can't be applied to int"},
    {"-'a'", 0, "'-' can't be applied to string"},
    {"event.name && true", 6, "what '&&' joins must be bool, not string"},
    {"1 ? 2 : 3", 0, "what stands before '?' must be bool, not int"},
    {"event.name.first", 11, "string has no field 'first'; only maps have fields"},
    {"event.time[0]", 10, "google.protobuf.Timestamp has no elements; only lists and maps have"},
    {"context.items['a' + 'b']", 18, "the index of a list must be int, not string"},
    {"{1.5: 2}", 1, "double can't be the key of a map; string, int, uint and bool can"},
    {"event.name.all(c, c == 'a')", 11, "all() goes over a list or a map, not over string"},
    {"context.items.exists(i, 1)", 24, "the condition of a macro must be bool, not int"},
    {"event.name.contains(1)", 20, "contains() takes string here, not int"},
    {"duration(1)", 9, "duration() takes string or google.protobuf.Duration here, not int"},
    {"twice('a')", 6, "twice() takes int here, not string"},
    {"event.name.matches('(a')", 19,
     "the pattern is wrong at its character 3: missing closing parenthesis"},
    /* constants */
    {"entered > timestamp('today')", 10,
     "the text 'today' is no timestamp; one looks like 2026-01-05T10:00:00Z"},
    {"entered - event.time > duration('30 min')", 23,
     "the text '30 min' is no duration; one looks like 1h30m"},
    {"size(context.items) > 1 / 0", 24, "division by zero"},
    {"event.time.getHours('Asia/Bangkog') == 1", 20,
     "there is no time zone 'Asia/Bangkog': did you mean 'Asia/Bangkok'?"},
    {"event.time.getDate(event.name == '' ? '7' : constants.zone) == 1", 38,
     "there is no time zone '7': write a name of the tz database such as Asia/Bangkok, or an "
     "offset such as +07:00"},
    {"event.time.getHours(event.name) == 1", 0, NULL}, /* only known when it is evaluated */
    {"even(3)", 5, "3 is odd"},
    {"even([2, 3])", 9, "3 is odd"},
    {"even(event.name == 'a' ? 2 : 5)", 29, "5 is odd"},
    {"even([2, size(context.items)])", 0, NULL},
    /* what is inside, and null */
    {"context.due > 5", 12, "'>' can't be applied to google.protobuf.Timestamp and int"},
    {"context.due == 5", 12, "'==' can't be applied to google.protobuf.Timestamp and int"},
    {"context.due - event.time > 3", 25,
     "'>' can't be applied to google.protobuf.Duration and int"},
    {"size(context.due)", 13,
     "size() takes string or bytes or list or map here, not google.protobuf.Timestamp"},
    {"context.due.getHours() + 'a'", 23,
     "'+' can't be applied to int and string: convert to text by string(...)"},
    {"context.due && true", 8, "what '&&' joins must be bool, not google.protobuf.Timestamp"},
    {"(event.name == '' ? null : event.time) > 5", 39,
     "'>' can't be applied to google.protobuf.Timestamp and int"},
    {"context.due == null || context.due > event.time || context.due != entered", 0, NULL},
    {"type(context.due) == null_type", 0, NULL},
    {"dyn(context.due) > 5", 0, NULL},
    {"context.tags[0] > 5", 16, "'>' can't be applied to string and int"},
    {"1 in context.tags", 2, "the elements of this list are string: int is never among them"},
    {"event.properties.rating in context.tags || event.name in context.tags", 0, NULL},
    {"context.tags.exists(t, t > 5)", 25, "'>' can't be applied to string and int"},
    {"context.tags.all(i, t, i == t)", 25, "'==' can't be applied to int and string"},
    {"context.tags.filter(t, t != '')[0] == 1", 35, "'==' can't be applied to string and int"},
    {"context.tags.map(t, size(t)).exists(n, n == 'a')", 41,
     "'==' can't be applied to int and string"},
    {"(context.tags + ['a'])[0] == 1", 26, "'==' can't be applied to string and int"},
    {"(context.tags + [event.properties.rating])[0] == 1", 0, NULL},
    {"['a', 'b'].exists(t, t > 5)", 23, "'>' can't be applied to string and int"},
    {"['a', 1, null].exists(t, t == 5)", 0, NULL},
    {"words(1)[0] < 5", 12, "'<' can't be applied to string and int"},
    {"context.counts.x == 'a'", 17, "'==' can't be applied to int and string"},
    {"context.counts['x'] == 'a'", 20, "'==' can't be applied to int and string"},
    {"context.counts[event.name] == 'a'", 27, "'==' can't be applied to int and string"},
    {"context.counts[5] == 1", 15, "the keys of this map are string: none is int"},
    {"5 in context.counts", 2, "the keys of this map are string: int is never among them"},
    {"context.counts.exists(k, k > 5)", 27, "'>' can't be applied to string and int"},
    {"context.counts.exists(k, n, n == k)", 30, "'==' can't be applied to int and string"},
    {"context.counts.x > 1.5 && 'a' in context.counts && has(context.counts.y)", 0, NULL},
    {"context.lines[0].foo == 1", 17, "a line has no field 'foo': it has id and name"},
    {"context.lines.exists(l, has(l.nmae))", 30,
     "a line has no field 'nmae': did you mean 'name'?"},
    {"context.lines[0]['foo'] == 1", 17, "a line has no field 'foo': it has id and name"},
    {"context.lines[0].id == 1", 20, "'==' can't be applied to string and int"},
    {"'a' in context.lines", 4, "the elements of this list are map: string is never among them"},
    {"context.lines.exists(l, l.name == null || l.name == 'a' || l[event.name] == 1)", 0, NULL},
    {"read(event.properties.rating, 0) > 'a'", 33, "'>' can't be applied to int and string"},
    {"read(event.properties.rating, 0.0) + 1", 35,
     "'+' can't be applied to double and int: convert one by double(...)"},
    {"read(event.properties.rating, null) > 'a'", 0, NULL},
    {"read(event.properties.rating, 0) > 1.5", 0, NULL},
    {"{'a': 1, 'a': 2}.a == 1", 0, "a map has the same key twice"},
};

static void test_mistakes_are_found_at_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        struct cel_problem problems[4];
        uint32_t count;
        struct cel_program *program =
            cel_compile(slice_of(wrongs[i].text), &host, CEL_DYN, problems, 4, &count);
        if (!wrongs[i].message) {
            assert_non_null(program);
            cel_free(program);
            continue;
        }
        if (program || count != 1)
            fail_msg("%s: %u problems, the second: %s", wrongs[i].text, count,
                     count > 1 ? problems[1].message : "");
        if (strcmp(problems[0].message, wrongs[i].message) != 0 ||
            problems[0].offset != wrongs[i].offset)
            fail_msg("%s: at %u: %s", wrongs[i].text, problems[0].offset, problems[0].message);
    }
}

static void test_all_mistakes_of_a_text_are_found_in_its_order(void **state)
{
    struct cel_problem problems[8];
    uint32_t count;
    (void)state;
    assert_null(cel_compile(SLICE("evnt.x == 1 && size(1) > 'a' + 2 || foo(bar)"), &host, CEL_DYN,
                            problems, 8, &count));
    assert_int_equal(count, 5);
    for (uint32_t i = 1; i < count; i++)
        assert_true(problems[i - 1].offset < problems[i].offset);
    assert_null(cel_compile(SLICE("a + b + c"), &host, CEL_DYN, problems, 2, &count));
    assert_int_equal(count, 2);
    assert_null(cel_compile(SLICE("a + b + c"), &host, CEL_DYN, NULL, 0, &count));
    assert_int_equal(count, 0);
}

static void test_the_type_that_is_expected_is_asked_for(void **state)
{
    struct cel_problem problem;
    uint32_t count;
    (void)state;
    assert_null(cel_compile(SLICE("size(context.items)"), &host, CEL_BOOL, &problem, 1, &count));
    assert_string_equal(problem.message, "must be bool, is int");
    assert_null(cel_compile(SLICE("context.due"), &host, CEL_BOOL, &problem, 1, &count));
    assert_string_equal(problem.message, "must be bool, is a timestamp");
    assert_null(cel_compile(SLICE("dyn(1)"), &host, CEL_BOOL, &problem, 1, &count));
    assert_string_equal(problem.message, "must be bool, is int");
    struct cel_program *program =
        cel_compile(SLICE("event.properties.rating"), &host, CEL_BOOL, &problem, 1, &count);
    assert_non_null(program);
    assert_int_equal(cel_program_type(program), CEL_DYN);
    cel_free(program);
}

/* ---- constants ---- */

static void test_what_is_constant_is_computed_once(void **state)
{
    static const struct {
        const char *text;
        const char *json;
    } folded[] = {
        {"duration('1h') + duration('30m')", "\"5400s\""},
        {"[1, 2, 3].map(x, x * x)", "[1,4,9]"},
        {"event.name == 'x' && false", "false"},
        {"true || event.properties.rating > 1", "true"},
        {"1 > 2 ? event.name : constants.zone", "\"Asia/Bangkok\""},
        {"{'a': [1, 2]}.a[1] + 1", "3"},
        {"constants.zone + '!'", "\"Asia/Bangkok!\""},
        {"'abc'.matches('^a.c$')", "true"},
        {"false && 1 / 0 > 1", "false"},
    };
    struct world world;
    (void)state;
    world_init(&world);
    for (size_t i = 0; i < sizeof(folded) / sizeof(folded[0]); i++) {
        struct cel_problem problem;
        uint32_t count;
        struct value constant;
        struct cel_program *program =
            cel_compile(slice_of(folded[i].text), &host, CEL_DYN, &problem, 1, &count);
        assert_non_null(program);
        if (!cel_program_constant(program, &constant))
            fail_msg("%s is no constant", folded[i].text);
        cel_free(program);
        assert_string_equal(json_of(&world, folded[i].text), folded[i].json);
    }
    world_fini(&world);
}

static void test_an_error_that_may_be_absorbed_is_no_problem_at_load(void **state)
{
    struct world world;
    (void)state;
    world_init(&world);
    world.slots[SLOT_ITEMS] = (struct value){.kind = VALUE_LIST};
    assert_true(eval_bool(&world, "event.time < entered || 1 / 0 > 1"));
    expect_error(&world, "event.time > entered || 1 / 0 > 1", "division by zero");
    expect_error(&world, "event.time > entered ? 1 : 1 / 0", "division by zero");
    assert_true(eval_bool(&world, "context.items.all(i, 1 / 0 > i)"));
    world_fini(&world);
}

/* ---- errors ---- */

static void test_and_and_or_absorb_errors_from_both_sides(void **state)
{
    struct world world;
    (void)state;
    world_init(&world);
    world.slots[SLOT_PROPERTIES] = raw_map(&world);
    assert_false(eval_bool(&world, "event.properties.x > 1 && event.time > entered"));
    assert_false(eval_bool(&world, "event.time > entered && event.properties.x > 1"));
    assert_true(eval_bool(&world, "event.properties.x > 1 || event.time < entered"));
    assert_true(eval_bool(&world, "event.time < entered || event.properties.x > 1"));
    expect_error(&world, "event.properties.x > 1 && event.time < entered", "no such key: x");
    expect_error(&world, "event.time < entered && event.properties.x > 1", "no such key: x");
    expect_error(&world, "event.properties.deep && event.time < entered",
                 "no such overload: '&&' of map");
    expect_error(&world, "event.properties.deep ? 1 : 2", "no such overload: '?:' of map");
    assert_true(eval_bool(&world, "[1, 0].exists(x, 1 / x == 1)"));
    assert_true(eval_bool(&world, "[0, 1].exists(x, 1 / x == 1)"));
    assert_false(eval_bool(&world, "[0, 2].all(x, 1 / x == 1)"));
    expect_error(&world, "event.properties.list.exists_one(x, x > 1)",
                 "no such overload: string > int");
    world_fini(&world);
}

/* ---- bounds ---- */

/* 2,000 ints. */
static struct value many_items(void)
{
    static struct value items[2000];
    for (size_t i = 0; i < 2000; i++)
        items[i] = value_int((int64_t)i);
    return (struct value){.kind = VALUE_LIST, .size = 2000, .items = items};
}

static void test_no_expression_runs_for_long(void **state)
{
    static const char *const endless[] = {
        "context.items.all(a, context.items.all(b, context.items.all(c, a + b + c >= 0)))",
        "context.items.map(a, context.items.map(b, context.items)) == []",
        "context.items.exists(a, context.items.exists(b, b == -1) || 1 / 0 > 1) || "
        "event.time < entered",
        "context.items.map(a, context.items + context.items).size() > 0",
        "context.items.exists(a, context.items != context.items.map(x, x + 0))",
        "context.items.exists(a, context.items.map(x, string(x)).join('-').matches('(0|1)*2$'))",
        "context.items.map(a, context.items.map(b, "
        "event.name.replace('', event.name).replace('', event.name))) == []",
    };
    struct world world;
    (void)state;
    world_init(&world);
    world.slots[SLOT_ITEMS] = many_items();
    for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        struct value value = eval_in(&world, endless[i]);
        if (value.kind != VALUE_ERROR)
            fail_msg("%s came to an end with kind %u", endless[i], value.kind);
        assert_true(slice_is(value_text(value), "the expression takes too many steps"));
        arena_reset(&world.arena);
    }
    world_fini(&world);
}

/* What an error throws away takes time and memory too. */
static void test_texts_that_are_made_in_vain_are_paid_for(void **state)
{
    enum { SIZE = 200000 };
    struct world world;
    (void)state;
    world_init(&world);
    char *name = malloc(SIZE);
    assert_non_null(name);
    memset(name, 'x', SIZE);
    world.slots[SLOT_NAME] = value_string((struct slice){name, SIZE});
    world.slots[SLOT_ITEMS] = many_items();
    struct value value =
        eval_in(&world, "context.items.exists(a, [event.name, 1].join() == event.name)");
    assert_int_equal(value.kind, VALUE_ERROR);
    assert_true(slice_is(value_text(value), "the expression takes too many steps"));
    assert_true(world.arena.total_size < 100 * (size_t)CEL_STEPS_MAX);
    free(name);
    world_fini(&world);
}

/*
 * Constants as large as the language allows are made when they are needed, and none of this takes
 * long to load.
 */
static void test_constants_are_folded_within_bounds(void **state)
{
    static const char *const large[] = {
        "[1,2,3,4,5,6,7,8].map(a, [1,2,3,4,5,6,7,8].map(b, [1,2,3,4,5,6,7,8].map(c, "
        "[1,2,3,4,5,6,7,8].map(d, [1,2,3,4,5,6,7,8].map(e, [1,2,3,4,5,6,7,8].map(f, a + f))))))",
        "[1,2,3].map(a, 'xxxxxxxx'.replace('', 'yyyyyyyyyyyy').replace('', 'zzzzzzzzzzzzzzzzzzzz')"
        ".replace('', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa').replace('', 'bbbbbbbb'))",
    };
    struct world world;
    struct value constant;
    (void)state;
    world_init(&world);
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        struct value value = eval_in(&world, large[i]);
        assert_int_equal(value.kind, VALUE_LIST);
        assert_false(cel_program_constant(world.programs[i], &constant));
    }
    world_fini(&world);
}

static void refused(const char *text, size_t size, const char *message)
{
    struct cel_problem problem;
    uint32_t count;
    assert_null(cel_compile((struct slice){text, size}, &host, CEL_DYN, &problem, 1, &count));
    assert_string_equal(problem.message, message);
}

static void test_what_is_too_large_or_too_deep_is_refused(void **state)
{
    static char text[1 << 20];
    (void)state;
    memset(text, ' ', sizeof(text));
    refused(text, sizeof(text), "the expression has 1048576 bytes; 65536 are the limit");
    memset(text, '(', 60000);
    refused(text, 60000, "brackets are nested deeper than 128 levels");
    memset(text, '[', 60000);
    refused(text, 60000, "brackets are nested deeper than 128 levels");
    memset(text, '-', 60000);
    refused(text, 60000, "more than 128 '-' in a row");
    for (size_t i = 0; i < 60000; i += 2)
        memcpy(text + i, "1+", 2);
    refused(text, 59999, "the expression has more than 1000 operations in a row");
    for (size_t i = 0; i < 60000; i += 2)
        memcpy(text + i, ".a", 2);
    text[0] = 'e';
    refused(text, 60000, "the expression has more than 1000 operations in a row");
    refused("'\xff'", 3, "the expression is not valid UTF-8");
    refused(NULL, 0, "the expression is empty");
}

static void repeat(struct buf *text, const char *part, int times)
{
    for (int i = 0; i < times; i++)
        buf_add_text(text, part);
}

static void runs(const char *before, const char *middle, const char *after, int times)
{
    struct world world;
    struct buf text;
    world_init(&world);
    buf_init(&text);
    repeat(&text, before, times);
    buf_add_text(&text, middle);
    repeat(&text, after, times);
    buf_add_char(&text, '\0');
    struct value value = eval_in(&world, text.data);
    if (value.kind == VALUE_ERROR)
        fail_msg("%s %s %s: %.*s", before, middle, after, (int)value.size, value.s);
    json_of(&world, text.data);
    buf_fini(&text);
    world_fini(&world);
}

static void test_what_is_just_within_the_bounds_runs(void **state)
{
    (void)state;
    runs("(", "event.name", ")", 127);
    runs("[", "event.name", "]", 127);
    runs("{1: ", "event.name", "}", 127);
    runs("event.name == 'x' ? 1 : ", "event.name", "", 127);
    runs("event.name + ", "'x'", "", 900);
    runs("", "event.name", " + 'x'", 900);
    runs("", "[event.name]", ".map(a, [a])", 900);
    runs("[1].map(a, ", "event.name", ")", 31);
    runs("-", "twice(1)", "", 127);
    runs("size(string(", "event.name", "))", 63);
}

static void test_a_reference_that_has_no_name_is_never_called(void **state)
{
    struct cel_host late = host;
    struct world world;
    struct cel_problem problem;
    uint32_t count;
    (void)state;
    world_init(&world);
    late.bind_late = true;
    struct cel_program *program =
        cel_compile(SLICE("touched(cotnext.items) == 1 || get(x.y, 5) == 5"), &late, CEL_DYN,
                    &problem, 1, &count);
    assert_non_null(program);
    assert_true(cel_eval(program, &world.activation).b);
    cel_free(program);
    program = cel_compile(SLICE("touched(x)"), &late, CEL_DYN, &problem, 1, &count);
    struct value value = cel_eval(program, &world.activation);
    assert_true(value.kind == VALUE_ERROR && slice_is(value_text(value), "there is no 'x'"));
    cel_free(program);
    world_fini(&world);
}

static void test_long_chains_of_conditions_are_read(void **state)
{
    struct world world;
    struct buf text;
    (void)state;
    world_init(&world);
    buf_init(&text);
    for (int i = 0; i < 2500; i++)
        buf_add_text(&text, "event.name == 'no' || ");
    buf_add_text(&text, "true");
    buf_add_char(&text, '\0');
    assert_true(eval_bool(&world, text.data));
    buf_fini(&text);
    world_fini(&world);
}

/*
 * Every beginning of an expression, and every byte of it changed: never a crash, always a program
 * or a problem.
 */
static void test_damaged_texts_are_refused_or_run(void **state)
{
    static const char whole[] =
        "get(event.properties.list[0].x, 0) >= 4 && [1, 2u].exists(x, x > 1.5) "
        "? {'a': b'\\x00'} : r\"\"\"x\"\"\".matches('a+(b|c)')";
    struct world world;
    char text[sizeof(whole)];
    (void)state;
    world_init(&world);
    for (size_t i = 0; i < sizeof(whole) - 1; i++) {
        for (int change = 0; change < 8; change++) {
            static const char bytes[] = "\0'(]{.-9";
            struct cel_problem problem;
            uint32_t count;
            memcpy(text, whole, sizeof(whole));
            text[i] = bytes[change];
            size_t size = change == 0 ? i : sizeof(whole) - 1;
            struct cel_program *program =
                cel_compile((struct slice){text, size}, &host, CEL_DYN, &problem, 1, &count);
            assert_true(program != NULL || count == 1);
            if (program)
                cel_eval(program, &world.activation);
            cel_free(program);
        }
    }
    world_fini(&world);
}

/* ---- time ---- */

static void test_time_zones_have_their_hours(void **state)
{
    static const char *const truths[] = {
        "timestamp('2026-01-05T20:00:00Z').getHours(constants.zone) == 3",
        "timestamp('2026-01-05T20:00:00Z').getDate('+07:00') == 6",
        "timestamp('2026-01-05T20:00:00Z').getDayOfWeek('Asia/Bangkok') == 2",
        "timestamp('2026-07-05T10:00:00Z').getHours('Europe/Berlin') == 12",
        "timestamp('2026-01-05T10:00:00Z').getHours('Europe/Berlin') == 11",
        "timestamp('2026-03-29T00:59:59Z').getHours('Europe/Berlin') == 1",
        "timestamp('2026-03-29T01:00:00Z').getHours('Europe/Berlin') == 3",
        "timestamp('2070-07-05T10:00:00Z').getHours('America/New_York') == 6", /* by the rule */
        "timestamp('2070-01-05T10:00:00Z').getHours('America/New_York') == 5",
        "timestamp('2070-01-05T10:00:00Z').getHours('Australia/Sydney') == 21",
        "timestamp('2070-07-05T10:00:00Z').getHours('Australia/Sydney') == 20",
        "timestamp('1850-01-01T00:00:00Z').getMinutes('Asia/Bangkok') == 42", /* local mean time */
        "timestamp('2026-01-05T10:00:00Z').getMinutes('Asia/Kathmandu') == 45",
        "timestamp('2026-01-05T10:00:00Z').getHours('UTC') == 10",
        "timestamp('0001-01-01T00:00:00Z').getFullYear('-01:00') == 0",
    };
    struct world world;
    (void)state;
    world_init(&world);
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++)
        if (!eval_bool(&world, truths[i]))
            fail_msg("%s", truths[i]);
    expect_error(&world, "event.time.getHours(event.name)", "no time zone 'order_completed'");
    expect_error(&world,
                 "event.time.getHours(event.name.replace('order_completed', '../etc/passwd'))",
                 "no time zone '../etc/passwd'");
    expect_error(&world, "event.time.getHours(event.name.substring(15))", "no time zone ''");
    world_fini(&world);
}

static void test_durations_are_read_and_written(void **state)
{
    static const char *const truths[] = {
        "duration('7d') == duration('168h')",
        "duration('1h30m') == duration('90m')",
        "duration('-1.5s') == duration('-1500ms')",
        "duration('.5s') == duration('500ms') && duration('1.s') == duration('1s')",
        "duration('0') == duration('0s') && duration('+2s') == duration('2s')",
        "duration('1us') == duration('1000ns')",
        "string(duration('90m')) == '5400s'",
        "string(duration('-1500ms')) == '-1.5s'",
        "string(duration('1ns')) == '0.000000001s'",
        "duration('-90m').getHours() == -1 && duration('-90m').getMinutes() == -90",
        "duration('1500ms').getMilliseconds() == 500",
        "timestamp('2026-01-31T12:00:00Z') - duration('1d') == timestamp('2026-01-30T12:00:00Z')",
        "timestamp(1.0 > 0.5 ? 1 : 2) - timestamp(0) == duration('1s')",
    };
    struct world world;
    (void)state;
    world_init(&world);
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++)
        if (!eval_bool(&world, truths[i]))
            fail_msg("%s", truths[i]);
    static const char *const wrong[] = {
        "", "1", "s", "1 s", "1x", "1h-1m", "--1s", ".s", "1.", "1e3s", "9999999999999999999s"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        world.slots[SLOT_NAME] = value_string(slice_of(wrong[i]));
        assert_int_equal(eval_in(&world, "duration(event.name)").kind, VALUE_ERROR);
    }
    world_fini(&world);
}

/* ---- what comes out ---- */

static void test_values_as_json(void **state)
{
    struct world world;
    (void)state;
    world_init(&world);
    assert_string_equal(json_of(&world, "[null, true, -1, 2u, 0.5, 3.0, 1e300]"),
                        "[null,true,-1,2,0.5,3,1e+300]");
    assert_string_equal(json_of(&world, "[0.0 / 0.0, 1.0 / 0.0, -1.0 / 0.0]"),
                        "[\"NaN\",\"Infinity\",\"-Infinity\"]");
    assert_string_equal(json_of(&world, "[b'', b'f', b'fo', b'foo', b'foob']"),
                        "[\"\",\"Zg==\",\"Zm8=\",\"Zm9v\",\"Zm9vYg==\"]");
    assert_string_equal(json_of(&world, "[event.time, entered - event.time, type(1), int]"),
                        "[\"1970-01-01T00:00:01Z\",\"1s\",\"int\",\"int\"]");
    assert_string_equal(json_of(&world, "{'a': 'x\"y\\n', 1: 2, true: 3, 4u: {}}"),
                        "{\"a\":\"x\\\"y\\n\",\"1\":2,\"true\":3,\"4\":{}}");
    world_fini(&world);
}

/*
 * Straight to JSON is what comes of the way by msgpack. `packed`: of the same value, behind a byte
 * that makes it an array's only element.
 */
static void data_json_is(struct world *world, struct value value, struct slice packed, bool passes)
{
    struct buf direct, expected, within;
    buf_init(&direct);
    buf_init(&expected);
    buf_init(&within);
    mp_to_json((struct slice){packed.data + 1, packed.size - 1}, &expected);
    mp_to_json(packed, &within);
    buf_add_text(&direct, "x"); /* something before it stays */
    assert_int_equal(cel_to_data_json(&world->activation, value, &direct), passes);
    assert_int_equal(direct.size, expected.size + 1);
    assert_true(direct.data[0] == 'x');
    assert_memory_equal(direct.data + 1, expected.data, expected.size);
    assert_false(slice_is(buf_slice(&within), "null")); /* as in the map of the data */
    buf_fini(&direct);
    buf_fini(&expected);
    buf_fini(&within);
}

static void packs_as(struct world *world, const char *text, const char *json, bool passes)
{
    struct buf packed, out;
    buf_init(&packed);
    buf_init(&out);
    buf_add_text(&packed, "\x91"); /* something before it stays */
    assert_int_equal(cel_to_msgpack(&world->activation, eval_in(world, text), &packed), passes);
    assert_true(packed.data[0] == '\x91');
    mp_to_json((struct slice){packed.data + 1, packed.size - 1}, &out);
    buf_add_char(&out, '\0');
    if (json)
        assert_string_equal(out.data, json);
    data_json_is(world, eval_in(world, text), buf_slice(&packed), passes);
    buf_fini(&packed);
    buf_fini(&out);
}

static void test_values_as_msgpack(void **state)
{
    struct world world;
    (void)state;
    world_init(&world);
    world.slots[SLOT_PROPERTIES] = raw_map(&world);
    packs_as(&world, "[null, true, -1, 18446744073709551615u, 0.5, 'x', b'foo', int]",
             "[null,true,-1,18446744073709551615,0.5,\"x\",\"Zm9v\",\"int\"]", true);
    packs_as(&world, "[entered, duration('-1500ms')]", "[2000,-1500]", true);
    packs_as(&world, "[0.0 / 0.0, 1.0 / 0.0, -0.0, 1e15, 0.1, 42u, {}, [], [false]]",
             "[null,null,-0,1000000000000000,0.1,42,{},[],[false]]", true);
    packs_as(&world, "{'a\"b': 'c\\\\d', 2u: 'กข', true: {'x': [1, {'y': null}]}}", NULL, true);
    packs_as(&world, "{'a': {1: 2}}", "{\"a\":{\"1\":2}}", true);
    packs_as(&world, "event.properties",
             "{\"list\":[1,\"two\"],\"deep\":{\"x\":5},\"at\":1500,\"7\":\"seven\"}", true);
    packs_as(&world, "event.properties.nothing", "null", false);
    world.slots[SLOT_ITEMS] = many_items();
    packs_as(&world, "context.items.map(x, context.items)", "null", false);
    packs_as(&world, "context.items.map(x, x < 9, context.items)", NULL, true); /* 80 KB */
    packs_as(&world,
             "context.items.map(x, event.name.replace('', event.name).replace('', event.name))",
             "null", false);
    char deep[128] = "";
    memset(deep, '[', 32);
    memset(deep + 32, ']', 32);
    packs_as(&world, deep, "null", false);
    memmove(deep, deep + 1, 62);
    deep[62] = '\0';
    packs_as(&world, deep, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", true);
    world_fini(&world);
}

static void test_lists_and_maps_are_read_by_index(void **state)
{
    struct world world;
    struct value key, value;
    (void)state;
    world_init(&world);
    struct value map = raw_map(&world);
    cel_entry(&world.activation, map, 1, &key, &value);
    assert_true(slice_is(value_text(key), "deep"));
    cel_entry(&world.activation, map, 4, &key, &value);
    assert_int_equal(key.kind, VALUE_ABSENT);
    struct value list = cel_find(&world.activation, map, value_string(SLICE("list")));
    assert_true(slice_is(value_text(cel_at(&world.activation, list, 1)), "two"));
    assert_int_equal(cel_at(&world.activation, list, 2).kind, VALUE_ABSENT);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_become_slots_and_what_is_absent_an_error),
        cmocka_unit_test(test_raw_maps_are_read_where_they_lie),
        cmocka_unit_test(test_views_are_asked_and_not_copied),
        cmocka_unit_test(test_maps_with_aliases_are_selected_by_the_host),
        cmocka_unit_test(test_references_are_not_loaded_and_paths_may_be_absent),
        cmocka_unit_test(test_a_guard_over_slots_allocates_nothing),
        cmocka_unit_test(test_mistakes_are_found_at_their_place),
        cmocka_unit_test(test_all_mistakes_of_a_text_are_found_in_its_order),
        cmocka_unit_test(test_the_type_that_is_expected_is_asked_for),
        cmocka_unit_test(test_what_is_constant_is_computed_once),
        cmocka_unit_test(test_an_error_that_may_be_absorbed_is_no_problem_at_load),
        cmocka_unit_test(test_and_and_or_absorb_errors_from_both_sides),
        cmocka_unit_test(test_no_expression_runs_for_long),
        cmocka_unit_test(test_texts_that_are_made_in_vain_are_paid_for),
        cmocka_unit_test(test_constants_are_folded_within_bounds),
        cmocka_unit_test(test_what_is_too_large_or_too_deep_is_refused),
        cmocka_unit_test(test_what_is_just_within_the_bounds_runs),
        cmocka_unit_test(test_a_reference_that_has_no_name_is_never_called),
        cmocka_unit_test(test_long_chains_of_conditions_are_read),
        cmocka_unit_test(test_damaged_texts_are_refused_or_run),
        cmocka_unit_test(test_time_zones_have_their_hours),
        cmocka_unit_test(test_durations_are_read_and_written),
        cmocka_unit_test(test_values_as_json),
        cmocka_unit_test(test_values_as_msgpack),
        cmocka_unit_test(test_lists_and_maps_are_read_by_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
