/* SPDX-License-Identifier: MIT */
/*
 * What the commands share: the connection to the service, option parsing with the field's messages,
 * numbers, tables and JSON as zpool and zfs print them (format/dsl.md 11, 18.1; format/raid.md 17).
 * Commands are tables of {name, function, usage}; each function gets its own argv and returns the
 * exit status.
 */
#ifndef ZUSE_CLI_CLI_H
#define ZUSE_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "codec/nvlist.h"
#include "zuse/zuse.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli {
    const char *program; /* "zpool", "zfs", "zdb", "zuse" */
    struct zuse *z;      /* connected on first use: cli_connect() */
};

struct cli_command {
    const char *name, *alias;                           /* alias may be NULL */
    int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the command's name */
    const char *usage; /* its synopsis lines as in the usage text, without the leading tab; NULL
                          ends a table */
};

/* ---- programs (one table each) ---- */
int zpool_main(struct cli *cli, int argc, char **argv);
int zfs_main(struct cli *cli, int argc, char **argv);
int zdb_main(struct cli *cli, int argc, char **argv);
int zuse_main(struct cli *cli, int argc, char **argv);
int mount_helper_main(struct cli *cli, int argc,
                      char **argv); /* mount.fuse.zuse DATASET DIR -o OPTIONS */
int zused_main(int argc, char **argv);

/* ---- service ---- */
/* NULL after printing why not. Starts zused where needed; with no_start NULL silently if it does
 * not run. */
struct zuse *cli_connect(struct cli *cli);
struct zuse *cli_connect_running(struct cli *cli);
/* zuse_call with the connection; the error's detail is cli_detail(). */
int cli_call(struct cli *cli, const char *op, const struct nvlist *args, struct nvlist **result,
             const struct zuse_callbacks *cb);
/* Collect the items of a call into a malloc'ed array of lists. */
struct cli_items {
    struct nvlist **item;
    size_t n, cap;
};
int cli_call_items(struct cli *cli, const char *op, const struct nvlist *args,
                   struct cli_items *items);
void cli_items_free(struct cli_items *items);
/* Detail text of the last failed call (without the error's sentence), or the sentence. */
const char *cli_detail(struct cli *cli);
/* A progress line on a terminal: what, percent, rate, time left. Use as zuse_callbacks.progress
 * with arg cli. */
void cli_progress(void *arg, const char *what, uint64_t done, uint64_t total, const char *unit);
void cli_progress_end(void);

/* ---- options ---- */
/*
 * getopt_long with zpool's and zfs's messages: returns the option, -1 at the end, and '?' after
 * printing "invalid option 'c'" or "missing argument for 'c' option" (then show usage, exit 2).
 * Resets between commands.
 */
struct option;
int cli_getopt(int argc, char **argv, const char *spec, const struct option *longs);
void cli_getopt_reset(void);

/* ---- numbers ---- */
/* 1023, 1.50K, 10.0K ... (bytes: 512B). buf >= 32. Returns buf. */
char *cli_nicenum(uint64_t n, char *buf);
char *cli_nicebytes(uint64_t n, char *buf);
char *cli_nicetime(uint64_t ns, char *buf); /* 12us; 0 is "-" */
/* "1.00x" of hundredths; plain "1.00". */
char *cli_ratio(uint64_t hundredths, bool plain, char *buf);
/* Size with suffix as in dsl.md 11. 0, or -1 after filling err with the field's message. */
int cli_parse_number(const char *text, uint64_t *out, char *err, size_t err_len);

/* ---- tables ---- */
struct cli_column {
    const char *header;
    bool right;   /* right-aligned */
    size_t width; /* minimum; grows */
};
struct cli_table {
    struct cli_column *col;
    size_t ncols;
    char **cell; /* nrows * ncols, owned */
    size_t nrows, cap;
};
int cli_table_init(struct cli_table *t, size_t ncols);
void cli_table_column(struct cli_table *t, size_t i, const char *header, bool right);
int cli_table_add(struct cli_table *t, const char *const *cells); /* one row */
/*
 * Two spaces between columns, last left-aligned column unpadded; scripted: no header, one tab.
 */
void cli_table_print(const struct cli_table *t, bool scripted, FILE *out);
void cli_table_free(struct cli_table *t);
/* Add "paths": the files and folders as the service, which has another working directory, must see
 * them. */
int cli_add_paths(struct nvlist *args, const char *const *path, size_t n);
/* As much of text as fits. */
void cli_copy(char *buf, size_t len, const char *text);
/* Split "a,b,c" in place; returns count, fields point into text. */
size_t cli_split(char *text, char **field, size_t max);

/* ---- JSON ---- */
json_t *cli_json_begin(const char *command); /* {"output_version": ...} */
/* One line and newline; takes the reference. */
void cli_json_print(json_t *root);
/* A string of the number, or the number itself with as_int. */
json_t *cli_json_number(uint64_t n, bool as_int);

#endif
