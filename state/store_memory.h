/*
 * state/store_memory.h - the store in memory, and what can befall it: for tests and the simulator.
 *
 * The bank is the server: it outlives the stores and is shared by them under its own lock.
 */
#ifndef STATE_STORE_MEMORY_H
#define STATE_STORE_MEMORY_H

#include <stdint.h>

#include "state/store.h"

struct store_bank;
struct store_bank *store_bank_new(void);
void store_bank_free(struct store_bank *bank);
void store_bank_wipe(struct store_bank *bank); /* as FLUSHALL */

/* A backup, and what brings it back: as a failover to a replica that lags, or a restart without the last seconds. */
void store_bank_back_up(struct store_bank *bank);
void store_bank_restore(struct store_bank *bank); /* without a backup: nothing */

enum store_bank_failure {
    STORE_BANK_LOAD_AWAY,  /* ERR_RETRY */
    STORE_BANK_SAVE_AWAY,  /* ERR_RETRY: nothing lands */
    STORE_BANK_SAVE_LATER, /* ERR_RETRY, though it has landed: the same call again finds that */
    STORE_BANK_SAVE_UNSAID, /* ERR_FENCED, though it has landed: the answer is lost, and nobody can be asked */
    STORE_BANK_SAVE_HALF, /* ERR_FENCED: half of it has landed, and R is gone */
    STORE_BANK_FAILURES
};
/* The next `count` of these calls fail so; store_bank_fail_after(): those behind the next `good`. */
void store_bank_fail(struct store_bank *bank, enum store_bank_failure how, unsigned count);
void store_bank_fail_after(struct store_bank *bank, enum store_bank_failure how, unsigned good,
                           unsigned count);

uint64_t store_bank_records_read(struct store_bank *bank); /* since it is there */
struct store *store_memory_open(struct store_bank *bank);
#endif
