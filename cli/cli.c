#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/check.h"

/* ---- options ---- */

static void list_add(struct cli_list *list, const char *text)
{
    list->items = realloc(list->items, (list->count + 1) * sizeof *list->items);
    CHECK(list->items);
    list->items[list->count++] = text;
}

void cli_list_free(struct cli_list *list)
{
    free(list->items);
    *list = (struct cli_list){0};
}

int cli_wrong(const char *command, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "stagecoach %s: ", command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n`stagecoach %s --help` says more.\n", command);
    return 2;
}

/* `--name`, `--name=value` or `-x`. */
static const struct cli_option *find(const struct cli_option *options, const char *word,
                                     const char **value)
{
    *value = NULL;
    for (; options->name; options++) {
        size_t size = strlen(options->name);
        if (word[1] == options->letter && options->letter && word[1] != '-') {
            *value = word[2] ? word + 2 : NULL;
            return options;
        }
        if (word[1] != '-' || strncmp(word + 2, options->name, size) != 0)
            continue;
        if (word[2 + size] == '\0' || word[2 + size] == '=') {
            *value = word[2 + size] ? word + 3 + size : NULL;
            return options;
        }
    }
    return NULL;
}

static bool take_count(const char *value, long long *count)
{
    char *end;
    errno = 0;
    *count = strtoll(value, &end, 10);
    return errno == 0 && end != value && *end == '\0' && *count >= 0;
}

static bool take_factor(const char *value, double *factor)
{
    char *end;
    errno = 0;
    *factor = strtod(value, &end);
    return errno == 0 && end != value && *end == '\0' && *factor > 0 && *factor < 1e300;
}

static int take(const char *command, const struct cli_option *option, const char *value)
{
    switch (option->kind) {
    case CLI_FLAG:
        *(bool *)option->target = true;
        return CLI_GO_ON;
    case CLI_TEXT:
        *(const char **)option->target = value;
        return CLI_GO_ON;
    case CLI_COUNT:
        return take_count(value, option->target)
                   ? CLI_GO_ON
                   : cli_wrong(command, "--%s %s: must be a whole number, 0 or more", option->name,
                               value);
    case CLI_FACTOR:
        return take_factor(value, option->target)
                   ? CLI_GO_ON
                   : cli_wrong(command, "--%s %s: must be a number above 0", option->name, value);
    case CLI_LIST:
        list_add(option->target, value);
        return CLI_GO_ON;
    }
    return CLI_GO_ON;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

int cli_parse(int argc, char **argv, const struct cli_option *options, const char *help,
              struct cli_list *rest)
{
    struct cli_list *open = NULL; /* a list option takes what follows */

    for (int i = 1; i < argc; i++) {
        const char *value;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--") == 0 && rest) {
            while (++i < argc)
                list_add(rest, argv[i]);
            break;
        }
        if (!is_option(argv[i])) {
            struct cli_list *list = open ? open : rest;
            if (!list)
                return cli_wrong(argv[0], "'%s' is not an option", argv[i]);
            list_add(list, argv[i]);
            continue;
        }
        const struct cli_option *option = find(options, argv[i], &value);
        if (!option)
            return cli_wrong(argv[0], "there is no option %s", argv[i]);
        if (option->kind == CLI_FLAG && value)
            return cli_wrong(argv[0], "--%s takes no value", option->name);
        if (option->kind != CLI_FLAG && !value && (value = argv[++i]) == NULL)
            return cli_wrong(argv[0], "--%s needs a value", option->name);
        int rc = take(argv[0], option, value);
        if (rc != CLI_GO_ON)
            return rc;
        open = option->kind == CLI_LIST ? option->target : NULL;
    }
    return CLI_GO_ON;
}

/* ---- interruption ---- */

static volatile int interrupted;

static void on_signal(int number)
{
    if (interrupted && number == SIGINT)
        _exit(130);
    interrupted = 1;
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool cli_interrupted(void)
{
    return interrupted;
}

static volatile sig_atomic_t hung_up;

static void on_hangup(int number)
{
    (void)number;
    hung_up = 1;
}

bool cli_take_hangup(void)
{
    struct sigaction action = {.sa_handler = on_hangup, .sa_flags = SA_RESTART};
    sigaction(SIGHUP, &action, NULL);
    bool came = hung_up;
    hung_up = 0;
    return came;
}

const volatile int *cli_interrupted_flag(void)
{
    return &interrupted;
}

_Noreturn void cli_exit_now(int code)
{
    fflush(stdout);
    _exit(code);
}

/* ---- progress ---- */

static bool progress_shown;

void cli_progress(const char *format, ...)
{
    static struct timespec last;
    struct timespec now;
    va_list arguments;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!isatty(STDERR_FILENO) ||
        (now.tv_sec - last.tv_sec) * 10 + (now.tv_nsec - last.tv_nsec) / 100000000 < 1)
        return;
    last = now;
    progress_shown = true;
    fputs("\r\033[K", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
}

void cli_progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}
