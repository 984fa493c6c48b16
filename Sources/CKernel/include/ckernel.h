// The kernel as Swift's Glibc module does not show it. Every function returns the result, or -errno.
#pragma once

// No _GNU_SOURCE here: the same headers would then look different in another module.
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What `ck_stat` tells of an inode: the part of `struct stat` that a runtime looks at.
struct ck_status {
    uint64_t device;
    uint64_t inode;
    uint64_t special_device;
    int64_t size;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    uint32_t links;
};

// Files. A path is relative to `dir`; AT_FDCWD (-100) stands for the working directory.
int ck_open(int dir, const char *path, int flags, unsigned mode);
int ck_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int ck_close(int fd);
ssize_t ck_read(int fd, void *buffer, size_t size);
ssize_t ck_pread(int fd, void *buffer, size_t size, off_t offset);
ssize_t ck_write(int fd, const void *buffer, size_t size);
int ck_stat(int dir, const char *path, int flags, struct ck_status *result);
/// The same of what `path` leads to, without asking a server of the file system.
int ck_known_status(const char *path, struct ck_status *result);
int64_t ck_filesystem_type(int fd);
int64_t ck_filesystem_type_at(const char *path);
int ck_mount_id(const char *path, uint64_t *result);
int ck_mkdir(int dir, const char *path, unsigned mode);
int ck_unlink(int dir, const char *path, int flags);
int ck_rename(int old_dir, const char *old_path, int new_dir, const char *new_path);
ssize_t ck_readlink(int dir, const char *path, char *buffer, size_t size);
ssize_t ck_getdents(int fd, void *buffer, size_t size);
/// Removes what is in a directory, links not followed: everything, or directories only. Works on the names as the kernel
/// has them, which need not be text. 1 if all is gone, 0 if something is in use.
long ck_remove_content(int directory, bool files, const char **call);
int ck_fcntl(int fd, int command, long argument);
int ck_flock(int fd, int operation);
int ck_close_range(unsigned first, unsigned last, unsigned flags);
int ck_pipe(int ends[2], int flags);
int ck_access(const char *path, int mode);
int ck_realpath(const char *path, char *buffer, size_t size);
int ck_chmod(int dir, const char *path, unsigned mode);
int ck_chown(int dir, const char *path, uint32_t uid, uint32_t gid, int flags);

// Memory files.
int ck_memfd(const char *name, bool executable);
int ck_seal(int fd);
/// A memory file keeps its size for good, and can be written to.
int ck_seal_size(int fd);
/// Whether a memory file is sealed so: 1 or 0; `content` asks for ck_seal, else for ck_seal_size.
int ck_is_sealed(int fd, bool content);
/// mknod(2).
int ck_make_node(int dir, const char *name, unsigned mode, unsigned major, unsigned minor);
int ck_truncate(int fd, off_t size);
int ck_map_shared(int fd, size_t size, bool writable, void **address);
void ck_unmap(void *address, size_t size);

// Processes.
/// A detached tree, and where it is mounted.
struct ck_attachment {
    int tree;
    const char *path;
};
struct ck_spawn {
    uint64_t clone_flags;  ///< CLONE_NEW*, CLONE_INTO_CGROUP
    int cgroup;            ///< directory of a cgroup2 group for CLONE_INTO_CGROUP
    int executable;        ///< what to execute (a descriptor), or -1: `path`
    const char *path;      ///< what to execute if `executable` is -1
    char *const *arguments;
    char *const *environment;
    const int *keep;  ///< descriptors that lose close-on-exec in the child
    size_t keep_count;
    int stdio[3];             ///< descriptors that become 0, 1, 2, or -1: as they are
    bool keep_capabilities;   ///< raise every capability into the ambient set
    bool new_session;         ///< setsid()
    int parent_death_signal;  ///< or 0
    const char *directory;    ///< working directory, or NULL
    /// What is mounted in the mount namespace that the child has of its own, one after the other; no mount of it goes back
    /// to where the namespace comes from.
    const struct ck_attachment *attachments;
    size_t attachment_count;
};
/// Makes a child with CLONE_VFORK and CLONE_VM that executes a program.
/// Returns the pid, with `*pidfd` set; a failure in the child (its exec, say) is returned as -errno too.
int ck_spawn(const struct ck_spawn *what, int *pidfd);

