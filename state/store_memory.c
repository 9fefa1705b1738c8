/*
 * The store in memory: what Redis does.
 * test_store_memory.c and test_store_redis.c make the same promises of both.
 */
#include "state/store_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/hash.h"
#include "state/customer.h"
#include "state/heap.h"

#define NOT_IN_HEAP SIZE_MAX

struct entry {
    struct entry *next; /* of its bucket */
    uint64_t hash;
    int64_t deadline_ms; /* CUSTOMER_NEVER: none */
    size_t heap_index;   /* or NOT_IN_HEAP */
    struct buf key;
    struct buf record;
};

/* A binary heap of those that have a deadline. */
struct deadlines {
    struct entry **entries; /* borrowed from the buckets */
    size_t count, capacity;
};

struct field {
    struct buf name, value;
};

struct fields {
    struct field *items;
    size_t count;
};

struct shelf { /* one partition */
    struct shelf *next;
    char *topic;
    int32_t partition;
    uint64_t owner;
    uint64_t version;
    bool has_position;
    struct store_position position; /* where has_position: its numbers; texts and lists below */
    struct fields stats, layouts;
    struct entry **buckets;
    size_t bucket_mask, entry_count;
    struct deadlines deadlines;
};

struct store_bank {
    pthread_mutex_t lock; /* of all that follows */
    struct shelf *shelves;
    struct shelf *backup;
    uint64_t records_read;
    unsigned good[STORE_BANK_FAILURES]; /* calls to come, and behind them those that fail */
    unsigned failing[STORE_BANK_FAILURES];
};

struct store_memory {
    struct store store; /* must be first */
    struct store_bank *bank;
    struct checkpoint doubt; /* of it only who and which; token 0: none */
};

/* ---- deadlines, ordered as Redis does: by score, then by member */

static bool is_before(const struct entry *a, const struct entry *b)
{
    if (a->deadline_ms != b->deadline_ms)
        return a->deadline_ms < b->deadline_ms;
    return slice_compare(buf_slice(&a->key), buf_slice(&b->key)) < 0;
}

static void place(struct deadlines *deadlines, size_t index, struct entry *entry)
{
    deadlines->entries[index] = entry;
    entry->heap_index = index;
}

