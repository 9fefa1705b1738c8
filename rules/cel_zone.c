#include "rules/cel_zone.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/diag.h"
#include "rules/cel_zone_file.h"

#define ZONES_FOLDER  "/usr/share/zoneinfo"
#define ZONES_MAX     4096u
#define FILE_SIZE_MAX (256u << 10)
#define NAME_SIZE_MAX 64

struct entry {
    char *name;
    _Atomic(struct cel_zone *) zone; /* NULL: not read yet */
};

/* Written once, under `once`; then only the zones in it are, each once. */
static struct entry *entries;
static size_t entry_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- the list of names ---- */

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void add_entry(const char *name)
{
    if (entry_count == ZONES_MAX)
        return;
    if ((entry_count & (entry_count - 1)) == 0) {
        size_t capacity = entry_count ? entry_count * 2 : 1;
        entries = realloc(entries, capacity * sizeof(struct entry));
        CHECK(entries != NULL);
    }
    entries[entry_count].name = strdup(name);
    CHECK(entries[entry_count].name != NULL);
    atomic_init(&entries[entry_count].zone, NULL);
    entry_count++;
}

/* posix/ and right/ repeat all the others; names with a point are tables. */
static bool is_zone_name(const char *name)
{
    return strchr(name, '.') == NULL && strcmp(name, "posix") != 0 && strcmp(name, "right") != 0;
}

static void list_folder(const char *below, int depth);

static void list_name(const char *below, const char *name, int depth)
{
    char relative[NAME_SIZE_MAX], path[NAME_SIZE_MAX + sizeof(ZONES_FOLDER) + 1];
    struct stat status;
    int size = snprintf(relative, sizeof(relative), "%s%s%s", below, *below ? "/" : "", name);
    if (size >= (int)sizeof(relative))
        return;
    snprintf(path, sizeof(path), "%s/%s", ZONES_FOLDER, relative);
    if (stat(path, &status) != 0)
        return;
    if (S_ISDIR(status.st_mode))
        list_folder(relative, depth + 1);
    else if (S_ISREG(status.st_mode))
        add_entry(relative);
}

static void list_folder(const char *below, int depth)
{
    char path[NAME_SIZE_MAX + sizeof(ZONES_FOLDER) + 1];
    snprintf(path, sizeof(path), "%s/%s", ZONES_FOLDER, below);
    DIR *folder = depth < 4 ? opendir(path) : NULL;
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (is_zone_name(entry->d_name))
            list_name(below, entry->d_name, depth);
    closedir(folder);
}

static void list_zones(void)
{
    list_folder("", 0);
    if (entry_count > 0)
        qsort(entries, entry_count, sizeof(struct entry), compare_entries);
}

static struct entry *find_entry(struct slice name)
{
    char text[NAME_SIZE_MAX];
    struct entry key = {.name = text};
    if (name.size >= sizeof(text) || entry_count == 0)
        return NULL;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    if (strlen(text) != name.size)
        return NULL;
    return bsearch(&key, entries, entry_count, sizeof(struct entry), compare_entries);
}

/* ---- one zone ---- */

static bool read_file(const char *name, struct buf *bytes)
{
    char path[NAME_SIZE_MAX + sizeof(ZONES_FOLDER) + 1];
    snprintf(path, sizeof(path), "%s/%s", ZONES_FOLDER, name);
    FILE *file = fopen(path, "rbe");
    if (!file)
        return false;
    bytes->size = fread(buf_reserve(bytes, FILE_SIZE_MAX), 1, FILE_SIZE_MAX, file);
    fclose(file);
    return true;
}

static struct cel_zone *load_zone(const char *name)
{
    struct buf bytes;
    struct cel_zone *zone = NULL;
    buf_init(&bytes);
    if (read_file(name, &bytes))
        zone = cel_zone_parse(buf_slice(&bytes));
    buf_fini(&bytes);
    return zone;
}

/* Of two threads that load the same zone one throws its copy away. */
static const struct cel_zone *zone_of(struct entry *entry)
{
    struct cel_zone *zone = atomic_load_explicit(&entry->zone, memory_order_acquire);
    if (zone)
        return zone;
    struct cel_zone *loaded = load_zone(entry->name);
    if (!loaded)
        return NULL;
    /* Release: who sees the pointer sees the zone behind it. */
    if (atomic_compare_exchange_strong_explicit(&entry->zone, &zone, loaded, memory_order_acq_rel,
                                                memory_order_acquire))
        return loaded;
    cel_zone_free(loaded);
    return zone;
}

/* ---- fixed offsets ---- */

static bool read_two_digits(struct slice text, size_t pos, int max, int *value)
{
    if (pos + 2 > text.size)
        return false;
    int tens = text.data[pos] - '0', ones = text.data[pos + 1] - '0';
    if (tens < 0 || tens > 9 || ones < 0 || ones > 9)
        return false;
    *value = tens * 10 + ones;
    return *value <= max;
}

static bool parse_offset(struct slice text, int32_t *offset_s)
{
    int hours, minutes;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative || (text.size > 0 && text.data[0] == '+')) {
        text.data++;
        text.size--;
    }
    if (text.size != 5 || text.data[2] != ':' || !read_two_digits(text, 0, 23, &hours) ||
        !read_two_digits(text, 3, 59, &minutes))
        return false;
    *offset_s = (hours * 60 + minutes) * 60 * (negative ? -1 : 1);
    return true;
}

bool cel_zone_find(struct slice name, struct cel_zone_ref *ref)
{
    *ref = (struct cel_zone_ref){0};
    if (slice_is(name, "UTC") || parse_offset(name, &ref->offset_s))
        return true;
    pthread_once(&once, list_zones);
    struct entry *entry = find_entry(name);
    if (entry)
        ref->zone = zone_of(entry);
    return ref->zone != NULL;
}

void cel_zone_explain(struct slice name, char *message)
{
    char wrong[NAME_SIZE_MAX + 1];
    const char *names[ZONES_MAX];
    snprintf(wrong, sizeof(wrong), "%.*s",
             name.size > NAME_SIZE_MAX ? NAME_SIZE_MAX : (int)name.size, name.data);
    pthread_once(&once, list_zones);
    for (size_t i = 0; i < entry_count; i++)
        names[i] = entries[i].name;
    const char *nearest = diag_nearest(wrong, names, entry_count);
    if (entry_count == 0)
        snprintf(message, 256, "there is no time zone '%s': this system has no tz database in %s",
                 wrong, ZONES_FOLDER);
    else if (nearest)
        snprintf(message, 256, "there is no time zone '%s': did you mean '%s'?", wrong, nearest);
    else
        snprintf(
            message, 256,
            "there is no time zone '%s': write a name of the tz database such as Asia/Bangkok, "
            "or an offset such as +07:00",
            wrong);
}

int32_t cel_zone_offset(struct cel_zone_ref ref, int64_t utc_s)
{
    return ref.zone ? cel_zone_file_offset(ref.zone, utc_s) : ref.offset_s;
}

#define DAY_S 86400

/* No zone changes its clock twice within two days. */
int64_t cel_zone_to_utc(struct cel_zone_ref ref, int64_t local_s)
{
    int32_t before = cel_zone_offset(ref, local_s - DAY_S);
    int32_t after = cel_zone_offset(ref, local_s + DAY_S);
    int64_t by_before = local_s - before, by_after = local_s - after;
    if (cel_zone_offset(ref, by_before) == before || cel_zone_offset(ref, by_after) != after)
        return by_before;
    return by_after;
}
