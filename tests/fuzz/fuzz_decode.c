/*
 * tests/fuzz/fuzz_decode.c - any bytes through the decoder, under schemas of each kind; what it says of them must hold
 * together, and what is wanted of an event must be readable.
 *
 * The first byte chooses the schema, the rest is the message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/decode.h"
#include "core/check.h"
#include "core/mp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slice names[] = {{"product_added", 13}, {"order_completed", 15}};
static const struct event_path paths[] = {
    {EVENT_ROOT_PROPERTIES, EVENT_READ_ID, 1, {{"product_id", 10}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_ID, 1, {{"order_id", 8}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"value", 5}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"products", 8}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"channel", 7}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 0, {{NULL, 0}}},
    {EVENT_ROOT_RAW, EVENT_READ_PLAIN, 2, {{"context", 7}, {"ip", 2}}},
};
#define SLOT_COUNT (sizeof paths / sizeof paths[0])
static const struct event_wants wants = {names, 2, paths, SLOT_COUNT};

static const char *const files[] = {"segment", "ga4", "snowplow", "taobao", "rees46"};
#define SCHEMA_COUNT (sizeof files / sizeof files[0])

static struct schema *schemas[SCHEMA_COUNT];
static struct decoder *decoders[SCHEMA_COUNT];
static struct arena arena;

static void open_decoders(void)
{
    struct diag diag;

    arena_init(&arena);
    diag_init(&diag);
    for (size_t i = 0; i < SCHEMA_COUNT; i++) {
        struct slice path =
            arena_printf(&arena, STAGECOACH_SOURCE_DIR "/config/schemas/%s.yaml", files[i]);

        schemas[i] = schema_load(path.data, &diag);
        diag_print(&diag, stderr);
        CHECK(schemas[i] != NULL);
        decoders[i] = decoder_new(schemas[i], &wants);
    }
    diag_fini(&diag);
}

/* Containers can be walked, texts are what they say. */
static void read_value(const struct schema *schema, struct value value)
{
    struct buf json;

    CHECK(value.kind != VALUE_ERROR);
    if (value.kind != VALUE_LIST && value.kind != VALUE_MAP)
        return;
    CHECK(value.rep == VALUE_REP_RAW && mp_well_formed(value_text(value)));
    buf_init(&json);
    mp_to_json(value_text(value), &json);
    buf_fini(&json);
    (void)event_select(schema, value, SLICE("product_id"), &arena);
    (void)event_select(schema, value, SLICE("order_id"), &arena);
}

static void read_event(const struct schema *schema, const struct event *event)
{
    CHECK(event->customer.size >= 1 && event->customer.size <= EVENT_CUSTOMER_SIZE_MAX);
    CHECK(event->name.size >= 1 && event->name_id <= 2);
    CHECK(event->has_id == (event->id.size > 0));
    for (size_t i = 0; i < SLOT_COUNT; i++)
        read_value(schema, event->slots[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t which = size > 0 ? data[0] % SCHEMA_COUNT : 0;
    struct slice message = {(const char *)data + (size > 0), size > 0 ? size - 1 : 0};
    struct decoded decoded;

    if (schemas[0] == NULL)
        open_decoders();
    arena_reset(&arena);
    decode_message(decoders[which], message, 1000, &arena, &decoded);
    CHECK((decoded.count == 0) == (decoded.dead != EVENT_DEAD_NONE));
    CHECK(decoded.count > 0 || (decoded.detail != NULL && decoded.detail[0] != '\0'));
    CHECK(decoded.dead != EVENT_DEAD_EMPTY || message.size == 0);
    /* Text that is not valid makes a message bad too, but one that is not well-formed never makes an event. */
    CHECK(decoded.count == 0 || mp_well_formed(message));
    for (size_t i = 0; i < decoded.count; i++)
        read_event(schemas[which], &decoded.events[i]);
    return 0;
}