static void sift(struct deadlines *deadlines, size_t index, struct entry *entry)
{
    while (index > 0 && is_before(entry, deadlines->entries[(index - 1) / 2])) {
        place(deadlines, index, deadlines->entries[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= deadlines->count)
            break;
        if (child + 1 < deadlines->count &&
            is_before(deadlines->entries[child + 1], deadlines->entries[child]))
            child++;
        if (!is_before(deadlines->entries[child], entry))
            break;
        place(deadlines, index, deadlines->entries[child]);
        index = child;
    }
    place(deadlines, index, entry);
}

static void take_out(struct deadlines *deadlines, struct entry *entry)
{
    size_t index = entry->heap_index;
    if (index == NOT_IN_HEAP)
        return;
    CHECK(deadlines->entries); /* it is in there */
    entry->heap_index = NOT_IN_HEAP;
    struct entry *last = deadlines->entries[--deadlines->count];
    if (last != entry)
        sift(deadlines, index, last);
}

static void set_deadline(struct deadlines *deadlines, struct entry *entry, int64_t deadline_ms)
{
    take_out(deadlines, entry);
    entry->deadline_ms = deadline_ms;
    if (deadline_ms == CUSTOMER_NEVER)
        return;
    if (deadlines->count == deadlines->capacity) {
        deadlines->capacity = deadlines->capacity ? 2 * deadlines->capacity : 64;
        deadlines->entries =
            heap_grow(deadlines->entries, deadlines->capacity * sizeof(struct entry *));
    }
    sift(deadlines, deadlines->count++, entry);
}

/* All become 0; their order is that of the keys then. */
static void reset_deadlines(struct deadlines *deadlines)
{
    size_t count = deadlines->count;
    for (size_t i = 0; i < count; i++)
        deadlines->entries[i]->deadline_ms = 0;
    deadlines->count = 0;
    for (size_t i = 0; i < count; i++)
        sift(deadlines, deadlines->count++, deadlines->entries[i]);
}

/* ---- entries */

static struct entry **find(const struct shelf *shelf, struct slice key, uint64_t hash)
{
    struct entry **at = &shelf->buckets[hash & shelf->bucket_mask];
    while (*at && !((*at)->hash == hash && slice_equal(buf_slice(&(*at)->key), key)))
        at = &(*at)->next;
    return at;
}

static struct slice find_record(const struct shelf *shelf, struct slice key)
{
    const struct entry *entry = *find(shelf, key, hash_bytes(key));
    return entry ? buf_slice(&entry->record) : (struct slice){NULL, 0};
}

static void make_buckets(struct shelf *shelf, size_t count)
{
    struct entry **old = shelf->buckets;
    size_t old_count = old ? shelf->bucket_mask + 1 : 0;
    shelf->buckets = heap_new(count * sizeof(struct entry *));
    shelf->bucket_mask = count - 1;
    for (size_t i = 0; i < old_count; i++) {
        for (struct entry *entry = old[i], *next; entry; entry = next) {
            next = entry->next;
            entry->next = shelf->buckets[entry->hash & shelf->bucket_mask];
            shelf->buckets[entry->hash & shelf->bucket_mask] = entry;
        }
    }
    free(old);
}

static struct entry *found_or_made(struct shelf *shelf, struct slice key)
{
    uint64_t hash = hash_bytes(key);
    struct entry **at = find(shelf, key, hash);
    if (*at)
        return *at;
    struct entry *entry = heap_new(sizeof(*entry));
    entry->hash = hash;
    entry->heap_index = NOT_IN_HEAP;
    entry->deadline_ms = CUSTOMER_NEVER;
    buf_init(&entry->key);
    buf_init(&entry->record);
    buf_add_slice(&entry->key, key);
    *at = entry;
    if (++shelf->entry_count > shelf->bucket_mask)
        make_buckets(shelf, 2 * (shelf->bucket_mask + 1));
    return entry;
}

static void free_entry(struct entry *entry)
{
    buf_fini(&entry->key);
    buf_fini(&entry->record);
    free(entry);
}

static void drop(struct shelf *shelf, struct slice key)
{
    struct entry **at = find(shelf, key, hash_bytes(key));
    struct entry *entry = *at;
    if (!entry)
        return;
    take_out(&shelf->deadlines, entry);
    *at = entry->next;
    shelf->entry_count--;
    free_entry(entry);
}

static void drop_all(struct shelf *shelf)
{
    for (size_t i = 0; i <= shelf->bucket_mask; i++) {
        for (struct entry *entry = shelf->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            free_entry(entry);
        }
        shelf->buckets[i] = NULL;
    }
    shelf->entry_count = 0;
    shelf->deadlines.count = 0;
}

/* ---- fields of a hash */

static void set_field(struct fields *fields, struct slice name, struct slice value)
{
    size_t i = 0;
    while (i < fields->count && !slice_equal(buf_slice(&fields->items[i].name), name))
        i++;
    if (i == fields->count) {
        fields->items = heap_grow(fields->items, (fields->count + 1) * sizeof(*fields->items));
        buf_init(&fields->items[i].name);
        buf_init(&fields->items[i].value);
        buf_add_slice(&fields->items[i].name, name);
        fields->count++;
    }
    buf_reset(&fields->items[i].value);
    buf_add_slice(&fields->items[i].value, value);
}

static void set_number(struct fields *fields, struct slice name, int64_t value)
{
    struct buf text;
    buf_init(&text);
    buf_printf(&text, "%lld", (long long)value);
    set_field(fields, name, buf_slice(&text));
    buf_fini(&text);
}

static void clear_fields(struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        buf_fini(&fields->items[i].name);
        buf_fini(&fields->items[i].value);
    }
    free(fields->items);
    *fields = (struct fields){NULL, 0};
}

