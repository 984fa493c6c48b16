extension Chapter {
    static var config: Chapter {
        Chapter(
            name: "config", summary: "what \(programName) makes of a configuration where the specification leaves room",
            parts: [
                .heading("Description"),
                .text(
                    """
                    A container is made from `config.json` in a bundle as the OCI runtime specification 1.3 says \
                    (https://github.com/opencontainers/runtime-spec). This page says what that leaves open. What a property \
                    can have no effect on, such as a section for another platform, is a warning. `apus plan` shows what \
                    becomes of a configuration, step by step.
                    """),
                .text(
                    """
                    Where the meaning of a property changed between versions of the specification, the configuration's \
                    own `ociVersion` decides: `pids.limit` 0 is no limit up to 1.2, as engines meant it, and one task \
                    from 1.3 on. `apus check` says which is meant.
                    """),
                .heading("Mounts"),
                .text(
                    """
                    Options mean what mount(8) means by them, one in a text or several with commas between them; a \
                    comma that belongs to an option has a backslash in front of it, or is in double quotes. Options \
                    too long for the new mount calls, such as the layers of an overlay, go to mount(2), 4095 bytes in \
                    all. A destination that is the root, however it is written, is the container's root from then on; \
                    one that is written as a path of the host below the root file system is one inside. What the \
                    configuration mounts on a default device stays there. Relative paths in sources and options, such as \
                    `lowerdir=layer`, count from the bundle.
                    """),
                .text(
                    """
                    Sources of bind mounts keep their own restrictions: one that is read-only, `nosuid`, `nodev`, \
                    `noexec`, or has access times of its own, is so inside as well, unless an option says the opposite \
                    (`rw`, `suid`, `dev`, `exec`, `relatime`). In a user namespace the kernel keeps such flags locked: \
                    an option that would lift one is an error.
                    """),
                .text(
                    """
                    Ids of a mount (`uidMappings`, `gidMappings`, `idmap`, `ridmap`) are mapped for bind mounts and for \
                    new file systems, before anybody can see the mount, as far as the kernel has id-mapped mounts of \
                    the file system: tmpfs (Linux 6.3), ext4, xfs, btrfs, hugetlbfs and others have them, and proc, \
                    sysfs, mqueue, devpts, cgroup and overlay have not; the error names the file system. An overlay can \
                    be made of id-mapped bind mounts of its layers. Mappings say which id of the file system is which \
                    id of the host; a new file system in a user namespace counts in the ids of that, so that `idmap` \
                    without mappings changes nothing there. What is copied up into a tmpfs keeps its owner in the file \
                    system. In a mount that has no id for the container's root nothing can be made, mount points among \
                    it. An ordinary user maps the ids of new file systems to those of his user \
                    namespace, and of no mount of the host.
                    """),
                .text(
                    """
                    In a running container `apus mounts add` and `apus mounts remove` do what crun's commands of these \
                    names do, with an array as `mounts` in `config.json`: all of it is mounted, or none. What is mounted \
                    is made on the host and attached by descriptor. The container has to run, or be paused, and to have a \
                    mount namespace of its own.
                    """),
                .heading("Cgroups"),
                .text(
                    """
                    They are made by apus itself; by systemd (`--systemd-cgroup`: on the system bus, or on the user's \
                    own for an ordinary user and inside a user namespace); or not at all (`--cgroup-manager disabled`: \
                    the container stays where its creator is, a configuration with limits is refused, and of device \
                    rules only the usual ones are let through, which then hold nobody back, as a warning says).
                    """),
                .text(
                    """
                    For systemd `cgroupsPath` is `slice:prefix:name`, by default `system.slice:apus:ID`; the \
                    container's cgroup is that of a transient scope. Each limit that systemd knows becomes a property \
                    of the unit, so that `systemctl daemon-reload` takes none away; the rest is in the files. systemd \
                    keeps a CPU quota as a whole percentage; it is rounded up from the start, so that nothing jumps \
                    later. Annotations `org.systemd.property.NAME` set properties, in GVariant's text form. The driver \
                    was tried with systemd 252 and cgroup v2; its part for v1 hierarchies follows the documentation \
                    and could not be tried.
                    """),
                .text(
                    """
                    `apus state --cgroup` shows what became of every limit: what was asked for, the file that it went \
                    into, and what the kernel has there now. `linux.intelRdt` uses the host's resctrl file system, \
                    which has to be mounted. A class of service that `closID` names stays when the container goes, as \
                    the specification wants it; one that has the container's id is removed with it. No machine with the \
                    hardware was at hand: this was tested with a directory laid out like resctrl.
                    """),
                .heading("Seccomp agents"),
                .text(
                    """
                    An agent (SCMP_ACT_NOTIFY) gets its listener right before the program runs, which is in `start`, \
                    `run` or `exec`; `create` only looks whether there is a socket at `listenerPath`. startContainer \
                    hooks are under the same filter, and the same agent. The filter has to permit sendmsg and recvmsg, \
                    with which the listener is handed over. An agent, or whoever else listens at a socket that the \
                    caller names, has ten seconds to take what it is sent.
                    """),
                .heading("Network devices"),
                .text(
                    """
                    `linux.netDevices` move with their name, MTU, hardware address and lasting addresses, all of them \
                    or none; if the start fails later, they go back. Of a `create` that is killed (SIGKILL) after they \
                    have moved nobody is left to give them back: then, as at the end of a container, hardware goes back \
                    to the host by the kernel's doing, under the name that it has, and others are no more.
                    """),
                .heading("Standard streams"),
                .text(
                    """
                    A process that writes to /dev/stdout opens its standard output anew, which its owner and mode have \
                    to permit. Pipes have no name: whoever can reach one has it already. So apus lets everybody open \
                    the caller's pipes, each in its own direction; their owner stays, and a pipeline such as `apus run \
                    web | logger` works for every user of a container. A terminal, a file or a named pipe of the \
                    caller is somebody's file. In the foreground it stays as it is, and a user who is neither its \
                    owner nor root gets "permission denied" for /dev/stdout, though not for writing to descriptor 1. \
                    What helps: `echo text >&1`; `terminal: true`, or `exec -t`, which gives the container a terminal \
                    of its own; or `| cat`. With `create` and `run --detach` the streams are the container's from then \
                    on, and go to its user, as in runc.
                    """),
                .text(
                    """
                    Output of a container's terminal that goes into a pipe or a file has line ends without carriage \
                    returns. If its reader goes away, the terminal hangs up: the next write in the container fails, \
                    and its session gets SIGHUP.
                    """),
                .heading("Annotations"),
                .text("These of crun work as they do there; `apus check` names those that have no effect."),
                .term(
                    "`run.oci.keep_original_groups` = 1",
                    "Processes keep the supplementary groups of who calls apus, and get no others."),
                .term(
                    "`run.oci.hooks.stdout`, `run.oci.hooks.stderr`",
                    """
                    What hooks write is appended to these files; hooks inside the container never get them: up to 16 \
                    MB of what they write is copied.
                    """),
                .term(
                    "`run.oci.seccomp_fail_unknown_syscall` = 1", "An unknown system call in the profile is an error."),
                .term(
                    "`run.oci.seccomp.receiver`",
                    "The socket of the seccomp agent, where the profile has no listenerPath."),
                .term(
                    "`run.oci.pidfd_receiver`",
                    "This socket is sent a pidfd of the first process, as with `--pidfd-socket`."),
                .term(
                    "`run.oci.mount_context_type`",
                    "The option that carries linux.mountLabel: context, fscontext, defcontext or rootcontext."),
                .term(
                    "`run.oci.systemd.subgroup`",
                    """
                    The container's cgroup is this one below systemd's scope (cgroup v2 alone); without it the scope \
                    itself, as in runc.
                    """),
                .term(
                    "`run.oci.delegate-cgroup`",
                    """
                    Processes go on in this cgroup below the container's, in which nothing is limited or managed by \
                    apus (cgroup v2 alone).
                    """),
            ])
    }
}
