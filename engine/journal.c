#include "engine/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "core/check.h"
#include "core/mp.h"

static const char *const kind_names[] = {"start", "ruleset", "rules", "watermark"};
#define KIND_COUNT (sizeof kind_names / sizeof *kind_names)

static void pack_text(msgpack_packer *packer, struct slice text)
{
    msgpack_pack_str(packer, text.size);
    msgpack_pack_str_body(packer, text.data, text.size);
}

static void pack_watermark(msgpack_packer *packer, int64_t watermark_ms)
{
    pack_text(packer, SLICE("watermark"));
    if (watermark_ms == INT64_MIN)
        msgpack_pack_nil(packer);
    else
        msgpack_pack_int64(packer, watermark_ms);
}

static void pack_ruleset(msgpack_packer *packer, uint64_t ruleset)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, ruleset);
    pack_text(packer, SLICE("ruleset"));
    pack_text(packer, slice_of(text));
}

static void pack_offset(msgpack_packer *packer, const char *name, int64_t offset)
{
    pack_text(packer, slice_of(name));
    msgpack_pack_int64(packer, offset);
}

void journal_encode(const struct journal_record *record, const struct slice *files,
                    size_t file_count, struct buf *out)
{
    static const size_t field_counts[] = {4, 4, 5, 4};
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, buf_pack_write);
    msgpack_pack_map(&packer, field_counts[record->kind]);
    pack_text(&packer, SLICE("number"));
    msgpack_pack_uint64(&packer, record->number);
    pack_text(&packer, SLICE("kind"));
    pack_text(&packer, slice_of(kind_names[record->kind]));
    switch (record->kind) {
    case JOURNAL_START:
        pack_offset(&packer, "origin", record->offset);
        pack_text(&packer, SLICE("partitions"));
        msgpack_pack_int32(&packer, record->partitions);
        break;
    case JOURNAL_RULESET:
        pack_ruleset(&packer, record->ruleset);
        pack_text(&packer, SLICE("files"));
        msgpack_pack_array(&packer, file_count);
        for (size_t i = 0; i < file_count; i++)
            pack_text(&packer, files[i]);
        break;
    case JOURNAL_RULES:
        pack_offset(&packer, "offset", record->offset);
        pack_watermark(&packer, record->watermark_ms);
        pack_ruleset(&packer, record->ruleset);
        break;
    case JOURNAL_WATERMARK:
        pack_offset(&packer, "offset", record->offset);
        pack_watermark(&packer, record->watermark_ms);
        break;
    }
}

static bool find_int(struct slice map, const char *name, int64_t *value)
{
    struct slice found;
    struct mp_token token;
    if (!mp_map_find(map, slice_of(name), &found))
        return false;
    struct mp mp = mp_of(found);
    if (!mp_read(&mp, &token) || token.kind != MP_INT)
        return false;
    *value = token.i;
    return true;
}

static bool find_text(struct slice map, const char *name, struct slice *text)
{
    struct slice found;
    struct mp_token token;
    if (!mp_map_find(map, slice_of(name), &found))
        return false;
    struct mp mp = mp_of(found);
    if (!mp_read(&mp, &token) || token.kind != MP_STR)
        return false;
    *text = token.bytes;
    return true;
}

static bool find_kind(struct slice map, enum journal_kind *kind)
{
    struct slice text;
    if (!find_text(map, "kind", &text))
        return false;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (slice_is(text, kind_names[i])) {
            *kind = (enum journal_kind)i;
            return true;
        }
    }
    return false;
}

static bool find_ruleset(struct slice map, uint64_t *ruleset)
{
    struct slice text;
    char copy[17] = "";
    int end = 0;
    if (!find_text(map, "ruleset", &text) || text.size != 16)
        return false;
    memcpy(copy, text.data, 16);
    return sscanf(copy, "%" SCNx64 "%n", ruleset, &end) == 1 && end == 16;
}

bool journal_decode(struct slice bytes, struct journal_record *record)
{
    int64_t number, partitions = 0;

    memset(record, 0, sizeof *record);
    record->watermark_ms = INT64_MIN;
    if (!mp_well_formed(bytes) || !find_int(bytes, "number", &number) || number < 1 ||
        !find_kind(bytes, &record->kind))
        return false;
    record->number = (uint64_t)number;
    switch (record->kind) {
    case JOURNAL_START:
        if (!find_int(bytes, "origin", &record->offset) ||
            !find_int(bytes, "partitions", &partitions))
            return false;
        record->partitions = (int32_t)partitions;
        return true;
    case JOURNAL_RULESET:
        return find_ruleset(bytes, &record->ruleset);
    case JOURNAL_RULES:
        find_int(bytes, "watermark", &record->watermark_ms);
        return find_int(bytes, "offset", &record->offset) && find_ruleset(bytes, &record->ruleset);
    case JOURNAL_WATERMARK:
        return find_int(bytes, "offset", &record->offset) &&
               find_int(bytes, "watermark", &record->watermark_ms);
    }
    return false;
}

char *journal_topic(const char *group, const char *topic)
{
    char *name = NULL;
    CHECK(asprintf(&name, "%s.journal.%s", group, topic) > 0);
    return name;
}
