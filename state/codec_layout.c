/* The description of a layout, written and read: state/codec.h has its form. */
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/mp.h"
#include "core/pack.h"
#include "state/codec.h"
#include "state/heap.h"

/*
 * A description is foreign bytes: bounds that no layout of ours comes near, so that none can ask
 * for all memory.
 */
#define MACHINES_MAX    1024
#define VARIABLES_MAX   65536
#define TIMER_WORDS_MAX 1024
#define TIMERS_MAX      (TIMER_WORDS_MAX * 64)
#define MAX_MAX         (1u << 24)

/* ---- writing */

static const char *type_name(const struct layout_variable *variable)
{
    switch (variable->type) {
    case LAYOUT_BOOL:
        return "bool";
    case LAYOUT_INT:
        return "int";
    case LAYOUT_DOUBLE:
        return "double";
    case LAYOUT_STRING:
        return "string";
    case LAYOUT_TIMESTAMP:
        return "timestamp";
    case LAYOUT_LINE_ITEMS:
        return "line_items";
    case LAYOUT_SET:
        return "set";
    case LAYOUT_COUNTER:
        return "counter";
    case LAYOUT_WINDOW:
        return variable->window_is_sum ? "window_sum" : "window_count";
    }
    return "";
}

static void add_variable(struct buf *out, const struct layout_variable *variable)
{
    bool is_scalar = variable->type == LAYOUT_BOOL || variable->type == LAYOUT_INT ||
                     variable->type == LAYOUT_DOUBLE || variable->type == LAYOUT_TIMESTAMP;
    pack_add_array(out, 4);
    pack_add_text(out, variable->name);
    pack_add_text(out, slice_of(type_name(variable)));
    pack_add_int(out, is_scalar ? 0 : variable->max);
    pack_add_int(out, variable->type == LAYOUT_WINDOW ? variable->bucket_ms : 0);
}

static const char *const kind_names[] = {
    [LAYOUT_AFTER] = "after", [LAYOUT_IDLE] = "idle", [LAYOUT_AT] = "at"};

static void add_timers(struct buf *out, const struct layout_timers *timers)
{
    pack_add_array(out, 2 * timers->count);
    for (uint32_t i = 0; i < timers->count; i++) {
        const struct layout_timer *timer = &timers->items[i];
        pack_add_text(out, slice_of(kind_names[timer->kind]));
        if (timer->kind == LAYOUT_AT)
            pack_add_text(out, timer->variable);
        else
            pack_add_int(out, timer->duration_ms);
    }
}

static void add_machine(struct buf *out, const struct layout_machine *machine)
{
    pack_add_array(out, 4 + machine->variable_count);
    pack_add_text(out, machine->name);
    pack_add_array(out, machine->state_count);
    for (uint32_t s = 0; s < machine->state_count; s++)
        pack_add_text(out, machine->states[s]);
    pack_add_int(out, machine->initial);
    if (!machine->timers)
        pack_add_int(out, machine->timer_words);
    else
        pack_add_array(out, machine->state_count);
    for (uint32_t s = 0; machine->timers && s < machine->state_count; s++)
        add_timers(out, &machine->timers[s]);
    for (uint32_t v = 0; v < machine->variable_count; v++)
        add_variable(out, &machine->variables[v]);
}

void codec_layout_describe(const struct layout *layout, struct buf *out)
{
    pack_add_array(out, layout->machine_count);
    for (uint32_t m = 0; m < layout->machine_count; m++)
        add_machine(out, &layout->machines[m]);
}

/* ---- reading: everything that is made lies in the layout's own arena, freed with it */

struct owned_layout {
    struct layout layout; /* must be first */
    struct arena arena;
};

static bool read_array(struct mp *mp, uint32_t least, uint32_t most, uint32_t *count)
{
    struct mp_token token;
    if (!mp_read(mp, &token) || token.kind != MP_ARRAY)
        return false;
    *count = token.count;
    return token.count >= least && token.count <= most;
}

static bool read_number(struct mp *mp, int64_t most, int64_t *value)
{
    struct mp_token token;
    if (!mp_read(mp, &token) || token.kind != MP_INT)
        return false;
    *value = token.i;
    return token.i >= 0 && token.i <= most;
}

static bool read_text(struct mp *mp, struct arena *arena, struct slice *text)
{
    struct mp_token token;
    if (!mp_read(mp, &token) || token.kind != MP_STR)
        return false;
    *text = arena_copy(arena, token.bytes);
    return true;
}

static bool read_type(struct slice name, struct layout_variable *variable)
{
    variable->window_is_sum = slice_is(name, "window_sum");
    for (int type = LAYOUT_BOOL; type <= LAYOUT_WINDOW; type++) {
        variable->type = (enum layout_type)type;
        if (slice_is(name, type_name(variable)))
            return true;
    }
    return false;
}

