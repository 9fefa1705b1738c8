#include "bench/bench.h"

#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json.h"

int64_t bench_thread_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The first line of what a command prints, or '' where it fails. */
static void first_line_of(const char *command, char *line, int size)
{
    FILE *pipe = popen(command, "r");

    line[0] = '\0';
    if (pipe == NULL)
        return;
    if (fgets(line, size, pipe) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    pclose(pipe);
}

static void find_cpu_model(char *model, size_t size)
{
    FILE *info = fopen("/proc/cpuinfo", "r");
    char line[256];

    snprintf(model, size, "unknown");
    while (info != NULL && fgets(line, sizeof line, info) != NULL) {
        const char *value = strchr(line, ':');

        if (strncmp(line, "model name", 10) == 0 && value != NULL) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(model, size, "%s", value + 2);
            break;
        }
    }
    if (info != NULL)
        fclose(info);
}

static void add_text(struct buf *json, const char *name, const char *value)
{
    buf_printf(json, "\"%s\":", name);
    json_add_string(json, slice_of(value));
}

void bench_add_machine(struct buf *json)
{
    char text[256];

    /* Of the source tree as it is now; a build from older sources says so by its numbers only. */
    first_line_of("git -C '" STAGECOACH_SOURCE_DIR
                  "' describe --always --dirty --exclude '*' 2>/dev/null",
                  text, sizeof text);
    add_text(json, "commit", text[0] != '\0' ? text : "unknown");
    find_cpu_model(text, sizeof text);
    buf_add_char(json, ',');
    add_text(json, "cpu", text);
    buf_add_char(json, ',');
#ifdef __clang__
    add_text(json, "compiler", "clang " __VERSION__);
#else
    add_text(json, "compiler", "gcc " __VERSION__);
#endif
    snprintf(text, sizeof text, "msgpack-c %s", msgpack_version());
    buf_add_char(json, ',');
    add_text(json, "libraries", text);
}
