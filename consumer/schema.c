#include "consumer/schema.h"

#include <stdlib.h>

#include "consumer/names.h"
#include "consumer/schema_data.h"
#include "core/check.h"
#include "core/hash.h"
#include "core/yaml.h"

/* What the loading of one file works with. */
struct loader {
    struct schema *schema;
    struct diag *diag;
};

/* Reads one key of the file into the schema. */
typedef void (*load_fn)(struct loader *loader, const struct yaml_node *node);

typedef void load_path_fn(struct loader *loader, const struct yaml_node *node,
                          struct wire_path *path, struct slice *text);

static bool expect_kind(struct loader *loader, const struct yaml_node *node, enum yaml_kind kind,
                        const char *what)
{
    if (node->kind == kind)
        return true;
    diag_error(loader->diag, node->at, "must be %s", what);
    return false;
}

static struct slice copy(struct loader *loader, struct slice text)
{
    return arena_copy(&loader->schema->arena, text);
}

static int print_size(struct slice text)
{
    return text.size > 128 ? 128 : (int)text.size;
}

/* A scalar, or the elements of a list: how many, and the i-th. */
static uint32_t alternative_count(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR ? 1 : (uint32_t)node->count;
}

static const struct yaml_node *alternative(const struct yaml_node *node, uint32_t i)
{
    return node->kind == YAML_SCALAR ? node : node->items[i];
}

/* One or several texts, all scalars. */
static bool expect_alternatives(struct loader *loader, const struct yaml_node *node)
{
    if (node->kind == YAML_MAPPING || node->count > SCHEMA_ALTERNATIVES_MAX ||
        alternative_count(node) == 0) {
        diag_error(loader->diag, node->at, "must be a text or a list of 1 to %d texts",
                   SCHEMA_ALTERNATIVES_MAX);
        return false;
    }
    for (uint32_t i = 0; i < alternative_count(node); i++)
        if (!expect_kind(loader, alternative(node, i), YAML_SCALAR, "a text"))
            return false;
    return true;
}

static void load_path(struct loader *loader, const struct yaml_node *node, struct wire_path *path,
                      struct slice *text)
{
    const char *problem;

    if (!expect_kind(loader, node, YAML_SCALAR, "a path"))
        return;
    problem = wire_path_parse(node->text, path, &loader->schema->arena);
    if (problem != NULL)
        diag_error(loader->diag, node->at, "%s", problem);
    *text = copy(loader, node->text);
}

/* A path of the envelope: somewhere below the event. */
static void load_field_path(struct loader *loader, const struct yaml_node *node,
                            struct wire_path *path, struct slice *text)
{
    size_t errors_before = loader->diag->error_count;

    load_path(loader, node, path, text);
    if (path->step_count == 0 && loader->diag->error_count == errors_before)
        diag_error(loader->diag, node->at, "`.` is for `properties` only");
}

/* Several, read by `load`. */
static void load_paths(struct loader *loader, const struct yaml_node *node,
                       struct schema_paths *paths, load_path_fn *load)
{
    struct arena *arena = &loader->schema->arena;

    if (!expect_alternatives(loader, node))
        return;
    paths->count = alternative_count(node);
    paths->items = arena_calloc(arena, paths->count, sizeof *paths->items);
    paths->texts = arena_calloc(arena, paths->count, sizeof *paths->texts);
    for (uint32_t i = 0; i < paths->count; i++)
        load(loader, alternative(node, i), &paths->items[i], &paths->texts[i]);
}

/* Rules name events and properties in this form, so anything else would never be found. */
static bool expect_canonical(struct loader *loader, const struct yaml_node *node)
{
    struct slice snake;

    if (!expect_kind(loader, node, YAML_SCALAR, "a name"))
        return false;
    snake = names_snake_case(node->text, &loader->schema->arena);
    if (node->text.size > 0 && slice_equal(snake, node->text))
        return true;
    diag_error(loader->diag, node->at, "a canonical name is written in snake_case: `%.*s`",
               print_size(snake), snake.data);
    return false;
}

static void load_name_of_schema(struct loader *loader, const struct yaml_node *node)
{
    if (expect_kind(loader, node, YAML_SCALAR, "the schema's name"))
        loader->schema->name = copy(loader, node->text);
}

