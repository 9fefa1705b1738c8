/*
 * engine/ruleset.h - everything that decides what an event means: machines in order, schema,
 * lateness, watermark.future, memory.forget_after, constants.
 *
 * A ruleset is named by a hash of its texts and the version of the semantics. The texts are kept in
 * the journal, so that a replay handles each stretch of the input with the rules that were in
 * force. Immutable, shared by all threads.
 */
#ifndef ENGINE_RULESET_H
#define ENGINE_RULESET_H

#include <stdint.h>

#include "config/config.h"
#include "consumer/schema.h"
#include "core/diag.h"
#include "core/slice.h"
#include "rules/rules.h"

/* Counted up when the same rules would give other signals than before. */
#define RULESET_SEMANTICS 1

struct ruleset {
    uint64_t id;
    struct rules *rules;   /* owned */
    struct schema *schema; /* owned */
    int64_t lateness_ms, future_ms, forget_after_ms;
    const struct slice *texts; /* settings, schema, then the machines in order */
    size_t text_count;
    struct ruleset_memory *memory; /* private */
};

/*
 * Takes rules and schema over. `config` is only read, but its `constants` node has to outlive the
 * ruleset.
 */
struct ruleset *ruleset_new(const struct config *config, struct rules *rules,
                            struct schema *schema);

/* From a journal's texts (copied). NULL where they can't be read: `diag` says why. */
struct ruleset *ruleset_from_texts(const struct slice *texts, size_t count, struct diag *diag);

/* Accepts NULL. */
void ruleset_free(struct ruleset *ruleset);
#endif
