/* Run a fuzz target over files, so that any compiler with sanitizers can do it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __attribute__((weak)) LLVMFuzzerInitialize(int *count, char ***words);

int main(int count, char **paths)
{
    if (LLVMFuzzerInitialize != NULL)
        LLVMFuzzerInitialize(&count, &paths);
    static uint8_t room[1 << 16];
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(paths[i], "rb");
        if (file == NULL) {
            perror(paths[i]);
            return 1;
        }
        const size_t size = fread(room, 1, sizeof room, file);
        fclose(file);
        uint8_t *data = malloc(size ? size : 1); /* of exact size, for the sanitizer */
        if (data == NULL)
            return 1;
        for (size_t part = 0; part < size; part++)
            data[part] = room[part];
        for (size_t length = size;; length = length * 3 / 4) { /* complete and truncated */
            LLVMFuzzerTestOneInput(data, length);
            if (length == 0)
                break;
        }
        free(data);
    }
    return 0;
}
