#include "consumer/property.h"

#include "consumer/wire_value.h"

static const struct value absent = {.kind = VALUE_ABSENT};

static struct value bad_text(void)
{
    static const char message[] = "text is not valid UTF-8";

    return (struct value){.kind = VALUE_ERROR, .size = sizeof message - 1, .s = message};
}

static struct value read_id(struct slice value, struct arena *arena)
{
    struct slice id;

    switch (wire_read_id(value, arena, &id)) {
    case WIRE_GOOD:
        return value_string(id);
    case WIRE_BAD_TEXT:
        return bad_text();
    case WIRE_ABSENT:
    case WIRE_BAD:
        break;
    }
    return absent;
}

struct value property_read(struct slice value, struct property_kind kind, struct arena *arena,
                           bool *empty)
{
    struct value out;

    *empty = false;
    if (kind.is_id)
        return read_id(value, arena);
    if (!wire_read_value(value, kind.raw, &out))
        return bad_text();
    *empty = out.kind == VALUE_NULL || (out.kind == VALUE_STRING && out.size == 0);
    /* Only a list is a list of products. */
    if (out.kind == VALUE_MAP && kind.raw == VALUE_RAW_PRODUCTS)
        out.aux = VALUE_RAW_PLAIN;
    return out;
}

static char *append(char *at, struct slice text)
{
    if (text.size > 0)
        memcpy(at, text.data, text.size);
    return at + text.size;
}

struct value property_compose(const struct wire_source *source, const struct slice *parts,
                              struct arena *arena)
{
    struct slice texts[WIRE_PARTS_MAX];
    size_t size = source->literals[source->path_count].size;
    char *text, *at;

    for (uint32_t i = 0; i < source->path_count; i++) {
        struct value part = read_id(parts[i], arena);

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
