/*
 * Changes of rules: which ruleset a lane is under, and what it takes to go from one to another.
 *
 * A change is made at an offset that is committed and checkpointed (R = C = next offset). Then
 * nothing is kept in memory: the records lie in Redis under the old layout, and are read by name
 * from now on. All deadlines there become 0 in the checkpoint that names the new ruleset, and each
 * such customer is looked at once: its record is written anew under the new layout, with the
 * deadline that the new rules give. That is done a page at a time before the next event, and
 * survives a crash, since what has not been looked at yet still has the deadline 0.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/log.h"
#include "core/mp.h"
#include "engine/stats.h"
#include "engine/worker_inner.h"

#define MIGRATE_PAGE 4096
#define DRAIN_MS     5000 /* it takes some 100 ms; meanwhile the consumer is not polled */
#define TEXTS_MAX    (RULES_MACHINES_MAX + 2)

/* ---- what journals and Redis have told ---- */

struct archived {
    struct archived *next;
    uint64_t id;
    bool is_layout; /* else a journal's RULESET record */
    struct slice bytes;
};

struct regime_archive {
    struct arena arena;
    struct archived *first;
};

static struct archived *find_archived(const struct worker *worker, uint64_t id, bool is_layout)
{
    struct archived *found = worker->archive ? worker->archive->first : NULL;
    while (found && (found->id != id || found->is_layout != is_layout))
        found = found->next;
    return found;
}

static void archive(struct worker *worker, uint64_t id, bool is_layout, struct slice bytes)
{
    if (find_archived(worker, id, is_layout))
        return;
    if (!worker->archive) {
        worker->archive = calloc(1, sizeof *worker->archive);
        CHECK(worker->archive);
        arena_init(&worker->archive->arena);
    }
    struct archived *added = arena_alloc(&worker->archive->arena, sizeof *added);
    *added = (struct archived){worker->archive->first, id, is_layout,
                               arena_copy(&worker->archive->arena, bytes)};
    worker->archive->first = added;
}

void regime_archive(struct worker *worker, uint64_t ruleset, struct slice record)
{
    archive(worker, ruleset, false, record);
}

enum err regime_know_layout(struct worker *worker, uint64_t id, struct slice description,
                            struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (struct regime *regime = worker->regimes; regime && rc == ERR_NONE; regime = regime->next)
        rc = codec_know(regime->codec, id, description, info);
    if (rc == ERR_NONE)
        archive(worker, id, true, description);
    return rc;
}

/* ---- regimes ---- */

static void tell_layouts(struct worker *worker, struct regime *to)
{
    struct errinfo info;
    for (const struct archived *known = worker->archive ? worker->archive->first : NULL; known;
         known = known->next)
        if (known->is_layout)
            CHECK(codec_know(to->codec, known->id, known->bytes, &info) ==
                  ERR_NONE); /* another codec took it */
}

static struct regime *new_regime(struct worker *worker, const struct ruleset *ruleset)
{
    struct regime *regime = calloc(1, sizeof *regime);
    struct buf description;
    struct errinfo info;

    CHECK(regime);
    regime->ruleset = ruleset;
    regime->decoder = decoder_new(ruleset->schema, rules_wants(ruleset->rules));
    regime->codec = codec_new(rules_layout(ruleset->rules));
    regime->setting = (struct partition_setting){
        .host = &worker->host,
        .rules = ruleset->rules,
        .schema = ruleset->schema,
        .lateness_ms = ruleset->lateness_ms,
        .future_ms = ruleset->future_ms,
        .forget_after_ms = ruleset->forget_after_ms,
        .scratch = &worker->scratch,
        .signals = &worker->signals,
        .rules_counters = &regime->counters,
    };
    failures_init(&regime->failures, ruleset->rules);
    failures_init(&regime->reported, ruleset->rules);
    regime->counters.failures = &regime->failures;
    pthread_mutex_lock(&worker->report_lock);
    regime->next = worker->regimes;
    worker->regimes = regime;
    pthread_mutex_unlock(&worker->report_lock);
    tell_layouts(worker, regime);
    buf_init(&description);
    codec_layout_describe(rules_layout(ruleset->rules), &description);
    CHECK(regime_know_layout(worker, rules_layout(ruleset->rules)->id, buf_slice(&description),
                             &info) == ERR_NONE);
    buf_fini(&description);
    return regime;
}

