/*
 * tests/support/process.h - child processes of a test, and its temporary folder.
 *
 * Nothing outlives the test program, however it ends: a small watcher process notices the end of the
 * program (also a SIGKILL), kills every child that is left and removes the folder. Set
 * STAGECOACH_TEST_KEEP=1 to keep the folder; its name is then printed.
 *
 * Whatever can't be done fails the running test with a message. Main thread only.
 */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process;

/* The test program's own folder under $TMPDIR; created by the first call. */
const char *process_scratch(void);

/* A new empty folder `NAME.N` in there, written to `path`. */
void process_folder(const char *name, char *path, size_t size);

/*
 * Starts argv[0] (looked up in PATH); argv ends with NULL. Output and errors go to process_log(). The
 * environment is the test's. `folder` is where its log and pid are kept, from process_folder().
 */
struct process *process_start(const char *folder, const char *const argv[]);

pid_t process_pid(const struct process *process);

/* The path of the file with what it has written to stdout and stderr; grows while it runs. */
const char *process_log(const struct process *process);

/* The whole log as text, to be freed; for small ones. */
char *process_read_log(const struct process *process);

/*
 * The end of a file to stderr, nothing when there is none: where the folder is removed afterwards, that is
 * all that tells why.
 */
void process_print_end(const char *path);

/* Sends a signal; nothing happens when it has ended. */
void process_signal(struct process *process, int signal);

/* True when it has ended by then; `status` (may be NULL) is waitpid()'s. */
bool process_wait(struct process *process, int timeout_ms, int *status);

/* Waits, fails the test when it takes longer, and gives the exit code; 128 + N for signal N. */
int process_exit_code(struct process *process, int timeout_ms);

/* SIGKILL when it still runs. Accepts NULL. */
void process_free(struct process *process);

/* Milliseconds of a clock that only goes forward. */
int64_t process_now_ms(void);
void process_nap_ms(int ms);

/* A TCP port on 127.0.0.1 that nobody uses at this moment. */
int process_free_port(void);

/* Waits until the condition holds, looked at every 10 ms; fails the test after timeout_ms. */
#define wait_until(condition, timeout_ms)                                                          \
    do {                                                                                           \
        int64_t wait_until_end_ = process_now_ms() + (timeout_ms);                                 \
        while (!(condition)) {                                                                     \
            if (process_now_ms() > wait_until_end_)                                                \
                process_fail(__FILE__, __LINE__, "waited %d ms for: %s", (int)(timeout_ms),        \
                             #condition);                                                          \
            process_nap_ms(10);                                                                    \
        }                                                                                          \
    } while (0)

/* Fails the running cmocka test; outside of one the program ends with 1. Does not return. */
void process_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));
#endif
