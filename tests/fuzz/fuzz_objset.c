/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: objset root blocks of all sizes and both orders, with dumps (disk/objset.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "disk/objset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t sizes[] = {OBJSET_SIZE_V1, OBJSET_SIZE_V2, OBJSET_SIZE_V3};
    struct objset_phys *os = malloc(sizeof(*os));
    char *text = NULL;
    size_t len = 0;

    if (os == NULL)
        return 0;
    (void)objset_phys_load(os, data, size, false);
    for (unsigned i = 0; i < 3 && sizes[i] <= size; i++) {
        for (int swap = 0; swap < 2; swap++) {
            if (objset_phys_load(os, data, sizes[i], swap) != 0)
                continue;
            FILE *f = open_memstream(&text, &len);
            if (f == NULL)
                continue;
            objset_phys_dump(os, f);
            fclose(f);
            free(text);
            json_decref(objset_phys_json(os));
            for (unsigned o = 0; o < 3; o++)
                (void)objset_phys_special(os, UINT64_MAX - o);
        }
    }
    free(os);
    return 0;
}
