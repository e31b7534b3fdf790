/* SPDX-License-Identifier: MIT */
/*
 * The object set block: loading its three sizes, validation, byte swap (format/dmu.md, "8.1
 * objset_phys_t").
 */
#include "disk/objset.h"

#include <inttypes.h>
#include <jansson.h>

#include "base/err.h"

void objset_phys_bswap(void *block, size_t len)
{
    struct objset_phys *os = block; /* only the first len bytes are there */

    if (len < OBJSET_SIZE_V1)
        return;
    dnode_phys_bswap(&os->meta_dnode, 1);
    zil_header_phys_bswap(&os->zil_header);
    os->type = __builtin_bswap64(os->type);
    os->flags = __builtin_bswap64(os->flags);
    if (len >= OBJSET_SIZE_V2) {
        dnode_phys_bswap(&os->userused_dnode, 1);
        dnode_phys_bswap(&os->groupused_dnode, 1);
    }
    if (len >= OBJSET_SIZE_V3)
        dnode_phys_bswap(&os->projectused_dnode, 1);
}

static int objset_validate_accounting(const struct objset_phys *os)
{
    int err = dnode_phys_validate(&os->userused_dnode, 1, OBJSET_OBJECT_USERUSED);
    if (err == 0)
        err = dnode_phys_validate(&os->groupused_dnode, 1, OBJSET_OBJECT_GROUPUSED);
    if (err == 0)
        err = dnode_phys_validate(&os->projectused_dnode, 1, OBJSET_OBJECT_PROJECTUSED);
    return err;
}

int objset_phys_validate(const struct objset_phys *os)
{
    const struct dnode_phys *meta = &os->meta_dnode;

    if (os->type >= OBJSET_TYPES)
        return err_raise(ZE_BADOBJSET, "object set: type %" PRIu64, os->type);
    /* An object set that was never written (a hole as root) is all zero. */
    if (meta->type == OBJTYPE_NONE && os->type == OBJSET_TYPE_NONE)
        return 0;
    if (meta->type != OBJTYPE_DNODE)
        return err_raise(ZE_BADOBJSET, "object set: meta-dnode has type %u", meta->type);
    if (dnode_phys_blksz(meta) != DNODE_BLOCK_SIZE)
        return err_raise(ZE_BADOBJSET, "object set: meta-dnode has %u sectors a block",
                         meta->datablkszsec);
    int err = dnode_phys_validate(meta, 1, OBJSET_OBJECT_META);
    if (err != 0)
        return err;
    return objset_validate_accounting(os);
}

int objset_phys_load(struct objset_phys *out, const void *block, size_t size, bool swapped)
{
    if (!objset_phys_size_ok(size))
        return err_raise(ZE_BADOBJSET, "object set: root block of %zu bytes", size);
    memcpy(out, block, size);
    memset((uint8_t *)out + size, 0, sizeof(*out) - size);
    if (swapped)
        objset_phys_bswap(out, size);
    return objset_phys_validate(out);
}

const struct dnode_phys *objset_phys_special(const struct objset_phys *os, uint64_t object)
{
    switch (object) {
    case OBJSET_OBJECT_META:
        return &os->meta_dnode;
    case OBJSET_OBJECT_USERUSED:
        return &os->userused_dnode;
    case OBJSET_OBJECT_GROUPUSED:
        return &os->groupused_dnode;
    case OBJSET_OBJECT_PROJECTUSED:
        return &os->projectused_dnode;
    default:
        return NULL;
    }
}

const char *objset_type_name(uint64_t type)
{
    static const char *const names[OBJSET_TYPES] = {"NONE", "META", "ZPL", "ZVOL", "OTHER"};
    return type < OBJSET_TYPES ? names[type] : "UNKNOWN";
}

void objset_phys_dump(const struct objset_phys *os, FILE *out)
{
    fprintf(out, "\t\ttype = %s\n\t\tflags = 0x%" PRIx64 "\n", objset_type_name(os->type),
            os->flags);
    dnode_phys_dump(&os->meta_dnode, out);
    zil_header_phys_dump(&os->zil_header, out);
}

struct json_t *objset_phys_json(const struct objset_phys *os)
{
    json_t *object = json_object();
    if (object == NULL)
        return NULL;
    json_object_set_new(object, "type", json_string(objset_type_name(os->type)));
    json_object_set_new(object, "flags", json_integer((json_int_t)os->flags));
    json_object_set_new(object, "meta_dnode", dnode_phys_json(&os->meta_dnode));
    json_object_set_new(object, "zil_header", zil_header_phys_json(&os->zil_header));
    return object;
}