static void load_events(struct loader *loader, const struct yaml_node *node)
{
    loader->schema->has_events = true;
    load_field_path(loader, node, &loader->schema->events, &loader->schema->events_text);
}

static void load_customer(struct loader *loader, const struct yaml_node *node)
{
    load_paths(loader, node, &loader->schema->customer, load_field_path);
}

static void load_event_name(struct loader *loader, const struct yaml_node *node)
{
    load_paths(loader, node, &loader->schema->event_name, load_field_path);
}

static void load_id(struct loader *loader, const struct yaml_node *node)
{
    load_paths(loader, node, &loader->schema->id, load_field_path);
}

static void load_properties(struct loader *loader, const struct yaml_node *node)
{
    load_paths(loader, node, &loader->schema->properties, load_path);
}

/* One of a few words; its index. */
static uint32_t load_word(struct loader *loader, const struct yaml_node *node,
                          const char *const *words, const char *what)
{
    for (uint32_t i = 0; words[i] != NULL; i++)
        if (node->kind == YAML_SCALAR && slice_is(node->text, words[i]))
            return i;
    diag_error(loader->diag, node->at, "must be %s", what);
    return 0;
}

static void load_time(struct loader *loader, const struct yaml_node *node)
{
    static const char *const units[] = {"ms", "us", "s", NULL};               /* enum schema_unit */
    static const char *const zones[] = {"required", "utc_word", "utc", NULL}; /* enum schema_zone */
    struct schema *schema = loader->schema;

    if (node->kind != YAML_MAPPING) {
        load_paths(loader, node, &schema->time, load_field_path);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (slice_is(node->keys[i]->text, "paths"))
            load_paths(loader, node->items[i], &schema->time, load_field_path);
        else if (slice_is(node->keys[i]->text, "unit"))
            schema->time_unit =
                (enum schema_unit)load_word(loader, node->items[i], units, "ms, us or s");
        else if (slice_is(node->keys[i]->text, "zone"))
            schema->time_zone = (enum schema_zone)load_word(loader, node->items[i], zones,
                                                            "required, utc_word or utc");
        else
            diag_error(loader->diag, node->keys[i]->at, "must be paths, unit or zone");
    }
    if (schema->time.count == 0)
        diag_error(loader->diag, node->at, "`paths` is missing");
}

static void load_type_value(struct loader *loader, const struct yaml_node *key,
                            const struct yaml_node *node)
{
    struct schema *schema = loader->schema;
    struct schema_type *type;

    if (schema->type_count == SCHEMA_TYPES_MAX) {
        diag_error(loader->diag, key->at, "at most %d types", SCHEMA_TYPES_MAX);
        return;
    }
    if (key->text.size == 0) {
        diag_error(loader->diag, key->at, "a type is a text of at least one byte");
        return;
    }
    type = &schema->types[schema->type_count++];
    type->value = copy(loader, key->text);
    if (!expect_kind(loader, node, YAML_MAPPING, "a map with `name` and perhaps `properties`"))
        return;
    for (size_t i = 0; i < node->count; i++) {
        if (slice_is(node->keys[i]->text, "name")) {
            if (expect_canonical(loader, node->items[i]))
                type->name = copy(loader, node->items[i]->text);
        } else if (slice_is(node->keys[i]->text, "properties")) {
            load_paths(loader, node->items[i], &type->properties, load_path);
        } else {
            diag_error(loader->diag, node->keys[i]->at, "must be name or properties");
        }
    }
    if (yaml_get(node, "name") == NULL)
        diag_error(loader->diag, node->at, "`name` is missing");
}