static bool read_variable(struct mp *mp, struct arena *arena, struct layout_variable *variable)
{
    uint32_t count;
    int64_t max;
    struct slice type;
    if (!read_array(mp, 4, 4, &count) || !read_text(mp, arena, &variable->name) ||
        !read_text(mp, arena, &type) || !read_type(type, variable) ||
        !read_number(mp, MAX_MAX, &max) || !read_number(mp, INT64_MAX, &variable->bucket_ms))
        return false;
    variable->max = (uint32_t)max;
    return variable->type != LAYOUT_WINDOW || variable->bucket_ms > 0;
}

static bool read_states(struct mp *mp, struct arena *arena, struct layout_machine *machine)
{
    if (!read_array(mp, 1, UINT16_MAX, &machine->state_count))
        return false;
    struct slice *states = arena_calloc(arena, machine->state_count, sizeof(*states));
    for (uint32_t s = 0; s < machine->state_count; s++)
        if (!read_text(mp, arena, &states[s]))
            return false;
    machine->states = states;
    return true;
}

static bool read_kind(struct mp *mp, enum layout_timer_kind *kind)
{
    struct mp_token token;
    if (!mp_read(mp, &token) || token.kind != MP_STR)
        return false;
    for (int i = LAYOUT_AFTER; i <= LAYOUT_AT; i++) {
        *kind = (enum layout_timer_kind)i;
        if (slice_is(token.bytes, kind_names[i]))
            return true;
    }
    return false;
}

static bool read_timers(struct mp *mp, struct arena *arena, struct layout_timers *timers)
{
    uint32_t count;
    if (!read_array(mp, 0, 2 * TIMERS_MAX, &count) || count % 2 != 0)
        return false;
    timers->count = count / 2;
    struct layout_timer *items = arena_calloc(arena, timers->count, sizeof(*items));
    timers->items = items;
    for (uint32_t i = 0; i < timers->count; i++) {
        if (!read_kind(mp, &items[i].kind))
            return false;
        bool read = items[i].kind == LAYOUT_AT ? read_text(mp, arena, &items[i].variable)
                                               : read_number(mp, INT64_MAX, &items[i].duration_ms);
        if (!read)
            return false;
    }
    return true;
}

/* By state, or the number of words alone. */
static bool read_all_timers(struct mp *mp, struct arena *arena, struct layout_machine *machine)
{
    struct mp_token token;
    if (!mp_read(mp, &token))
        return false;
    if (token.kind == MP_INT) {
        machine->timer_words = (uint32_t)token.i;
        return token.i >= 0 && token.i <= TIMER_WORDS_MAX;
    }
    if (token.kind != MP_ARRAY || token.count != machine->state_count)
        return false;
    struct layout_timers *timers = arena_calloc(arena, machine->state_count, sizeof(*timers));
    machine->timers = timers;
    for (uint32_t s = 0; s < machine->state_count; s++)
        if (!read_timers(mp, arena, &timers[s]))
            return false;
    return true;
}

static bool read_machine(struct mp *mp, struct arena *arena, struct layout_machine *machine)
{
    uint32_t count;
    int64_t initial;
    if (!read_array(mp, 4, 4 + VARIABLES_MAX, &count) || !read_text(mp, arena, &machine->name) ||
        !read_states(mp, arena, machine) || !read_number(mp, machine->state_count - 1, &initial) ||
        !read_all_timers(mp, arena, machine))
        return false;
    machine->initial = (uint32_t)initial;
    machine->variable_count = count - 4;
    struct layout_variable *variables =
        arena_calloc(arena, machine->variable_count, sizeof(*variables));
    for (uint32_t v = 0; v < machine->variable_count; v++)
        if (!read_variable(mp, arena, &variables[v]))
            return false;
    machine->variables = variables;
    return true;
}

static bool read_layout(struct mp *mp, struct arena *arena, struct layout *layout)
{
    if (!read_array(mp, 0, MACHINES_MAX, &layout->machine_count))
        return false;
    struct layout_machine *machines = arena_calloc(arena, layout->machine_count, sizeof(*machines));
    for (uint32_t m = 0; m < layout->machine_count; m++)
        if (!read_machine(mp, arena, &machines[m]))
            return false;
    if (mp->pos != mp->end)
        return false;
    layout_seal(layout, machines);
    return true;
}

struct layout *codec_layout_read(struct slice description)
{
    struct owned_layout *owned = heap_new(sizeof(*owned));
    arena_init(&owned->arena);
    struct mp mp = mp_of(description);
    if (read_layout(&mp, &owned->arena, &owned->layout))
        return &owned->layout;
    codec_layout_free(&owned->layout);
    return NULL;
}

void codec_layout_free(struct layout *layout)
{
    if (!layout)
        return;
    struct owned_layout *owned = (struct owned_layout *)(void *)layout;
    arena_fini(&owned->arena);
    free(owned);
}