static struct regime *find_regime(const struct worker *worker, uint64_t id)
{
    struct regime *regime = worker->regimes;
    while (regime && regime->ruleset->id != id)
        regime = regime->next;
    return regime;
}

struct regime *regime_of(struct worker *worker, const struct ruleset *ruleset)
{
    struct regime *regime = find_regime(worker, ruleset->id);
    return regime ? regime : new_regime(worker, ruleset);
}

static size_t texts_of(struct slice record, struct slice *texts)
{
    struct slice files;
    struct mp_token token, text;
    if (!mp_map_find(record, SLICE("files"), &files))
        return 0;
    struct mp mp = mp_of(files);
    if (!mp_read(&mp, &token) || token.kind != MP_ARRAY || token.count > TEXTS_MAX)
        return 0;
    for (uint32_t i = 0; i < token.count; i++) {
        if (!mp_read(&mp, &text) || text.kind != MP_STR)
            return 0;
        texts[i] = text.bytes;
    }
    return token.count;
}

struct regime *regime_by_id(struct worker *worker, uint64_t id)
{
    const struct ruleset *wanted = atomic_load(&worker->wanted);
    struct regime *regime = find_regime(worker, id);
    struct slice texts[TEXTS_MAX];
    struct diag diag;

    if (regime || wanted->id == id)
        return regime ? regime : new_regime(worker, wanted);
    const struct archived *record = find_archived(worker, id, false);
    if (!record)
        return NULL;
    diag_init(&diag);
    struct ruleset *ruleset = ruleset_from_texts(texts, texts_of(record->bytes, texts), &diag);
    diag_print(
        &diag,
        stderr); /* rules that were in force once are without mistakes, unless the version is another */
    diag_fini(&diag);
    if (!ruleset)
        return NULL;
    if (ruleset->id != id) {
        ruleset_free(ruleset); /* of another version of the semantics */
        return NULL;
    }
    regime = new_regime(worker, ruleset);
    regime->owned = ruleset;
    return regime;
}

void regime_free_all(struct worker *worker)
{
    while (worker->regimes) {
        struct regime *regime = worker->regimes;
        worker->regimes = regime->next;
        decoder_free(regime->decoder);
        codec_free(regime->codec);
        failures_fini(&regime->failures);
        failures_fini(&regime->reported);
        ruleset_free(regime->owned);
        free(regime);
    }
    if (worker->archive)
        arena_fini(&worker->archive->arena);
    free(worker->archive);
}

/* ---- the switch ---- */

static void start_anew(struct lane *lane, struct regime *to)
{
    struct partition before = lane->partition;

    partition_init(&lane->partition, before.id, &to->setting);
    lane->partition.next_offset = before.next_offset;
    lane->partition.watermark_ms = before.watermark_ms;
    lane->partition.skew_ms = before.skew_ms;
    lane->partition.customers = before.customers;
    lane->partition.counters = before.counters;
    lane->partition.cold_until_ms = before.customers ? INT64_MIN : INT64_MAX;
    stats_keep_transitions(&before, &lane->partition);
    partition_fini(&before);
    lane->regime = to;
    lane->switches++;
    lane->layout_stored = false;
    lane->migrating = true;
}

enum err regime_switch(struct worker *worker, struct lane *lane, struct regime *to,
                       uint64_t journal, struct errinfo *info)
{
    uint64_t from = lane->regime->ruleset->id;
    CHECK(lane->partition.dirty_count == 0 && lane->r_offset == lane->partition.next_offset);
    struct checkpoint checkpoint = flush_position(worker, lane);
    checkpoint.ruleset = to->ruleset->id;
    checkpoint.journal = journal;
    checkpoint.timers_reset = true;
    checkpoint.layout = rules_layout(lane->partition.setting->rules)->id;
    arena_reset(&worker->page);
    stats_add_change(&lane->partition, to->ruleset->rules, &worker->page, &checkpoint);
    enum err rc = store_save(worker->seams.load_store, &checkpoint, NULL, info);
    if (rc != ERR_NONE)
        return rc;
    lane->version_acked = lane->version_taken = checkpoint.version;
    lane->journal_applied = journal;
    lane->ruleset_named = to->ruleset->id;
    start_anew(lane, to);
    log_info("partition.rules_changed",
             "topic=%s partition=%d offset=%lld from=%016" PRIx64 " to=%016" PRIx64,
             lane->partition.id.topic, (int)lane->partition.id.partition,
             (long long)lane->partition.next_offset, from, to->ruleset->id);
    return ERR_NONE;
}

