/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- service ---- */

static struct zuse *connect_with(struct cli *cli, unsigned flags, bool quiet)
{
    int err;

    if (cli->z != NULL)
        return cli->z;
    err = zuse_open(flags, &cli->z);
    if (err == 0)
        return cli->z;
    cli->z = NULL;
    if (!quiet)
        fprintf(stderr, "%s: cannot reach the zuse service: %s\n", cli->program,
                err_detail()[0] != '\0' ? err_detail() : err_sentence(err));
    return NULL;
}

struct zuse *cli_connect(struct cli *cli)
{
    return connect_with(cli, 0, false);
}

struct zuse *cli_connect_running(struct cli *cli)
{
    return connect_with(cli, ZUSE_OPEN_NO_START, true);
}

int cli_call(struct cli *cli, const char *op, const struct nvlist *args, struct nvlist **result,
             const struct zuse_callbacks *cb)
{
    if (cli_connect(cli) == NULL)
        return ZE_NOSERVICE;
    return zuse_call(cli->z, op, args, result, cb);
}

static int keep_item(void *arg, const struct nvlist *item)
{
    struct cli_items *items = arg;

    if (items->n == items->cap) {
        size_t cap = items->cap == 0 ? 64 : 2 * items->cap;
        struct nvlist **more = reallocarray(items->item, cap, sizeof(*more));

        if (more == NULL)
            return 1;
        items->item = more;
        items->cap = cap;
    }
    if (nvlist_dup(item, &items->item[items->n]) != 0)
        return 1;
    items->n++;
    return 0;
}

int cli_call_items(struct cli *cli, const char *op, const struct nvlist *args,
                   struct cli_items *items)
{
    struct zuse_callbacks cb = {.item = keep_item, .arg = items, .fd = -1};

    memset(items, 0, sizeof(*items));
    return cli_call(cli, op, args, NULL, &cb);
}

void cli_items_free(struct cli_items *items)
{
    for (size_t i = 0; i < items->n; i++)
        nvlist_free(items->item[i]);
    free(items->item);
    memset(items, 0, sizeof(*items));
}

const char *cli_detail(struct cli *cli)
{
    const char *text = cli->z != NULL ? zuse_error_text(cli->z) : "";
    const char *colon = strstr(text, ": ");

    return colon != NULL ? colon + 2 : text;
}

/* ---- progress ---- */

struct progress_state {
    struct timespec start, last;
    bool shown;
    char what[64];
};
/* One terminal a process: the state of its last line. */
static _Thread_local struct progress_state progress;

static double seconds_since(const struct timespec *from)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from->tv_sec) + (double)(now.tv_nsec - from->tv_nsec) / 1e9;
}

void cli_progress(void *arg, const char *what, uint64_t done, uint64_t total, const char *unit)
{
    char amount[32], rate[32];
    double elapsed;
    bool bytes = strcmp(unit, "bytes") == 0;

    if (!isatty(STDERR_FILENO))
        return;
    if (strncmp(progress.what, what, sizeof(progress.what) - 1) != 0) {
        cli_progress_end();
        snprintf(progress.what, sizeof(progress.what), "%s", what);
        clock_gettime(CLOCK_MONOTONIC, &progress.start);
        progress.last = progress.start;
        return;
    }
    if (seconds_since(&progress.last) < 0.2)
        return;
    clock_gettime(CLOCK_MONOTONIC, &progress.last);
    elapsed = seconds_since(&progress.start);
    if (bytes) {
        cli_nicebytes(done, amount);
        cli_nicebytes((uint64_t)((double)done / elapsed), rate);
    } else {
        snprintf(amount, sizeof(amount), "%llu %s", (unsigned long long)done, unit);
        snprintf(rate, sizeof(rate), "%.0f", (double)done / elapsed);
    }
    fprintf(stderr, "\r\033[K%s: %s, %s/s", what, amount, rate);
    if (total != 0 && done <= total && done != 0) {
        double left = elapsed * (double)(total - done) / (double)done;

        fprintf(stderr, ", %.0f%%, %02u:%02u left", 100.0 * (double)done / (double)total,
                (unsigned)(left / 60), (unsigned)left % 60);
    }
    fflush(stderr);
    progress.shown = true;
}

void cli_progress_end(void)
{
    if (progress.shown)
        fprintf(stderr, "\r\033[K");
    memset(&progress, 0, sizeof(progress));
}

/* ---- options ---- */

void cli_getopt_reset(void)
{
    optind = 0; /* glibc and musl start over */
}

int cli_getopt(int argc, char **argv, const char *spec, const struct option *longs)
{
    char colon_spec[128];
    int c;

    snprintf(colon_spec, sizeof(colon_spec), "%s%s", spec[0] == '+' || spec[0] == ':' ? "" : ":",
             spec);
    opterr = 0;
    c = longs != NULL ? getopt_long(argc, argv, colon_spec, longs, NULL)
                      : getopt(argc, argv, colon_spec);
    if (c == ':') {
        fprintf(stderr, "missing argument for '%c' option\n", optopt);
        return '?';
    }
    if (c == '?') {
        if (optopt == 0 && optind > 0 && optind <= argc)
            fprintf(stderr, "invalid option '%s'\n", argv[optind - 1]);
        else
            fprintf(stderr, "invalid option '%c'\n", optopt);
        return '?';
    }
    return c;
}

/* ---- tables ---- */

