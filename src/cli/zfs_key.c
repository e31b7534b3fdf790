/* SPDX-License-Identifier: MIT */
/*
 * zfs load-key and unload-key (format/crypto-dedup.md A7). The command reads the key (terminal,
 * standard input or file) and hands its bytes to the service, which derives and checks it.
 */
#include "cli/zfs_key.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/zfs_cli.h"

enum { KEY_MAX = 4096, PROMPT_TRIES = 3, KEY_FAILED = 255 };

struct key_target {
    char name[256], root[256], format[32], location[1024], status[32];
};
struct key_bytes {
    uint8_t data[KEY_MAX];
    size_t len;
    bool prompted; /* from a terminal: may be asked for again */
};

static const char *const key_props[] = {"encryptionroot", "keyformat", "keylocation", "keystatus"};

static void copy_text(const struct nvlist *item, const char *prop, char *buf, size_t len)
{
    struct zfs_value *v AUTO_FREE = mem_zalloc(sizeof(*v));

    buf[0] = '\0';
    if (v == NULL)
        return;
    zfs_value_get(item, prop, true, v);
    cli_copy(buf, len, v->text);
}

static void target_of(const struct nvlist *item, struct key_target *t)
{
    snprintf(t->name, sizeof(t->name), "%s", nvlist_string(item, "name", ""));
    copy_text(item, "encryptionroot", t->root, sizeof(t->root));
    copy_text(item, "keyformat", t->format, sizeof(t->format));
    copy_text(item, "keylocation", t->location, sizeof(t->location));
    copy_text(item, "keystatus", t->status, sizeof(t->status));
}

static int failed(bool load, const char *text)
{
    fprintf(stderr, "Key %s error: %s\n", load ? "load" : "unload", text);
    return CLI_FAILED;
}

/* ---- reading the key ---- */

static int read_all(int fd, struct key_bytes *k)
{
    k->len = 0;
    while (k->len < sizeof(k->data)) {
        ssize_t n = read(fd, k->data + k->len, sizeof(k->data) - k->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        k->len += (size_t)n;
    }
    return 0;
}

/* A line, so that several keys can follow each other on standard input. */
static int read_line(int fd, struct key_bytes *k)
{
    char c;
    ssize_t n = 0;

    k->len = 0;
    while (k->len < sizeof(k->data) && (n = read(fd, &c, 1)) == 1 && c != '\n')
        k->data[k->len++] = (uint8_t)c;
    return n < 0 ? -1 : 0;
}

static int read_raw(int fd, struct key_bytes *k)
{
    k->len = 0;
    while (k->len < 32) {
        ssize_t n = read(fd, k->data + k->len, 32 - k->len);

        if (n < 0)
            return -1;
        if (n == 0)
            break;
        k->len += (size_t)n;
    }
    return 0;
}

static int prompt(const struct key_target *t, struct key_bytes *k)
{
    struct termios old, quiet;
    const char *what = strcmp(t->format, "passphrase") == 0 ? "passphrase"
                       : strcmp(t->format, "hex") == 0      ? "hex key"
                                                            : "raw key";
    bool terminal = isatty(STDIN_FILENO), raw = strcmp(t->format, "raw") == 0;
    int err;

    k->prompted = terminal;
    if (terminal) {
        printf("Enter %s for '%s': ", what, t->root);
        fflush(stdout);
        if (tcgetattr(STDIN_FILENO, &old) == 0) {
            quiet = old;
            quiet.c_lflag &= ~(tcflag_t)ECHO;
            (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        }
    }
    err = raw ? read_raw(STDIN_FILENO, k) : read_line(STDIN_FILENO, k);
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
        putchar('\n');
    }
    return err;
}

static int read_key(const struct key_target *t, const char *location, struct key_bytes *k)
{
    char text[1200];
    int fd, err;

    k->prompted = false;
    if (strcmp(location, "prompt") == 0)
        return prompt(t, k) != 0 ? failed(true, strerror(errno)) : 0;
    if (strncmp(location, "http", 4) == 0)
        return failed(true, "keys from the network are not supported yet");
    if (strncmp(location, "file:///", 8) != 0)
        return failed(true, "Invalid keylocation.");
    fd = open(location + 7, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(text, sizeof(text), "Failed to open key material file: %s", strerror(errno));
        return failed(true, text);
    }
    err = read_all(fd, k);
    close(fd);
    return err != 0 ? failed(true, strerror(errno)) : 0;
}

/* What OpenZFS refuses before trying. */
static const char *key_fault(const struct key_target *t, struct key_bytes *k)
{
    bool raw = strcmp(t->format, "raw") == 0;

    if (!raw && k->len > 0 && k->data[k->len - 1] == '\n')
        k->len--;
    if (raw)
        return k->len < 32   ? "Raw key too short (expected 32)."
               : k->len > 32 ? "Raw key too long (expected 32)."
                             : NULL;
    if (strcmp(t->format, "hex") == 0) {
        for (size_t i = 0; i < k->len; i++) {
            if (strchr("0123456789abcdefABCDEF", k->data[i]) == NULL || k->data[i] == '\0')
                return "Invalid hex character detected.";
        }
        return k->len < 64   ? "Hex key too short (expected 64)."
               : k->len > 64 ? "Hex key too long (expected 64)."
                             : NULL;
    }
    return k->len < 8     ? "Passphrase too short (min 8)."
           : k->len > 512 ? "Passphrase too long (max 512)."
                          : NULL;
}

/* ---- load ---- */

static int load_call(struct cli *cli, const struct key_target *t, const struct key_bytes *k,
                     bool noop)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    int err = nvlist_create(&args);

    err = err != 0 ? err : nvlist_add_string(args, "dataset", t->root);
    err = err != 0 ? err : nvlist_add_byte_array(args, "key", k->data, k->len);
    err = err != 0 ? err : nvlist_add_bool(args, "noop", noop);
    return err != 0 ? err : cli_call(cli, "load_key", args, NULL, NULL);
}

