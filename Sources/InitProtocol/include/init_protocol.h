// What apus and apus-init say to each other: the layout of a plan, of the report page, and of the messages at
// meetings and at the gate. Declared once, here; Swift imports it, apus-init includes it.
//
// A plan is one block of memory: a header, then arrays and texts, then step records of varying size, and a zero. Everything
// in it is position-independent: a text is an offset and a length, and the byte after it is 0.
#pragma once

#include <stdint.h>

#define APUS_PLAN_MAGIC   0x73757061u  ///< "apus"
#define APUS_PLAN_VERSION 3u
#define APUS_SLOTS        256      ///< descriptors that a plan can name
#define APUS_NO_SLOT      0xffffu  ///< for a base: the working directory (AT_FDCWD)
#define APUS_PATH_MAX     4096

/// A text inside the plan.
struct apus_text {
    uint32_t offset;
    uint32_t length;
};

/// A list of texts: an array of 64-bit offsets that ends with 0. apus-init turns the offsets into pointers, so
/// that the list is an `argv` for execve.
struct apus_texts {
    uint32_t offset;
    uint32_t count;
};

/// Bytes inside the plan, 8-byte aligned.
struct apus_bytes {
    uint32_t offset;
    uint32_t size;
};

struct apus_plan {
    uint32_t magic;
    uint32_t version;
    uint32_t size;       ///< of the whole plan
    uint32_t steps;      ///< offset of the first record
    uint32_t steps_end;  ///< offset behind the last one
    uint32_t step_count;
    uint32_t gate_step;         ///< index of the first step behind the gate
    struct apus_texts notes;    ///< what the steps behind the gate are, for who opens it
    int32_t control;            ///< descriptor of the socket for meetings
    int32_t report;             ///< descriptor of the report page
    int32_t first_unkept;       ///< the container keeps the descriptors below this one
    int32_t slots[APUS_SLOTS];  ///< descriptors given by the host; -1: empty
};

/// Where apus-init is. `FAILED` is final: `error` and `detail` say why.
enum __attribute__((enum_extensibility(closed))) apus_phase {
    APUS_PHASE_STARTING,
    APUS_PHASE_RUNNING,
    APUS_PHASE_WAITING,
    APUS_PHASE_EXECUTING,
    APUS_PHASE_FAILED,
};

/// One page, shared with whoever started apus-init or opens its gate. `step` is written before each step, so that
/// even a sudden death is attributed to one.
struct apus_report {
    uint32_t phase;
    uint32_t step;
    int32_t error;        ///< errno
    uint32_t exit_code;   ///< of a hook: CLD_EXITED (1), CLD_KILLED (2), CLD_DUMPED (3); 0: timed out
    int32_t exit_status;  ///< of a hook: its status or signal
    uint32_t detail_length;
    char detail[488];  ///< what the kernel or the operation adds, UTF-8
};

/// Kinds of what a step may make of a missing mount point.
enum __attribute__((enum_extensibility(closed))) apus_target_kind {
    APUS_TARGET_DIRECTORY,
    APUS_TARGET_FILE,
    APUS_TARGET_LIKE_SOURCE,  ///< a directory if the source slot is one, else a file
    APUS_TARGET_EXISTING,     ///< nothing: it has to be there
};

/// What must hold for a target.
enum {
    APUS_TARGET_NO_LINKS = 1,     ///< no symbolic link anywhere in the path
    APUS_TARGET_NOT_IN_PROC = 2,  ///< it must not lie in a procfs
    APUS_TARGET_NO_FOLLOW = 4,    ///< a link at the end is itself the target
    APUS_TARGET_NOT_MOUNTED = 8,  ///< nothing may be mounted there yet (EEXIST)
    APUS_TARGET_NOT_ROOT = 16,    ///< it must not be the root itself (EBUSY)
    APUS_TARGET_NOT_KERNELS =
        32,  ///< it must not lie in, nor be made in, a file system that shows what the kernel has (EPERM)
};

