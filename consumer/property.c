#include "consumer/property.h"

static bool bad_text(struct value *out)
{
    static const char message[] = "text is not valid UTF-8";

    *out = (struct value){.kind = VALUE_ERROR, .size = sizeof message - 1, .s = message};
    return false;
}

static bool read_id(const char *value, struct arena *arena, struct value *out)
{
    struct slice id;

    *out = (struct value){.kind = VALUE_ABSENT};
    switch (wire_read_id(value, arena, &id)) {
    case WIRE_GOOD:
        *out = value_string(id);
        return true;
    case WIRE_BAD_TEXT:
        return bad_text(out);
    case WIRE_ABSENT:
    case WIRE_BAD:
        break;
    }
    return true;
}

bool property_read(const char *value, const char *end, struct property_kind kind,
                   struct arena *arena, struct value *out)
{
    if (kind.is_id)
        return read_id(value, arena, out);
    if (!wire_read_value(value, end, kind.raw, out))
        return bad_text(out);
    if (kind.raw == VALUE_RAW_PRODUCTS && out->kind == VALUE_MAP)
        out->aux = VALUE_RAW_PLAIN;
    return true;
}

static char *append(char *at, struct slice text)
{
    if (text.size > 0)
        memcpy(at, text.data, text.size);
    return at + text.size;
}

struct value property_compose(const struct wire_source *source, const char *const *parts,
                              struct arena *arena)
{
    struct slice texts[WIRE_PARTS_MAX];
    size_t size = source->literals[source->path_count].size;
    char *text, *at;

    for (uint32_t i = 0; i < source->path_count; i++) {
        struct value part;

        (void)read_id(parts[i], arena, &part);
        if (part.kind != VALUE_STRING)
            return part;
        texts[i] = value_text(part);
        size += source->literals[i].size + texts[i].size;
    }
    text = at = arena_alloc(arena, size + 1);
    for (uint32_t i = 0; i < source->path_count; i++) {
        at = append(at, source->literals[i]);
        at = append(at, texts[i]);
    }
    append(at, source->literals[source->path_count]);
    return value_string((struct slice){text, size});
}