/* ---- looking at each customer once ---- */

struct migrated {
    uint64_t records;
    uint64_t state_gone; /* who stood in a state that is gone, in any machine */
};

static enum err migrate_record(struct worker *worker, struct lane *lane, struct slice key,
                               struct slice bytes, struct checkpoint_record *record,
                               struct migrated *page, struct errinfo *info)
{
    const struct layout *layout = rules_layout(lane->partition.setting->rules);
    struct customer *customer;
    uint32_t flags = 0;
    enum err rc = codec_decode(lane->regime->codec, key, bytes, &customer, &flags, info);
    if (rc != ERR_NONE)
        return ERR_FATAL;
    customer->deadline_ms = rules_deadline(lane->partition.setting->rules, customer);
    buf_reset(&worker->text);
    codec_encode(layout, customer, &worker->text);
    *record = (struct checkpoint_record){
        .customer = key,
        .record = arena_copy(&worker->page, buf_slice(&worker->text)),
        .deadline_ms = customer->deadline_ms,
        .deadline_changed = true,
    };
    stats_count(&lane->partition, customer);
    page->records++;
    page->state_gone += (flags & CODEC_STATE_GONE) != 0;
    customer_free(layout, customer);
    return ERR_NONE;
}

/* One page; *more: there may be others. */
static enum err migrate_page(struct worker *worker, struct lane *lane, bool *more,
                             struct migrated *migrated, struct errinfo *info)
{
    struct migrated page = {0};
    struct store_request request = {
        .of = lane->partition.id,
        .token = lane->token,
        .version_min = lane->version_acked,
        .timers_after_ms = -1,
        .timers_until_ms = 0, /* those that were reset */
        .timers_max = MIGRATE_PAGE,
    };
    struct rules_stats *stats = &lane->partition.stats;
    const struct rules *rules = lane->partition.setting->rules;
    size_t states = rules_stats_state(rules, rules_layout(rules)->machine_count, 0);

    arena_reset(&worker->page);
    int64_t *before = arena_alloc(&worker->page, (states + 1) * sizeof *before);
    memcpy(before, stats->states, states * sizeof *before);
    enum err rc = store_load(worker->seams.load_store, &request, 1, &worker->page, info);
    *more = request.timer_count == request.timers_max;
    if (rc != ERR_NONE || request.timer_count == 0)
        return rc;
    struct checkpoint checkpoint = flush_position(worker, lane);
    struct checkpoint_record *records =
        arena_alloc(&worker->page, (request.timer_count + 1) * sizeof *records);
    for (size_t i = 0; i < request.timer_count && rc == ERR_NONE; i++)
        if (request.timer_records[i].size > 0)
            rc = migrate_record(worker, lane, request.timer_customers[i], request.timer_records[i],
                                &records[checkpoint.record_count++], &page, info);
    checkpoint.records = records;
    stats_add(&lane->partition, &worker->page, &checkpoint);
    flush_layout(worker, lane, &worker->page, &checkpoint);
    if (rc == ERR_NONE)
        rc = store_save(worker->seams.load_store, &checkpoint, NULL, info);
    if (rc == ERR_RETRY)
        rc = ERR_FENCED; /* it may have landed, and this page is not made a second time: R tells */
    if (rc != ERR_NONE) {
        memcpy(stats->states, before,
               states * sizeof *before); /* the page is counted when it comes again */
        return rc;
    }
    lane->layout_stored = true;
    lane->version_acked = lane->version_taken = checkpoint.version;
    migrated->records += page.records;
    migrated->state_gone += page.state_gone;
    return ERR_NONE;
}

