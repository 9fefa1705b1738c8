#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_loader.h"
#include "config/config_table.h"
#include "core/check.h"

#define NAMES_MAX 64

const char *config_keep(struct config *config, struct slice text)
{
    char *copy = arena_alloc(&config->arena, text.size + 1);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

const struct yaml_node *config_own(struct config *config, struct yaml_file *file)
{
    if (!file)
        return NULL;
    size_t size = (config->file_count + 1) * sizeof(struct yaml_file *);
    struct yaml_file **files = realloc(config->files, size);
    CHECK(files != NULL);
    config->files = files;
    config->files[config->file_count++] = file;
    return yaml_root(file);
}

/* ---- names ---- */

static bool starts_section(const char *path, struct slice section)
{
    return strncmp(path, section.data, section.size) == 0 && path[section.size] == '.';
}

static bool is_section(struct slice name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (starts_section(config_keys[i].path, name))
            return true;
    }
    return false;
}

/*
 * The names that may stand in a section, or, with an empty one, at the top; a section's name comes
 * once.
 */
static size_t names_in(struct config *config, struct slice section, const char **names)
{
    size_t count = 0;
    for (size_t i = 0; i < config_key_count; i++) {
        const char *path = config_keys[i].path;
        const char *dot = strchr(path, '.');
        if (section.size > 0) {
            if (starts_section(path, section))
                names[count++] = path + section.size + 1;
            continue;
        }
        struct slice name = {path, dot ? (size_t)(dot - path) : strlen(path)};
        if (count == 0 || !slice_is(name, names[count - 1]))
            names[count++] = config_keep(config, name);
    }
    CHECK(count <= NAMES_MAX);
    return count;
}

/* The path of the key that has this name in some section, for those who forgot the section. */
static const char *path_of_name(const char *name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const char *dot = strchr(config_keys[i].path, '.');
        if (dot && strcmp(dot + 1, name) == 0)
            return config_keys[i].path;
    }
    return NULL;
}

static void report_unknown(struct loader *loader, struct slice section, const struct yaml_node *key)
{
    const char *names[NAMES_MAX] = {0};
    size_t count = names_in(loader->config, section, names);
    const char *nearest = path_of_name(key->text.data);
    const char *dot = section.size > 0 ? "." : "";
    if (!nearest)
        nearest = diag_nearest(key->text.data, names, count);
    if (nearest)
        diag_error(loader->diag, key->at, "unknown key '%.*s%s%s'; did you mean '%s'?",
                   (int)section.size, section.data, dot, key->text.data, nearest);
    else
        diag_error(loader->diag, key->at, "unknown key '%.*s%s%s'", (int)section.size, section.data,
                   dot, key->text.data);
}

/* ---- the file ---- */

/* Notes where the value of each known key stands; an empty section name is the top. */
static void collect_nodes(struct loader *loader, struct slice section,
                          const struct yaml_node *mapping)
{
    for (size_t i = 0; i < mapping->count; i++) {
        const struct yaml_node *key = mapping->keys[i];
        struct slice path = key->text;
        if (section.size > 0)
            path = arena_printf(&loader->config->arena, "%.*s.%s", (int)section.size, section.data,
                                key->text.data);
        size_t index = config_key_find(config_keep(loader->config, path));
        if (index == config_key_count)
            report_unknown(loader, section, key);
        else
            loader->config->nodes[index] = mapping->items[i];
    }
}

static void collect_section(struct loader *loader, struct slice name, const struct yaml_node *node)
{
    if (yaml_is_null(node))
        return; /* all of its keys are commented out */
    if (node->kind == YAML_MAPPING)
        collect_nodes(loader, name, node);
    else
        diag_error(loader->diag, node->at, "'%.*s' must be a map of keys", (int)name.size,
                   name.data);
}

static void collect_root(struct loader *loader, const struct yaml_node *root)
{
    if (root->kind != YAML_MAPPING) {
        diag_error(loader->diag, root->at, "a configuration is a map of keys");
        return;
    }
    for (size_t i = 0; i < root->count; i++) {
        const struct yaml_node *key = root->keys[i];
        size_t index = config_key_find(key->text.data);
        if (is_section(key->text))
            collect_section(loader, key->text, root->items[i]);
        else if (index < config_key_count)
            loader->config->nodes[index] = root->items[i];
        else
            report_unknown(loader, (struct slice){0}, key);
    }
}

/* ---- values ---- */

/* The host's name, with what a name can't hold replaced. */
static const char *default_instance(struct config *config)
{
    char name[65] = "";
    if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0')
        return "stagecoach";
    for (char *c = name; *c; c++) {
        bool fits = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '.' || *c == '-' || *c == '_';
        if (!fits)
            *c = '-';
    }
    return config_keep(config, slice_of(name));
}

/* The environment before the file before the default. */
static void read_value(struct loader *loader, size_t index)
{
    const struct config_key *key = &config_keys[index];
    const struct yaml_node *node = config_environment_node(loader, key);
    if (node)
        loader->config->nodes[index] = node;
    node = loader->config->nodes[index];
    if (!node && key->fallback)
        node = config_text_node(loader, key, loader->config->path, key->fallback);
    if (node)
        config_value_read(loader, key, node);
}

static void read_values(struct loader *loader)
{
    struct config *config = loader->config;
    config->instance = default_instance(config);
    for (size_t i = 0; i < config_key_count; i++)
        read_value(loader, i);
}

static struct config *config_new(const char *path)
{
    struct config *config = calloc(1, sizeof(*config));
    CHECK(config != NULL);
    arena_init(&config->arena);
    config->path = config_keep(config, slice_of(path));
    config->nodes = arena_calloc(&config->arena, config_key_count, sizeof(*config->nodes));
    return config;
}

/*
 * Takes `file`. Everything is looked at even when something is wrong, so that one run finds all
 * mistakes.
 */
static struct config *read_all(const char *path, struct yaml_file *file, struct diag *diag)
{
    if (!file)
        return NULL;
    struct loader loader = {.config = config_new(path), .diag = diag};
    collect_root(&loader, config_own(loader.config, file));
    read_values(&loader);
    config_locations_resolve(&loader);
    config_check(&loader);
    config_environment_check(&loader);
    return loader.config;
}

static struct config *without_errors(struct config *config, const struct diag *diag,
                                     size_t errors_before)
{
    if (diag->error_count == errors_before)
        return config;
    config_free(config);
    return NULL;
}

struct config *config_read(const char *path, struct diag *diag)
{
    return read_all(path, yaml_load(path, diag), diag);
}

struct config *config_load(const char *path, struct diag *diag)
{
    size_t errors_before = diag->error_count;
    return without_errors(config_read(path, diag), diag, errors_before);
}

struct config *config_parse(const char *path, struct slice text, struct diag *diag)
{
    size_t errors_before = diag->error_count;
    return without_errors(read_all(path, yaml_parse(path, text, diag), diag), diag, errors_before);
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->file_count; i++)
        yaml_free(config->files[i]);
    free(config->files);
    arena_fini(&config->arena);
    free(config);
}

struct diag_pos config_pos(const struct config *config, const char *key)
{
    size_t index = config_key_find(key);
    if (index < config_key_count && config->nodes[index])
        return config->nodes[index]->at;
    return (struct diag_pos){config->path, 0, 0};
}
