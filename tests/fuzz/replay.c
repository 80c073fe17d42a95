/* tests/fuzz/replay.c - runs a fuzz target on the files of its corpus, without libFuzzer. */
#include <dirent.h>

#include "tests/fuzz/fuzz.h"

#define PATH_BYTES 4096u

static void run(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t room = 1u << 20; /* libFuzzer's own inputs are not larger */
    uint8_t *bytes = malloc(room);
    size_t size;

    FUZZ_PROMISE(file != NULL && bytes != NULL);
    size = fread(bytes, 1, room, file);
    (void)fclose(file);
    bytes = realloc(bytes, size + 1); /* reads behind the end are to be seen */
    (void)LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

int main(int count, char **arguments)
{
    struct dirent **entries = NULL;
    const char *directory = count == 2 ? arguments[1] : ".";
    int found = scandir(directory, &entries, NULL, alphasort);
    unsigned runs = 0;

    for (int i = 0; i < found; i++) {
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            run(path);
            runs++;
        }
        free(entries[i]);
    }
    free(entries);
    printf("%u inputs\n", runs);
    return runs > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* an empty corpus tests nothing */
}
