#include "engine/ruleset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/check.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/number.h"
#include "core/yaml.h"

struct ruleset_memory {
    struct arena arena;
    struct yaml_file *settings; /* of a ruleset from texts: holds the constants */
};

/* ---- the settings as text: YAML, with the constants as JSON ---- */

static bool is_plain_value(const struct yaml_node *node)
{
    struct number number;
    bool truth;
    return !node->quoted &&
           (yaml_is_null(node) || yaml_bool(node, &truth) || number_parse(node->text, &number));
}

static void add_node(struct buf *out, const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_SCALAR:
        if (is_plain_value(node))
            buf_add_slice(out, node->text);
        else
            json_add_string(out, node->text);
        break;
    case YAML_SEQUENCE:
        buf_add_char(out, '[');
        for (size_t i = 0; i < node->count; i++) {
            buf_add_text(out, i ? ", " : "");
            add_node(out, node->items[i]);
        }
        buf_add_char(out, ']');
        break;
    case YAML_MAPPING:
        buf_add_char(out, '{');
        for (size_t i = 0; i < node->count; i++) {
            buf_add_text(out, i ? ", " : "");
            json_add_string(out, node->keys[i]->text);
            buf_add_text(out, ": ");
            add_node(out, node->items[i]);
        }
        buf_add_char(out, '}');
        break;
    }
}

static struct slice settings_text(const struct config *config, struct arena *arena)
{
    struct buf text;
    buf_init(&text);
    buf_printf(&text,
               "lateness: %" PRId64 "\nfuture: %" PRId64 "\nforget_after: %" PRId64 "\nconstants: ",
               config->lateness_ms, config->future_ms, config->forget_after_ms);
    if (config->constants)
        add_node(&text, config->constants);
    else
        buf_add_text(&text, "{}");
    buf_add_char(&text, '\n');
    struct slice copy = arena_copy(arena, buf_slice(&text));
    buf_fini(&text);
    return copy;
}

static bool read_ms(const struct yaml_node *root, const char *key, int64_t *ms)
{
    const struct yaml_node *node = yaml_get(root, key);
    struct number number;
    if (!node || node->kind != YAML_SCALAR || !number_parse(node->text, &number) || !number.is_int)
        return false;
    *ms = number.i;
    return true;
}

/* ---- making ---- */

static uint64_t hash_texts(const struct slice *texts, size_t count)
{
    struct buf all;
    buf_init(&all);
    buf_printf(&all, "%d\n", RULESET_SEMANTICS);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&all, "%zu\n", texts[i].size);
        buf_add_slice(&all, texts[i]);
    }
    uint64_t id = hash_bytes(buf_slice(&all));
    buf_fini(&all);
    return id;
}

static struct ruleset *new_empty(size_t text_count)
{
    struct ruleset *ruleset = calloc(1, sizeof *ruleset);
    CHECK(ruleset);
    ruleset->memory = calloc(1, sizeof *ruleset->memory);
    CHECK(ruleset->memory);
    arena_init(&ruleset->memory->arena);
    ruleset->texts = arena_calloc(&ruleset->memory->arena, text_count, sizeof *ruleset->texts);
    ruleset->text_count = text_count;
    return ruleset;
}

struct ruleset *ruleset_new(const struct config *config, struct rules *rules, struct schema *schema)
{
    size_t machines = rules_layout(rules)->machine_count;
    struct ruleset *ruleset = new_empty(machines + 2);
    struct slice *texts = (struct slice *)(uintptr_t)ruleset->texts;

    ruleset->rules = rules;
    ruleset->schema = schema;
    ruleset->lateness_ms = config->lateness_ms;
    ruleset->future_ms = config->future_ms;
    ruleset->forget_after_ms = config->forget_after_ms;
    texts[0] = settings_text(config, &ruleset->memory->arena);
    texts[1] = schema_source(schema);
    for (size_t i = 0; i < machines; i++)
        texts[2 + i] = rules_file(rules, i);
    ruleset->id = hash_texts(texts, ruleset->text_count);
    return ruleset;
}

static bool read_settings(struct ruleset *ruleset, struct diag *diag)
{
    ruleset->memory->settings = yaml_parse("journal: settings", ruleset->texts[0], diag);
    if (!ruleset->memory->settings)
        return false;
    const struct yaml_node *root = yaml_root(ruleset->memory->settings);
    return root->kind == YAML_MAPPING && read_ms(root, "lateness", &ruleset->lateness_ms) &&
           read_ms(root, "future", &ruleset->future_ms) &&
           read_ms(root, "forget_after", &ruleset->forget_after_ms);
}

static struct rules *read_rules(struct ruleset *ruleset, struct diag *diag)
{
    size_t count = ruleset->text_count - 2;
    const char **names = arena_calloc(&ruleset->memory->arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = arena_printf(&ruleset->memory->arena, "journal: machine %zu", i + 1).data;
    const struct yaml_node *constants = yaml_get(yaml_root(ruleset->memory->settings), "constants");
    struct rules_options options = {
        .files = names,
        .file_count = count,
        .texts = ruleset->texts + 2,
        .constants = constants && constants->count ? constants : NULL,
        .forget_after_ms = ruleset->forget_after_ms,
    };
    return rules_load(&options, diag);
}

struct ruleset *ruleset_from_texts(const struct slice *texts, size_t count, struct diag *diag)
{
    if (count < 3)
        return NULL;
    struct ruleset *ruleset = new_empty(count);
    struct slice *copies = (struct slice *)(uintptr_t)ruleset->texts;
    for (size_t i = 0; i < count; i++)
        copies[i] = arena_copy(&ruleset->memory->arena, texts[i]);
    ruleset->id = hash_texts(copies, count);
    if (read_settings(ruleset, diag)) {
        ruleset->schema = schema_parse("journal: schema", copies[1], diag);
        ruleset->rules = read_rules(ruleset, diag);
    }
    if (ruleset->schema && ruleset->rules)
        return ruleset;
    ruleset_free(ruleset);
    return NULL;
}

void ruleset_free(struct ruleset *ruleset)
{
    if (!ruleset)
        return;
    rules_free(ruleset->rules);
    schema_free(ruleset->schema);
    yaml_free(ruleset->memory->settings);
    arena_fini(&ruleset->memory->arena);
    free(ruleset->memory);
    free(ruleset);
}
