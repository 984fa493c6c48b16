// eBPF programs that decide about device access in a cgroup2 group. Every function returns the result, or -errno.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CK_BPF_NAME_SIZE 16

/// Loads a program of type BPF_PROG_TYPE_CGROUP_DEVICE; returns a descriptor (close-on-exec, as all of these).
int ck_bpf_load_device(const uint64_t *code, size_t count, const char *name);
/// Attaches a program beside others (BPF_F_ALLOW_MULTI), or in the place of `replaced` unless that is -1.
int ck_bpf_attach_device(int cgroup, int program, int replaced);
/// Writes the ids of the device programs that are attached to a group itself; returns how many there are.
int ck_bpf_device_programs(int cgroup, uint32_t *ids, size_t capacity);
/// A descriptor of the loaded program with an id.
int ck_bpf_open(uint32_t id);
/// Writes the name that a program was loaded with.
int ck_bpf_name(int program, char name[CK_BPF_NAME_SIZE]);
