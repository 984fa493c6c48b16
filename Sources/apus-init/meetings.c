// Meetings with the host, the gate, and the fork that joined pid namespaces need.
#include "init.h"

#include <linux/prctl.h>
#include <linux/socket.h>
#include <linux/time_types.h>

#define SOL_SOCKET       1
#define SCM_RIGHTS       1
#define MSG_CTRUNC       0x8
#define MSG_NOSIGNAL     0x4000
#define MSG_CMSG_CLOEXEC 0x40000000
#define SOCK_CLOEXEC     02000000
#define MOST_DESCRIPTORS 16

struct part {
    void *base;
    size_t size;
};

/// struct msghdr and struct cmsghdr of the kernel (include/linux/socket.h), on 64-bit machines.
struct message {
    void *name;
    long name_size;
    struct part *parts;
    size_t part_count;
    void *control;
    size_t control_size;
    unsigned flags;
};

struct control {
    size_t size;
    int level;
    int type;
    int descriptors[MOST_DESCRIPTORS];
};

static long send_message(int socket, void *bytes, size_t size, const int *descriptors, size_t count) {
    struct part part = {.base = bytes, .size = size};
    struct message message = {.parts = &part, .part_count = 1};
    struct control control = {.size = 16 + count * sizeof(int), .level = SOL_SOCKET, .type = SCM_RIGHTS};
    if (count) {
        memcpy(control.descriptors, descriptors, count * sizeof(int));
        message.control = &control;
        message.control_size = (control.size + 7) & ~7UL;
    }
    return retry(sendmsg, socket, &message, MSG_NOSIGNAL);
}

/// Receives a message, and its descriptors into the slots from `first` on. Gives its size; 0 at the end.
static long receive_message(struct init *init, int socket, void *bytes, size_t size, unsigned first, unsigned most) {
    struct part part = {.base = bytes, .size = size};
    struct control control = {0};
    struct message message = {.parts = &part, .part_count = 1, .control = &control, .control_size = sizeof control};
    long received = retry(recvmsg, socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    bool is_cut = message.flags & MSG_CTRUNC;
    if (message.control_size < 16 || control.level != SOL_SOCKET || control.type != SCM_RIGHTS)
        return is_cut ? -EMFILE : received;
    size_t count = (control.size - 16) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        // There was no room for all of them: what is missing nobody can tell.
        if (i < most && !is_cut) put(init, first + (unsigned)i, control.descriptors[i]);
        else sys(close, control.descriptors[i]);
    }
    return is_cut ? -EMFILE : received;
}

/// Waits for the host's answer. A host that is gone, or gives up, ends this process too: nothing is left behind.
static long await_reply(struct init *init, int socket, unsigned first, unsigned most) {
    struct apus_message reply;
    long size = receive_message(init, socket, &reply, sizeof reply, first, most);
    if (size < 0) return size;
    if (size != sizeof reply || reply.value != 0) sys(exit_group, 1);
    return 0;
}

/// The host has something to wait for until it answers, and ends this process by its silence if it dies: from then on
/// the process is known by name at its gate, and who made it may go.
static void come_to_gate(struct init *init) {
    init->is_released = true;
    sys(prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

long meet(struct init *init, const struct apus_meet *s) {
    bool has_gate = init->plan->gate_step < init->plan->step_count;
    if (s->meeting == APUS_MEETING_READY && has_gate) come_to_gate(init);
    struct apus_message message = {.meeting = s->meeting};
    int descriptor = s->send == APUS_NO_SLOT ? -1 : init->slots[s->send];
    int socket = s->socket == APUS_NO_SLOT ? init->plan->control : init->slots[s->socket];
    long result = send_message(socket, &message, sizeof message, &descriptor, descriptor >= 0);
    return result < 0 ? result : await_reply(init, socket, s->receive, s->receive_count);
}

/// Goes on in another process, a child of the same parent: what setns(2) for a pid namespace and unshare(2) for
/// a time namespace ask for. There is no exec in between, so it is undumpable from its clone on. It presents itself to the host: one
/// of which the host does not know goes no further. Not clone3(2), which filters cannot look into and therefore forbid:
/// the filter of `exec` may be loaded already.
long fork_child(struct init *init, const struct apus_flags *s) {
    // The signal is that of the caller's own end: with CLONE_PARENT none may be named (clone(2)).
    long pid = sys(clone, s->flags | CLONE_PARENT, NULL, NULL, NULL, NULL);
    if (pid < 0) return pid;
    if (pid > 0) sys(exit_group, 0);
    guard(init, 0);
    long pidfd = sys(pidfd_open, sys(getpid), 0);
    if (pidfd < 0) return pidfd;
    struct apus_message message = {.meeting = APUS_MEETING_FORKED};
    int descriptor = (int)pidfd;
    long result = send_message(init->plan->control, &message, sizeof message, &descriptor, 1);
    sys(close, pidfd);
    return result < 0 ? result : await_reply(init, init->plan->control, 0, 0);
}

/// A failure to answer who has come is no reason to end: the next one may have more luck. The kernel may be short of
/// something for a moment; after five seconds it is no moment any more.
static long accept_at(int listener) {
    for (unsigned failures = 0;; failures++) {
        long connection = sys(accept4, listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection >= 0 || connection == -EBADF || connection == -EINVAL || connection == -ENOTSOCK)
            return connection;
        if (connection == -EINTR || connection == -ECONNABORTED) {
            failures--;
            continue;
        }
        if (failures == 500) return connection;
        const struct __kernel_timespec moment = {.tv_nsec = 10000000};
        sys(nanosleep, &moment, NULL);
    }
}

/// Lets go of what the set-up was made with: who waits may be looked at for a long time by others in its namespaces.
static void drop_all_but(struct init *init, const struct apus_gate *s) {
    for (unsigned slot = 3; slot < APUS_SLOTS; slot++)
        if (slot != s->listener && slot != s->notify) drop(init, slot);
}

long wait_at_gate(struct init *init, const struct apus_gate *s) {
    drop_all_but(init, s);
    init->report->phase = APUS_PHASE_WAITING;
    for (;;) {
        long connection = accept_at(init->slots[s->listener]);
        if (connection < 0) return connection;
        put(init, s->connection, connection);
        struct apus_message word = {.meeting = APUS_MEETING_READY};
        int descriptors[] = {init->plan->report, init->plan_descriptor, -1};
        if (s->notify != APUS_NO_SLOT) descriptors[2] = init->slots[s->notify];
        long result = send_message((int)connection, &word, sizeof word, descriptors, descriptors[2] < 0 ? 2 : 3);
        if (result >= 0)
            result = receive_message(init, (int)connection, &word, sizeof word, s->receive, s->receive_count);
        if (result == sizeof word) break;
        // Who left before the word to go on has not opened the gate: the next one may. Who is there yet learns why.
        if (result < 0) {
            word.value = (int32_t)-result;
            send_message((int)connection, &word, sizeof word, NULL, 0);
        }
        drop(init, s->connection);
    }
    drop(init, s->listener);
    init->report->phase = APUS_PHASE_RUNNING;
    return 0;
}
