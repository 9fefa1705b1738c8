#include "consumer/wire_path.h"

/* `[12]` at the beginning of `*rest`. */
static const char *parse_index(struct slice *rest, struct wire_step *step)
{
    size_t at = 1;
    uint32_t index = 0;

    while (at < rest->size && rest->data[at] >= '0' && rest->data[at] <= '9') {
        index = index * 10 + (uint32_t)(rest->data[at] - '0');
        if (index > WIRE_INDEX_MAX)
            return "an index is at most 1000";
        at++;
    }
    if (at == 1 || at == rest->size || rest->data[at] != ']')
        return "an index is digits between `[` and `]`";
    *step = (struct wire_step){.is_index = true, .index = index};
    *rest = (struct slice){rest->data + at + 1, rest->size - at - 1};
    return NULL;
}

/* A key up to the next `.` or `[`. */
static const char *parse_key(struct slice *rest, struct wire_step *step, struct arena *arena)
{
    size_t size = 0;

    for (; size < rest->size && rest->data[size] != '.' && rest->data[size] != '['; size++)
        if (rest->data[size] == '{' || rest->data[size] == '}')
            return "`{` and `}` are for composed properties only";
    if (size == 0)
        return "a key is missing: paths are keys joined by `.`";
    *step = (struct wire_step){.key = arena_copy(arena, (struct slice){rest->data, size})};
    *rest = (struct slice){rest->data + size, rest->size - size};
    return NULL;
}

const char *wire_path_parse(struct slice text, struct wire_path *path, struct arena *arena)
{
    struct slice rest = text;
    bool key_next = true;

    *path = (struct wire_path){.from_message = text.size > 0 && text.data[0] == '/'};
    if (path->from_message)
        rest = (struct slice){text.data + 1, text.size - 1};
    if (slice_equal(rest, SLICE(".")))
        return NULL;
    while (key_next || rest.size > 0) {
        const char *problem;

        if (path->step_count == WIRE_PATH_STEPS_MAX)
            return "a path has at most 8 steps";
        if (!key_next && rest.data[0] == '.') {
            rest = (struct slice){rest.data + 1, rest.size - 1};
            key_next = true;
        }
        if (key_next)
            problem = parse_key(&rest, &path->steps[path->step_count], arena);
        else if (rest.data[0] == '[')
            problem = parse_index(&rest, &path->steps[path->step_count]);
        else
            problem = "after an index comes `.`, `[` or the end";
        if (problem != NULL)
            return problem;
        path->step_count++;
        key_next = false;
    }
    return NULL;
}

static size_t find(struct slice text, size_t from, char c)
{
    while (from < text.size && text.data[from] != c)
        from++;
    return from;
}

static const char not_a_field[] = "`.` is the map itself, which is no field of it";

static const char *parse_composed(struct slice text, struct wire_source *source,
                                  struct arena *arena)
{
    size_t at = 0;

    source->paths = arena_calloc(arena, WIRE_PARTS_MAX, sizeof *source->paths);
    source->literals = arena_calloc(arena, WIRE_PARTS_MAX + 1, sizeof *source->literals);
    for (;;) {
        size_t open = find(text, at, '{');
        size_t close = find(text, open, '}');
        struct slice literal = {text.data + at, open - at};
        const char *problem;

        source->literals[source->path_count] = arena_copy(arena, literal);
        if (open == text.size)
            return NULL;
        if (close == text.size)
            return "`{` without `}`";
        if (source->path_count == WIRE_PARTS_MAX)
            return "a composed text has at most 4 paths";
        problem = wire_path_parse((struct slice){text.data + open + 1, close - open - 1},
                                  &source->paths[source->path_count], arena);
        if (problem != NULL)
            return problem;
        if (source->paths[source->path_count].step_count == 0)
            return not_a_field;
        source->path_count++;
        at = close + 1;
    }
}

const char *wire_source_parse(struct slice text, struct wire_source *source, struct arena *arena)
{
    const char *problem;

    *source = (struct wire_source){.composed = find(text, 0, '{') < text.size};
    if (source->composed)
        return parse_composed(text, source, arena);
    source->path_count = 1;
    source->paths = arena_calloc(arena, 1, sizeof *source->paths);
    problem = wire_path_parse(text, source->paths, arena);
    return problem == NULL && source->paths->step_count == 0 ? not_a_field : problem;
}