static const struct store_pair *copy_fields(const struct fields *fields, struct arena *arena)
{
    struct store_pair *pairs = arena_alloc(arena, fields->count * sizeof(*pairs));
    for (size_t i = 0; i < fields->count; i++) {
        pairs[i].field = arena_copy(arena, buf_slice(&fields->items[i].name));
        pairs[i].value = arena_copy(arena, buf_slice(&fields->items[i].value));
    }
    return pairs;
}

/* ---- shelves */

static struct shelf *find_shelf(struct store_bank *bank, struct topic_partition of)
{
    for (struct shelf *shelf = bank->shelves; shelf; shelf = shelf->next)
        if (topic_partition_equal((struct topic_partition){shelf->topic, shelf->partition}, of))
            return shelf;
    return NULL;
}

static struct shelf *new_shelf(struct shelf **shelves, struct topic_partition of)
{
    struct shelf *shelf = heap_new(sizeof(*shelf));
    shelf->topic = strdup(of.topic);
    CHECK(shelf->topic);
    shelf->partition = of.partition;
    make_buckets(shelf, 64);
    shelf->next = *shelves;
    *shelves = shelf;
    return shelf;
}

static void clear_shelf(struct shelf *shelf)
{
    drop_all(shelf);
    clear_fields(&shelf->stats);
    clear_fields(&shelf->layouts);
    shelf->has_position = false;
    shelf->version = 0;
}

static void free_shelf(struct shelf *shelf)
{
    clear_shelf(shelf);
    free(shelf->buckets);
    free(shelf->deadlines.entries);
    free(shelf->topic);
    free(shelf);
}

/* ---- the store's functions; each is one atomic trip, under the bank's lock */

static struct store_bank *lock(struct store *store)
{
    struct store_bank *bank = ((struct store_memory *)(void *)store)->bank;
    CHECK(pthread_mutex_lock(&bank->lock) == 0);
    return bank;
}

static enum err unlock(struct store_bank *bank, enum err rc)
{
    CHECK(pthread_mutex_unlock(&bank->lock) == 0);
    return rc;
}

static enum err fenced(struct topic_partition of, struct errinfo *info)
{
    return err_set(info, ERR_FENCED, "%s/%d has another owner or an older version", of.topic,
                   (int)of.partition);
}

static bool fails(struct store_bank *bank, enum store_bank_failure how)
{
    if (bank->failing[how] == 0)
        return false;
    if (bank->good[how] > 0) {
        bank->good[how]--;
        return false;
    }
    bank->failing[how]--;
    return true;
}

static struct shelf *owned_shelf(struct store_bank *bank, struct topic_partition of, uint64_t token)
{
    struct shelf *shelf = find_shelf(bank, of);
    return shelf && shelf->owner == token ? shelf : NULL;
}

static enum err memory_own(struct store *store, struct topic_partition of, uint64_t token,
                           struct arena *arena, struct store_position *position,
                           struct errinfo *info)
{
    (void)info;
    struct store_bank *bank = lock(store);
    struct shelf *shelf = find_shelf(bank, of);
    if (!shelf)
        shelf = new_shelf(&bank->shelves, of);
    shelf->owner = token;
    *position = shelf->has_position ? shelf->position : (struct store_position){.found = false};
    position->version = shelf->version;
    position->stats = copy_fields(&shelf->stats, arena);
    position->stat_count = shelf->stats.count;
    position->layouts = copy_fields(&shelf->layouts, arena);
    position->layout_count = shelf->layouts.count;
    return unlock(bank, ERR_NONE);
}

static enum err memory_wipe(struct store *store, struct topic_partition of, uint64_t token,
                            struct errinfo *info)
{
    struct store_bank *bank = lock(store);
    struct shelf *shelf = owned_shelf(bank, of, token);
    if (!shelf)
        return unlock(bank, fenced(of, info));
    clear_shelf(shelf);
    return unlock(bank, ERR_NONE);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    return is_before(*x, *y) ? -1 : is_before(*y, *x);
}

