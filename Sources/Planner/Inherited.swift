internal import OCI

// What a process gets of whoever calls apus. A program that is started twice is to find the same both times, so what
// says something about the container is decided here, for the first process and for those of `exec` alike; what says how
// the caller's work is to be weighed against others' stays as it is with every program that is started.
//
// | attribute                 | the container's process has                                  | where, and why
// |---|---|---
// | CPU affinity              | every CPU of its cgroups, or `execCPUAffinity.final`         | `permitCPUs`. Linux 6.2 keeps the caller's in every cgroup
// | scheduling policy, nice   | `process.scheduler`, else the caller's                       | `schedule`, `Execution.announce`
// | I/O priority              | `process.ioPriority`, else the caller's                      | `setIOPriority`
// | umask                     | `process.user.umask`, else 022                               | `becomeUser`. runc's exec has the caller's
// | ignored signals           | none                                                         | `set_signals` in apus-init
// | blocked signals           | none                                                         | `become` in CKernel/processes.c. runc passes them on
// | resource limits           | `process.rlimits`, of the others the caller's                | `limitResources`. runc, a Go program, raises soft NOFILE
// | dumpable                  | yes, unless the kernel says no at the exec                   | execve(2); not before (`guard` in apus-init)
// | securebits                | the caller's                                                 | the kernel: only a privileged caller can have any
// | personality               | `linux.personality`, else the caller's                       | `setPersonality`
// | timer slack               | the caller's                                                 | the kernel
// | memory policy             | `linux.memoryPolicy`, else the caller's                      | `setMemoryPolicy`
// | huge pages                | the caller's                                                 | the kernel: prctl(2), PR_SET_THP_DISABLE
// | no_new_privs, filters     | the caller's, and the configured ones                        | the kernel: neither can be undone
// | session keyring           | one of the container's own, unless `--no-new-keyring`        | `joinKeyring`
// | process, thread keyring   | none                                                         | execve(2)
// | environment               | `process.env`, HOME, what service managers say               | `environment`
// | descriptors               | 0 to 2, those of `LISTEN_FDS` and `--preserve-fds`           | `Preparation.keepDescriptors`, `closeOnExec`
// | owner of the streams      | see `shareStreams`                                           | `shareStreams`, `CallerPipes`
// | OOM score                 | `process.oomScoreAdj`, else the caller's                     | `Creation.adjustOOMScore`, `adjustOnHost`
// | session, terminal         | a session of its own, and its own terminal or none           | `.newSession`, `controlTerminal`
// | parent-death signal       | none                                                         | fork(2); SIGKILL until the program runs (`guard`, `release`)
// | subreaper                 | no                                                           | fork(2)
// | groups, ids, capabilities | what the configuration says, and nothing else                | `becomeUser`
//
// `InheritedTests` has a test for each line (of the streams `StreamTests` has them); `Tests/Parity/inherited.py` shows the
// same of other runtimes.

extension PlanBuilder {
    /// The CPUs to run on, once the cgroups are joined; nil: all that they permit. Linux keeps what a process was told, also
    /// in other cgroups (6.2): it must not be what the caller happened to be told.
    mutating func permitCPUs(_ cpus: IndexRanges?) {
        add(
            .setAffinity(cpus: Self.mask(cpus)),
            .field(cpus == nil ? "linux.resources.cpu.cpus" : "process.execCPUAffinity.final"))
    }
}
