#include <errno.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "config/config_loader.h"

/*
 * Where shipped files are: beside the configuration, installed, or in the source tree of a build
 * that is not installed. In this order, so that what lies beside the configuration always wins.
 */
static const char *const shipped_folders[] = {
    STAGECOACH_DATA_DIR,
    STAGECOACH_SOURCE_DIR "/config",
};
#define SHIPPED_COUNT (sizeof(shipped_folders) / sizeof(shipped_folders[0]))

static const char *join(struct loader *loader, struct slice folder, const char *path)
{
    struct arena *arena = &loader->config->arena;
    if (path[0] == '/' || folder.size == 0)
        return arena_printf(arena, "%s", path).data;
    return arena_printf(arena, "%.*s/%s", (int)folder.size, folder.data, path).data;
}

/* Empty where the file lies in the working directory. */
static struct slice own_folder(const struct config *config)
{
    const char *slash = strrchr(config->path, '/');
    if (slash == config->path)
        return SLICE("/.");
    return (struct slice){config->path, slash ? (size_t)(slash - config->path) : 0};
}

const char *config_location(struct loader *loader, const char *path)
{
    return join(loader, own_folder(loader->config), path);
}

static bool is_readable(const char *path)
{
    return access(path, R_OK) == 0;
}

/* A file of ours: beside the configuration, or where it was shipped. NULL where it is nowhere. */
static const char *find_shipped(struct loader *loader, const char *path)
{
    const char *found = config_location(loader, path);
    if (is_readable(found))
        return found;
    for (size_t i = 0; i < SHIPPED_COUNT; i++) {
        found = join(loader, slice_of(shipped_folders[i]), path);
        if (is_readable(found))
            return found;
    }
    return NULL;
}

static bool is_path(const char *schema)
{
    size_t size = strlen(schema);
    return strchr(schema, '/') || (size > 5 && strcmp(schema + size - 5, ".yaml") == 0);
}

/* `segment` of .../schemas/segment.yaml. */
static const char *schema_of_path(struct config *config, const char *path)
{
    struct slice name = slice_of(strrchr(path, '/') + 1);
    name.size -= strlen(".yaml");
    return config_keep(config, name);
}

/* "; did you mean ...?", or nothing. */
static const char *nearest_shipped(struct loader *loader)
{
    struct config *config = loader->config;
    const char *nearest = NULL;
    for (size_t i = 0; i < SHIPPED_COUNT && !nearest; i++) {
        glob_t found;
        struct slice pattern =
            arena_printf(&config->arena, "%s/schemas/*.yaml", shipped_folders[i]);
        if (glob(pattern.data, 0, NULL, &found) != 0)
            continue;
        const char **names = arena_calloc(&config->arena, found.gl_pathc, sizeof(*names));
        for (size_t j = 0; j < found.gl_pathc; j++)
            names[j] = schema_of_path(config, found.gl_pathv[j]);
        nearest = diag_nearest(config->schema, names, found.gl_pathc);
        globfree(&found);
    }
    return nearest ? arena_printf(&config->arena, "; did you mean '%s'?", nearest).data : "";
}

static void resolve_schema(struct loader *loader)
{
    struct config *config = loader->config;
    struct diag_pos at = config_pos(config, "events.schema");
    if (!config->schema)
        return;
    if (is_path(config->schema)) {
        config->schema_path = config_location(loader, config->schema);
        if (is_readable(config->schema_path))
            return;
        diag_error(loader->diag, at, "%s can't be read: %s", config->schema_path, strerror(errno));
        config->schema_path = NULL;
        return;
    }
    struct slice file = arena_printf(&config->arena, "schemas/%s.yaml", config->schema);
    config->schema_path = find_shipped(loader, file.data);
    if (config->schema_path)
        return;
    diag_error(loader->diag, at, "there is no schema '%s', neither as %s nor in %s%s",
               config->schema, config_location(loader, file.data), STAGECOACH_DATA_DIR,
               nearest_shipped(loader));
}

/* The default machines are shipped ones; those that somebody names lie where that says. */
static void resolve_machines(struct loader *loader)
{
    struct config *config = loader->config;
    size_t count = config->machines.count, readable = 0;
    bool is_default = !config->nodes[config_key_find("machines")];
    const char **paths = arena_calloc(&config->arena, count, sizeof(*paths));
    for (size_t i = 0; i < count; i++) {
        const char *wanted = config->machines.items[i];
        const char *shipped = is_default ? find_shipped(loader, wanted) : NULL;
        const char *path = shipped ? shipped : config_location(loader, wanted);
        if (is_readable(path))
            paths[readable++] = path;
        else
            diag_error(loader->diag, config->machines.at[i], "%s can't be read: %s", path,
                       strerror(errno));
    }
    config->machines.items = paths;
    config->machines.count = readable;
}

void config_locations_resolve(struct loader *loader)
{
    resolve_schema(loader);
    resolve_machines(loader);
}
