#include "cli/version.h"

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <msgpack.h>
#include <xxhash.h>
#include <yaml.h>
#include <zlib.h>

/* The width is the program's choice, which no other library of these asks for. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* XXH_versionNumber() is inlined or in the library; the number is MMmmpp in decimal. */
static void print_xxhash(FILE *out)
{
    unsigned version = XXH_versionNumber();
    fprintf(out, "  xxhash   %u.%u.%u\n", version / 10000, version / 100 % 100, version % 100);
}

static void print_pcre2(FILE *out)
{
    char version[64] = "";
    pcre2_config(PCRE2_CONFIG_VERSION, version);
    fprintf(out, "  pcre2    %s\n", version);
}

void version_print(FILE *out)
{
    fprintf(out, "stagecoach %s\n", STAGECOACH_VERSION);
    fprintf(out, "  rdkafka  %s\n", rd_kafka_version_str());
    /* hiredis has no function that tells. */
    fprintf(out, "  hiredis  %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    fprintf(out, "  msgpack  %s\n", msgpack_version());
    fprintf(out, "  libyaml  %s\n", yaml_get_version_string());
    fprintf(out, "  jansson  %s\n", jansson_version_str());
    fprintf(out, "  zlib     %s\n", zlibVersion());
    print_pcre2(out);
    print_xxhash(out);
}