struct ck_exit {
    int32_t code;    ///< CLD_EXITED, CLD_KILLED or CLD_DUMPED; 0: still running
    int32_t status;  ///< exit status or signal
    int32_t pid;
};
int ck_wait_pidfd(int pidfd, int options, struct ck_exit *result);
int ck_wait_any(int options, struct ck_exit *result);
int ck_wait_pid(int pid, struct ck_exit *result);
int ck_pidfd_open(int pid);
/// The id of a pidfd's process as the caller sees it (PIDFD_GET_INFO, Linux 6.13); -ENOTTY before.
int ck_pidfd_pid(int pidfd);
int ck_pidfd_signal(int pidfd, int signal);
int ck_getpid(void);
uint32_t ck_geteuid(void);
uint32_t ck_getegid(void);
int ck_prctl(int option, unsigned long value);
int ck_prlimit(int pid, int resource, uint64_t soft, uint64_t hard);
/// struct sched_attr of sched_setattr(2), first version.
struct ck_scheduler {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};
int ck_set_scheduler(int pid, const struct ck_scheduler *attributes);
/// The CPUs that the caller may run on, as a bit mask.
int ck_set_affinity(const void *cpus, size_t size);
unsigned ck_umask(unsigned mask);
int64_t ck_capabilities(void);
int ck_uname_release(char *buffer, size_t size);
const char *ck_getenv(const char *name);

// Waiting.
struct ck_poll {
    int fd;
    int16_t events;
    int16_t occurred;
};
int ck_poll(struct ck_poll *entries, size_t count, int milliseconds);
int ck_block_signals(const int *signals, size_t count, bool block);
/// Blocks every signal and gives a descriptor that reads them.
int ck_signalfd_all(void);
/// The same of HUP, INT, QUIT and TERM alone, which are blocked already.
int ck_signalfd_termination(void);
int ck_signalfd_heeded(void);
/// The next signal of a descriptor made by `ck_signalfd_all`, and its sender; 0: none is pending.
int ck_signalfd_read(int fd, int *sender);
int ck_realtime_minimum(void);
int ck_realtime_maximum(void);
int ck_inotify(const char *path, uint32_t mask);
/// Nanoseconds of CLOCK_REALTIME, or of CLOCK_MONOTONIC.
int64_t ck_realtime(void);
int64_t ck_monotonic(void);
int ck_sleep(int64_t nanoseconds);

// Sockets. A message carries at most CK_MESSAGE_DESCRIPTORS descriptors.
#define CK_MESSAGE_DESCRIPTORS 16
int ck_socketpair(int ends[2]);
int ck_listen(const char *path, int type, int backlog);
int ck_bind(const char *path, int type);
/// `seconds`: how long connecting, and then each sending, may take; -EAGAIN after that. 0: for ever.
int ck_connect(const char *path, int type, int seconds);
/// A TCP socket that is being connected to an address in figures (inet_pton(3)): it is writable when that is done. -EINVAL:
/// the text is no such address. A peer that has vanished is given up after 30 s.
int ck_connect_internet(const char *address, uint16_t port);
/// What became of it (SO_ERROR); it waits for its peer from now on.
int ck_finish_connecting(int fd);
int ck_shutdown(int fd);
/// Goes to a network namespace, and back to the own one, without which nothing may go on.
int ck_enter_network(int network_namespace);
void ck_return_to_network(int own);
/// A socket of rtnetlink(7) in a network namespace; -1: the caller's own.
int ck_route_socket(int network_namespace);
ssize_t ck_send(int fd, const void *bytes, size_t size, const int *descriptors, size_t count);
ssize_t ck_receive(int fd, void *bytes, size_t size, int *descriptors, size_t *count, int flags);

