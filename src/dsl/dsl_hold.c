/* SPDX-License-Identifier: MIT */
/* User holds of snapshots (format/dsl.md, "8.3 Holds"). */
#include "dsl/dsl_impl.h"

int dsl_holds_get(struct dsl_dataset *snap, struct nvlist **out)
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct zap_cursor c;
    struct zap *zap;
    int err = e == NULL ? ZE_NOMEM : nvlist_create(&nv);

    if (err != 0)
        return err;
    if (!dsl_dataset_is_snapshot(snap))
        return err_raise(ZE_WRONGTYPE, "holds exist on snapshots only");
    if (snap->phys.userrefs_obj != 0) {
        err = zap_open(snap->dp->mos, snap->phys.userrefs_obj, &zap);
        if (err != 0)
            return err;
        zap_cursor_init(&c, zap);
        while ((err = zap_cursor_next(&c, e)) == 0) {
            err = nvlist_add_u64(nv, e->name, e->first);
            if (err != 0)
                break;
        }
        zap_cursor_fini(&c);
        zap_close(zap);
        if (err != ZE_NOENT)
            return err;
    }
    *out = nv;
    nv = NULL;
    return 0;
}
