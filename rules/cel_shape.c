#include "rules/cel_shape.h"

#include <stdio.h>

#include "core/diag.h"

#define FIELDS_MAX 16

/* Both tables are by type; that of CEL_DYN is never given out. */
#define EACH_TYPE(shape)                                                                           \
    shape(CEL_DYN), shape(CEL_NULL), shape(CEL_BOOL), shape(CEL_INT), shape(CEL_UINT),             \
        shape(CEL_DOUBLE), shape(CEL_STRING), shape(CEL_BYTES), shape(CEL_TIMESTAMP),              \
        shape(CEL_DURATION), shape(CEL_LIST), shape(CEL_MAP), shape(CEL_TYPE)
#define PLAIN(of)    [of] = {.type = (of)}
#define NULLABLE(of) [of] = {.type = (of), .or_null = true}

static const struct cel_shape plain[] = {EACH_TYPE(PLAIN)};
static const struct cel_shape nullable[] = {EACH_TYPE(NULLABLE)};

const struct cel_shape *cel_shape_plain(enum cel_type type)
{
    return type == CEL_DYN ? NULL : &plain[type];
}

const struct cel_shape *cel_shape_nullable(enum cel_type type)
{
    return type == CEL_DYN ? NULL : &nullable[type];
}

const struct cel_shape *cel_shape_list(struct arena *arena, const struct cel_shape *element)
{
    struct cel_shape *list = arena_calloc(arena, 1, sizeof(*list));
    *list = (struct cel_shape){.type = CEL_LIST, .element = element};
    return list;
}

const struct cel_shape *cel_shape_join(const struct cel_shape *a, const struct cel_shape *b)
{
    if (a == b || !a || !b)
        return a == b ? a : NULL;
    bool or_null = a->or_null || b->or_null || a->type == CEL_NULL || b->type == CEL_NULL;
    if (a->type != b->type && a->type != CEL_NULL && b->type != CEL_NULL)
        return NULL;
    enum cel_type type = a->type == CEL_NULL ? b->type : a->type;
    return or_null ? cel_shape_nullable(type) : cel_shape_plain(type);
}

const struct cel_shape *cel_shape_of(const struct cel_node *node)
{
    return node->shape ? node->shape : cel_shape_plain((enum cel_type)node->type);
}

void cel_shape_set(struct cel_node *node, const struct cel_shape *shape)
{
    node->shape = shape;
    node->type = (uint8_t)(shape && !shape->or_null ? shape->type : CEL_DYN);
}

enum cel_type cel_shape_type(const struct cel_node *node)
{
    const struct cel_shape *shape = cel_shape_of(node);
    return shape ? shape->type : CEL_DYN;
}

const struct cel_shape *cel_shape_element(const struct cel_node *node)
{
    return node->shape ? node->shape->element : NULL;
}

const struct cel_shape *cel_shape_key(const struct cel_node *node)
{
    return node->shape ? cel_shape_plain(node->shape->key) : NULL;
}

/* "a, b and c" */
static void list_names(const char *const *names, uint32_t count, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                 i == 0           ? ""
                                 : i + 1 == count ? " and "
                                                  : ", ",
                                 names[i]);
}

bool cel_shape_field(const struct cel_node *map, struct slice name, const struct cel_shape **field,
                     char *message)
{
    const struct cel_shape *shape = map->shape;
    const char *names[FIELDS_MAX];
    char wrong[64], all[160];
    uint32_t count = 0;
    *field = shape ? shape->element : NULL;
    if (!shape || shape->field_count == 0)
        return true;
    for (; count < shape->field_count && count < FIELDS_MAX; count++) {
        names[count] = shape->fields[count].name;
        *field = shape->fields[count].shape;
        if (slice_is(name, names[count]))
            return true;
    }
    snprintf(wrong, sizeof(wrong), "%.*s", name.size > 60 ? 60 : (int)name.size, name.data);
    const char *nearest = diag_nearest(wrong, names, count);
    list_names(names, count, all, sizeof(all));
    if (nearest)
        snprintf(message, 256, "%s has no field '%s': did you mean '%s'?", shape->what, wrong,
                 nearest);
    else
        snprintf(message, 256, "%s has no field '%s': it has %s", shape->what, wrong, all);
    *field = NULL;
    return false;
}
