/*
 * stagecoach-bench decode - what an event costs from its bytes to the fields that rules read.
 *
 * The event has 265 bytes and 12 keys, of which 8 are used: type, event, userId, messageId and timestamp of the envelope,
 * and of the properties product_id, price and quantity. 1,024 different ones are gone through in turn, so that no value
 * can be guessed; their texts differ, their length does not. `ours` is all that the decoder does: well-formedness, name
 * mapped and numbered, time parsed, id hashed, slots filled. `msgpackc` is msgpack_unpack() into a zone that is used
 * again, and finding the same 8 values in the objects; nothing is mapped or parsed there.
 *
 * Runs of the two take turns; the medians of their CPU time are reported.
 */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "consumer/decode.h"
#include "core/check.h"

#define EVENT_BYTES  265
#define EVENT_COUNT  1024
#define RUNS_MAX     101
#define FIELD_COUNT  8
#define ROUNDS_A_RUN 200 /* of all events */
#define BATCH_EVENTS 256 /* between two resets of the arena, as in the worker */

struct options {
    bool json;
    size_t runs;
};

/* All events, one behind the other. */
struct load {
    struct buf bytes;
    struct slice events[EVENT_COUNT];
};

/* ---- the events ---- */

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

static void pack_pair(msgpack_packer *packer, const char *key, const char *value)
{
    pack_text(packer, key);
    pack_text(packer, value);
}

/* The i-th event, with a product name of `filler` characters. */
static void pack_event(struct buf *out, unsigned i, int filler)
{
    static const char *const names[] = {
        "Product Viewed", "Product Added",       "Products Searched", "Product Clicked",
        "Cart Viewed",    "Product List Viewed", "Product Viewed",    "Order Completed",
    };
    unsigned mixed = i * 2654435761u;
    msgpack_packer packer;
    char text[128];

    msgpack_packer_init(&packer, out, buf_pack_write);
    msgpack_pack_map(&packer, 6);
    pack_pair(&packer, "type", "track");
    snprintf(text, sizeof text, "%08x-5c6d-4e7f-8a9b-%012x", mixed, mixed ^ i);
    pack_pair(&packer, "messageId", text);
    snprintf(text, sizeof text, "customer-%06u", mixed % 1000000);
    pack_pair(&packer, "userId", text);
    snprintf(text, sizeof text, "2026-01-05T%02u:%02u:%02u.%03uZ", i % 24, mixed % 60,
             mixed / 60 % 60, mixed / 3600 % 1000);
    pack_pair(&packer, "timestamp", text);
    pack_pair(&packer, "event", names[mixed / 7 % 8]);
    pack_text(&packer, "properties");
    msgpack_pack_map(&packer, 6);
    snprintf(text, sizeof text, "p-%05u", mixed % 100000);
    pack_pair(&packer, "product_id", text);
    snprintf(text, sizeof text, "%0*u", filler, mixed);
    pack_pair(&packer, "name", text);
    pack_text(&packer, "price");
    msgpack_pack_double(&packer, mixed % 100000 / 100.0);
    pack_text(&packer, "quantity");
    msgpack_pack_uint32(&packer, 1 + mixed % 5);
    pack_pair(&packer, "currency", "THB");
    pack_pair(&packer, "category", "fashion/shirts");
}

static void make_load(struct load *load)
{
    size_t starts[EVENT_COUNT];

    buf_init(&load->bytes);
    for (unsigned i = 0; i < EVENT_COUNT; i++) {
        struct buf probe;

        buf_init(&probe);
        pack_event(&probe, i, 16);
        starts[i] = load->bytes.size;
        CHECK(probe.size <= EVENT_BYTES && EVENT_BYTES - probe.size + 16 <= 31);
        pack_event(&load->bytes, i, 16 + EVENT_BYTES - (int)probe.size);
        CHECK(load->bytes.size - starts[i] == EVENT_BYTES);
        buf_fini(&probe);
    }
    for (unsigned i = 0; i < EVENT_COUNT; i++)
        load->events[i] = (struct slice){load->bytes.data + starts[i], EVENT_BYTES};
}

