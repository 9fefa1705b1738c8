#include "tests/support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct process {
    pid_t pid;
    bool ended;
    int status; /* when ended */
    char log[512];
};

#define FAIL(...) process_fail(__FILE__, __LINE__, __VA_ARGS__)
#define END_SIZE  4000 /* of a log that is shown */

void process_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(stderr);
    _fail(file, line);
    exit(1); /* not reached from a test: cmocka has jumped or ended the program */
}

int64_t process_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void process_nap_ms(int ms)
{
    struct timespec nap = {ms / 1000, (long)(ms % 1000) * 1000000};

    while (nanosleep(&nap, &nap) != 0 && errno == EINTR)
        ;
}

/*
 * The watcher reads from a pipe whose other end only the test program holds; at its end of file the
 * program is gone. Every child's pid lies in a file `pid` in its folder. It ignores the signals of a
 * terminal, because it is needed most after them.
 */
static const char watcher_script[] =
    "trap '' INT TERM HUP\n"
    "cat >/dev/null\n"
    "for file in \"$1\"/*/pid; do\n"
    "    [ -e \"$file\" ] && kill -KILL $(cat \"$file\") 2>/dev/null\n"
    "done\n"
    "[ -n \"$STAGECOACH_TEST_KEEP\" ] && echo \"kept: $1\" && exit 0\n"
    "rm -rf \"$1\" || { sleep 1; rm -rf \"$1\"; }\n";

static struct {
    char folder[256];
    int pipe; /* write end; -1 before the start */
    pid_t watcher;
    pid_t owner;
    unsigned folders;
} scratch = {.pipe = -1};

/* At a regular exit waits for the watcher, so that nothing is left when the next test starts. */
static void scratch_end(void)
{
    if (scratch.pipe < 0 || scratch.owner != getpid())
        return;
    close(scratch.pipe);
    scratch.pipe = -1;
    waitpid(scratch.watcher, NULL, 0);
}

static void scratch_begin(void)
{
    const char *base = getenv("TMPDIR");
    int ends[2];

    snprintf(scratch.folder, sizeof scratch.folder, "%s/stagecoach-test.XXXXXX",
             base != NULL && *base != '\0' ? base : "/tmp");
    if (mkdtemp(scratch.folder) == NULL || pipe2(ends, O_CLOEXEC) != 0)
        FAIL("%s: %s", scratch.folder, strerror(errno));
    scratch.owner = getpid();
    scratch.watcher = fork();
    if (scratch.watcher < 0)
        FAIL("fork: %s", strerror(errno));
    if (scratch.watcher == 0) {
        setsid();
        dup2(ends[0], STDIN_FILENO);
        execl("/bin/sh", "sh", "-c", watcher_script, "watcher", scratch.folder, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    scratch.pipe = ends[1];
    atexit(scratch_end);
}

const char *process_scratch(void)
{
    if (scratch.pipe < 0)
        scratch_begin();
    return scratch.folder;
}

void process_folder(const char *name, char *path, size_t size)
{
    int written = snprintf(path, size, "%s/%s.%u", process_scratch(), name, scratch.folders++);

    if (written < 0 || (size_t)written >= size || mkdir(path, 0700) != 0)
        FAIL("%s: %s", path, strerror(errno));
}

struct process *process_start(const char *folder, const char *const argv[])
{
    struct process *process = calloc(1, sizeof *process);
    char pid_path[512];

    if (process == NULL)
        FAIL("out of memory");
    snprintf(process->log, sizeof process->log, "%s/log", folder);
    snprintf(pid_path, sizeof pid_path, "%s/pid", folder);
    int empty = open(process->log, O_WRONLY | O_CREAT | O_APPEND, 0600); /* for who looks at once */
    if (empty >= 0)
        close(empty);
    fflush(NULL);
    process->pid = fork();
    if (process->pid < 0)
        FAIL("fork: %s", strerror(errno));
    if (process->pid == 0) {
        int log = open(process->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        int nothing = open("/dev/null", O_RDONLY);

        /* Faster than the watcher where the test program is killed. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(nothing, STDIN_FILENO);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    FILE *file = fopen(pid_path, "w");
    if (file == NULL)
        FAIL("%s: %s", pid_path, strerror(errno));
    fprintf(file, "%d\n", (int)process->pid);
    fclose(file);
    return process;
}

pid_t process_pid(const struct process *process)
{
    return process->pid;
}

const char *process_log(const struct process *process)
{
    return process->log;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    char *text;

    if (file == NULL || fstat(fileno(file), &status) != 0)
        FAIL("%s: %s", path, strerror(errno));
    text = malloc((size_t)status.st_size + 1);
    if (text == NULL)
        FAIL("out of memory");
    text[fread(text, 1, (size_t)status.st_size, file)] = '\0';
    fclose(file);
    return text;
}

char *process_read_log(const struct process *process)
{
    return read_file(process->log);
}

void process_print_end(const char *path)
{
    char *text;
    size_t size;

    if (access(path, R_OK) != 0)
        return;
    text = read_file(path);
    size = strlen(text);
    fprintf(stderr, "--- the end of %s:\n%s---\n", path,
            size > END_SIZE ? text + size - END_SIZE : text);
    free(text);
}

void process_signal(struct process *process, int signal)
{
    if (!process_wait(process, 0, NULL))
        kill(process->pid, signal);
}

bool process_wait(struct process *process, int timeout_ms, int *status)
{
    int64_t end = process_now_ms() + timeout_ms;

    while (!process->ended) {
        pid_t got = waitpid(process->pid, &process->status, WNOHANG);

        if (got == process->pid || (got < 0 && errno == ECHILD)) {
            process->ended = true;
            break;
        }
        if (process_now_ms() >= end)
            return false;
        process_nap_ms(5);
    }
    if (status != NULL)
        *status = process->status;
    return true;
}

int process_exit_code(struct process *process, int timeout_ms)
{
    int status = 0;

    if (!process_wait(process, timeout_ms, &status))
        FAIL("pid %d still runs after %d ms; its log is %s", (int)process->pid, timeout_ms,
             process->log);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void process_free(struct process *process)
{
    if (process == NULL)
        return;
    if (!process->ended) {
        kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
    }
    /* The number may be somebody else's by the time the watcher looks. */
    char *slash = strrchr(process->log, '/');
    snprintf(slash, sizeof process->log - (size_t)(slash - process->log), "/pid");
    unlink(process->log);
    free(process);
}

int process_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        FAIL("no free port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}
