/* SPDX-License-Identifier: MIT */
/* zdb -l: labels and uberblock rings of one device. Exit status 1: some label is bad, 2: all are.
 */
#include "cli/zdb_impl.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/checksum.h"
#include "vdev/vdev_label.h"

struct label_copy {
    struct nvlist *config;
    uint8_t *packed; /* to find equal ones */
    size_t len;
    uint8_t *ring;
    int err;
};

static const char rule[] = "------------------------------------\n";

static bool same_config(const struct label_copy *a, const struct label_copy *b)
{
    return a->packed != NULL && b->packed != NULL && a->len == b->len &&
           memcmp(a->packed, b->packed, a->len) == 0;
}

static void print_config(const struct zdb *z, const struct label_copy *label, unsigned l)
{
    bool first = true;

    for (unsigned k = 0; k < l; k++)
        first = first && !same_config(&label[k], &label[l]);
    if (z->opt['q'] || label[l].config == NULL || (!first && z->opt['l'] < 3))
        return;
    printf("%sLABEL %u \n%s", rule, l, rule);
    nvlist_print(label[l].config, stdout, 4);
    printf("    labels = ");
    for (unsigned k = 0; k < LABEL_COUNT; k++) {
        if (k == l || same_config(&label[k], &label[l]))
            printf("%u ", k);
    }
    printf("\n");
}

static bool slot_good(struct device *dev, struct label_copy *label, unsigned l, uint64_t ashift,
                      unsigned slot, struct uberblock *ub)
{
    return label[l].ring != NULL &&
           label_ring_uberblock(dev, l, label[l].ring, ashift, slot, ub) == 0;
}

static void print_ring(const struct zdb *z, struct device *dev, struct label_copy *label,
                       unsigned l, uint64_t ashift)
{
    for (unsigned slot = 0; slot < label_slot_count(ashift); slot++) {
        struct uberblock ub, other;
        bool mine[LABEL_COUNT] = {false}, first = true;
        char title[64];

        if (!slot_good(dev, label, l, ashift, slot, &ub))
            continue;
        for (unsigned k = 0; k < LABEL_COUNT; k++) {
            mine[k] = k == l || (slot_good(dev, label, k, ashift, slot, &other) &&
                                 memcmp(&ub, &other, sizeof(ub)) == 0);
            first = first && !(k < l && mine[k]);
        }
        if (!first && z->opt['u'] < 3)
            continue;
        snprintf(title, sizeof(title), "    Uberblock[%u]\n", slot);
        zdb_uberblock(&ub, title);
        printf("        labels = ");
        for (unsigned k = 0; k < LABEL_COUNT; k++) {
            if (mine[k])
                printf("%u ", k);
        }
        printf("\n");
    }
}

static void read_label(struct device *dev, unsigned l, bool ring, struct label_copy *out)
{
    out->err = label_read_config(dev, l, 0, &out->config);
    if (out->err != 0) {
        bool unread = label_psize(dev->size) < LABEL_COUNT * LABEL_SIZE || out->err == ZE_IO;

        out->config = NULL;
        printf("failed to %s label %u\n", unread ? "read" : "unpack", l);
        return;
    }
    if (nvlist_encode(out->config, NV_ENC_NATIVE, &out->packed, &out->len) != 0)
        out->packed = NULL;
    if (ring && (out->ring = malloc(LABEL_RING_SIZE)) != NULL &&
        label_read_ring(dev, l, out->ring) != 0) {
        free(out->ring);
        out->ring = NULL;
    }
}

int zdb_labels(struct zdb *z, const char *device)
{
    struct label_copy label[LABEL_COUNT] = {0};
    struct device *dev;
    struct stat st;
    unsigned good = 0;

    if (stat(device, &st) != 0) {
        fprintf(stderr, "cannot open '%s': No such file or directory\n", device);
        return 1;
    }
    if (z->env.devices->open(&z->env, device, 0, &dev) != 0) {
        fprintf(stderr, "cannot open '%s': %s\n", device, err_detail());
        return 1;
    }
    for (unsigned l = 0; l < LABEL_COUNT; l++) {
        read_label(dev, l, z->opt['u'] != 0, &label[l]);
        good += label[l].config != NULL;
    }
    for (unsigned l = 0; l < LABEL_COUNT; l++) {
        const struct nvlist *tree =
            label[l].config != NULL ? nvlist_child(label[l].config, "vdev_tree") : NULL;

        print_config(z, label, l);
        if (label[l].ring != NULL)
            print_ring(z, dev, label, l, tree != NULL ? nvlist_u64(tree, "ashift", 9) : 9);
    }
    for (unsigned l = 0; l < LABEL_COUNT; l++) {
        nvlist_free(label[l].config);
        free(label[l].packed);
        free(label[l].ring);
    }
    device_close(dev);
    return good == LABEL_COUNT ? 0 : good == 0 ? 2 : 1;
}