static void load_type(struct loader *loader, const struct yaml_node *node)
{
    const struct yaml_node *values;
    struct slice text;

    if (!expect_kind(loader, node, YAML_MAPPING, "a map with `path` and `values`"))
        return;
    for (size_t i = 0; i < node->count; i++)
        if (!slice_is(node->keys[i]->text, "path") && !slice_is(node->keys[i]->text, "values"))
            diag_error(loader->diag, node->keys[i]->at, "must be path or values");
    values = yaml_get(node, "values");
    if (yaml_get(node, "path") == NULL || values == NULL) {
        diag_error(loader->diag, node->at, "needs `path` and `values`");
        return;
    }
    loader->schema->has_type = true;
    load_field_path(loader, yaml_get(node, "path"), &loader->schema->type_path, &text);
    if (!expect_kind(loader, values, YAML_MAPPING, "a map of types"))
        return;
    for (size_t i = 0; i < values->count; i++)
        load_type_value(loader, values->keys[i], values->items[i]);
}

/* Something that can be written as a key of the properties. */
static bool is_single_key(const struct wire_source *source)
{
    const struct wire_path *path = source->paths;

    return !source->composed && path->step_count == 1 && !path->from_message &&
           !path->steps[0].is_index;
}

static void load_field(struct loader *loader, const struct yaml_node *key,
                       const struct yaml_node *node, struct schema_field *field)
{
    struct arena *arena = &loader->schema->arena;

    if (!expect_canonical(loader, key) || !expect_alternatives(loader, node))
        return;
    field->canonical = copy(loader, key->text);
    field->source_count = alternative_count(node);
    field->sources = arena_calloc(arena, field->source_count, sizeof *field->sources);
    for (uint32_t i = 0; i < field->source_count; i++) {
        const struct yaml_node *source = alternative(node, i);
        const char *problem = wire_source_parse(source->text, &field->sources[i], arena);

        if (problem != NULL)
            diag_error(loader->diag, source->at, "%s", problem);
        if (field->wire.size == 0 && is_single_key(&field->sources[i]))
            field->wire = field->sources[i].paths[0].steps[0].key;
    }
}

static void load_field_table(struct loader *loader, const struct yaml_node *node,
                             struct schema_fields *fields)
{
    if (!expect_kind(loader, node, YAML_MAPPING, "a map of property names to paths"))
        return;
    fields->count = (uint32_t)node->count;
    fields->items = arena_calloc(&loader->schema->arena, node->count, sizeof *fields->items);
    for (size_t i = 0; i < node->count; i++)
        load_field(loader, node->keys[i], node->items[i], &fields->items[i]);
}

static void load_fields(struct loader *loader, const struct yaml_node *node)
{
    load_field_table(loader, node, &loader->schema->fields);
}

static void load_products(struct loader *loader, const struct yaml_node *node)
{
    load_field_table(loader, node, &loader->schema->products);
}

/* The slot where the key is, or the free one where it would be. */
static struct schema_name *name_slot(const struct schema *schema, struct slice key)
{
    uint32_t mask = schema->name_capacity - 1;
    uint32_t i = (uint32_t)hash_bytes(key) & mask;

    while (schema->names[i].key.data != NULL && !slice_equal(schema->names[i].key, key))
        i = (i + 1) & mask;
    return &schema->names[i];
}

/* The wire names of one canonical name. */
static void load_name(struct loader *loader, const struct yaml_node *canonical_node,
                      const struct yaml_node *node)
{
    struct schema *schema = loader->schema;
    struct slice canonical;

    if (!expect_canonical(loader, canonical_node) || !expect_alternatives(loader, node))
        return;
    canonical = copy(loader, canonical_node->text);
    schema->spellings[schema->spelling_count++] =
        (struct schema_spelling){canonical, copy(loader, alternative(node, 0)->text)};
    for (uint32_t i = 0; i < alternative_count(node); i++) {
        const struct yaml_node *wire = alternative(node, i);
        struct slice key = names_key(wire->text, &schema->arena);
        struct schema_name *slot = name_slot(schema, key);

        if (key.size == 0)
            diag_error(loader->diag, wire->at, "a name needs ASCII letters or digits");
        else if (slot->key.data == NULL)
            *slot = (struct schema_name){key, canonical};
        else if (!slice_equal(slot->canonical, canonical))
            diag_error(loader->diag, wire->at, "this name already means `%.*s`",
                       print_size(slot->canonical), slot->canonical.data);
    }
}

