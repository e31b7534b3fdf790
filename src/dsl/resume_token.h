/* SPDX-License-Identifier: MIT */
/*
 * The token that names an interrupted receive (format/send.md, "11.2 Token"). Callers: dsl
 * properties, stream/, the `zstream token` command.
 */
#ifndef ZUSE_DSL_RESUME_TOKEN_H
#define ZUSE_DSL_RESUME_TOKEN_H

#include "dsl/dsl.h"

/* Token of ds, or of its %recv child; ZE_NOENT if nothing is to be resumed. *token is malloc'ed. */
int resume_token_make(struct dsl_dataset *ds, char **token);
int resume_token_encode(const struct nvlist *nv, char **token);
/* ZE_BADSTREAM with the reason in the detail. */
int resume_token_decode(const char *token, struct nvlist **out);

#endif
