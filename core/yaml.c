#include "core/yaml.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/check.h"
#include "core/utf8.h"
#include "core/yaml_cut.h"
#include "core/yaml_place.h"
#include "core/yaml_syntax.h"

struct yaml_file {
    struct arena arena; /* nodes, texts and the name */
    struct buf source;
    const char *name;
    const struct yaml_node *root;
};

/* ---- from libyaml's document to our tree ---- */

enum visit { VISIT_NONE = 0, VISIT_OPEN, VISIT_DONE };

/* What is known of a node of the document, by its number. */
struct seen {
    struct yaml_node *node;
    uint64_t size;  /* nodes below it and itself, aliases followed */
    uint16_t depth; /* levels, aliases followed */
    uint8_t visit;  /* enum visit: open while its children are looked at */
};

struct builder {
    struct yaml_file *file;
    yaml_document_t *document;
    struct seen *seen; /* by number, from 1 */
    struct diag *diag;
    struct slice text; /* of the file, as libyaml reads it */
    size_t index, pos; /* a character of it, and its byte: the latest that was asked for */
};

static const struct seen *build(struct builder *builder, int number);

static const char *copy_text(struct arena *arena, const char *text, size_t size)
{
    char *copy = arena_alloc(arena, size + 1);
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

/* The text from a mark on. Marks count characters, and come in the order of the file. */
static struct slice rest_at(struct builder *builder, size_t index)
{
    if (index < builder->index)
        builder->index = builder->pos = 0;
    struct slice text = builder->text;
    for (; builder->index < index && builder->pos < text.size; builder->index++)
        utf8_next(text, &builder->pos);
    return (struct slice){text.data + builder->pos, text.size - builder->pos};
}

/* Whether a comment stands right behind a text that can't be over. */
static bool is_commented(struct builder *builder, const yaml_node_t *raw, struct slice text)
{
    struct yaml_cut cut = {0};
    yaml_cut_read(&cut, text);
    if (!yaml_cut_is_open(&cut))
        return false;
    struct slice behind = rest_at(builder, raw->end_mark.index);
    size_t blanks = 0;
    while (blanks < behind.size && (behind.data[blanks] == ' ' || behind.data[blanks] == '\t'))
        blanks++;
    return blanks > 0 && blanks < behind.size && behind.data[blanks] == '#';
}

static void build_scalar(struct builder *builder, const yaml_node_t *raw, struct yaml_node *node)
{
    size_t size = raw->data.scalar.length;
    node->kind = YAML_SCALAR;
    node->quoted = raw->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = (struct slice){
        copy_text(&builder->file->arena, (const char *)raw->data.scalar.value, size), size};
    node->rest = rest_at(builder, raw->start_mark.index);
    node->is_commented = !node->quoted && is_commented(builder, raw, node->text);
}

/* Takes a child's size and depth into the parent's; both stop far above their limits. */
static void add_child(struct seen *seen, const struct seen *child)
{
    if (seen->size <= YAML_NODES_MAX)
        seen->size += child->size;
    if (child->depth >= seen->depth && seen->depth <= YAML_DEPTH_MAX)
        seen->depth = (uint16_t)(child->depth + 1);
}

static bool build_sequence(struct builder *builder, const yaml_node_t *raw, struct yaml_node *node,
                           struct seen *seen)
{
    const yaml_node_item_t *start = raw->data.sequence.items.start;
    size_t count = (size_t)(raw->data.sequence.items.top - start);
    const struct yaml_node **items = arena_calloc(&builder->file->arena, count, sizeof(*items));
    node->kind = YAML_SEQUENCE;
    node->items = items;
    for (size_t i = 0; i < count; i++) {
        const struct seen *item = build(builder, start[i]);
        if (!item)
            return false;
        add_child(seen, item);
        items[node->count++] = item->node;
    }
    return true;
}

static bool key_is_fit(struct builder *builder, const struct yaml_node *key)
{
    if (key->kind != YAML_SCALAR) {
        diag_error(builder->diag, key->at, "a key must be a text");
        return false;
    }
    if (!key->quoted && slice_is(key->text, "<<")) {
        diag_error(builder->diag, key->at,
                   "a merge key '<<' is not read; write the keys out, or use an alias as a value");
        return false;
    }
    return true;
}

struct key_index {
    struct slice text;
    size_t index;
};

static int compare_keys(const void *left, const void *right)
{
    const struct key_index *a = left;
    const struct key_index *b = right;
    int order = slice_compare(a->text, b->text);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* Marks the later ones of equal keys. Sorted, so that a huge mapping costs no more than it must. */
static void find_duplicates(const struct yaml_node *node, size_t *first_of)
{
    struct key_index *sorted = calloc(node->count + 1, sizeof(*sorted));
    CHECK(sorted != NULL);
    for (size_t i = 0; i < node->count; i++)
        sorted[i] = (struct key_index){node->keys[i]->text, i};
    qsort(sorted, node->count, sizeof(*sorted), compare_keys);
    size_t first = 0;
    for (size_t i = 0; i < node->count; i++) {
        if (!slice_equal(sorted[i].text, sorted[first].text))
            first = i;
        first_of[sorted[i].index] = sorted[first].index;
    }
    free(sorted);
}

/* Of equal keys the first stays, the others are reported and taken out. */
static void drop_duplicates(struct builder *builder, struct yaml_node *node,
                            const struct yaml_node **keys, const struct yaml_node **values)
{
    size_t *first_of = calloc(node->count + 1, sizeof(*first_of));
    CHECK(first_of != NULL);
    find_duplicates(node, first_of);
    struct diag_pos *places = calloc(node->count + 1, sizeof(*places));
    CHECK(places != NULL);
    size_t kept = 0;
    for (size_t i = 0; i < node->count; i++) {
        places[i] = keys[i]->at;
        if (first_of[i] == i) {
            keys[kept] = keys[i];
            values[kept++] = values[i];
            continue;
        }
        diag_error(builder->diag, keys[i]->at, "the key '%s' is already in line %d",
                   keys[i]->text.data, places[first_of[i]].line);
    }
    node->count = kept;
    free(places);
    free(first_of);
}

/* The latest pair of a mapping within { }: what of its value is open, and where that ends. */
struct latest {
    struct yaml_node *value;
    struct diag_pos end;
    struct yaml_cut cut;
};

/* Whether a comma has cut the latest value in two, so that the pair is no pair; reported once a value. */
static bool is_cut_off(struct builder *builder, struct latest *latest, const struct yaml_node *key,
                       const struct yaml_node *value)
{
    if (!latest->value || !yaml_cut_goes_on(&latest->cut, key, value))
        return false;
    if (!latest->value->is_cut)
        diag_error(builder->diag, latest->end,
                   "within { } this comma ends the text: put the whole expression in quotes");
    latest->value->is_cut = true;
    return true;
}

static void keep_latest(struct builder *builder, const yaml_node_t *mapping, int number,
                        struct latest *latest)
{
    const yaml_node_t *raw = yaml_document_get_node(builder->document, number);
    struct yaml_node *value = builder->seen[number].node;
    *latest = (struct latest){0};
    if (mapping->data.mapping.style != YAML_FLOW_MAPPING_STYLE || value->kind != YAML_SCALAR ||
        value->quoted)
        return;
    latest->value = value;
    latest->end = yaml_syntax_pos(builder->file->name, &raw->end_mark);
    yaml_cut_read(&latest->cut, value->text);
}

static bool build_mapping(struct builder *builder, const yaml_node_t *raw, struct yaml_node *node,
                          struct seen *seen)
{
    const yaml_node_pair_t *start = raw->data.mapping.pairs.start;
    size_t count = (size_t)(raw->data.mapping.pairs.top - start);
    const struct yaml_node **keys = arena_calloc(&builder->file->arena, count, sizeof(*keys));
    const struct yaml_node **values = arena_calloc(&builder->file->arena, count, sizeof(*values));
    node->kind = YAML_MAPPING;
    node->keys = keys;
    node->items = values;
    struct latest latest = {0};
    for (size_t i = 0; i < count; i++) {
        const struct seen *key = build(builder, start[i].key);
        const struct seen *value = key ? build(builder, start[i].value) : NULL;
        if (!value)
            return false;
        add_child(seen, key);
        add_child(seen, value);
        if (is_cut_off(builder, &latest, key->node, value->node))
            continue;
        keep_latest(builder, raw, start[i].value, &latest);
        if (!key_is_fit(builder, key->node))
            continue;
        keys[node->count] = key->node;
        values[node->count++] = value->node;
    }
    drop_duplicates(builder, node, keys, values);
    return true;
}

static bool build_children(struct builder *builder, const yaml_node_t *raw, struct yaml_node *node,
                           struct seen *seen)
{
    switch (raw->type) {
    case YAML_SEQUENCE_NODE:
        return build_sequence(builder, raw, node, seen);
    case YAML_MAPPING_NODE:
        return build_mapping(builder, raw, node, seen);
    case YAML_SCALAR_NODE:
    case YAML_NO_NODE:
        break;
    }
    build_scalar(builder, raw, node);
    return true;
}

/*
 * NULL where no tree can be made. The recursion is as deep as the text is nested (YAML_DEPTH_MAX):
 * an alias stands behind its anchor, whose node has been built by then, or is open, which is a
 * cycle.
 */
static const struct seen *build(struct builder *builder, int number)
{
    const yaml_node_t *raw = yaml_document_get_node(builder->document, number);
    struct seen *seen = &builder->seen[number];
    CHECK(raw != NULL);
    struct diag_pos at = yaml_syntax_pos(builder->file->name, &raw->start_mark);
    if (seen->visit == VISIT_DONE)
        return seen;
    if (seen->visit == VISIT_OPEN) {
        diag_error(builder->diag, at, "this contains itself, by way of an alias");
        return NULL;
    }
    struct yaml_node *node = arena_calloc(&builder->file->arena, 1, sizeof(*node));
    *seen = (struct seen){.node = node, .size = 1, .depth = 1, .visit = VISIT_OPEN};
    node->at = at;
    if (!build_children(builder, raw, node, seen))
        return NULL;
    seen->visit = VISIT_DONE;
    if (seen->size > YAML_NODES_MAX) {
        diag_error(builder->diag, at, "more than %u values, when aliases are followed",
                   YAML_NODES_MAX);
        return NULL;
    }
    if (seen->depth > YAML_DEPTH_MAX + 1) { /* the scalars are one level more */
        diag_error(builder->diag, at, "nested deeper than %d levels, when aliases are followed",
                   YAML_DEPTH_MAX);
        return NULL;
    }
    return seen;
}

static bool build_tree(struct yaml_file *file, yaml_document_t *document, struct slice text,
                       struct diag *diag)
{
    size_t count = (size_t)(document->nodes.top - document->nodes.start);
    if (count == 0) {
        diag_error(diag, (struct diag_pos){file->name, 1, 1}, "the file is empty");
        return false;
    }
    struct builder builder = {.file = file, .document = document, .diag = diag, .text = text};
    builder.seen = calloc(count + 1, sizeof(*builder.seen));
    CHECK(builder.seen != NULL);
    const struct seen *root = build(&builder, 1);
    if (root)
        file->root = root->node;
    free(builder.seen);
    return root != NULL;
}

static bool load_tree(struct yaml_file *file, struct slice text, struct diag *diag)
{
    yaml_parser_t parser;
    yaml_document_t document;
    CHECK(yaml_parser_initialize(&parser));
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    bool good = yaml_parser_load(&parser, &document);
    if (good) {
        good = build_tree(file, &document, text, diag);
        yaml_document_delete(&document);
    } else {
        yaml_syntax_report(&parser, file->name, text, diag);
    }
    yaml_parser_delete(&parser);
    return good;
}

/* ---- files ---- */

static struct yaml_file *file_new(const char *name)
{
    struct yaml_file *file = calloc(1, sizeof(*file));
    CHECK(file != NULL);
    arena_init(&file->arena);
    buf_init(&file->source);
    file->name = copy_text(&file->arena, name, strlen(name));
    return file;
}

static bool too_large(const struct yaml_file *file, struct diag *diag)
{
    if (file->source.size <= YAML_SIZE_MAX)
        return false;
    diag_error(diag, (struct diag_pos){file->name, 0, 0}, "larger than %u bytes", YAML_SIZE_MAX);
    return true;
}

/* A byte order mark is no part of the text: libyaml would count it as a column. */
static struct slice without_bom(struct slice text)
{
    static const char bom[] = "\xEF\xBB\xBF";
    if (text.size >= 3 && memcmp(text.data, bom, 3) == 0)
        return (struct slice){text.data + 3, text.size - 3};
    return text;
}

/* The tree of the source that has been read; takes `file`. */
static struct yaml_file *finish(struct yaml_file *file, struct diag *diag)
{
    buf_add_char(&file->source, '\0'); /* so that `data` is never NULL */
    file->source.size--;
    struct slice text = without_bom(buf_slice(&file->source));
    if (!too_large(file, diag) && yaml_syntax_check(file->name, text, diag) &&
        load_tree(file, text, diag))
        return file;
    yaml_free(file);
    return NULL;
}

/* At most a byte more than is allowed; fails with errno. */
static bool read_all(FILE *in, struct buf *out)
{
    const size_t piece = 64u << 10;
    while (out->size <= YAML_SIZE_MAX) {
        size_t size = fread(buf_reserve(out, piece), 1, piece, in);
        out->size += size;
        if (size < piece)
            break;
    }
    return ferror(in) == 0;
}

struct yaml_file *yaml_load(const char *path, struct diag *diag)
{
    struct yaml_file *file = file_new(path);
    FILE *in = fopen(path, "rbe");
    if (in && read_all(in, &file->source)) {
        fclose(in);
        return finish(file, diag);
    }
    diag_error(diag, (struct diag_pos){path, 0, 0}, "can't be read: %s", strerror(errno));
    if (in)
        fclose(in);
    yaml_free(file);
    return NULL;
}

struct yaml_file *yaml_parse(const char *name, struct slice text, struct diag *diag)
{
    struct yaml_file *file = file_new(name);
    buf_add_slice(&file->source, text);
    return finish(file, diag);
}

const struct yaml_node *yaml_root(const struct yaml_file *file)
{
    return file->root;
}

struct slice yaml_source(const struct yaml_file *file)
{
    return buf_slice(&file->source);
}

void yaml_close(struct yaml_file *file)
{
    if (!file)
        return;
    arena_fini(&file->arena);
    buf_fini(&file->source);
    free(file);
}

/* ---- reading the tree ---- */

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
    if (!mapping || mapping->kind != YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->count; i++) {
        if (slice_is(mapping->keys[i]->text, key))
            return mapping->items[i];
    }
    return NULL;
}

struct diag_pos yaml_pos_in(const struct yaml_node *scalar, size_t offset)
{
    return yaml_place(scalar->rest, scalar->at, scalar->text, offset);
}

bool yaml_is_null(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->quoted &&
           (node->text.size == 0 || slice_is(node->text, "null") || slice_is(node->text, "~"));
}

bool yaml_bool(const struct yaml_node *node, bool *value)
{
    if (node->kind != YAML_SCALAR || node->quoted)
        return false;
    *value = slice_is(node->text, "true");
    return *value || slice_is(node->text, "false");
}
