#include "engine/metadata.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void metadata_format(const struct metadata *metadata, char out[METADATA_SIZE_MAX + 1])
{
    char watermark[24] = "-";
    if (metadata->watermark_ms != INT64_MIN)
        snprintf(watermark, sizeof watermark, "%" PRId64, metadata->watermark_ms);
    snprintf(out, METADATA_SIZE_MAX + 1,
             "stagecoach/1 epoch=%" PRIu64 " watermark=%s ruleset=%016" PRIx64 " origin=%" PRId64
             " journal=%" PRIu64 " skew=%" PRId64,
             metadata->epoch, watermark, metadata->ruleset, metadata->origin, metadata->journal,
             metadata->skew_ms);
}

bool metadata_parse(const char *text, struct metadata *metadata)
{
    char watermark[24];
    int end = 0;
    int fields = sscanf(text,
                        "stagecoach/1 epoch=%" SCNu64 " watermark=%23[-0-9] ruleset=%" SCNx64
                        " origin=%" SCNd64 " journal=%" SCNu64 " skew=%" SCNd64 "%n",
                        &metadata->epoch, watermark, &metadata->ruleset, &metadata->origin,
                        &metadata->journal, &metadata->skew_ms, &end);
    if (fields != 6 || text[end] != '\0')
        return false;
    metadata->watermark_ms = INT64_MIN;
    if (strcmp(watermark, "-") == 0)
        return true;
    return sscanf(watermark, "%" SCNd64 "%n", &metadata->watermark_ms, &end) == 1 &&
           watermark[end] == '\0';
}
