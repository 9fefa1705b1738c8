/*
 * cli/main.c - the program: which command runs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/version.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"demo", cmd_demo, "a made-up shop, an embedded broker, a live summary; ends by itself"},
    {"run", cmd_run, "the processor: events from Kafka in, signals to Kafka out"},
    {"check", cmd_check, "validates the configuration, its schema and its machines"},
    {"backtest", cmd_backtest, "runs the machines over files: what would have been signalled"},
    {"test", cmd_test, "unit tests for machines, written in YAML beside them"},
    {"eval", cmd_eval, "evaluates an expression, and prints the value as JSON"},
    {"generate", cmd_generate, "sends a made-up shop's events into Kafka"},
    {"replay", cmd_replay, "sends files of events into Kafka"},
    {"signals", cmd_signals, "follows the signals as JSON Lines"},
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

/* Of the design, and not of this version: what to do by hand. */
static const struct {
    const char *name;
    const char *instead;
} missing[] = {
    {"customer", "to see one: redis-cli --scan --pattern 'PREFIX:{GROUP/*}:c:ID' names the record, "
                 "which is msgpack; to erase one: send an event `Customer Forgotten` of that "
                 "customer with `stagecoach replay`"},
    {"reset", "stop all members of the group; then delete the partition's key in Redis "
              "(PREFIX:{GROUP/TOPIC/PARTITION}:meta), and it is rebuilt from the log and the "
              "journal at the next start; docs/operations.md says when that is right, and what is "
              "where it is not"},
};
#define MISSING_COUNT (sizeof missing / sizeof *missing)

static void usage(FILE *out)
{
    fprintf(out, "Usage: stagecoach COMMAND [OPTIONS]\n\n"
                 "Clickstream events in, signals of customer journeys out, each exactly once.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n  --version  this version, and those of the libraries\n"
                 "  --help     this text; `stagecoach COMMAND --help` says more of a command\n\n"
                 "Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.\n");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int refuse(const char *name)
{
    for (size_t i = 0; i < MISSING_COUNT; i++) {
        if (strcmp(missing[i].name, name) != 0)
            continue;
        fprintf(stderr, "stagecoach %s is not in this version. By hand: %s.\n", name,
                missing[i].instead);
        return 2;
    }
    fprintf(stderr, "stagecoach: there is no command '%s'; `stagecoach --help` lists them\n", name);
    return 2;
}

static bool is_either(const char *word, const char *one, const char *other)
{
    return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (is_either(argv[1], "--help", "-h")) {
        usage(stdout);
        return 0;
    }
    if (is_either(argv[1], "--version", "-V")) {
        version_print(stdout);
        return 0;
    }
    if (strcmp(argv[1], "help") == 0 && argc == 2) {
        usage(stdout);
        return 0;
    }
    const struct command *command = find_command(argv[1]);
    return command ? command->run(argc - 1, argv + 1) : refuse(argv[1]);
}

/* What was printed may still fail to get where it should: on a full disk, say. */
static bool is_written(FILE *out)
{
    if (fflush(out) == 0 && !ferror(out))
        return true;
    fprintf(stderr, "stagecoach: the output can't be written: %s\n", strerror(errno));
    return false;
}

int main(int argc, char **argv)
{
    int rc = run(argc, argv);
    return is_written(stdout) || rc != 0 ? rc : 1;
}
