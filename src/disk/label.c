/* SPDX-License-Identifier: MIT */
/*
 * The nvlist and boot environment parts of a label (format/pool.md, 2.4 and 2.5).
 */
#include "disk/label.h"

#include <inttypes.h>

#include "base/err.h"
#include "base/mem.h"

/* An unknown form: old loaders wrote a plain string over the whole block. */
static int bootenv_legacy(struct span block, struct nvlist *env)
{
    if (block.data[0] == '\0')
        return nvlist_add_u64(env, "version", LABEL_BOOTENV_NVLIST);
    return nvlist_add_stringf(env, "freebsd:bootonce", "%.*s",
                              (int)strnlen((const char *)block.data, LABEL_BOOTENV_PAYLOAD),
                              (const char *)block.data);
}

static int bootenv_raw(struct span payload, struct nvlist *env)
{
    int err = nvlist_add_u64(env, "version", LABEL_BOOTENV_RAW);
    if (err != 0)
        return err;
    return nvlist_add_stringf(env, "grub:envmap", "%.*s",
                              (int)strnlen((const char *)payload.data, payload.len),
                              (const char *)payload.data);
}

int label_bootenv_decode(struct span block, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *env = NULL;
    struct span payload;
    int err;

    if (block.len < LABEL_BOOTENV_SIZE || !span_sub(block, 8, LABEL_BOOTENV_PAYLOAD, &payload))
        return err_raise(ZE_BADLABEL, "boot environment: block of %zu bytes", block.len);
    uint64_t version = load_be64(block.data);
    if (version == LABEL_BOOTENV_NVLIST && nvlist_decode(payload, out) == 0)
        return 0;
    if ((err = nvlist_create(&env)) != 0)
        return err;
    err = version == LABEL_BOOTENV_RAW ? bootenv_raw(payload, env) : bootenv_legacy(block, env);
    if (err != 0)
        return err;
    *out = env;
    env = NULL;
    return 0;
}

int label_bootenv_encode(const struct nvlist *env, uint8_t *block)
{
    AUTO_FREE uint8_t *packed = NULL;
    size_t len = 0;
    uint64_t version = nvlist_u64(env, "version", LABEL_BOOTENV_NVLIST);

    memset(block, 0, LABEL_BOOTENV_SIZE - LABEL_TRAILER_SIZE);
    store_be64(block, version);
    if (version == LABEL_BOOTENV_RAW) {
        const char *text = nvlist_string(env, "grub:envmap", "");
        if (strlen(text) >= LABEL_BOOTENV_PAYLOAD)
            return err_raise(ZE_RANGE, "boot environment: grub:envmap is too long");
        memcpy(block + 8, text, strlen(text));
        return 0;
    }
    int err = nvlist_encode(env, NV_ENC_XDR, &packed, &len);
    if (err != 0)
        return err;
    if (len >= LABEL_BOOTENV_PAYLOAD)
        return err_raise(ZE_RANGE, "boot environment: %zu bytes do not fit", len);
    memcpy(block + 8, packed, len);
    return 0;
}

int label_config_decode(struct span vdev_phys, struct nvlist **out)
{
    struct span packed;
    if (!span_sub(vdev_phys, 0, LABEL_NVLIST_MAX, &packed))
        return err_raise(ZE_BADLABEL, "label: vdev_phys of %zu bytes", vdev_phys.len);
    return nvlist_decode(packed, out);
}

/* `state` in a label (format/pool.md 1). */
enum { POOL_STATE_SPARE = 3, POOL_STATE_L2CACHE = 4 };

int label_config_validate(const struct nvlist *config)
{
    uint64_t v, state;

    if (nvlist_lookup_u64(config, "state", &state) != 0)
        return err_raise(ZE_BADLABEL, "label: no state");
    if (nvlist_lookup_u64(config, "guid", &v) != 0)
        return err_raise(ZE_BADLABEL, "label: no guid");
    if (state == POOL_STATE_SPARE || state == POOL_STATE_L2CACHE)
        return 0;
    if (state > POOL_STATE_L2CACHE)
        return err_raise(ZE_BADLABEL, "label: state %" PRIu64, state);
    if (nvlist_lookup_u64(config, "pool_guid", &v) != 0)
        return err_raise(ZE_BADLABEL, "label: no pool_guid");
    if (nvlist_lookup_u64(config, "txg", &v) != 0)
        return err_raise(ZE_BADLABEL, "label: no txg");
    if (nvlist_child(config, "vdev_tree") == NULL)
        return err_raise(ZE_BADLABEL, "label: no vdev_tree");
    return 0;
}
