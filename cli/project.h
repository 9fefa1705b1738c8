/*
 * cli/project.h - a configuration with all that it names: its schema and its machines, checked
 * against each other.
 */
#ifndef CLI_PROJECT_H
#define CLI_PROJECT_H

#include "config/config.h"
#include "consumer/schema.h"
#include "core/diag.h"
#include "engine/ruleset.h"
#include "rules/rules.h"

struct project {
    struct config *config;
    struct schema *schema;
    struct rules *rules;
    struct ruleset *ruleset; /* owns schema and rules where both could be loaded */
};

/*
 * Loads all of it and collects every mistake in `diag`. False where there is one; what could be
 * loaded is there all the same. `schema_name` (or NULL) is taken in place of the configured one: a
 * backtest's schema follows from its format.
 */
bool project_load(struct project *project, const char *path, const char *schema_name,
                  struct diag *diag);
void project_free(struct project *project);

/* Are there topics in `config` for all signals of the rules? Those without are mistakes. */
void project_check_routes(const struct config *config, const struct rules *rules,
                          struct diag *diag);

/* project_load(), with what is wrong printed on stderr. */
bool project_load_or_say(struct project *project, const char *path, const char *schema_name);
#endif
