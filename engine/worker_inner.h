/*
 * engine/worker_inner.h - what the files of the worker share: worker.c (the loop), batch.c
 * (messages to results), flush.c (epochs and checkpoints), loading.c (cold customers), recovery.c,
 * idle.c. Private to engine/.
 */
#ifndef ENGINE_WORKER_INNER_H
#define ENGINE_WORKER_INNER_H

#include <pthread.h>

#include "consumer/decode.h"
#include "engine/epoch.h"
#include "engine/lane.h"
#include "engine/publisher.h"
#include "engine/worker.h"
#include "producer/signal.h"
#include "rules/failures.h"
#include "state/codec.h"

#define WORKER_EPOCHS                                                                              \
    (2 * PUBLISHER_QUEUE_MAX + 2) /* under way, waiting for Redis, being filled, a settle */

/* How long a full epoch waits for room at the publisher where there is no other way on. */
#define WORKER_ROOM_WAIT_MS 5000

enum worker_phase { WORKER_UNASSIGNED, WORKER_SETTLING, WORKER_RECOVERING, WORKER_RUNNING };

/* A ruleset in a worker's hands. */
struct regime {
    struct regime *next;
    const struct ruleset *ruleset;
    struct ruleset *owned; /* from a journal; else NULL */
    struct decoder *decoder;
    struct codec *codec;
    struct partition_setting setting;
    struct rules_counters counters;
    struct failures failures; /* since they were published */
    struct failures reported; /* published, and not taken yet: under worker->report_lock */
};

struct worker {
    const struct worker_setting *setting;
    struct worker_seams seams;
    unsigned number;
    struct source *source;
    struct source_listener listener;
    struct publisher publisher;
    struct regime *regimes; /* all that were ever used, owned; its head changes under report_lock */
    pthread_mutex_t report_lock;
    struct regime_archive *archive; /* rulesets of journals and layouts of records, owned */
    _Atomic(const struct ruleset *) wanted;
    struct signal_route *routes;
    struct partition_host host;
    struct signal_list signals;
    struct arena batch;       /* of one batch: decoded events, loads */
    struct arena page;        /* of one page of customers with timers due */
    struct arena scratch;     /* of one step */
    struct buf text;          /* scratch */
    struct slice source_name; /* ce_source */
    char **journal_topics;    /* one a topic of the configuration */

    enum worker_phase phase;
    struct lane *lanes;
    size_t lane_count;
    struct lane *last_lane;    /* the message before was its */
    struct buf membership;     /* under which the lanes were assigned */
    bool polled;               /* since the assignment */
    bool in_doubt;             /* seen, but not yet acted upon */
    int64_t recover_ms;        /* monotonic: when recovery is tried next */
    int64_t waiting_said_ms;   /* monotonic: when it was last logged why recovery waits */
    int64_t journal_since_ms;  /* monotonic: since when a journal is waited for; 0: it is not */
    int64_t journal_before_ms; /* that of the attempt before this one */
    int back_off_ms;
    uint64_t token_count;

    struct epoch *open; /* being filled */
    struct epoch *spare[WORKER_EPOCHS];
    size_t spare_count;
    size_t under_way;
    bool is_settling;        /* an EPOCH_SETTLE is: nothing else */
    size_t pinned;           /* records in checkpoints under way */
    int64_t epoch_opened_ms; /* monotonic */
    enum err fatal;
    struct errinfo fatal_info;
    bool has_run; /* something has been read since the start */
    bool drained; /* by worker_finish() */
    atomic_bool stopping;
    /* Monotonic: till when what is under way may be brought to its end; 0: not told to end. */
    _Atomic int64_t end_ms;
    uint64_t timers_left; /* by sweeps */
    struct worker_counters counters;
};

int64_t worker_now_ms(const struct worker *worker); /* monotonic */
struct lane *worker_lane(struct worker *worker, struct topic_partition of);
const char *worker_journal_topic(const struct worker *worker, const char *topic);

/* What is under way is worth nothing any more: the next turns settle and recover. */
void worker_doubt(struct worker *worker, const char *reason);
/* A person has to look. Returns ERR_FATAL. */
enum err worker_fatal(struct worker *worker, enum err code, const struct errinfo *info);
/* A growing pause with jitter; the new one. */
int worker_back_off(struct worker *worker, int back_off_ms);

/*
 * Stops reading a lane; it is read on from its next offset when worker_unblock() finds that it can.
 */
