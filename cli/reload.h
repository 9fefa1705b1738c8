/*
 * cli/reload.h - new rules while `run` goes on: on SIGHUP, and where `watch: true` when a file has
 * changed.
 *
 * The configuration is loaded anew, with all that it names. Mistakes are printed with their places
 * and the old rules go on. What takes effect is what makes a ruleset: machines, schema, lateness,
 * watermark.future, memory.forget_after, constants; all else wants a restart.
 */
#ifndef CLI_RELOAD_H
#define CLI_RELOAD_H

#include "cli/project.h"
#include "engine/engine.h"

struct reload;

/* `project` is what runs, and outlives this. */
struct reload *reload_new(const struct project *project);

/* Loads anew and hands the engine the rules if they are good and others. */
void reload_now(struct reload *reload, struct engine *engine);

/* The same if a file has changed since the last look; at most one look a second. */
void reload_if_changed(struct reload *reload, struct engine *engine);

/* Once the engine has ended. */
void reload_free(struct reload *reload);
#endif
