/* System calls that fail when a test says so; loaded into a process with LD_PRELOAD.

   The file named by FAULTY_CALLS holds one fault a line: CALL SUFFIX ERRNO SKIP TIMES KEEP.
   A call on a file whose path ends with SUFFIX, or any if it is *, fails with ERRNO, after SKIP calls that succeed and
   at most TIMES times; if KEEP is not negative, a write writes KEEP bytes instead and reports that.
   A negative SKIP means: after another fault has occurred.  Counting starts again when the file
   changes. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAULTS 16

struct fault {
    char call[24], suffix[128];
    int error, skip, times;
    long keep;
};

static struct fault faults[FAULTS];
static char text_now[4096];
static int count, occurred;

static void
read_faults(void)
{
    const char *path = getenv("FAULTY_CALLS");
    char text[sizeof text_now] = "";
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        long size = syscall(SYS_read, fd, text, sizeof text - 1);
        text[size > 0 ? size : 0] = 0;
        syscall(SYS_close, fd);
    }
    if (!strcmp(text, text_now))
        return;
    strcpy(text_now, text);
    count = occurred = 0;
    for (char *save, *line = strtok_r(text, "\n", &save); line && count < FAULTS;
         line = strtok_r(NULL, "\n", &save)) {
        struct fault *f = &faults[count];
        if (sscanf(line, "%23s %127s %d %d %d %ld", f->call, f->suffix, &f->error, &f->skip,
                   &f->times, &f->keep) == 6)
            count++;
    }
}

static struct fault *
found(const char *call, const char *path)
{
    read_faults();
    size_t length = strlen(path);
    for (int i = 0; i < count; i++) {
        struct fault *f = &faults[i];
        size_t size = strlen(f->suffix);
        int is_meant = !strcmp(f->suffix, "*") ||
                       (length >= size && !strcmp(path + length - size, f->suffix));
        if (strcmp(f->call, call) || !is_meant)
            continue;
        if (f->skip > 0)
            f->skip--;
        else if (f->times > 0 && (f->skip == 0 || occurred)) {
            f->times--;
            occurred = 1;
            return f;
        }
    }
    return NULL;
}

static struct fault *
found_open(const char *call, int fd)
{
    char link[64], path[4096];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long size = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    errno = before;
    if (size < 0)
        return NULL;
    path[size] = 0;
    return found(call, path);
}

#define NEXT(name, ...) \
    static __typeof__(name) *next; \
    if (!next) \
        next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
    return next(__VA_ARGS__)

#define FAIL(f) \
    do { \
        errno = (f)->error; \
        return -1; \
    } while (0)

#define WRITE(name, ...) \
    struct fault *f = found_open("write", fd); \
    if (f && f->keep < 0) \
        FAIL(f); \
    if (f && size > (size_t)f->keep) \
        size = (size_t)f->keep; \
    NEXT(name, fd, data, size, ##__VA_ARGS__)

ssize_t write(int fd, const void *data, size_t size) { WRITE(write); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { WRITE(pwrite, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { WRITE(pwrite64, at); }

int
fsync(int fd)
{
    struct fault *f = found_open("fsync", fd);
    if (f)
        FAIL(f);
    NEXT(fsync, fd);
}

int
fdatasync(int fd)
{
    struct fault *f = found_open("fsync", fd);
    if (f)
        FAIL(f);
    NEXT(fdatasync, fd);
}

int
posix_fallocate64(int fd, off64_t at, off64_t size)
{
    struct fault *f = found_open("allocate", fd);
    if (f)
        return f->error;
    NEXT(posix_fallocate64, fd, at, size);
}

int
posix_fallocate(int fd, off_t at, off_t size)
{
    struct fault *f = found_open("allocate", fd);
    if (f)
        return f->error;
    NEXT(posix_fallocate, fd, at, size);
}

int
rename(const char *from, const char *to)
{
    struct fault *f = found("rename", to);
    if (f)
        FAIL(f);
    NEXT(rename, from, to);
}

#define OPEN(name) \
    mode_t mode = 0; \
    va_list rest; \
    va_start(rest, flags); \
    if (flags & O_CREAT) \
        mode = va_arg(rest, mode_t); \
    va_end(rest); \
    struct fault *f = flags & (O_CREAT | O_WRONLY | O_RDWR) ? found("open", path) : NULL; \
    if (f) \
        FAIL(f); \
    NEXT(name, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN(open); }
int open64(const char *path, int flags, ...) { OPEN(open64); }
