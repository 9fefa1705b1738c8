#include "cli/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/kafka_conf.h"
#include "core/check.h"
#include "producer/signal.h"

/* A sibling of the configured schema's file, as `config/schemas/NAME.yaml` are shipped. */
static char *schema_path(const struct config *config, const char *name)
{
    const char *slash = strrchr(config->schema_path, '/');
    int folder = slash ? (int)(slash - config->schema_path) + 1 : 0;
    char *path = NULL;
    CHECK(asprintf(&path, "%.*s%s.yaml", folder, config->schema_path, name) > 0);
    return path;
}

static struct schema *load_schema(const struct config *config, const char *name, struct diag *diag)
{
    if (!name)
        return schema_load(config->schema_path, diag);
    char *path = schema_path(config, name);
    struct schema *schema = schema_load(path, diag);
    free(path);
    return schema;
}

/* A signal without a topic would have to be dropped, and nothing is. */
void project_check_routes(const struct config *config, const struct rules *rules, struct diag *diag)
{
    struct signal_route *routes = calloc(config->route_count + 1, sizeof *routes);
    struct slice type;

    CHECK(routes);
    for (size_t i = 0; i < config->route_count; i++)
        routes[i] = (struct signal_route){config->routes[i].pattern, config->routes[i].topic};
    for (size_t i = 0; (type = rules_signal_type(rules, i)).size > 0; i++)
        if (signal_route_find(routes, config->route_count, type) < 0)
            diag_error(diag, config_pos(config, "signals.topics"),
                       "no pattern matches the signal %.*s: add one, or '*' as the last",
                       (int)type.size, type.data);
    free(routes);
}

/* What the configuration names, in files or of librdkafka. */
static void load_files(struct project *project, const char *schema_name, struct diag *diag)
{
    const struct config *config = project->config;
    struct rules_options options = {
        .files = config->machines.items,
        .file_count = config->machines.count,
        .constants = config->constants,
        .forget_after_ms = config->forget_after_ms,
    };

    kafka_conf_check(config, diag);
    if (config->schema_path)
        project->schema = load_schema(config, schema_name, diag);
    if (config->machines.count > 0)
        project->rules = rules_load(&options, diag);
}

bool project_load(struct project *project, const char *path, const char *schema_name,
                  struct diag *diag)
{
    size_t errors_before = diag->error_count;

    *project = (struct project){0};
    project->config = config_read(path, diag);
    if (!project->config)
        return false;
    bool has_errors = diag->error_count > errors_before;
    load_files(project, schema_name, diag);
    if (has_errors) {
        project_free(project);
        *project = (struct project){0};
        return false;
    }
    if (project->rules)
        project_check_routes(project->config, project->rules, diag);
    if (project->rules && project->schema)
        project->ruleset = ruleset_new(project->config, project->rules, project->schema);
    return diag->error_count == 0;
}

void project_free(struct project *project)
{
    if (project->ruleset) {
        ruleset_free(project->ruleset);
    } else {
        rules_free(project->rules);
        schema_free(project->schema);
    }
    config_free(project->config);
}

bool project_load_or_say(struct project *project, const char *path, const char *schema_name)
{
    struct diag diag;
    diag_init(&diag);
    bool loaded = project_load(project, path, schema_name, &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    return loaded;
}
