/*
 * CEL: any text compiles or is refused; what compiles is evaluated over an event that is any
 * msgpack, and its value written in both forms.
 *
 * The input is a text, a NUL, and the event's properties. Bound early, as machines do, and late, as
 * eval does. Where the text begins with a byte 4, what lies between two bytes 1, 2 or 3 stands there many
 * times, so that a short input reaches the bounds of rules/cel.h on size and depth; such inputs are a
 * hundred times slower, so the others keep to themselves.
 *
 *   1   CEL_DEPTH_MAX times
 *   2   1,001 times
 *   3   as often as CEL_TEXT_SIZE_MAX has room for, and once more
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/mp.h"
#include "rules/cel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct cel_activation activation; /* first, so that a load finds the rest */
    struct arena arena;
    struct slice properties;
};

/* Slot 0: the properties; slots from 1: a value of each kind that a record has. */
static struct value load(struct cel_activation *activation, uint32_t slot)
{
    static const struct value items[] = {{.kind = VALUE_NULL}, {.kind = VALUE_INT, .i = 7}};
    const struct world *world = (const struct world *)(const void *)activation;
    switch (slot) {
    case 0:
        return world->properties.size ? value_of_msgpack(world->properties, VALUE_RAW_PRODUCTS)
                                      : (struct value){0};
    case 1:
        return value_timestamp_ms(1767225600123);
    case 2:
        return value_double(2.5);
    case 3:
        return value_string(SLICE("Asia/Bangkok"));
    default:
        return (struct value){.kind = VALUE_LIST, .size = 2, .items = items};
    }
}

static bool resolve(void *self, const struct slice *segments, uint32_t count,
                    struct cel_binding *binding, char *message)
{
    static const char *const names[] = {"p", "t", "d", "s", "l"};
    (void)self;
    (void)count;
    (void)message;
    for (uint32_t i = 0; i < 5; i++) {
        if (!slice_is(segments[0], names[i]))
            continue;
        *binding = (struct cel_binding){.slot = i, .consumed = 1};
        return true;
    }
    return false;
}

static struct value call_get(struct cel_activation *activation, const struct value *arguments,
                             uint32_t count)
{
    struct value value = cel_argument(activation, arguments[0]);
    CHECK(count == 2 && value.kind != VALUE_ERROR);
    return value.kind == VALUE_ABSENT ? arguments[1] : value;
}

static void write_out(struct world *world, struct value value)
{
    struct buf out;
    buf_init(&out);
    cel_to_json(&world->activation, value, &out);
    buf_reset(&out);
    bool packed = cel_to_msgpack(&world->activation, value, &out);
    CHECK(mp_well_formed(buf_slice(&out)));
    CHECK(!packed || value.kind != VALUE_ERROR);
    buf_fini(&out);
}

static void run(struct slice text, struct slice properties, bool bind_late)
{
    static const struct cel_function get = {.name = "get",
                                            .argument_count = 2,
                                            .call = call_get,
                                            .by_reference = true,
                                            .or_path = true};
    const struct cel_host host = {
        .resolve = resolve, .functions = &get, .function_count = 1, .bind_late = bind_late};
    struct world world = {.activation.load = load, .properties = properties};
    struct cel_problem problems[4];
    uint32_t count;
    struct cel_program *program = cel_compile(text, &host, CEL_DYN, problems, 4, &count);
    CHECK((program != NULL) == (count == 0));
    for (uint32_t i = 0; i < count; i++)
        CHECK(problems[i].offset <= text.size);
    if (!program)
        return;
    arena_init(&world.arena);
    world.activation.arena = &world.arena;
    struct value value = cel_eval(program, &world.activation);
    CHECK(value.kind != VALUE_ABSENT);
    write_out(&world, value);
    arena_fini(&world.arena);
    cel_free(program);
}

static size_t times_of(char mark, size_t part_size)
{
    if (mark == 1)
        return CEL_DEPTH_MAX;
    return mark == 2 ? 1001 : CEL_TEXT_SIZE_MAX / (part_size ? part_size : 1) + 1;
}

/* The text with its repetitions, up to the first part that makes it too long. */
static void expand(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        const char *from = text.data + i + 1;
        const char *end = c >= 1 && c <= 3 ? memchr(from, c, text.size - i - 1) : NULL;
        if (!end) {
            buf_add_char(out, c);
            continue;
        }
        size_t size = (size_t)(end - from), times = times_of(c, size);
        for (size_t j = 0; j < times && out->size <= CEL_TEXT_SIZE_MAX; j++)
            buf_add(out, from, size);
        i += size + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf expanded;
    struct slice text = {(const char *)data, size};
    struct slice properties = {0};
    const char *end = size ? memchr(data, '\0', size) : NULL;
    if (end) {
        text.size = (size_t)(end - text.data);
        properties = (struct slice){end + 1, size - text.size - 1};
    }
    if (properties.size > 0 && !mp_well_formed(properties))
        properties.size = 0;
    buf_init(&expanded);
    if (text.size > 0 && text.data[0] == 4)
        expand((struct slice){text.data + 1, text.size - 1}, &expanded);
    else
        buf_add_slice(&expanded, text);
    run(buf_slice(&expanded), properties, false);
    run(buf_slice(&expanded), properties, true);
    buf_fini(&expanded);
    return 0;
}