enum err regime_migrate(struct worker *worker, struct lane *lane, struct errinfo *info)
{
    struct migrated migrated = {0};
    bool more = true;
    enum err rc = ERR_NONE;
    while (rc == ERR_NONE && more)
        rc = migrate_page(worker, lane, &more, &migrated, info);
    lane->migrating = rc != ERR_NONE;
    atomic_fetch_add_explicit(&worker->counters.state_gone, migrated.state_gone,
                              memory_order_relaxed);
    if (migrated.records > 0)
        log_info("partition.records_taken_over",
                 "topic=%s partition=%d records=%" PRIu64 " state_gone=%" PRIu64,
                 lane->partition.id.topic, (int)lane->partition.id.partition, migrated.records,
                 migrated.state_gone);
    return rc;
}

/* ---- new rules while running ---- */

void regime_note_files(struct lane *lane, uint64_t id)
{
    lane->rulesets = realloc(lane->rulesets, (lane->ruleset_count + 1) * sizeof *lane->rulesets);
    CHECK(lane->rulesets);
    lane->rulesets[lane->ruleset_count++] = id;
}

void regime_add_files(struct worker *worker, struct lane *lane, const struct ruleset *ruleset)
{
    struct journal_record record = {.kind = JOURNAL_RULESET, .ruleset = ruleset->id};
    for (size_t i = 0; i < lane->ruleset_count; i++)
        if (lane->rulesets[i] == ruleset->id)
            return;
    flush_journal(worker, lane, &record, ruleset->texts, ruleset->text_count);
    regime_note_files(lane, ruleset->id);
}

static bool has_followed(const struct worker *worker, const struct ruleset *wanted)
{
    for (size_t i = 0; i < worker->lane_count; i++)
        if (lane_is_live(&worker->lanes[i]) && worker->lanes[i].regime->ruleset->id != wanted->id)
            return false;
    return true;
}

/* The change is a record of the journal, in a transaction of its own: only then is it made. */
static void announce(struct worker *worker, struct lane *lane, const struct ruleset *wanted)
{
    struct journal_record change = {
        .kind = JOURNAL_RULES,
        .offset = lane->partition.next_offset,
        .watermark_ms = lane->partition.watermark_ms,
        .ruleset = wanted->id,
    };
    uint64_t applied = lane->journal_applied;
    regime_add_files(worker, lane, wanted);
    flush_journal(worker, lane, &change, NULL, 0);
    lane->journal_applied = applied; /* the records have not seen it yet */
    lane->ruleset_named = wanted->id;
}

static void follow_all(struct worker *worker, const struct ruleset *wanted)
{
    struct errinfo info = {""};
    struct regime *to = regime_of(worker, wanted);
    enum err rc = ERR_NONE;

    for (size_t i = 0; i < worker->lane_count; i++)
        if (lane_is_live(&worker->lanes[i]) && worker->lanes[i].regime != to)
            announce(worker, &worker->lanes[i], wanted);
    flush_epoch(worker, false);
    flush_await(worker);
    for (size_t i = 0; i < worker->lane_count && rc == ERR_NONE && !worker->in_doubt; i++) {
        struct lane *lane = &worker->lanes[i];
        if (!lane_is_live(lane) || lane->regime == to)
            continue;
        rc = regime_switch(worker, lane, to, lane->journal_number, &info);
        if (rc == ERR_NONE)
            rc = regime_migrate(worker, lane, &info);
    }
    if (rc == ERR_FATAL)
        worker_fatal(worker, rc, &info);
    else if (rc != ERR_NONE)
        worker_doubt(worker, info.text); /* the journal has it: recovery makes the change */
}

void regime_follow(struct worker *worker)
{
    const struct ruleset *wanted = atomic_load(&worker->wanted);
    if (worker->in_doubt || has_followed(worker, wanted) ||
        publisher_waits(&worker->publisher) > 0) /* a change needs Redis */
        return;
    for (size_t i = 0; i < worker->lane_count; i++)
        if (!lane_is_live(&worker->lanes[i]) || worker->lanes[i].migrating)
            return; /* not in the midst of a replay */
    if (flush_drain(worker, DRAIN_MS))
        follow_all(worker, wanted);
}