static int explain(struct cli *cli, const struct key_target *t, bool load, int err)
{
    char text[1024];

    if (err == ZE_WRONGKEY)
        snprintf(text, sizeof(text), "Incorrect key provided for '%s'.", t->name);
    else if (err == ZE_KEYLOADED)
        snprintf(text, sizeof(text), "Key already loaded for '%s'.", t->name);
    else if (err == ZE_NOKEY && !load)
        snprintf(text, sizeof(text), "Key already unloaded for '%s'.", t->name);
    else if (err == ZE_BUSY)
        snprintf(text, sizeof(text), "'%s' is busy.", t->name);
    else if (err == ZE_PERM || err == ZE_ACCES)
        snprintf(text, sizeof(text), "Permission denied.");
    else
        snprintf(text, sizeof(text), "%s",
                 cli->z != NULL ? zuse_error_text(cli->z) : err_sentence(err));
    return failed(load, text);
}

static int load_target(struct cli *cli, const struct key_target *t, const char *location, bool noop)
{
    struct key_bytes k = {.len = 0};
    int status = CLI_FAILED;

    for (int tries = 1; tries <= PROMPT_TRIES; tries++) {
        const char *fault;
        int err;

        if (read_key(t, location != NULL ? location : t->location, &k) != 0)
            break;
        fault = key_fault(t, &k);
        err = fault != NULL ? ZE_INVAL : load_call(cli, t, &k, noop);
        if (err == 0) {
            status = CLI_OK;
            break;
        }
        if (fault != NULL)
            (void)failed(true, fault);
        else
            (void)explain(cli, t, true, err);
        if (!k.prompted || (fault == NULL && err != ZE_WRONGKEY))
            break;
    }
    explicit_bzero(&k, sizeof(k));
    return status;
}

/* ---- one dataset ---- */

static int check_target(const struct key_target *t, bool load)
{
    char text[640];
    bool have = strcmp(t->status, "available") == 0;

    if (t->root[0] == '\0' || strcmp(t->root, "-") == 0)
        snprintf(text, sizeof(text), "'%s' is not encrypted.", t->name);
    else if (strcmp(t->root, t->name) != 0)
        snprintf(text, sizeof(text), "Keys must be %s for encryption root of '%s' (%s).",
                 load ? "loaded" : "unloaded", t->name, t->root);
    else if (load && have)
        snprintf(text, sizeof(text), "Key already loaded for '%s'.", t->name);
    else if (!load && !have)
        snprintf(text, sizeof(text), "Key already unloaded for '%s'.", t->name);
    else
        return CLI_OK;
    return failed(load, text);
}

static int unload_target(struct cli *cli, const struct key_target *t)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    int err = nvlist_create(&args);

    err = err != 0 ? err : nvlist_add_string(args, "dataset", t->root);
    err = err != 0 ? err : cli_call(cli, "unload_key", args, NULL, NULL);
    return err != 0 ? explain(cli, t, false, err) : CLI_OK;
}