/* Those in the heap that are due: a child is never earlier than its parent. */
static size_t collect_due(const struct deadlines *deadlines, size_t index,
                          const struct store_request *request, struct entry **due, size_t count)
{
    if (index >= deadlines->count ||
        deadlines->entries[index]->deadline_ms > request->timers_until_ms)
        return count;
    if (deadlines->entries[index]->deadline_ms > request->timers_after_ms)
        due[count++] = deadlines->entries[index];
    count = collect_due(deadlines, 2 * index + 1, request, due, count);
    return collect_due(deadlines, 2 * index + 2, request, due, count);
}

static void load_timers(const struct shelf *shelf, struct store_request *request,
                        struct arena *arena)
{
    request->timer_count = 0;
    if (request->timers_until_ms == INT64_MIN)
        return;
    struct entry **due = heap_grow(NULL, (shelf->deadlines.count + 1) * sizeof(*due));
    size_t count = collect_due(&shelf->deadlines, 0, request, due, 0);
    qsort(due, count, sizeof(*due), compare_entries);
    if (count > request->timers_max)
        count = request->timers_max;
    request->timer_count = count;
    request->timer_customers = arena_alloc(arena, count * sizeof(struct slice));
    request->timer_records = arena_alloc(arena, count * sizeof(struct slice));
    request->timer_deadlines_ms = arena_alloc(arena, count * sizeof(int64_t));
    for (size_t i = 0; i < count; i++) {
        request->timer_customers[i] = arena_copy(arena, buf_slice(&due[i]->key));
        request->timer_records[i] = arena_copy(arena, buf_slice(&due[i]->record));
        request->timer_deadlines_ms[i] = due[i]->deadline_ms;
    }
    free(due);
}

static enum err load_one(struct store_bank *bank, struct store_request *request,
                         struct arena *arena, struct errinfo *info)
{
    const struct shelf *shelf = owned_shelf(bank, request->of, request->token);
    if (!shelf || shelf->version < request->version_min)
        return fenced(request->of, info);
    request->records = arena_alloc(arena, request->customer_count * sizeof(struct slice));
    for (size_t i = 0; i < request->customer_count; i++)
        request->records[i] = arena_copy(arena, find_record(shelf, request->customers[i]));
    load_timers(shelf, request, arena);
    bank->records_read += request->customer_count + request->timer_count;
    return ERR_NONE;
}

static enum err memory_load(struct store *store, struct store_request *requests, size_t count,
                            struct arena *arena, struct errinfo *info)
{
    struct store_bank *bank = lock(store);
    enum err rc = ERR_NONE;
    if (fails(bank, STORE_BANK_LOAD_AWAY))
        return unlock(bank, err_set(info, ERR_RETRY, "the test wants it so"));
    for (size_t i = 0; i < count && rc == ERR_NONE; i++)
        rc = load_one(bank, &requests[i], arena, info);
    return unlock(bank, rc);
}

static void save_record(struct shelf *shelf, const struct checkpoint_record *record)
{
    if (record->record.size == 0) {
        drop(shelf, record->customer);
        return;
    }
    struct entry *entry = found_or_made(shelf, record->customer);
    buf_reset(&entry->record);
    buf_add_slice(&entry->record, record->record);
    if (record->deadline_changed)
        set_deadline(&shelf->deadlines, entry, record->deadline_ms);
}

static void save_position(struct shelf *shelf, const struct checkpoint *checkpoint)
{
    shelf->version = checkpoint->version;
    shelf->has_position = true;
    shelf->position = (struct store_position){
        .found = true,
        .offset = checkpoint->offset,
        .watermark_ms = checkpoint->watermark_ms,
        .version = checkpoint->version,
        .epoch = checkpoint->epoch,
        .journal = checkpoint->journal,
        .ruleset = checkpoint->ruleset,
        .customers = checkpoint->customers,
    };
}

