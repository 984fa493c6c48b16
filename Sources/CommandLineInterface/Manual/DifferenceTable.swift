/// Where apus deliberately does something else than runc: every row has its reason. The versions that were compared
/// are runc 1.1.5 and 1.3.6; what only one of them does says so.
struct Difference {
    let what: String
    let runc: String
    let apus: String
    let why: String

    init(_ what: String, runc: String, apus: String, why: String) {
        self.what = what
        self.runc = runc
        self.apus = apus
        self.why = why
    }

    /// In the order of a configuration and of the commands.
    static var all: [Difference] {
        [
            Difference(
                "`rootfs/dev`, `/proc`, mount points behind links",
                runc: "followed or refused, depending on the version",
                apus: "resolved inside the root by descriptor; `proc` and `sysfs` want real directories",
                why: "CVE-2026-41579, CVE-2019-19921"),
            Difference(
                "mounts, masked and read-only paths, devices without a new mount namespace",
                runc: "done to the host's mounts, and left behind",
                apus: """
                    below one private mount on the root file system, which `delete` and any failure take away; \
                    with a user namespace refused
                    """,
                why: "nothing outside of the root file system is touched"),
            Difference(
                "relative paths in the options and sources of new file systems, such as `lowerdir=layer`",
                runc: "count from the root file system, and follow its links to anywhere on the host",
                apus: "count from the bundle, as sources of bind mounts do (crun too)",
                why: "an image must not choose directories of the host"),
            Difference(
                "flags of a bind mount's source",
                runc: "dropped as soon as one option is given (1.1.5)",
                apus: "kept, unless an option says the opposite",
                why: "options change what they name"),
            Difference(
                "an option that would lift a locked flag, in a user namespace",
                runc: "passed over (1.1.5)",
                apus: "an error",
                why: "nothing asked for is dropped without a word"),
            Difference(
                "recursive options of a new file system (`rro`)",
                runc: "no effect (1.1.5)",
                apus: "count",
                why: "nothing asked for is dropped without a word"),
            Difference(
                "`linux.devices` and a mount at the same path",
                runc: "the mount stays",
                apus: "the mount stays, and a warning says so",
                why: "nothing asked for is dropped without a word"),
            Difference(
                "FIFOs, sockets and devices under `tmpcopyup`",
                runc: "copied",
                apus: "copied; a device of an image that is on a `nodev` mount is an error",
                why: "a copy must not be more than the original"),
            Difference(
                "`mounts remove` of any destination",
                runc: "no such command; crun 1.28 unmounts what is there, masks and the root too",
                apus: """
                    unmounts only what was added, or mounted by the configuration, and is still what is there
                    """,
                why: "a container must not lose what protects it, whatever it has moved there"),
            Difference(
                "`mounts add` with a failure half-way, on `/`, on a mask, to a container that was only created",
                runc: "no such command; crun 1.28 keeps what went well, and mounts it",
                apus: "takes it back; refused",
                why: "all or nothing; nothing is to hide what protects a container"),
            Difference(
                "weight of block devices under systemd",
                runc: "lost when systemd reloads (1.1.5)",
                apus: "kept, as `IOWeight`",
                why: "limits are to last"),
            Difference(
                "a time namespace beside a user namespace",
                runc: "belongs to the host",
                apus: "belongs to the container",
                why: "so that an ordinary user can have one, and a container's root may look after it"),
            Difference(
                "a systemd of another pid namespace",
                runc: "is given the container's pid",
                apus: "refused",
                why: "there the pid is another process"),
            Difference(
                "hooks without `env`",
                runc: "get the runtime's environment; `startContainer` hooks the program's",
                apus: "get an empty one; `startContainer` hooks, programs of the image, the program's",
                why: "CVE-2025-23266"),
            Difference(
                "`/etc/passwd` that is a FIFO or a device",
                runc: "hangs (1.1.5)",
                apus: "counts as missing",
                why: "an image must not stop the runtime"),
            Difference(
                "`start` when the program cannot be executed",
                runc: "succeeds",
                apus: "fails, and says why",
                why: "the gate reports it"),
            Difference(
                "`poststart` hook that fails",
                runc: "`create` fails",
                apus: """
                    stops the container and runs its `poststop` hooks before `start` returns; its state stays \
                    for `delete`
                    """,
                why: "runtime.md, lifecycle steps 9 to 13"),
            Difference(
                "a configuration without `process`",
                runc: "refused",
                apus: "created; `start` refuses it, and `exec` needs `--process`",
                why: "config.md: required for `start`"),
            Difference(
                "a program without a slash, `env` without `PATH`",
                runc: "not found",
                apus: "looked for where programs usually are; its environment stays without",
                why: "as execvp(3)"),
            Difference(
                "CPU affinity of the caller",
                runc: "kept (1.1.5, Linux 6.2 or newer)",
                apus: "every CPU of the cgroups, unless `execCPUAffinity` says otherwise",
                why: "a container is the same whoever starts it"),
            Difference(
                "signals that the caller blocks; its umask, for `exec`",
                runc: "passed on; the caller's",
                apus: "none is blocked; 022, or `user.umask`",
                why: "a container is the same whoever starts it"),
            Difference(
                "`RLIMIT_NOFILE` of the caller, if the configuration has none",
                runc: "the soft limit is raised to the hard one",
                apus: "as it is",
                why: "that is an effect of Go"),
            Difference(
                "`kill` of a created container with SEGV, BUS, FPE, ILL, TRAP or SYS",
                runc: "ends it",
                apus: "no effect on a process 1, as the kernel has it",
                why: "a fault in the set-up is to be told as one"),
            Difference(
                "`kill KILL`, and then at once `delete` on a busy machine",
                runc: "\"not stopped\" now and then",
                apus: "`kill` waits for the end for a second at most, `delete` for what is ending",
                why: "chance is no answer"),
            Difference(
                "`--preserve-fds` beyond the open descriptors",
                runc: "passes on descriptors of its own",
                apus: "those that are open; `LISTEN_FDS` has to be right",
                why: "the runtime's own descriptors are nobody else's"),
            Difference(
                "`domainname` and another `kernel.domainname`",
                runc: "the second one counts",
                apus: "refused",
                why: "one of them is a mistake"),
            Difference(
                "`restore` of an image that has more rights or fewer restrictions than the configuration",
                runc: "comes back as the image has it",
                apus: """
                    refused: capabilities, `noNewPrivileges`, a filter, labels, namespaces, masked and read-only \
                    paths, bind mounts are compared
                    """,
                why: "CVE-2026-94603: the caller's configuration counts"),
            Difference(
                "`checkpoint`, `restore` without `--work-path`",
                runc: "the log is in the state directory, and gone with it",
                apus: "it is beside the images",
                why: "it says what went wrong"),
            Difference(
                "`checkpoint` of a network namespace of the container's own",
                runc: "saves nothing of it: after `restore` even `lo` is down",
                apus: "saves and restores it; `--empty-ns network` does as runc",
                why: "what runs on needs its addresses"),
            Difference(
                "masked files",
                runc: "the container's `/dev/null`",
                apus: """
                    a null device of the container's own (in a user namespace an empty file); directories share \
                    one empty one
                    """,
                why: "CVE-2025-31133; the host's inode stays out of reach"),
            Difference(
                "devices that cannot be made (root without `CAP_MKNOD`, or whom a device cgroup forbids it; an ordinary user)",
                runc: "the host's are bound by the path inside the container",
                apus: "the host's are bound, found by their numbers, read-only, `nosuid`, `noexec`",
                why: "nobody changes the host's inode"),
            Difference(
                "devices in a user namespace",
                runc: "the host's are bound, with the host's owner and mode",
                apus: "made for the container, as the configuration says; `nosuid`, `noexec`",
                why: "what the container changes is its own"),
            Difference(
                "standard streams on `/dev/null`",
                runc: "the container's `/dev/null` by name",
                apus: "the container's own, or one that cannot be changed",
                why: "a process can change the mode of what it has open"),
            Difference(
                "a state that cannot be read, and `delete --force`",
                runc: "says success, and the container runs on (1.1.5)",
                apus: "an error; the state stays",
                why: "nothing that runs is forgotten"),
            Difference(
                "`run` and a signal during its set-up",
                runc: "ignored until a hook has ended",
                apus: "ends, takes everything back, exits with 128 + signal",
                why: "whoever wants it to end need not wait for a hook"),
            Difference(
                "`/sys/fs/cgroup` mounted `ro` on cgroup v1",
                runc: "the tmpfs above the hierarchies stays writable (1.1.5)",
                apus: "read-only",
                why: "as asked"),
            Difference(
                "cgroup2 without a cgroup namespace",
                runc: """
                    mounts the file system, which shows the cgroups of the whole host, and takes options such as \
                    `nsdelegate` from the host's own mount
                    """,
                apus: "the container's own cgroup, as on v1",
                why: "what a container asks for must not change the host"),
            Difference(
                "message queues in a user namespace",
                runc: "belong to group nobody (1.1.5)",
                apus: "belong to the container's root",
                why: "the owner of a file system of the container is in the container"),
            Difference(
                "`/sys` bound read-only with `rbind` in a user namespace",
                runc: "what is mounted below it stays writable (1.1.5)",
                apus: "read-only all the way down",
                why: "CVE-2023-25809"),
            Difference(
                "`sysfs` in a user namespace without a network namespace",
                runc: "`operation not permitted` (1.1.5)",
                apus: "the host's `/sys`, read-only",
                why: "what `spec --rootless` asks for anyway"),
            Difference(
                "`update` that fails half-way",
                runc: "writes all limits once more, and warns that files and state may differ",
                apus: "restores the changed files, and says which could not be",
                why: "a failed update changes nothing"),
            Difference(
                "`update` with device rules",
                runc: "ignores them",
                apus: "sets them",
                why: "nothing asked for is dropped without a word"),
            Difference(
                "`update --blkio-weight 5`, `--memory 10m --memory-swap 5m` and other contradictions",
                runc: "depends on what the kernel says",
                apus: "refused before anything is written",
                why: "the same answer on every kernel"),
            Difference(
                "`update --memory-swap` alone on cgroup v2",
                runc: "refused: no memory limit given",
                apus: "counts from the limit that is there",
                why: "what is meant is clear"),
            Difference(
                "`events`: `network_interfaces`",
                runc: "always null",
                apus: "the interfaces of the container's own network namespace, but for `lo`",
                why: "the numbers are there"),
            Difference(
                "`events`: `psi`",
                runc: "cgroup v2 only, and not in 1.1.5",
                apus: "wherever there is a cgroup2 hierarchy",
                why: "the kernel counts it on such hosts too"),
            Difference(
                "usage errors",
                runc: "the whole help on standard output",
                apus: "one line on standard error",
                why: "engines and people read the last line"),
            Difference(
                "`pids.limit` 0",
                runc: "no limit (1.1.5), one task (since 1.4)",
                apus: "what the configuration's version means by it",
                why: "its meaning changed between versions of the specification"),
            Difference(
                "limits of -1 where there is no controller",
                runc: "an error",
                apus: "fulfilled",
                why: "nothing has to be limited"),
            Difference(
                "foreground `run` without a terminal",
                runc: "copies through pipes",
                apus: "hands over the caller's streams, without changing their owner (see `apus-config`(7))",
                why: "nothing is copied twice"),
        ]
    }
}
