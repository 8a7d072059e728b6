/* Fail chosen system calls of a process, to see what it does on a failing disk.
 *
 *   FAULTS_PLAN=FILE FAULTS_FOLDER=FOLDER LD_PRELOAD=faults.so COMMAND ...
 *
 * FILE holds `struct plan`, which another process may change at any time.  Only calls on files below
 * FOLDER are counted and failed; all others pass.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { SYNC = 1, WRITE = 2, RENAME = 4, SHORT = 8, UNSYNCED = 16 };

struct plan {
    int32_t calls; /* which calls fail: SYNC, WRITE, RENAME; SHORT: writes write `keep` bytes;
                      UNSYNCED: syncs succeed and do nothing */
    int32_t skip;  /* calls that pass before the first one that fails */
    int32_t times; /* calls that fail */
    int32_t error; /* the errno of calls that fail */
    int32_t keep;  /* bytes that a short write writes */
    int32_t done;  /* counts the calls that failed */
};

static struct plan *plan;
static char folder[4096];
static size_t folder_size;

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("FAULTS_PLAN"), *below = getenv("FAULTS_FOLDER");
    if (file == NULL || below == NULL || strlen(below) >= sizeof folder)
        return;
    int opened = open(file, O_RDWR | O_CLOEXEC);
    if (opened < 0)
        return;
    void *shared = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, opened, 0);
    close(opened);
    if (shared == MAP_FAILED)
        return;
    strcpy(folder, below);
    folder_size = strlen(folder);
    plan = shared;
}

static void *next_of(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* Return whether a path is below the folder. */
static int concerned(const char *path)
{
    return !strncmp(path, folder, folder_size) && path[folder_size] == '/';
}

/* Return whether this call is one of those that fail. */
static int is_due(void)
{
    if (__atomic_fetch_sub(&plan->skip, 1, __ATOMIC_SEQ_CST) > 0)
        return 0;
    if (__atomic_fetch_sub(&plan->times, 1, __ATOMIC_SEQ_CST) <= 0)
        return 0;
    __atomic_fetch_add(&plan->done, 1, __ATOMIC_SEQ_CST);
    return 1;
}

/* Return which of these calls is planned to fail for this descriptor, or 0. */
static int planned(int descriptor, int calls)
{
    char link[32], path[4096];
    if (plan == NULL || !(calls & plan->calls))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    return concerned(path) ? calls & plan->calls : 0;
}

static int fail(void)
{
    errno = plan->error;
    return -1;
}

static int synced(const char *name, int descriptor)
{
    int kind = planned(descriptor, SYNC | UNSYNCED);
    if (kind & UNSYNCED)
        return 0;
    if (kind && is_due())
        return fail();
    return ((int (*)(int))next_of(name))(descriptor);
}

int fsync(int descriptor)
{
    return synced("fsync", descriptor);
}

int fdatasync(int descriptor)
{
    return synced("fdatasync", descriptor);
}

/* Return the number of bytes to write of `size`, or -1 to fail. */
static ssize_t allowed(int descriptor, size_t size)
{
    int kind = planned(descriptor, WRITE | SHORT);
    if (!kind || !is_due())
        return (ssize_t)size;
    if (kind & WRITE)
        return fail();
    return (size_t)plan->keep < size ? plan->keep : (ssize_t)size;
}

ssize_t write(int descriptor, const void *data, size_t size)
{
    ssize_t length = allowed(descriptor, size);
    if (length < 0)
        return -1;
    return ((ssize_t(*)(int, const void *, size_t))next_of("write"))(descriptor, data,
                                                                   (size_t)length);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at)
{
    ssize_t length = allowed(descriptor, size);
    if (length < 0)
        return -1;
    return ((ssize_t(*)(int, const void *, size_t, off64_t))next_of("pwrite64"))(
        descriptor, data, (size_t)length, at);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at)
{
    return pwrite64(descriptor, data, size, at);
}

int rename(const char *from, const char *to)
{
    if (plan != NULL && plan->calls & RENAME && concerned(to) && is_due())
        return fail();
    return ((int (*)(const char *, const char *))next_of("rename"))(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    if (plan != NULL && plan->calls & RENAME && concerned(to) && is_due())
        return fail();
    return ((int (*)(int, const char *, int, const char *))next_of("renameat"))(
        from_folder, from, to_folder, to);
}