static void save_layout(struct shelf *shelf, const struct checkpoint *checkpoint)
{
    if (checkpoint->layout_text.size == 0)
        return;
    struct buf id;
    buf_init(&id);
    buf_printf(&id, "%llu", (unsigned long long)checkpoint->layout);
    set_field(&shelf->layouts, buf_slice(&id), checkpoint->layout_text);
    buf_fini(&id);
}

static void save_records(struct shelf *shelf, const struct checkpoint *checkpoint, size_t count)
{
    if (checkpoint->timers_reset)
        reset_deadlines(&shelf->deadlines);
    for (size_t i = 0; i < count; i++)
        save_record(shelf, &checkpoint->records[i]);
}

static void save_rest(struct shelf *shelf, const struct checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->stat_count; i++)
        set_number(&shelf->stats, checkpoint->stats[i].field, checkpoint->stats[i].value);
    save_layout(shelf, checkpoint);
    save_position(shelf, checkpoint);
}

/* As store_redis_save.c: a doubt is asked about first, and forgotten where another call comes. */
static bool is_doubted(struct store_memory *memory, const struct checkpoint *checkpoint)
{
    const struct checkpoint doubt = memory->doubt;
    memory->doubt.token = 0;
    return doubt.token != 0 && doubt.token == checkpoint->token &&
           doubt.version == checkpoint->version && topic_partition_equal(doubt.of, checkpoint->of);
}

static enum err memory_save(struct store *store, const struct checkpoint *checkpoint,
                            const struct checkpoint *next, struct errinfo *info)
{
    (void)next;
    struct store_memory *memory = (struct store_memory *)(void *)store;
    struct store_bank *bank = lock(store);
    if (fails(bank, STORE_BANK_SAVE_AWAY))
        return unlock(bank, err_set(info, ERR_RETRY, "the test wants it so"));
    struct shelf *shelf = owned_shelf(bank, checkpoint->of, checkpoint->token);
    if (is_doubted(memory, checkpoint) && shelf && shelf->version == checkpoint->version)
        return unlock(bank, ERR_NONE);
    if (!shelf || shelf->version != checkpoint->version_before)
        return unlock(bank, fenced(checkpoint->of, info));
    if (fails(bank, STORE_BANK_SAVE_HALF)) {
        shelf->has_position = false;
        shelf->version = checkpoint->version; /* as Redis goes on behind an error */
        save_records(shelf, checkpoint, checkpoint->record_count / 2);
        return unlock(bank, err_set(info, ERR_FENCED, "the test wants it so"));
    }
    save_records(shelf, checkpoint, checkpoint->record_count);
    save_rest(shelf, checkpoint);
    if (fails(bank, STORE_BANK_SAVE_LATER)) {
        memory->doubt = *checkpoint;
        return unlock(bank, err_set(info, ERR_RETRY, "the test wants it so"));
    }
    if (fails(bank, STORE_BANK_SAVE_UNSAID))
        return unlock(bank, err_set(info, ERR_FENCED, "the test wants it so"));
    return unlock(bank, ERR_NONE);
}

static enum err memory_next_deadline(struct store *store, struct topic_partition of, uint64_t token,
                                     uint64_t version_min, int64_t *deadline_ms,
                                     struct errinfo *info)
{
    struct store_bank *bank = lock(store);
    const struct shelf *shelf = owned_shelf(bank, of, token);
    if (!shelf || shelf->version < version_min)
        return unlock(bank, fenced(of, info));
    *deadline_ms =
        shelf->deadlines.count ? shelf->deadlines.entries[0]->deadline_ms : CUSTOMER_NEVER;
    return unlock(bank, ERR_NONE);
}

static void memory_close(struct store *store)
{
    free(store);
}

