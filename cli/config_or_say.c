#include "cli/config_or_say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"

struct config *config_load_or_say(const char *path)
{
    struct diag diag;
    diag_init(&diag);
    struct config *config = config_load(path, &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    return config;
}

static struct schema *load(const char *path)
{
    struct diag diag;
    diag_init(&diag);
    struct schema *schema = schema_load(path, &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    return schema;
}

struct schema *config_schema_or_say(const struct config *config)
{
    return load(config->schema_path);
}

/* The folder of the configured schema's file, with its slash. */
static struct slice schema_folder(const struct config *config)
{
    const char *slash = strrchr(config->schema_path, '/');
    return (struct slice){config->schema_path,
                          slash ? (size_t)(slash - config->schema_path) + 1 : 0};
}

/* NULL where there is none. To be freed. */
static char *path_in(struct slice folder, const char *name)
{
    char *path;
    CHECK(asprintf(&path, "%.*s%s.yaml", (int)folder.size, folder.data, name) > 0);
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

struct schema *config_shipped_schema_or_say(const struct config *config, const char *name)
{
    const struct slice folders[] = {schema_folder(config), SLICE(STAGECOACH_DATA_DIR "/schemas/"),
                                    SLICE(STAGECOACH_SOURCE_DIR "/config/schemas/")};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = path_in(folders[i], name);
        if (!path)
            continue;
        struct schema *schema = load(path);
        free(path);
        return schema;
    }
    fprintf(stderr, "stagecoach: the schema %s.yaml is neither beside %s nor in %s/schemas\n", name,
            config->schema_path, STAGECOACH_DATA_DIR);
    return NULL;
}
