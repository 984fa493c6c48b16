#include "ckernel_bpf.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "ckernel.h"

static uint64_t address(const void *pointer) { return (uint64_t)(uintptr_t)pointer; }

int ck_bpf_load_device(const uint64_t *code, size_t count, const char *name) {
    _Static_assert(sizeof(struct bpf_insn) == sizeof *code, "one word is one instruction");
    union bpf_attr attributes = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insns = address(code),
        .insn_cnt = (uint32_t)count,
        .license = address("Apache-2.0"),
    };
    strncpy(attributes.prog_name, name, sizeof attributes.prog_name - 1);
    return ck_bpf(BPF_PROG_LOAD, &attributes, sizeof attributes);
}

int ck_bpf_attach_device(int cgroup, int program, int replaced) {
    union bpf_attr attributes = {
        .target_fd = (uint32_t)cgroup,
        .attach_bpf_fd = (uint32_t)program,
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI | (replaced >= 0 ? BPF_F_REPLACE : 0),
        .replace_bpf_fd = replaced >= 0 ? (uint32_t)replaced : 0,
    };
    return ck_bpf(BPF_PROG_ATTACH, &attributes, sizeof attributes);
}

int ck_bpf_device_programs(int cgroup, uint32_t *ids, size_t capacity) {
    union bpf_attr attributes = {
        .query =
            {
                .target_fd = (uint32_t)cgroup,
                .attach_type = BPF_CGROUP_DEVICE,
                .prog_ids = address(ids),
                .prog_cnt = (uint32_t)capacity,
            },
    };
    int result = ck_bpf(BPF_PROG_QUERY, &attributes, sizeof attributes);
    return result < 0 ? result : (int)attributes.query.prog_cnt;
}

int ck_bpf_open(uint32_t id) {
    union bpf_attr attributes = {.prog_id = id};
    return ck_bpf(BPF_PROG_GET_FD_BY_ID, &attributes, sizeof attributes);
}

int ck_bpf_name(int program, char name[CK_BPF_NAME_SIZE]) {
    struct bpf_prog_info info = {0};
    union bpf_attr attributes = {
        .info = {.bpf_fd = (uint32_t)program, .info_len = sizeof info, .info = address(&info)},
    };
    int result = ck_bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes, sizeof attributes);
    if (result < 0) return result;
    memcpy(name, info.name, CK_BPF_NAME_SIZE - 1);
    name[CK_BPF_NAME_SIZE - 1] = 0;
    return 0;
}
