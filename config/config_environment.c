#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_loader.h"
#include "core/check.h"

#define VARIABLES_MAX 64

static const struct yaml_node *scalar_node(struct loader *loader, const char *name,
                                           struct slice text)
{
    struct config *config = loader->config;
    struct yaml_node *node = arena_calloc(&config->arena, 1, sizeof(*node));
    *node = (struct yaml_node){
        .kind = YAML_SCALAR,
        .at = {config_keep(config, slice_of(name)), 0, 0},
        .text = {config_keep(config, text), text.size},
    };
    return node;
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && text.data[0] == ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

/* `a,b` as a list. */
static const struct yaml_node *list_node(struct loader *loader, const char *name, const char *text)
{
    struct arena *arena = &loader->config->arena;
    size_t count_max = 1;
    for (const char *c = text; *c; c++)
        count_max += *c == ',';
    const struct yaml_node **items = arena_calloc(arena, count_max, sizeof(*items));
    struct yaml_node *node = arena_calloc(arena, 1, sizeof(*node));
    *node = (struct yaml_node){
        .kind = YAML_SEQUENCE,
        .at = {config_keep(loader->config, slice_of(name)), 0, 0},
        .items = items,
    };
    while (node->count < count_max) {
        size_t size = strcspn(text, ",");
        items[node->count++] = scalar_node(loader, name, trim((struct slice){text, size}));
        text += size + 1;
    }
    return node;
}

const struct yaml_node *config_text_node(struct loader *loader, const struct config_key *key,
                                         const char *name, const char *text)
{
    bool is_list = key->type == CONFIG_TOPICS || key->type == CONFIG_PATHS;
    bool is_map =
        key->type == CONFIG_PROPERTIES || key->type == CONFIG_ROUTES || key->type == CONFIG_NODE;
    if (is_map || (is_list && text[0] == '['))
        return config_own(loader->config, yaml_parse(name, slice_of(text), loader->diag));
    if (is_list)
        return list_node(loader, name, text);
    return scalar_node(loader, name, slice_of(text));
}

const struct yaml_node *config_environment_node(struct loader *loader, const struct config_key *key)
{
    char name[64];
    config_key_variable(key, name);
    const char *text = getenv(name);
    if (!text || text[0] == '\0')
        return NULL;
    return config_text_node(loader, key, name, text);
}

/*
 * Other variables may begin with our name for other reasons: only those that look like a slip are
 * mentioned.
 */
static void check_variable(struct loader *loader, const char *entry, const char *const *names)
{
    struct slice name = {entry, strcspn(entry, "=")};
    for (size_t i = 0; i < config_key_count; i++) {
        if (slice_is(name, names[i]))
            return;
    }
    const char *wrong = config_keep(loader->config, name);
    const char *nearest = diag_nearest(wrong, names, config_key_count);
    /* Nearly all of each name is the same prefix, so what is "near" is judged without it. */
    const size_t prefix = strlen("STAGECOACH_");
    const char *tail = nearest ? nearest + prefix : NULL;
    if (tail && diag_nearest(wrong + prefix, &tail, 1))
        diag_warning(loader->diag, (struct diag_pos){wrong, 0, 0},
                     "this variable is not read; did you mean %s?", nearest);
}

void config_environment_check(struct loader *loader)
{
    char names[VARIABLES_MAX][64];
    const char *list[VARIABLES_MAX];
    CHECK(config_key_count <= VARIABLES_MAX);
    for (size_t i = 0; i < config_key_count; i++) {
        config_key_variable(&config_keys[i], names[i]);
        list[i] = names[i];
    }
    for (char **entry = environ; *entry; entry++) {
        if (strncmp(*entry, "STAGECOACH_", strlen("STAGECOACH_")) == 0)
            check_variable(loader, *entry, list);
    }
}