int cli_table_init(struct cli_table *t, size_t ncols)
{
    memset(t, 0, sizeof(*t));
    t->col = mem_calloc(ncols, sizeof(*t->col));
    t->ncols = ncols;
    return t->col == NULL ? ZE_NOMEM : 0;
}

void cli_table_column(struct cli_table *t, size_t i, const char *header, bool right)
{
    t->col[i] = (struct cli_column){header, right, strlen(header)};
}

int cli_table_add(struct cli_table *t, const char *const *cells)
{
    if (t->nrows == t->cap) {
        size_t cap = t->cap == 0 ? 32 : 2 * t->cap;
        char **cell = reallocarray(t->cell, cap * t->ncols, sizeof(*cell));

        if (cell == NULL)
            return ZE_NOMEM;
        t->cell = cell;
        t->cap = cap;
    }
    for (size_t i = 0; i < t->ncols; i++) {
        char *copy = mem_strdup(cells[i]);

        if (copy == NULL) {
            while (i-- > 0)
                free(t->cell[t->nrows * t->ncols + i]);
            return ZE_NOMEM;
        }
        t->cell[t->nrows * t->ncols + i] = copy;
        t->col[i].width = max_of(t->col[i].width, strlen(copy));
    }
    t->nrows++;
    return 0;
}

static void print_row(const struct cli_table *t, const char *const *cell, bool scripted, FILE *out)
{
    for (size_t i = 0; i < t->ncols; i++) {
        bool last = i + 1 == t->ncols;

        if (scripted)
            fprintf(out, "%s%s", cell[i], last ? "" : "\t");
        else if (t->col[i].right)
            fprintf(out, "%*s%s", (int)t->col[i].width, cell[i], last ? "" : "  ");
        else if (last)
            fputs(cell[i], out);
        else
            fprintf(out, "%-*s  ", (int)t->col[i].width, cell[i]);
    }
    fputc('\n', out);
}

void cli_table_print(const struct cli_table *t, bool scripted, FILE *out)
{
    if (!scripted) {
        const char **header AUTO_FREE = mem_calloc(t->ncols, sizeof(*header));

        for (size_t i = 0; header != NULL && i < t->ncols; i++)
            header[i] = t->col[i].header;
        if (header != NULL)
            print_row(t, header, false, out);
    }
    for (size_t r = 0; r < t->nrows; r++)
        print_row(t, (const char *const *)&t->cell[r * t->ncols], scripted, out);
}

void cli_table_free(struct cli_table *t)
{
    for (size_t i = 0; i < t->nrows * t->ncols; i++)
        free(t->cell[i]);
    free(t->cell);
    free(t->col);
    memset(t, 0, sizeof(*t));
}

int cli_add_paths(struct nvlist *args, const char *const *path, size_t n)
{
    const char **all = mem_calloc(n, sizeof(*all));
    int err = all == NULL ? ZE_NOMEM : 0;

    for (size_t i = 0; err == 0 && i < n; i++) {
        all[i] = realpath(path[i], NULL);
        if (all[i] ==
            NULL) /* not a file: an nbd: device, or an error to be told of by the service */
            all[i] = mem_strdup(path[i]);
        err = all[i] == NULL ? ZE_NOMEM : 0;
    }
    if (err == 0)
        err = nvlist_add_string_array(args, "paths", all, n);
    for (size_t i = 0; all != NULL && i < n; i++)
        free((char *)(uintptr_t)all[i]);
    free(all);
    return err;
}

void cli_copy(char *buf, size_t len, const char *text)
{
    size_t n = min_of(strlen(text), len - 1);

    memcpy(buf, text, n);
    buf[n] = '\0';
}

size_t cli_split(char *text, char **field, size_t max)
{
    size_t n = 0;

    for (char *at = text; n < max && at != NULL;) {
        char *comma = strchr(at, ',');

        if (comma != NULL)
            *comma++ = '\0';
        field[n++] = at;
        at = comma;
    }
    return n;
}

/* ---- JSON ---- */

json_t *cli_json_begin(const char *command)
{
    json_t *root = json_object();

    json_object_set_new(
        root, "output_version",
        json_pack("{s:s, s:i, s:i}", "command", command, "vers_major", 0, "vers_minor", 1));
    return root;
}

/*
 * Numbers beyond 2^63 do not fit the library's integers: they travel as marked strings, and the
 * marks and quotes are dropped from the finished text.
 */
#define BIG_MARK      "\\u0001u64:"
#define BIG_MARK_DATA "\001u64:"

void cli_json_print(json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT), *in = text, *out = text, *mark;
    const size_t mark_len = strlen("\"" BIG_MARK);

    while (text != NULL && (mark = strstr(in, "\"" BIG_MARK)) != NULL) {
        size_t before = (size_t)(mark - in), digits = strspn(mark + mark_len, "0123456789");

        memmove(out, in, before);
        memmove(out + before, mark + mark_len, digits);
        out += before + digits;
        in = mark + mark_len + digits + 1;
    }
    if (text != NULL) {
        memmove(out, in, strlen(in) + 1);
        puts(text);
    }
    free(text);
    json_decref(root);
}

json_t *cli_json_number(uint64_t n, bool as_int)
{
    char buf[48];

    if (as_int && n <= INT64_MAX)
        return json_integer((json_int_t)n);
    snprintf(buf, sizeof(buf), "%s%llu", as_int ? BIG_MARK_DATA : "", (unsigned long long)n);
    return json_string(buf);
}