/// Meetings: numbered points at which the host has something to do.
enum __attribute__((enum_extensibility(closed))) apus_meeting {
    APUS_MEETING_FORKED,  ///< carries the pidfd of the next process; its pid follows the number
    APUS_MEETING_ID_MAPS,
    APUS_MEETING_CGROUPS,
    APUS_MEETING_NETWORK_DEVICES,
    APUS_MEETING_RUNTIME_HOOKS,
    APUS_MEETING_CONTAINER_HOOKS,
    APUS_MEETING_CONSOLE,
    APUS_MEETING_LIMITS,
    APUS_MEETING_READY,
    APUS_MEETING_LISTENER,  ///< carries the listener of a seccomp filter
    APUS_MEETING_MAP_IDS,
    APUS_MEETING_INSIDE,
    APUS_MEETING_TARGET,  ///< carries a place where something is mounted, or unmounted, next
    APUS_MEETING_MOUNT,   ///< carries a mount that is attached next
};

struct apus_message {
    uint32_t meeting;
    int32_t value;  ///< FORKED: the pid. In a reply: 0, or 1 to give up
};

// name, record
#define APUS_OPERATIONS(X)                         \
    X(JOIN_CGROUP, apus_slot_step)                 \
    X(JOIN_NAMESPACE, apus_namespace)              \
    X(UNSHARE, apus_flags)                         \
    X(FORK, apus_flags)                            \
    X(MEET, apus_meet)                             \
    X(WRITE_FILE, apus_write_file)                 \
    X(SET_DUMPABLE, apus_number)                   \
    X(SET_GROUPS, apus_groups)                     \
    X(SET_GROUP, apus_number)                      \
    X(SET_USER, apus_number)                       \
    X(NEW_SESSION, apus_nothing)                   \
    X(JOIN_SESSION_KEYRING, apus_keyring)          \
    X(OPEN_PATH, apus_open_path)                   \
    X(OPEN_TREE, apus_open_tree)                   \
    X(OPEN_FILE_SYSTEM, apus_open_file_system)     \
    X(PICK_FILE_SYSTEM, apus_two_slots)            \
    X(CONFIGURE, apus_configure)                   \
    X(CREATE_MOUNT, apus_create_mount)             \
    X(MOUNT, apus_mount)                           \
    X(SET_MOUNT_ATTRIBUTES, apus_mount_attributes) \
    X(MAKE_TARGET, apus_make_target)               \
    X(MOVE_MOUNT, apus_two_slots)                  \
    X(CHOOSE_MASK, apus_choose_mask)               \
    X(COPY_MODE, apus_two_slots)                   \
    X(COPY_TREE, apus_copy_tree)                   \
    X(COPY_LINK, apus_copy_link)                   \
    X(VERIFY_DEVICE, apus_verify_device)           \
    X(MAKE_NODE, apus_make_node)                   \
    X(MAKE_LINK, apus_make_link)                   \
    X(REMOVE, apus_name)                           \
    X(ENTER, apus_slot_step)                       \
    X(ADOPT_ROOT, apus_nothing)                    \
    X(PIVOT_ROOT, apus_nothing)                    \
    X(DETACH_OLD_ROOT, apus_slot_step)             \
    X(DETACH_MOUNT, apus_text_step)                \
    X(CHANGE_ROOT, apus_nothing)                   \
    X(CHANGE_DIRECTORY, apus_text_step)            \
    X(RETRY_DIRECTORY, apus_text_step)             \
    X(VERIFY_DIRECTORY, apus_nothing)              \
    X(SET_HOST_NAME, apus_text_step)               \
    X(SET_DOMAIN_NAME, apus_text_step)             \
    X(BRING_UP_LOOPBACK, apus_nothing)             \
    X(UNLOCK_TERMINAL, apus_slot_step)             \
    X(OPEN_PEER, apus_two_slots)                   \
    X(SET_WINDOW, apus_window)                     \
    X(SET_OWNER, apus_owner)                       \
    X(SET_CONTROLLING_TERMINAL, apus_slot_step)    \
    X(DUPLICATE, apus_duplicate)                   \
    X(SET_LIMIT, apus_limit)                       \
    X(SET_FILE_MODE_MASK, apus_number)             \
    X(SET_PERSONALITY, apus_flags)                 \
    X(SET_SCHEDULER, apus_scheduler)               \
    X(SET_IO_PRIORITY, apus_number)                \
    X(SET_MEMORY_POLICY, apus_memory_policy)       \
    X(KEEP_CAPABILITIES, apus_nothing)             \
    X(DROP_BOUNDING, apus_flags)                   \
    X(SET_CAPABILITIES, apus_capabilities)         \
    X(SET_AMBIENT, apus_flags)                     \
    X(SET_NO_NEW_PRIVILEGES, apus_nothing)         \
    X(FIND_HOME, apus_find_home)                   \
    X(TELL_PID, apus_tell_pid)                     \
    X(FIND_EXECUTABLE, apus_find_executable)       \
    X(WAIT_AT_GATE, apus_gate)                     \
    X(RUN_HOOK, apus_run_hook)                     \
    X(CLOSE_ON_EXEC, apus_number)                  \
    X(LOAD_SECCOMP, apus_seccomp)                  \
    X(EXECUTE, apus_execute)                       \
    X(SET_AFFINITY, apus_affinity)                 \
    X(REOPEN, apus_reopen)                         \
    X(CLOSE, apus_slot_step)                       \
    X(RELEASE, apus_nothing)                       \
    X(UNMOUNT, apus_two_slots)