/* ---- ours ---- */

struct ours {
    struct schema *schema;
    struct decoder *decoder;
    struct arena arena;
};

/* What the machines of the shop read of this event. */
static const struct slice wanted_names[] = {
    {"product_viewed", 14}, {"product_added", 13},   {"products_searched", 17},
    {"cart_viewed", 11},    {"order_completed", 15},
};
static const struct event_path wanted_paths[] = {
    {EVENT_ROOT_PROPERTIES, EVENT_READ_ID, 1, {{"product_id", 10}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"price", 5}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"quantity", 8}}},
};
static const struct event_wants wants = {
    .names = wanted_names,
    .name_count = sizeof wanted_names / sizeof wanted_names[0],
    .paths = wanted_paths,
    .path_count = sizeof wanted_paths / sizeof wanted_paths[0],
};

static bool open_ours(struct ours *ours)
{
    struct diag diag;

    *ours = (struct ours){0};
    arena_init(&ours->arena);
    diag_init(&diag);
    ours->schema = schema_load(STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml", &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    if (ours->schema == NULL)
        return false;
    ours->decoder = decoder_new(ours->schema, &wants);
    return true;
}

static void close_ours(struct ours *ours)
{
    decoder_free(ours->decoder);
    schema_free(ours->schema);
    arena_fini(&ours->arena);
}

/* All events once; a number made of what was read, so that nothing is left out. */
static uint64_t run_ours(struct ours *ours, const struct load *load)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < EVENT_COUNT; i++) {
        struct decoded decoded;

        if (i % BATCH_EVENTS == 0)
            arena_reset(&ours->arena);
        decode_message(ours->decoder, load->events[i], EVENT_NO_TIME, &ours->arena, &decoded);
        CHECK(decoded.count == 1);
        sum += decoded.events->id_hash + (uint64_t)decoded.events->time_ms +
               decoded.events->name_id + decoded.events->customer.size +
               decoded.events->slots[0].size + (uint64_t)decoded.events->slots[2].i;
    }
    return sum;
}

/* ---- msgpack-c ---- */

static const struct slice envelope_keys[] = {
    {"type", 4}, {"event", 5}, {"userId", 6}, {"messageId", 9}, {"timestamp", 9},
};
static const struct slice property_keys[] = {{"product_id", 10}, {"price", 5}, {"quantity", 8}};

/* Notes the values of `keys` in `found`; gives the value that is a map, the properties. */
static const msgpack_object *find_keys(const msgpack_object *map, const struct slice *keys,
                                       size_t key_count, const msgpack_object **found)
{
    const msgpack_object *properties = NULL;

    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        struct slice key = {pair->key.via.str.ptr, pair->key.via.str.size};

        for (size_t k = 0; k < key_count; k++) {
            if (slice_equal(key, keys[k])) {
                found[k] = &pair->val;
                break;
            }
        }
        if (pair->val.type == MSGPACK_OBJECT_MAP)
            properties = &pair->val;
    }
    return properties;
}

static uint64_t run_msgpackc(msgpack_zone *zone, const struct load *load)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < EVENT_COUNT; i++) {
        const msgpack_object *found[FIELD_COUNT] = {NULL};
        const msgpack_object *properties;
        msgpack_object object;
        size_t offset = 0;

        msgpack_zone_clear(zone);
        CHECK(msgpack_unpack(load->events[i].data, load->events[i].size, &offset, zone, &object) ==
              MSGPACK_UNPACK_SUCCESS);
        properties = find_keys(&object, envelope_keys, 5, found);
        find_keys(properties, property_keys, 3, found + 5);
        for (size_t f = 0; f < FIELD_COUNT; f++) {
            CHECK(found[f] != NULL);
            sum += (uint64_t)found[f]->type;
        }
        sum += found[7]->via.u64;
    }
    return sum;
}