static const struct store_ops memory_ops = {
    .own = memory_own,
    .wipe = memory_wipe,
    .load = memory_load,
    .save = memory_save,
    .next_deadline = memory_next_deadline,
    .close = memory_close,
};

struct store *store_memory_open(struct store_bank *bank)
{
    struct store_memory *memory = heap_new(sizeof(*memory));
    memory->store.ops = &memory_ops;
    memory->bank = bank;
    return &memory->store;
}

struct store_bank *store_bank_new(void)
{
    struct store_bank *bank = heap_new(sizeof(*bank));
    CHECK(pthread_mutex_init(&bank->lock, NULL) == 0);
    return bank;
}

static void free_shelves(struct shelf **shelves)
{
    for (struct shelf *shelf = *shelves, *next; shelf; shelf = next) {
        next = shelf->next;
        free_shelf(shelf);
    }
    *shelves = NULL;
}

static void copy_entries(const struct shelf *from, struct shelf *to)
{
    for (size_t i = 0; i <= from->bucket_mask; i++)
        for (const struct entry *entry = from->buckets[i]; entry; entry = entry->next) {
            struct entry *copy = found_or_made(to, buf_slice(&entry->key));
            buf_add_slice(&copy->record, buf_slice(&entry->record));
            set_deadline(&to->deadlines, copy, entry->deadline_ms);
        }
}

static void add_fields(struct fields *to, const struct fields *from)
{
    for (size_t i = 0; i < from->count; i++)
        set_field(to, buf_slice(&from->items[i].name), buf_slice(&from->items[i].value));
}

static void copy_shelves(const struct shelf *from, struct shelf **to)
{
    for (; from; from = from->next) {
        struct shelf *copy = new_shelf(to, (struct topic_partition){from->topic, from->partition});
        copy->owner = from->owner;
        copy->version = from->version;
        copy->has_position = from->has_position;
        copy->position = from->position;
        add_fields(&copy->stats, &from->stats);
        add_fields(&copy->layouts, &from->layouts);
        copy_entries(from, copy);
    }
}

void store_bank_wipe(struct store_bank *bank)
{
    CHECK(pthread_mutex_lock(&bank->lock) == 0);
    free_shelves(&bank->shelves);
    CHECK(pthread_mutex_unlock(&bank->lock) == 0);
}

void store_bank_back_up(struct store_bank *bank)
{
    CHECK(pthread_mutex_lock(&bank->lock) == 0);
    free_shelves(&bank->backup);
    copy_shelves(bank->shelves, &bank->backup);
    CHECK(pthread_mutex_unlock(&bank->lock) == 0);
}

void store_bank_restore(struct store_bank *bank)
{
    CHECK(pthread_mutex_lock(&bank->lock) == 0);
    if (bank->backup) {
        free_shelves(&bank->shelves);
        copy_shelves(bank->backup, &bank->shelves);
    }
    CHECK(pthread_mutex_unlock(&bank->lock) == 0);
}

void store_bank_fail(struct store_bank *bank, enum store_bank_failure how, unsigned count)
{
    store_bank_fail_after(bank, how, 0, count);
}

void store_bank_fail_after(struct store_bank *bank, enum store_bank_failure how, unsigned good,
                           unsigned count)
{
    CHECK(pthread_mutex_lock(&bank->lock) == 0);
    bank->good[how] = good;
    bank->failing[how] = count;
    CHECK(pthread_mutex_unlock(&bank->lock) == 0);
}

uint64_t store_bank_records_read(struct store_bank *bank)
{
    CHECK(pthread_mutex_lock(&bank->lock) == 0);
    uint64_t count = bank->records_read;
    CHECK(pthread_mutex_unlock(&bank->lock) == 0);
    return count;
}

void store_bank_free(struct store_bank *bank)
{
    if (!bank)
        return;
    free_shelves(&bank->shelves);
    free_shelves(&bank->backup);
    CHECK(pthread_mutex_destroy(&bank->lock) == 0);
    free(bank);
}