// Terminals.
struct ck_window {
    uint16_t rows;
    uint16_t columns;
    uint16_t width;  ///< in pixels, like `height`; 0: not known
    uint16_t height;
};
int ck_isatty(int fd);
int ck_window_get(int fd, struct ck_window *window);
int ck_window_set(int fd, struct ck_window window);
/// What tcgetattr(3) says of a terminal.
struct ck_terminal_mode {
    uint32_t words[16];
};
int ck_terminal_mode_get(int fd, struct ck_terminal_mode *mode);
int ck_terminal_mode_set(int fd, const struct ck_terminal_mode *mode);
/// The same with every key and every byte going through as it is (cfmakeraw(3)).
void ck_terminal_mode_plain(struct ck_terminal_mode *mode);
void ck_terminal_mode_raw(struct ck_terminal_mode *mode);
bool ck_terminal_mode_equals(const struct ck_terminal_mode *one, const struct ck_terminal_mode *other);
/// The character that ends the input; 0: none.
uint8_t ck_terminal_mode_eof(const struct ck_terminal_mode *mode);
/// Whether input comes in lines (ICANON), and whether the terminal prints it by itself (ECHO).
bool ck_terminal_mode_takes_lines(const struct ck_terminal_mode *mode);
bool ck_terminal_mode_echoes(const struct ck_terminal_mode *mode);
/// 1: the caller is in the foreground of the terminal, or it is not the caller's own, and so knows no background.
int ck_terminal_is_foreground(int fd);
/// Waits for the foreground as the kernel has a background process do: SIGTTOU stops its group. -EIO: nobody could
/// continue it.
int ck_terminal_await_foreground(int fd);
/// SIGHUP to the foreground process group on the other side of a master.
int ck_terminal_hang_up(int master);
/// Stops this process with SIGTSTP until somebody continues it.
int ck_stop(void);

// Mount trees.
/// A detached copy of the tree at `path` (open_tree(2)).
int ck_open_tree(const char *path, unsigned flags);
int ck_tree_slave(int tree);
/// Read-only, nosuid, nodev and noexec.
int ck_tree_restrict(int tree);
/// Read-only: nothing can be changed about the inodes in it; devices work.
int ck_tree_read_only(int tree);
/// A detached tmpfs with room for `inodes` (its own root among them), nosuid and noexec. `*call` is the call that failed.
int ck_temporary_file_system(unsigned inodes, const char **call);
/// Mounts, detached and read-only, what two directories hold together; the first one has the permissions.
int ck_union(int upper, int lower, const char **call);
/// A place among the mounts.
struct ck_mount_place {
    uint64_t id;          ///< of the mount, as in mountinfo
    uint64_t lasting_id;  ///< the one that no other mount ever has (Linux 6.8; before that the same)
    uint64_t device, inode;
    bool is_root;  ///< whether it is the mount's root
};
/// Where a descriptor lies. Nobody else is asked: the server of a file system (FUSE, NFS) may never answer.
int ck_mount_place(int place, struct ck_mount_place *result);
/// The id of the mount that `path` leads to in a mount namespace (-1: the caller's), unique where the kernel has unique
/// ones (Linux 6.8).
int ck_outer_mount_id(int mount_namespace, const char *path, uint64_t *id);
/// Unmounts, with everything below, the mount with the id `mount` at `path`; 0 stands for whatever is mounted there above
/// `before`. 0 also if it is gone already; -EBUSY: another one covers it.
int ck_unmount(int mount_namespace, const char *path, uint64_t before, uint64_t mount);
/// 1 if the mount at `path` is read-only, nosuid, nodev or noexec.
int ck_is_restricted(const char *path);
/// Maps the ids of a detached tree through a user namespace (MOUNT_ATTR_IDMAP, Linux 5.12).
int ck_map_ids(int tree, int user_namespace, bool recursive);
/// The same from inside of these namespaces, through a user namespace below that one, with these maps: for a mount that
/// belongs to it, and a caller who owns it and has no power outside. `*call` is the call that failed.
int ck_map_ids_inside(int user_namespace, int mount_namespace, int tree, bool recursive, const char *uid_map,
                      const char *gid_map, const char **call);
/// A process that does nothing but be in a new user namespace, which has no maps yet; it ends with `*end`.
/// `*call` is the call that failed.
int ck_hold_user_namespace(int *end, const char **call);
/// Ends and reaps it.
void ck_let_go(int pid, int end);

// eBPF.
int ck_bpf(int command, void *attributes, unsigned size);

// Inspection.
/// How a process ended that need not be a child (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15), as wait(2) has it:
/// 1 with `*status` set, 0 if it has not been reaped yet, -ENOTTY or -EINVAL on an older kernel.
int ck_pidfd_exit(int pidfd, int32_t *status);
/// The CLONE_NEW* flag of the namespace behind a descriptor; -ENOTTY: it is none.
int ck_namespace_type(int fd);
/// A limit of this process (getrlimit(2)).
int ck_limit(int resource, uint64_t *soft, uint64_t *hard);
/// Gives back the memory of a part of a memory file; its size stays.
int ck_punch(int fd, off_t offset, off_t length);
/// From now on nobody makes the memory file longer (F_SEAL_GROW): who tries gets EPERM.
int ck_seal_growth(int fd);
