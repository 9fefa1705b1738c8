/*
 * tests/unit/command_run.h - a command as a user calls it, with what it prints kept.
 */
#ifndef UNIT_COMMAND_RUN_H
#define UNIT_COMMAND_RUN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_WORDS_MAX 32

struct command_output {
    int code;
    char out[16384], err[16384];
};

/* What is written to `fd` from now on goes to a file, which is gone when it is closed. */
static inline int command_redirect(int fd, int *saved)
{
    char path[] = "/tmp/stagecoach-out-XXXXXX";
    int file = mkstemp(path);
    if (file < 0)
        abort();
    unlink(path);
    *saved = dup(fd);
    dup2(file, fd);
    return file;
}

static inline void command_restore(int fd, int saved, int file, char *text, size_t size)
{
    dup2(saved, fd);
    close(saved);
    ssize_t got = pread(file, text, size - 1, 0);
    if (got < 0)
        abort();
    text[got] = '\0';
    close(file);
}

/* `words` begins with the command's name and ends with NULL. */
static inline void command_run(int (*command)(int, char **), const char *const *words,
                               struct command_output *output)
{
    char *argv[COMMAND_WORDS_MAX + 1] = {NULL};
    int argc = 0, saved_out, saved_err;
    for (; words[argc] && argc < COMMAND_WORDS_MAX; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    fflush(stdout);
    fflush(stderr);
    int out = command_redirect(STDOUT_FILENO, &saved_out);
    int err = command_redirect(STDERR_FILENO, &saved_err);
    output->code = command(argc, argv);
    fflush(stdout);
    fflush(stderr);
    command_restore(STDOUT_FILENO, saved_out, out, output->out, sizeof output->out);
    command_restore(STDERR_FILENO, saved_err, err, output->err, sizeof output->err);
}

#endif
