/* SPDX-License-Identifier: MIT */
/* Reading log space maps; see log_spacemap.h. */
#include "alloc/log_spacemap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "dmu/zap.h"

/* A writer keeps at most 1000 txgs of logs (17.4); this is only a bound on memory. */
#define LOGS_MAX (1u << 20)

static int log_compare(const void *a, const void *b)
{
    const struct log_spacemap *x = a, *y = b;
    return (x->txg > y->txg) - (x->txg < y->txg);
}

static int add_log(struct log_spacemaps *logs, size_t *room, const struct zap_entry *e)
{
    char *end;

    errno = 0;
    uint64_t txg = strtoull(e->name, &end, 16);
    if (errno != 0 || end == e->name || *end != '\0' || e->integer_size != 8 || e->count != 1)
        return err_raise(ZE_BADSPACEMAP, "log space maps: entry '%.40s'", e->name);
    if (logs->n == LOGS_MAX)
        return err_raise(ZE_BADSPACEMAP, "log space maps: more than %u", LOGS_MAX);
    if (logs->n == *room) {
        size_t more = *room == 0 ? 64 : *room * 2;
        struct log_spacemap *p = realloc(logs->log, more * sizeof(*p));
        if (p == NULL)
            return err_raise(ZE_NOMEM, "log space maps");
        logs->log = p;
        *room = more;
    }
    logs->log[logs->n++] = (struct log_spacemap){.txg = txg, .object = e->first};
    return 0;
}

int log_spacemaps_list(struct objset *mos, struct log_spacemaps *out)
{
    struct zap_cursor c;
    struct zap *zap;
    uint64_t object;
    size_t room = 0;

    *out = (struct log_spacemaps){0};
    int err = zap_get_u64(mos, 1, LOG_SPACEMAP_ZAP, &object);
    if (err == ZE_NOENT)
        return 0;
    if (err == 0)
        err = zap_open(mos, object, &zap);
    if (err != 0)
        return err;
    struct zap_entry *e = mem_zalloc(sizeof(*e));
    if (e == NULL) {
        zap_close(zap);
        return err_raise(ZE_NOMEM, "log space maps");
    }
    zap_cursor_init(&c, zap);
    while (err == 0 && (err = zap_cursor_next(&c, e)) == 0)
        err = add_log(out, &room, e);
    zap_cursor_fini(&c);
    zap_close(zap);
    free(e);
    if (err != ZE_NOENT) {
        log_spacemaps_free(out);
        return err;
    }
    if (out->n > 1)
        qsort(out->log, out->n, sizeof(*out->log), log_compare);
    return 0;
}

void log_spacemaps_free(struct log_spacemaps *logs)
{
    free(logs->log);
    *logs = (struct log_spacemaps){0};
}

bool log_spacemaps_has(const struct log_spacemaps *logs, uint64_t txg)
{
    struct log_spacemap key = {.txg = txg};
    return logs->n != 0 && bsearch(&key, logs->log, logs->n, sizeof(key), log_compare) != NULL;
}

int log_spacemap_open(struct objset *mos, const struct log_spacemap *log, struct space_map **out)
{
    return space_map_open(mos, log->object, 0, UINT64_MAX, LOG_SPACEMAP_SHIFT, out);
}

int log_spacemap_unflushed(struct objset *mos, uint64_t top_zap, uint64_t n, uint64_t *txgs,
                           uint64_t *object)
{
    uint64_t array = 0;

    memset(txgs, 0, (size_t)n * sizeof(*txgs));
    if (object != NULL)
        *object = 0;
    if (top_zap == 0)
        return 0;
    int err = zap_get_u64(mos, top_zap, LOG_SPACEMAP_UNFLUSHED, &array);
    if (err == ZE_NOENT)
        return 0;
    if (err == 0)
        err = dmu_read_object(mos, array, 0, txgs, n * sizeof(*txgs));
    if (err == 0 && object != NULL)
        *object = array;
    return err;
}