/* Names that every schema knows, where the schema's own do not say otherwise. */
static void add_builtin_names(struct schema *schema)
{
    for (size_t i = 0; i < names_builtin_count; i++) {
        const struct names_builtin *builtin = &names_builtin[i];
        const char *wire = builtin->wire != NULL ? builtin->wire : builtin->canonical;
        struct slice key = names_key(slice_of(wire), &schema->arena);
        struct schema_name *slot = name_slot(schema, key);

        if (slot->key.data == NULL)
            *slot = (struct schema_name){key, slice_of(builtin->canonical)};
    }
}

static void load_names(struct loader *loader, const struct yaml_node *node)
{
    if (node == NULL || !expect_kind(loader, node, YAML_MAPPING, "a map of event names"))
        return;
    loader->schema->spellings =
        arena_calloc(&loader->schema->arena, node->count, sizeof *loader->schema->spellings);
    for (size_t i = 0; i < node->count; i++)
        load_name(loader, node->keys[i], node->items[i]);
}

/* Room for all names that the file may have, at most half full. */
static void make_name_table(struct schema *schema, const struct yaml_node *names)
{
    size_t count = names_builtin_count;

    for (size_t i = 0; names != NULL && names->kind == YAML_MAPPING && i < names->count; i++)
        count += alternative_count(names->items[i]);
    schema->name_capacity = 64;
    while (schema->name_capacity < 2 * count)
        schema->name_capacity *= 2;
    schema->names = arena_calloc(&schema->arena, schema->name_capacity, sizeof *schema->names);
}

/* The keys of a schema file; `names` is read apart, because its table is made first. */
static const struct {
    const char *key;
    load_fn load; /* NULL: elsewhere */
    bool required;
} file_keys[] = {
    {"schema", load_name_of_schema, true},
    {"events", load_events, false},
    {"customer", load_customer, true},
    {"name", load_event_name, true},
    {"time", load_time, false},
    {"id", load_id, false},
    {"type", load_type, false},
    {"properties", load_properties, true},
    {"fields", load_fields, false},
    {"products", load_products, false},
    {"names", NULL, false},
};
#define FILE_KEY_COUNT (sizeof file_keys / sizeof file_keys[0])

static void load_key(struct loader *loader, const struct yaml_node *key,
                     const struct yaml_node *node)
{
    const char *known[FILE_KEY_COUNT];
    const char *nearest;

    for (size_t i = 0; i < FILE_KEY_COUNT; i++) {
        known[i] = file_keys[i].key;
        if (!slice_is(key->text, file_keys[i].key))
            continue;
        if (file_keys[i].load != NULL)
            file_keys[i].load(loader, node);
        return;
    }
    nearest = diag_nearest(key->text.data, known, FILE_KEY_COUNT);
    if (nearest != NULL)
        diag_error(loader->diag, key->at, "unknown key `%s`, did you mean `%s`?", key->text.data,
                   nearest);
    else
        diag_error(loader->diag, key->at, "unknown key `%s` of a schema", key->text.data);
}

static void load_root(struct loader *loader, const struct yaml_node *root)
{
    if (!expect_kind(loader, root, YAML_MAPPING, "a map: schema, customer, name, ..."))
        return;
    for (size_t i = 0; i < root->count; i++)
        load_key(loader, root->keys[i], root->items[i]);
    for (size_t i = 0; i < FILE_KEY_COUNT; i++)
        if (file_keys[i].required && yaml_get(root, file_keys[i].key) == NULL)
            diag_error(loader->diag, root->at, "`%s` is missing", file_keys[i].key);
    make_name_table(loader->schema, yaml_get(root, "names"));
    load_names(loader, yaml_get(root, "names"));
    add_builtin_names(loader->schema);
}

/* ---- what rules read of a product ---- */

static void add_product_key(struct schema_product *product, struct schema_product_field *field,
                            struct slice key)
{
    struct wire_step step = {.key = key};
    uint32_t node = projection_step(&product->keys, PROJECTION_ROOT, &step);

    field->places[field->place_count++] = projection_place(&product->keys, node);
}

