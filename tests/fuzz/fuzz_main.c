/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target without libFuzzer: fuzz_NAME [-n MUTATIONS] [FILE|DIRECTORY]... feeds it the
 * empty input, some noise, every file named, and a fixed series of mutations of each. The series
 * depends on the file's content only, so a failure repeats.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (1u << 20)

static unsigned mutations = 300;
static unsigned long runs;

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 27);
}

/* Exactly size bytes on the heap, so that address checkers see a read past the end. */
static void run_one(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);

    if (copy == NULL)
        exit(1);
    if (size != 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    runs++;
}

/* One to four small changes; returns the new size. */
static size_t mutate(uint8_t *p, size_t size, uint64_t *rng)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     0x7f,
                                     0xff,
                                     0x7fff,
                                     0xffff,
                                     0x7fffffff,
                                     0xffffffff,
                                     UINT64_MAX,
                                     UINT64_MAX / 2,
                                     0x8000000000000000u};

    for (uint64_t left = 1 + next_random(rng) % 4; left > 0 && size > 0; left--) {
        size_t at = next_random(rng) % size;
        size_t width = (size_t)1 << next_random(rng) % 4;
        uint64_t edge = edges[next_random(rng) % (sizeof(edges) / sizeof(edges[0]))];
        switch (next_random(rng) % 5) {
        case 0:
            p[at] ^= (uint8_t)(1u << next_random(rng) % 8);
            break;
        case 1:
            p[at] = (uint8_t)next_random(rng);
            break;
        case 2:
            memcpy(p + at, &edge, at + width <= size ? width : size - at);
            break;
        case 3:
            size = at; /* cut short */
            break;
        default: {
            size_t from = next_random(rng) % size;
            size_t most = size - (from > at ? from : at);
            memmove(p + at, p + from, most < 64 ? most : 64);
        }
        }
    }
    return size;
}

static void run_mutations(const uint8_t *data, size_t size)
{
    uint8_t *work = malloc(size != 0 ? size : 1);
    uint64_t rng = size;

    if (work == NULL)
        exit(1);
    for (size_t i = 0; i < size; i++)
        rng = rng * 31 + data[i];
    for (unsigned i = 0; i < mutations; i++) {
        memcpy(work, data, size);
        run_one(work, mutate(work, size, &rng));
    }
    free(work);
}

static void run_noise(void)
{
    uint8_t noise[2048] = {0};
    uint64_t rng = 1;

    run_one(noise, 0);
    for (unsigned i = 0; i < mutations; i++) {
        size_t size = 1 + next_random(&rng) % sizeof(noise);
        for (size_t k = 0; k < size; k++)
            noise[k] = (uint8_t)(next_random(&rng) >> 24 & (i % 2 ? 0xff : 0x0f));
        run_one(noise, size);
    }
}

static void run_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *data = malloc(INPUT_MAX);
    ssize_t n = fd >= 0 && data != NULL ? read(fd, data, INPUT_MAX) : -1;

    if (n < 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    close(fd);
    run_one(data, (size_t)n);
    run_mutations(data, (size_t)n);
    free(data);
}

static void run_path(const char *path)
{
    struct stat st;
    struct dirent **list;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        run_file(path);
        return;
    }
    int n = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char name[4096];
        if (list[i]->d_name[0] != '.' &&
            snprintf(name, sizeof(name), "%s/%s", path, list[i]->d_name) < (int)sizeof(name))
            run_file(name);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

int main(int argc, char **argv)
{
    int opt;

    while ((opt = getopt(argc, argv, "n:")) == 'n')
        mutations = (unsigned)strtoul(optarg, NULL, 10);
    if (opt != -1)
        return 2;
    run_noise();
    for (int i = optind; i < argc; i++)
        run_path(argv[i]);
    printf("%lu inputs\n", runs);
    return 0;
}
