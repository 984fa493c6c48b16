// The check of a whole plan before its first effect.
#include "init.h"

static bool inside(const struct init *init, uint32_t offset, uint64_t size) {
    // Between the header and the records, not among these: what is written there could change what was checked already.
    return offset >= sizeof(struct apus_plan) && (uint64_t)offset + size <= init->plan->steps;
}

static bool sound_text(const struct init *init, struct apus_text text) {
    return inside(init, text.offset, (uint64_t)text.length + 1) && init->base[text.offset + text.length] == 0;
}

/// A name of an entry in a directory, which leads nowhere else.
static bool sound_name(const struct init *init, struct apus_text name) {
    if (!sound_text(init, name)) return false;
    for (uint32_t i = 0; i < name.length; i++)
        if (init->base[name.offset + i] == '/') return false;
    return true;
}

static bool sound_bytes(const struct init *init, struct apus_bytes bytes) {
    return bytes.size == 0 || (bytes.offset % 8 == 0 && inside(init, bytes.offset, bytes.size));
}

/// A list of texts becomes a list of pointers. One list may serve several steps: what points into the plan
/// already has been through here.
static bool sound_texts(const struct init *init, struct apus_texts list) {
    if (list.offset % 8 || !inside(init, list.offset, ((uint64_t)list.count + 1) * 8)) return false;
    uint64_t *entries = (uint64_t *)(init->base + list.offset);
    uint64_t base = (uint64_t)init->base;
    for (uint32_t i = 0; i < list.count; i++) {
        if (entries[i] >= base && entries[i] < base + init->plan->size) continue;
        if (entries[i] < sizeof(struct apus_plan) || entries[i] >= init->plan->size) return false;
        entries[i] += base;
    }
    // The texts are terminated: the last byte of the plan is 0.
    return entries[list.count] == 0;
}

static bool sound_slot(unsigned slot) { return slot < APUS_SLOTS; }

static bool sound_base(unsigned slot) { return slot == APUS_NO_SLOT || sound_slot(slot); }

static bool sound_slots(unsigned first, unsigned count) { return first <= APUS_SLOTS && count <= APUS_SLOTS - first; }

#define CHECK(record) static bool sound_##record(const struct init *init, const struct record *s)

