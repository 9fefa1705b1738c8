/*
 * cli/config_or_say.h - the configuration alone, and the schemas of file formats, for commands that
 * run no machines. What is wrong is said on stderr.
 */
#ifndef CLI_CONFIG_OR_SAY_H
#define CLI_CONFIG_OR_SAY_H

#include "config/config.h"
#include "consumer/schema.h"

/* NULL on errors. */
struct config *config_load_or_say(const char *path);

/* The schema that the configuration names. NULL on errors. */
struct schema *config_schema_or_say(const struct config *config);

/*
 * A shipped schema: beside the configured one's file, or where schemas are shipped. NULL on errors.
 */
struct schema *config_shipped_schema_or_say(const struct config *config, const char *name);
#endif
