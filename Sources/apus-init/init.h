// apus-init: runs a plan, step by step, as the first process of a container. It takes no decision that depends on
// the configuration; it may look only at what the kernel answers.
#pragma once

#include "init_protocol.h"
#include "kernel.h"

#define LONGEST_PID 10  ///< digits of a pid_t

struct init {
    char *base;  ///< the plan in memory: offsets count from here
    struct apus_plan *plan;
    struct apus_report *report;
    int plan_descriptor;
    int slots[APUS_SLOTS];
    char executable[APUS_PATH_MAX];  ///< what FIND_EXECUTABLE found
    bool has_directory;              ///< the last CHANGE_DIRECTORY succeeded
    bool has_made_target;            ///< the last MAKE_TARGET found nothing, and made it
    unsigned covered_root;           ///< the slot of the root that the last target itself is; APUS_NO_SLOT: it is none
    bool is_released;                ///< it no longer ends with who made it: it has been through the gate
};

static inline const char *text(const struct init *init, struct apus_text text) { return init->base + text.offset; }

static inline char **texts(const struct init *init, struct apus_texts texts) {
    return (char **)(init->base + texts.offset);
}

/// The descriptor of a base slot; none stands for the working directory.
static inline int base_of(const struct init *init, unsigned slot) {
    return slot == APUS_NO_SLOT ? AT_FDCWD : init->slots[slot];
}

/// Puts a descriptor into a slot, whose former one is closed. Passes an error on.
long put(struct init *init, unsigned slot, long descriptor);

/// Lets go of the descriptor in a slot.
void drop(struct init *init, unsigned slot);

/// Ends this process together with its parent, as long as nobody else may own it, and hides it from whoever shares a
/// namespace with it. A change of identity undoes both (commit_creds in kernel/cred.c). Passes `result` on.
long guard(const struct init *init, long result);

/// A file of an image, where it is and how it is found.
struct image_file {
    int directory;
    const char *name;
    uint64_t resolve;      ///< RESOLVE_*
    unsigned descriptors;  ///< slot of /proc/self/fd
};

/// Opens a file of an image for reading: a regular file, and none of procfs or sysfs. It is looked at before it is
/// opened, since opening a device or a FIFO has effects of its own. `size` is what it holds at that moment.
long open_image_file(const struct init *init, struct image_file file, uint64_t *size);

/// The digits of a descriptor's number, at the end of `buffer`.
const char *name_of(int descriptor, char buffer[LONGEST_PID + 1]);

/// Opens anew, with other flags, what a descriptor holds.
long open_again(const struct init *init, int descriptor, uint64_t flags, unsigned descriptors);

/// Adds to the report what the kernel or the operation has to say beyond errno.
void explain(struct init *init, const char *detail, size_t length);

/// What mknod(2) takes, of a device that statx(2) shows.
static inline uint64_t device_number(uint32_t major, uint32_t minor) {
    return ((uint64_t)(major & 0xfffff000) << 32) | ((uint64_t)(major & 0xfff) << 8)
           | ((uint64_t)(minor & 0xffffff00) << 12) | (minor & 0xff);
}

/// Whether a descriptor holds a directory: 1 or 0.
long is_directory(int descriptor);

/// Whether the plan is sound: bounds, sizes, slots and terminators of everything in it. Turns the offsets in
/// lists of texts into pointers.
bool plan_is_sound(struct init *init, size_t size);

// The operations, by concern.
long join_cgroup(struct init *, const struct apus_slot_step *);
long join_namespace(struct init *, const struct apus_namespace *);
long unshare_namespaces(struct init *, const struct apus_flags *);
long fork_child(struct init *, const struct apus_flags *);
long meet(struct init *, const struct apus_meet *);
long wait_at_gate(struct init *, const struct apus_gate *);
long write_file(struct init *, const struct apus_write_file *);
long bring_up_loopback(void);
long open_path(struct init *, const struct apus_open_path *);
long open_tree_step(struct init *, const struct apus_open_tree *);
long open_file_system(struct init *, const struct apus_open_file_system *);
long pick_file_system(struct init *, const struct apus_two_slots *);
long configure(struct init *, const struct apus_configure *);
long create_mount(struct init *, const struct apus_create_mount *);
long mount_at_root(struct init *, const struct apus_mount *);
long set_mount_attributes(struct init *, const struct apus_mount_attributes *);
long make_target(struct init *, const struct apus_make_target *);
long move_mount_step(struct init *, const struct apus_two_slots *);
long choose_mask(struct init *, const struct apus_choose_mask *);
long adopt_root(void);
long detach_old_root(struct init *, const struct apus_slot_step *);
long unmount(struct init *, const struct apus_two_slots *);
long copy_mode(struct init *, const struct apus_two_slots *);
long copy_tree(struct init *, const struct apus_copy_tree *);
long reopen(struct init *, const struct apus_reopen *);
long copy_link(struct init *, const struct apus_copy_link *);
long verify_device(struct init *, const struct apus_verify_device *);
long make_node(struct init *, const struct apus_make_node *);
long make_link(struct init *, const struct apus_make_link *);
long change_directory(struct init *, const struct apus_text_step *);
long verify_directory(void);
long unlock_terminal(struct init *, const struct apus_slot_step *);
long open_peer(struct init *, const struct apus_two_slots *);
long set_window(struct init *, const struct apus_window *);
long set_owner(struct init *, const struct apus_owner *);
long duplicate(struct init *, const struct apus_duplicate *);
long set_scheduler(const struct apus_scheduler *);
long set_affinity(const struct init *, const struct apus_affinity *);
long join_session_keyring(struct init *, const struct apus_keyring *);
long drop_bounding(const struct apus_flags *);
long set_capabilities(const struct apus_capabilities *);
long set_ambient(const struct apus_flags *);
long find_home(struct init *, const struct apus_find_home *);
long tell_pid(struct init *, const struct apus_tell_pid *);
long find_executable(struct init *, const struct apus_find_executable *);
long run_hook(struct init *, const struct apus_run_hook *);
long load_seccomp(struct init *, const struct apus_seccomp *);
long set_filter(const struct init *, struct apus_bytes program, uint32_t flags);