CHECK(apus_nothing) { return true; }
CHECK(apus_slot_step) { return sound_slot(s->slot); }
CHECK(apus_two_slots) { return sound_slot(s->from) && sound_slot(s->to); }
CHECK(apus_copy_tree) { return sound_slot(s->from) && sound_slot(s->to) && sound_slot(s->descriptors); }
CHECK(apus_reopen) { return sound_slot(s->from) && sound_slot(s->into) && sound_slot(s->descriptors); }
CHECK(apus_namespace) { return sound_slot(s->slot); }
CHECK(apus_flags) { return true; }
CHECK(apus_number) { return true; }
CHECK(apus_text_step) { return sound_text(init, s->text); }
CHECK(apus_keyring) { return sound_text(init, s->name); }
CHECK(apus_find_executable) { return sound_text(init, s->name) && sound_text(init, s->path); }
CHECK(apus_groups) { return sound_bytes(init, s->groups); }
CHECK(apus_meet) { return sound_base(s->send) && sound_base(s->socket) && sound_slots(s->receive, s->receive_count); }
CHECK(apus_write_file) { return sound_base(s->base) && sound_text(init, s->path) && sound_text(init, s->value); }
CHECK(apus_open_path) { return sound_base(s->base) && sound_slot(s->into) && sound_text(init, s->path); }
CHECK(apus_open_tree) { return sound_base(s->base) && sound_slot(s->into) && sound_text(init, s->path); }
CHECK(apus_open_file_system) { return sound_slot(s->into) && sound_text(init, s->type); }
CHECK(apus_configure) { return sound_slot(s->slot) && sound_text(init, s->key) && sound_text(init, s->value); }
CHECK(apus_create_mount) { return sound_slot(s->from) && sound_slot(s->into); }
CHECK(apus_mount) { return sound_text(init, s->source) && sound_text(init, s->type) && sound_text(init, s->data); }
CHECK(apus_mount_attributes) {
    return sound_base(s->base) && sound_base(s->user_namespace) && sound_text(init, s->path);
}
CHECK(apus_make_target) {
    return sound_slot(s->root) && sound_slot(s->source) && sound_slot(s->into) && s->kind <= APUS_TARGET_EXISTING
           && sound_text(init, s->path) && s->path.length < APUS_PATH_MAX;
}
CHECK(apus_choose_mask) {
    return sound_slot(s->target) && sound_slot(s->file) && sound_slot(s->directory) && sound_slot(s->into);
}
CHECK(apus_copy_link) { return sound_slot(s->directory) && sound_text(init, s->source) && sound_name(init, s->name); }
CHECK(apus_verify_device) { return sound_slot(s->slot); }
CHECK(apus_make_node) { return sound_slot(s->directory) && sound_name(init, s->name); }
CHECK(apus_make_link) { return sound_slot(s->directory) && sound_name(init, s->name) && sound_text(init, s->target); }
CHECK(apus_name) { return sound_slot(s->directory) && sound_name(init, s->name); }
CHECK(apus_window) { return sound_slot(s->slot); }
CHECK(apus_owner) { return sound_slot(s->slot); }
CHECK(apus_duplicate) { return sound_slot(s->slot); }
CHECK(apus_limit) { return true; }
CHECK(apus_scheduler) { return true; }
CHECK(apus_memory_policy) { return sound_bytes(init, s->nodes); }
CHECK(apus_affinity) { return sound_bytes(init, s->cpus); }
CHECK(apus_capabilities) { return true; }
CHECK(apus_find_home) {
    // Room for one more entry, and the end, behind those that are counted.
    return s->environment.count < UINT32_MAX && sound_texts(init, s->environment)
           && inside(init, s->environment.offset, ((uint64_t)s->environment.count + 2) * 8)
           && ((uint64_t *)(init->base + s->environment.offset))[s->environment.count + 1] == 0
           && sound_bytes(init, s->buffer) && s->buffer.size >= 16 && sound_slot(s->descriptors);
}
CHECK(apus_tell_pid) {
    return sound_texts(init, s->environment) && s->index < s->environment.count && sound_bytes(init, s->buffer)
           && s->length < s->buffer.size && s->buffer.size - s->length > LONGEST_PID;
}
CHECK(apus_gate) {
    return sound_slot(s->listener) && sound_slot(s->connection) && sound_slots(s->receive, s->receive_count)
           && sound_base(s->notify);
}
/// The kernel takes as many instructions (BPF_MAXINSNS).
static bool sound_filter(const struct init *init, struct apus_bytes program) {
    return sound_bytes(init, program) && program.size % 8 == 0 && program.size / 8 <= 4096;
}

CHECK(apus_run_hook) {
    return sound_slot(s->input) && sound_slot(s->output) && sound_slot(s->errors) && sound_text(init, s->path)
           && sound_texts(init, s->arguments) && sound_texts(init, s->environment) && sound_filter(init, s->filter);
}
CHECK(apus_seccomp) { return sound_filter(init, s->program) && sound_slot(s->listener); }
CHECK(apus_execute) { return sound_texts(init, s->arguments) && sound_texts(init, s->environment); }

static bool sound_step(const struct init *init, const struct apus_step *step) {
    switch ((enum apus_operation)step->operation) {
#define X(name, record)         \
    case APUS_OPERATION_##name: \
        return step->size == sizeof(struct record) && sound_##record(init, (const struct record *)step);
        APUS_OPERATIONS(X)
#undef X
    }
    return false;
}

bool plan_is_sound(struct init *init, size_t size) {
    const struct apus_plan *plan = init->plan;
    if (plan->magic != APUS_PLAN_MAGIC || plan->version != APUS_PLAN_VERSION || plan->size != size) return false;
    if (plan->steps % 8 || plan->steps < sizeof *plan || plan->steps > plan->steps_end) return false;
    if (plan->steps_end > plan->size || init->base[size - 1] != 0 || plan->first_unkept < 3) return false;
    if (!sound_texts(init, plan->notes)) return false;
    uint32_t offset = plan->steps, count = 0;
    while (offset < plan->steps_end) {
        if (plan->steps_end - offset < sizeof(struct apus_step)) return false;
        const struct apus_step *step = (const struct apus_step *)(init->base + offset);
        if (step->size % 8 || step->size < sizeof *step || step->size > plan->steps_end - offset) return false;
        if (!sound_step(init, step)) return false;
        offset += step->size;
        count++;
    }
    return count == plan->step_count;
}
