/*
 * cli/cli.h - the commands, and what they share: options, exit codes, interruption, a progress
 * line.
 *
 * Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* argv[0] is the command's name. Each returns the exit code. */
int cmd_demo(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_backtest(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_generate(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_signals(int argc, char **argv);

/* ---- options ---- */

enum cli_kind {
    CLI_FLAG,   /* bool * */
    CLI_TEXT,   /* const char **, borrowed from argv */
    CLI_COUNT,  /* long long *: an integer, at least 0 */
    CLI_FACTOR, /* double *: more than 0 */
    CLI_LIST, /* struct cli_list *: may be repeated, and takes what follows it up to the next option */
};

struct cli_list {
    const char **items; /* the array is owned, the texts are argv's */
    size_t count;
};
void cli_list_free(struct cli_list *list);

struct cli_option {
    const char *name; /* long, without `--`; NULL ends the table */
    char letter;      /* or 0 */
    enum cli_kind kind;
    void *target;
};

#define CLI_GO_ON (-1)

/*
 * Reads argv into the targets. CLI_GO_ON, or an exit code: 0 after `--help` (printed on stdout), 2
 * after a mistake (said on stderr). Words that belong to no option go to `rest`, or are a mistake
 * where it is NULL.
 */
int cli_parse(int argc, char **argv, const struct cli_option *options, const char *help,
              struct cli_list *rest);

/* `stagecoach COMMAND: message` and where to find help, on stderr. Returns 2. */
int cli_wrong(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- interruption: SIGTERM and SIGINT set a flag; a second SIGINT ends the process ---- */

void cli_catch_signals(void);
bool cli_interrupted(void);
const volatile int *cli_interrupted_flag(void);

/* SIGHUP has come since the last call; caught from the first call on. */
bool cli_take_hangup(void);

/* Ends the process without the destructors that would wait for threads which hang. */
_Noreturn void cli_exit_now(int code);

/*
 * ---- a line that is written over, on stderr where that is a terminal; at most ten a second ----
 */

void cli_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_progress_end(void);
#endif