static int with_root(struct cli *cli, const char *root, struct key_target *t)
{
    AUTO_NVLIST struct nvlist *item = zfs_open(cli, root, 1 | 4, key_props, array_len(key_props));

    if (item == NULL)
        return CLI_FAILED;
    target_of(item, t);
    return CLI_OK;
}

int zfs_key_load_for(struct cli *cli, const char *root)
{
    struct key_target t;

    return with_root(cli, root, &t) == CLI_OK ? load_target(cli, &t, NULL, false) : CLI_FAILED;
}

int zfs_key_unload_for(struct cli *cli, const char *root)
{
    struct key_target t;

    return with_root(cli, root, &t) == CLI_OK ? unload_target(cli, &t) : CLI_FAILED;
}

/* ---- many ---- */

struct key_options {
    bool load, noop, all, recursive;
    const char *location;
};

static int many(struct cli *cli, const char *root, const struct key_options *o, bool summary)
{
    struct cli_items items = {0};
    size_t attempted = 0, done = 0;
    int err = zfs_collect(cli, root, 1 | 4, UINT64_MAX, key_props, array_len(key_props), &items);

    if (err != 0)
        return zfs_cannot(cli, "open", root != NULL ? root : "", err);
    (void)zfs_items_order(&items, &(struct zfs_sort){.n = 0});
    for (size_t i = 0; i < items.n; i++) {
        struct key_target t;

        target_of(items.item[i], &t);
        if (strcmp(t.root, t.name) != 0 ||
            strcmp(t.status, o->load ? "unavailable" : "available") != 0)
            continue;
        attempted++;
        done += (o->load ? load_target(cli, &t, o->location, o->noop) : unload_target(cli, &t)) ==
                CLI_OK;
    }
    cli_items_free(&items);
    if (summary)
        printf("%zu / %zu key(s) successfully %s\n", done, attempted,
               !o->load  ? "unloaded"
               : o->noop ? "verified"
                         : "loaded");
    return done == attempted ? CLI_OK : CLI_FAILED;
}

int zfs_key_unload_all(struct cli *cli)
{
    return many(cli, NULL, &(struct key_options){.load = false}, false);
}

int zfs_key_load_pool(struct cli *cli, const char *pool)
{
    return many(cli, pool, &(struct key_options){.load = true}, true);
}

static int run(struct cli *cli, int argc, char **argv, struct key_options *o)
{
    const char *command = o->load ? "load-key" : "unload-key";
    struct key_target t;
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, o->load ? "anrL:" : "ar", NULL)) != -1) {
        if (c == '?')
            return zfs_usage_print(stderr, command);
        o->all |= c == 'a';
        o->recursive |= c == 'r';
        o->noop |= c == 'n';
        if (c == 'L')
            o->location = optarg;
    }
    argc -= optind;
    argv += optind;
    if (!o->all && argc == 0)
        return zfs_usage_error(command, "Missing dataset argument or -a option\n");
    if (argc > 1)
        return zfs_usage_error(command, "Too many arguments\n");
    if (o->all && argc > 0)
        return zfs_usage_error(command, "Cannot specify dataset with -a option\n");
    if (o->location != NULL && strcmp(o->location, "prompt") != 0 && (o->all || o->recursive))
        return zfs_usage_error(command, "-L <keylocation> must be 'prompt' with '-%c' option\n",
                               o->all ? 'a' : 'r');
    if (o->all || o->recursive)
        return many(cli, o->all ? NULL : argv[0], o, true);
    if (!zfs_name_check("open", argv[0]) || with_root(cli, argv[0], &t) != CLI_OK)
        return CLI_FAILED;
    if ((!o->noop || strcmp(t.status, "available") != 0 || strcmp(t.root, t.name) != 0) &&
        check_target(&t, o->load) != CLI_OK)
        return KEY_FAILED;
    if ((o->load ? load_target(cli, &t, o->location, o->noop) : unload_target(cli, &t)) != CLI_OK) {
        if (o->noop)
            printf("0 / 1 key(s) successfully verified\n");
        return KEY_FAILED;
    }
    if (o->noop)
        printf("1 / 1 key(s) successfully verified\n");
    return CLI_OK;
}

int zfs_load_key(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, &(struct key_options){.load = true});
}

int zfs_unload_key(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, &(struct key_options){.load = false});
}