static void add_product_field(struct schema_product *product, enum event_product_field at,
                              const struct schema_field *field)
{
    struct schema_product_field *added = &product->fields[at];

    added->canonical = event_product_names[at];
    if (field == NULL) {
        add_product_key(product, added, added->canonical);
        return;
    }
    for (uint32_t i = 0; i < field->source_count; i++)
        if (!is_single_key(&field->sources[i]))
            return;
    for (uint32_t i = 0; i < field->source_count; i++)
        add_product_key(product, added, field->sources[i].paths[0].steps[0].key);
}

static void make_products(struct schema *schema)
{
    projection_init(&schema->product.keys);
    projection_init(&schema->canonical_product.keys);
    for (int i = 0; i < EVENT_PRODUCT_FIELD_COUNT; i++) {
        add_product_field(&schema->product, (enum event_product_field)i,
                          schema_product_field_find(schema, event_product_names[i]));
        add_product_field(&schema->canonical_product, (enum event_product_field)i, NULL);
    }
    projection_seal(&schema->product.keys);
    projection_seal(&schema->canonical_product.keys);
}

/* Takes the file over; NULL where it could not be read. */
static struct schema *build(struct yaml_file *file, size_t errors_before, struct diag *diag)
{
    struct schema *schema;
    struct loader loader;

    if (file == NULL)
        return NULL;
    schema = calloc(1, sizeof *schema);
    CHECK(schema != NULL);
    arena_init(&schema->arena);
    schema->source = arena_copy(&schema->arena, yaml_source(file));
    schema->hash = hash_bytes(schema->source);
    loader = (struct loader){schema, diag};
    load_root(&loader, yaml_root(file));
    yaml_free(file);
    if (diag->error_count > errors_before) {
        schema_free(schema);
        return NULL;
    }
    make_products(schema);
    return schema;
}

struct schema *schema_load(const char *path, struct diag *diag)
{
    size_t errors_before = diag->error_count;
    return build(yaml_load(path, diag), errors_before, diag);
}

struct schema *schema_parse(const char *name, struct slice text, struct diag *diag)
{
    size_t errors_before = diag->error_count;
    return build(yaml_parse(name, text, diag), errors_before, diag);
}

struct slice schema_source(const struct schema *schema)
{
    return schema->source;
}

void schema_free(struct schema *schema)
{
    if (schema == NULL)
        return;
    projection_fini(&schema->product.keys);
    projection_fini(&schema->canonical_product.keys);
    arena_fini(&schema->arena);
    free(schema);
}

uint64_t schema_hash(const struct schema *schema)
{
    return schema->hash;
}

struct slice schema_name(const struct schema *schema)
{
    return schema->name;
}

bool schema_name_find(const struct schema *schema, struct slice key, struct slice *canonical)
{
    const struct schema_name *slot;

    if (key.size == 0)
        return false;
    slot = name_slot(schema, key);
    if (slot->key.data == NULL)
        return false;
    *canonical = slot->canonical;
    return true;
}

struct slice schema_event_name(const struct schema *schema, struct slice wire, struct arena *arena)
{
    struct slice canonical;

    if (schema_name_find(schema, names_key(wire, arena), &canonical))
        return canonical;
    return names_snake_case(wire, arena);
}

bool schema_is_id(struct slice canonical)
{
    static const char *const ids[] = {"product_id", "variant_id", "cart_id", "order_id"};

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (slice_is(canonical, ids[i]))
            return true;
    return false;
}

const struct schema_field *schema_field_find(const struct schema_fields *fields,
                                             struct slice canonical)
{
    for (uint32_t i = 0; i < fields->count; i++)
        if (slice_equal(fields->items[i].canonical, canonical))
            return &fields->items[i];
    return NULL;
}

const struct schema_field *schema_product_field_find(const struct schema *schema,
                                                     struct slice canonical)
{
    const struct schema_field *field = schema_field_find(&schema->products, canonical);

    return field != NULL ? field : schema_field_find(&schema->fields, canonical);
}

struct slice schema_wire_event(const struct schema *schema, struct slice canonical)
{
    const struct schema_field *field = schema_field_find(&schema->fields, canonical);

    for (uint32_t i = 0; i < schema->spelling_count; i++)
        if (slice_equal(schema->spellings[i].canonical, canonical))
            return schema->spellings[i].wire;
    return field != NULL && field->wire.size > 0 ? field->wire : canonical;
}
