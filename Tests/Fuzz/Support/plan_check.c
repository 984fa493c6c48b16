// apus-init's own check of plans, compiled for the host. It makes no system calls.
#include "fuzz_support.h"

#include <stdlib.h>

#include "../../../Sources/apus-init/check.c"

bool fuzz_plan_is_sound(const uint8_t *bytes, size_t size) {
    if (size < sizeof(struct apus_plan)) return false;
    char *copy = malloc(size);
    if (!copy) abort();
    memcpy(copy, bytes, size);
    struct init init = {.base = copy, .plan = (struct apus_plan *)copy};
    bool result = plan_is_sound(&init, size);
    free(copy);
    return result;
}