void worker_block(struct worker *worker, struct lane *lane, const char *reason);
void worker_block_all(struct worker *worker, const char *reason);
void worker_unblock(struct worker *worker);
/* The lane's messages of this batch are of no use any more: they are read again at once. */
void worker_reread(struct worker *worker, struct lane *lane);

/* batch.c: the partition's host, and what the source gave. */
void batch_init_host(struct worker *worker);
void batch_process(struct worker *worker, const struct source_batch *batch);

/* flush.c */
void flush_collect(struct worker *worker, int timeout_ms); /* epochs that have come back */
bool flush_has_room(const struct worker *worker);          /* for another epoch under way */
/* Where the clock stands, Redis is not tried again: nothing more lands. */
bool flush_is_stuck(const struct worker *worker);
/* Memory is full of what Redis has to take first, and it is away. */
bool flush_is_held_up(const struct worker *worker);
#define FLUSH_HELD_UP "memory is full, and Redis is away"
/*
 * Closes the open epoch: offsets of all lanes that moved, and with `checkpoint` what changed. False
 * where there is no room: nothing has happened.
 */
bool flush_epoch(struct worker *worker, bool checkpoint);
/* When time or size say so. */
void flush_if_due(struct worker *worker);
/* Flushes and waits until everything is acknowledged. False: not in time, or a doubt. */
bool flush_drain(struct worker *worker, int64_t timeout_ms);
/* Waits until nothing is under way, whatever comes back. */
void flush_await(struct worker *worker);
void flush_journal(struct worker *worker, struct lane *lane, struct journal_record *record,
                   const struct slice *files, size_t file_count);
/* How far the watermark has moved, into the journal, if that is not there yet. */
void flush_move(struct worker *worker, struct lane *lane);
size_t flush_dirty(const struct worker *worker);
/* So many that a checkpoint is due, and can be taken. */
bool flush_has_many_changes(const struct worker *worker);
/* The parts of a checkpoint that every one of a lane has: position, layout. */
struct checkpoint flush_position(const struct worker *worker, const struct lane *lane);
void flush_layout(struct worker *worker, const struct lane *lane, struct arena *arena,
                  struct checkpoint *checkpoint);

/* regime.c */
struct regime *regime_of(struct worker *worker, const struct ruleset *ruleset);
/* The one of a journal's id, or NULL where no journal that was read has it. */
struct regime *regime_by_id(struct worker *worker, uint64_t ruleset);
/* A journal's RULESET record: kept for regime_by_id(). */
void regime_archive(struct worker *worker, uint64_t ruleset, struct slice record);
enum err regime_know_layout(struct worker *worker, uint64_t id, struct slice description,
                            struct errinfo *info);
/*
 * Under `to` from the next event on: the records in Redis are looked at once. The offset must be
 * checkpointed.
 */
enum err regime_switch(struct worker *worker, struct lane *lane, struct regime *to,
                       uint64_t journal, struct errinfo *info);
/* Ends what a switch has begun. */
enum err regime_migrate(struct worker *worker, struct lane *lane, struct errinfo *info);
/* Writes a ruleset's files into the journal, once; regime_note_files(): they are there already. */
void regime_add_files(struct worker *worker, struct lane *lane, const struct ruleset *ruleset);
void regime_note_files(struct lane *lane, uint64_t id);
/* Takes up worker_follow(). */
void regime_follow(struct worker *worker);
void regime_free_all(struct worker *worker);

/* loading.c */
struct loading_customer {
    struct lane *lane;
    struct slice key;
    uint64_t hash;
};
/*
 * Brings the customers that are not in memory into it, and those due up to the greatest time of
 * each lane's events. One round trip.
 */
enum err loading_fetch(struct worker *worker, const struct loading_customer *customers,
                       size_t count, const int64_t *until_ms, struct errinfo *info);
enum err loading_due(struct worker *worker, struct lane *lane, int64_t until_ms,
                     struct errinfo *info);
/* Brings one customer into memory, if there is a record. */
enum err loading_one(struct worker *worker, struct lane *lane, struct slice key,
                     struct errinfo *info);
/* Memory is bounded: the coldest clean records go. */
void loading_evict(struct worker *worker, size_t wanted);
bool loading_is_over(const struct worker *worker);

/* recovery.c */
void recovery_step(struct worker *worker);
/*
 * Before a message at `offset` is applied, or at the end: the journal's moves and changes that
 * stand here, and C. ERR_AGAIN: other rules are in force now than the message was decoded with.
 */
enum err recovery_reach(struct worker *worker, struct lane *lane, int64_t offset,
                        struct errinfo *info);

/* idle.c */
void idle_look(struct worker *worker);
#endif
