/*
 * Records and layouts as Redis gives them. The first byte chooses: 0 a layout, else a record of rich_layout() (its id is
 * put in, or no input would get past it), read under its own layout and under another one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/hash.h"
#include "state/codec.h"
#include "tests/support/state_layouts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct layout rich, shipped;
static struct layout_machine rich_machines[STATE_LAYOUT_MACHINES];
static struct layout_machine shipped_machines[STATE_LAYOUT_MACHINES];

static void describe(const struct layout *layout, struct buf *out)
{
    buf_reset(out);
    codec_layout_describe(layout, out);
}

/* What is taken as a layout is the same when it is written and read again. */
static void try_layout(struct slice bytes)
{
    struct layout *layout = codec_layout_read(bytes);
    if (!layout)
        return;
    struct buf text;
    buf_init(&text);
    describe(layout, &text);
    struct layout *again = codec_layout_read(buf_slice(&text));
    CHECK(again && again->id == layout->id && again->id == hash_bytes(buf_slice(&text)));
    codec_layout_free(again);
    codec_layout_free(layout);
    buf_fini(&text);
}

/* What is taken as a record can be written, and read again as the same bytes. */
static void try_record(const struct codec *codec, const struct layout *layout, struct slice record)
{
    struct customer *customer = NULL, *again = NULL;
    struct buf first, second;
    if (codec_decode(codec, SLICE("u42"), record, &customer, NULL, NULL) != ERR_NONE)
        return;
    buf_init(&first);
    buf_init(&second);
    codec_encode(layout, customer, &first);
    CHECK(codec_decode(codec, SLICE("u42"), buf_slice(&first), &again, NULL, NULL) == ERR_NONE);
    codec_encode(layout, again, &second);
    CHECK(slice_equal(buf_slice(&first), buf_slice(&second)));
    customer_free(layout, customer);
    customer_free(layout, again);
    buf_fini(&first);
    buf_fini(&second);
}

static void try_both(struct slice record)
{
    struct codec *same = codec_new(&rich), *other = codec_new(&shipped);
    struct buf text;
    buf_init(&text);
    describe(&rich, &text);
    CHECK(codec_know(other, rich.id, buf_slice(&text), NULL) == ERR_NONE);
    try_record(same, &rich, record);
    try_record(other, &shipped, record);
    buf_fini(&text);
    codec_free(same);
    codec_free(other);
}

/* [ id, ... : the head of an array of nine and a number of 64 bits. */
static void put_id(char *record, size_t size)
{
    static const unsigned char head[] = {0x99, 0xcf};
    if (size < 10)
        return;
    memcpy(record, head, 2);
    for (int i = 0; i < 8; i++)
        record[2 + i] = (char)(unsigned char)(rich.id >> (8 * (7 - i)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    rich_layout(&rich, rich_machines);
    shipped_layout(&shipped, shipped_machines);
    char *copy = malloc(size);
    CHECK(copy);
    memcpy(copy, data + 1, size - 1);
    if (data[0] == 0) {
        try_layout((struct slice){copy, size - 1});
    } else {
        put_id(copy, size - 1);
        try_both((struct slice){copy, size - 1});
    }
    free(copy);
    return 0;
}