enum __attribute__((enum_extensibility(closed))) apus_operation {
#define X(name, record) APUS_OPERATION_##name,
    APUS_OPERATIONS(X)
#undef X
};

/// How every record begins. A step that fails with one of the `tolerated` errnos counts as done, and `skip` steps
/// after it are passed over.
struct apus_step {
    uint16_t operation;
    uint16_t size;         ///< of the record, a multiple of 8
    uint8_t tolerated[3];  ///< errnos; 0: none
    uint8_t skip;
};

struct apus_nothing {
    struct apus_step step;
};

struct apus_slot_step {
    struct apus_step step;
    uint16_t slot;
    uint16_t unused[3];
};

/// `from` and `to`: the mount and where it goes; the file system and its descriptor; the master and its peer. What is
/// mounted on the root that its target was found in becomes that root.
struct apus_two_slots {
    struct apus_step step;
    uint16_t from;
    uint16_t to;
    uint32_t flags;  ///< MOVE_MOUNT: flags of move_mount besides the empty paths; else 0
};

/// Copies what is in the directory `from` into the directory `to`. `descriptors` is /proc/self/fd of the host's procfs,
/// by which files of an image are opened once it is known what they are.
struct apus_copy_tree {
    struct apus_step step;
    uint16_t from;
    uint16_t to;
    uint16_t descriptors;
    uint16_t unused;
};

/// Opens for reading and writing what is held by an O_PATH descriptor, once it is known what it is.
struct apus_reopen {
    struct apus_step step;
    uint16_t from;
    uint16_t into;
    uint16_t descriptors;  ///< /proc/self/fd of the host's procfs
    uint16_t unused;
    uint32_t flags;  ///< O_*
    uint32_t padding;
};

struct apus_namespace {
    struct apus_step step;
    uint64_t flag;  ///< CLONE_NEW*
    uint16_t slot;
    uint16_t unused[3];
};

struct apus_flags {
    struct apus_step step;
    uint64_t flags;
};

struct apus_number {
    struct apus_step step;
    uint32_t number;
    uint32_t unused;
};

struct apus_text_step {
    struct apus_step step;
    struct apus_text text;
};

/// Joins a session keyring of this name, and adds to its permissions (keyctl_setperm(3)).
struct apus_keyring {
    struct apus_step step;
    struct apus_text name;
    uint32_t permissions;
    uint32_t unused;
};

/// Looks for the program: as it is named if the name has a slash, else in the directories of `path`, which `:`
/// separates; an empty one is the working directory. A candidate that is too long for a path is none.
struct apus_find_executable {
    struct apus_step step;
    struct apus_text name;
    struct apus_text path;
};