/* ---- report ---- */

static double ns_per_event(int64_t start_ns)
{
    return (double)(bench_thread_cpu_ns() - start_ns) / ((double)ROUNDS_A_RUN * EVENT_COUNT);
}

static void report(const struct options *options, double *ours, double *msgpackc)
{
    double ours_ns = bench_median(ours, options->runs);
    double msgpackc_ns = bench_median(msgpackc, options->runs);
    struct buf json;

    if (!options->json) {
        printf("decode, %d bytes, 12 keys, 8 used: ours %.1f ns (%.1f to %.1f), msgpack-c %.1f ns "
               "(%.1f to %.1f), medians of %zu runs\n",
               EVENT_BYTES, ours_ns, ours[0], ours[options->runs - 1], msgpackc_ns, msgpackc[0],
               msgpackc[options->runs - 1], options->runs);
        return;
    }
    buf_init(&json);
    buf_printf(&json,
               "{\"benchmark\":\"decode\",\"ours_ns\":%.1f,\"msgpackc_ns\":%.1f,\"ratio\":%.3f,"
               "\"ours_min_ns\":%.1f,\"ours_max_ns\":%.1f,\"msgpackc_min_ns\":%.1f,"
               "\"msgpackc_max_ns\":%.1f,\"event_bytes\":%d,\"keys\":12,\"fields_used\":%d,"
               "\"runs\":%zu,\"events_per_run\":%d,",
               ours_ns, msgpackc_ns, ours_ns / msgpackc_ns, ours[0], ours[options->runs - 1],
               msgpackc[0], msgpackc[options->runs - 1], EVENT_BYTES, FIELD_COUNT, options->runs,
               ROUNDS_A_RUN * EVENT_COUNT);
    bench_add_machine(&json);
    printf("%.*s}\n", (int)json.size, json.data);
    buf_fini(&json);
}

static void measure(const struct options *options, struct ours *ours, const struct load *load)
{
    double ours_ns[RUNS_MAX], msgpackc_ns[RUNS_MAX];
    msgpack_zone *zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
    volatile uint64_t sum = 0;

    CHECK(zone != NULL);
    sum += run_ours(ours, load) + run_msgpackc(zone, load); /* warm */
    for (size_t run = 0; run < options->runs; run++) {
        int64_t start_ns = bench_thread_cpu_ns();

        for (int round = 0; round < ROUNDS_A_RUN; round++)
            sum += run_ours(ours, load);
        ours_ns[run] = ns_per_event(start_ns);
        start_ns = bench_thread_cpu_ns();
        for (int round = 0; round < ROUNDS_A_RUN; round++)
            sum += run_msgpackc(zone, load);
        msgpackc_ns[run] = ns_per_event(start_ns);
    }
    msgpack_zone_free(zone);
    CHECK(sum != 0); /* used, so that nothing is optimised away */
    report(options, ours_ns, msgpackc_ns);
}

static bool read_options(int argc, char **argv, struct options *options)
{
    *options = (struct options){.runs = 11};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            options->json = true;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            options->runs = strtoul(argv[++i], NULL, 10);
        else
            return false;
    }
    return options->runs >= 1 && options->runs <= RUNS_MAX;
}

int bench_decode(int argc, char **argv)
{
    static struct load load;
    struct options options;
    struct ours ours;

    if (!read_options(argc, argv, &options)) {
        fprintf(stderr, "usage: stagecoach-bench decode [--json] [--runs N]   N: 1 to %d, 11\n",
                RUNS_MAX);
        return 2;
    }
    if (!open_ours(&ours))
        return 1;
    make_load(&load);
    measure(&options, &ours, &load);
    close_ours(&ours);
    buf_fini(&load.bytes);
    return 0;
}