struct apus_groups {
    struct apus_step step;
    struct apus_bytes groups;  ///< of gid_t
};

/// Says `meeting` to the host with the descriptor in `send`, and puts the descriptors of the reply into `receive`
/// and the slots after it. Behind the gate the host is at another socket.
struct apus_meet {
    struct apus_step step;
    uint32_t meeting;
    uint16_t send;  ///< or APUS_NO_SLOT
    uint16_t receive;
    uint16_t receive_count;
    uint16_t socket;  ///< or APUS_NO_SLOT: the plan's `control`
    uint16_t unused[2];
};

struct apus_write_file {
    struct apus_step step;
    struct apus_text path;  ///< empty: what `base` holds itself
    struct apus_text value;
    uint64_t resolve;  ///< RESOLVE_*
    uint16_t base;
    uint16_t unused[3];
};

struct apus_open_path {
    struct apus_step step;
    struct apus_text path;
    uint64_t flags;  ///< O_*
    uint64_t resolve;
    uint16_t base;
    uint16_t into;
    uint16_t unused[2];
};

struct apus_open_tree {
    struct apus_step step;
    struct apus_text path;  ///< empty: the base itself
    uint32_t flags;         ///< OPEN_TREE_*, AT_*
    uint16_t base;
    uint16_t into;
};

struct apus_open_file_system {
    struct apus_step step;
    struct apus_text type;
    uint16_t into;
    uint16_t unused[3];
};

struct apus_configure {
    struct apus_step step;
    struct apus_text key;    ///< empty: none
    struct apus_text value;  ///< empty: none
    uint32_t command;        ///< FSCONFIG_*
    uint16_t slot;
    uint16_t unused;
};

struct apus_create_mount {
    struct apus_step step;
    uint64_t attributes;  ///< MOUNT_ATTR_*
    uint16_t from;
    uint16_t into;
    uint16_t unused[2];
};

/// mount(2) onto the root of the namespace. Paths do not begin in what covers the root, so that nothing else changes; what
/// was mounted there is found at `/..`.
struct apus_mount {
    struct apus_step step;
    struct apus_text source;
    struct apus_text type;
    struct apus_text data;
    uint64_t flags;  ///< MS_*
};

struct apus_mount_attributes {
    struct apus_step step;
    struct apus_text path;  ///< empty: the base itself
    uint64_t set;
    uint64_t clear;
    uint64_t propagation;  ///< MS_*
    uint32_t flags;        ///< AT_RECURSIVE
    uint16_t base;
    uint16_t user_namespace;  ///< for MOUNT_ATTR_IDMAP, else APUS_NO_SLOT
};

struct apus_make_target {
    struct apus_step step;
    struct apus_text path;  ///< resolved inside `root`; empty: the root itself
    uint32_t kind;          ///< enum apus_target_kind
    uint32_t mode;          ///< of directories that are made
    uint16_t root;
    uint16_t source;  ///< for APUS_TARGET_LIKE_SOURCE
    uint16_t into;
    uint16_t rules;  ///< APUS_TARGET_*
};

struct apus_choose_mask {
    struct apus_step step;
    uint16_t target;
    uint16_t file;       ///< a mount for a target that is no directory
    uint16_t directory;  ///< a mount for a directory
    uint16_t into;
};

/// Makes the same symbolic link inside the container and answers EALREADY; 0 if the source is no link. EEXIST: the name
/// is taken by something else.
struct apus_copy_link {
    struct apus_step step;
    struct apus_text source;  ///< a path of the host
    struct apus_text name;
    uint16_t directory;
    uint16_t unused[3];
};

struct apus_verify_device {
    struct apus_step step;
    uint16_t slot;
    uint16_t unused;
    uint32_t mode;  ///< S_IFCHR or S_IFBLK
    uint32_t major;
    uint32_t minor;
};

struct apus_make_node {
    struct apus_step step;
    struct apus_text name;
    uint32_t mode;  ///< type and permissions
    uint32_t major;
    uint32_t minor;
    uint32_t uid;
    uint32_t gid;
    uint16_t directory;
    uint16_t unused;
};

struct apus_make_link {
    struct apus_step step;
    struct apus_text name;
    struct apus_text target;
    uint16_t directory;
    uint16_t unused[3];
};

struct apus_name {
    struct apus_step step;
    struct apus_text name;
    uint16_t directory;
    uint16_t unused[3];
};

struct apus_window {
    struct apus_step step;
    uint16_t slot;
    uint16_t rows;
    uint16_t columns;
    uint16_t unused;
};

/// Changes the owner of what a slot refers to, unless that is a device which everybody shares.
struct apus_owner {
    struct apus_step step;
    uint32_t uid;
    uint32_t gid;
    uint16_t slot;
    uint16_t unused[3];
};

struct apus_duplicate {
    struct apus_step step;
    uint16_t slot;
    uint16_t unused;
    int32_t number;
};

struct apus_limit {
    struct apus_step step;
    uint64_t soft;
    uint64_t hard;
    uint32_t resource;
    uint32_t unused;
};

struct apus_scheduler {
    struct apus_step step;
    uint32_t policy;
    int32_t nice;
    uint32_t priority;
    uint32_t unused;
    uint64_t flags;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

struct apus_memory_policy {
    struct apus_step step;
    uint32_t mode;
    uint32_t unused;
    struct apus_bytes nodes;  ///< a bit mask of unsigned longs
};

struct apus_affinity {
    struct apus_step step;
    struct apus_bytes cpus;  ///< a bit mask of unsigned longs; empty: every CPU that its cgroups permit
};

struct apus_capabilities {
    struct apus_step step;
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
};

/// Finds the home of `uid` in /etc/passwd of the image, and puts `HOME=...` behind the last entry of
/// `environment`, whose array has room for it.
struct apus_find_home {
    struct apus_step step;
    struct apus_texts environment;
    struct apus_bytes buffer;
    uint32_t uid;
    uint16_t descriptors;  ///< /proc/self/fd of the host's procfs
    uint16_t unused;
};

/// Writes the pid of the process behind the first `length` bytes of `buffer`, the name of a variable and `=`, and makes
/// that the entry `index` of `environment`.
struct apus_tell_pid {
    struct apus_step step;
    struct apus_texts environment;
    struct apus_bytes buffer;
    uint32_t index;
    uint32_t length;
};

/// Waits for a connection at `listener`, says there which report page and plan it follows, and waits for the word
/// to go on; descriptors that come with it go into `receive` and the slots after it.
struct apus_gate {
    struct apus_step step;
    uint16_t listener;
    uint16_t connection;
    uint16_t receive;
    uint16_t receive_count;
    uint16_t notify;  ///< the socket at which the container says that it is ready, for who opens; or APUS_NO_SLOT
    uint16_t unused[3];
};

/// Runs a program and waits for its end. One that comes from the image is confined as the container's program is: what
/// that one gets only now, right before its exec, is here as well.
struct apus_run_hook {
    struct apus_step step;
    struct apus_text path;
    struct apus_texts arguments;
    struct apus_texts environment;
    uint32_t timeout;  ///< seconds; 0: none
    uint16_t input;
    uint16_t output;
    struct apus_bytes filter;  ///< of struct sock_filter; empty: none
    uint32_t filter_flags;     ///< SECCOMP_FILTER_FLAG_*
    uint16_t limits_files;     ///< 1: RLIMIT_NOFILE becomes `soft` and `hard`
    uint16_t errors;           ///< where standard error goes
    uint64_t soft;
    uint64_t hard;
};

struct apus_seccomp {
    struct apus_step step;
    struct apus_bytes program;  ///< of struct sock_filter
    uint32_t flags;             ///< SECCOMP_FILTER_FLAG_*
    uint16_t listener;          ///< where the listener of a filter that has one goes
    uint16_t unused;
};

struct apus_execute {
    struct apus_step step;
    struct apus_texts arguments;
    struct apus_texts environment;
};
