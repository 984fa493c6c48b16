extension Chapter {
    static var checkpoint: Chapter {
        Chapter(
            name: "checkpoint", summary: "containers that are saved to disk and brought back",
            parts: [
                .heading("Description"),
                .text(
                    """
                    A running container can be saved to disk and brought back: later, under another id, several times, on \
                    another bundle, on another machine. CRIU does it (https://criu.org, 3.17 or newer), which has to be \
                    installed.
                    """),
                .example(
                    """
                    apus checkpoint --image-path /srv/image web
                    apus restore --detach --image-path /srv/image web
                    """),
                .heading("What is saved"),
                .text(
                    """
                    The processes with their memory and what they have open, and the file systems that belong to the \
                    container alone (/dev, a tmpfs). The root file system and bind mounts are not: they have to be there \
                    again. Limits, device rules, mounts, hooks and namespaces come from config.json, and an image of a \
                    container with more rights than that is refused.
                    """),
                .text(
                    """
                    Images hold all of the container's memory: keep them as you keep its secrets, and restore none of which \
                    you do not know who wrote it.
                    """),
                .text(
                    """
                    A network namespace of the container's own is saved with its devices, addresses, routes and firewall; \
                    `--empty-ns network`, for both commands, leaves it to hooks, and shortens the pause.
                    """),
                .text(
                    """
                    The processes of a new user namespace read images before their ids are mapped, when they are nobody. \
                    The directory of the images, which `checkpoint` makes for its owner alone, is therefore given to CRIU \
                    as an overlay that everybody may search; images that follow earlier ones, and `--auto-dedup`, need \
                    `chmod o+x` on it instead.
                    """),
                .heading("What cannot be saved"),
                .text(
                    """
                    Devices beyond null, zero and the like (/dev/kvm, GPUs), io_uring, packet and most other sockets beside \
                    TCP, UDP and Unix, a process that a debugger follows, mount or user namespaces inside the container, \
                    file systems that a container has mounted from outside; open TCP connections, sockets that lead outside, \
                    terminals of a shell and file locks only with a flag. The error names what is in the way and the flag, \
                    with the place of CRIU's log; the container then runs on. Processes that `exec` has added are not saved, \
                    and a warning says so.
                    """),
                .text(
                    """
                    A process that has just called vfork(2) does not stand still, and CRIU gives up after 10 s; one that a \
                    signal has stopped in a container that is paused does not either on cgroup v1 (SIGTERM ends the \
                    checkpoint): try again.
                    """),
                .text("Containers of an ordinary user cannot be saved nor brought back (CRIU 4.2.1)."),
                .heading("Migration"),
                .text(
                    """
                    `--pre-dump` with `--parent-path`, and `--lazy-pages` with `--page-server`, make the pause of a \
                    migration short, where the kernel can (CONFIG_MEM_SOFT_DIRTY, userfaultfd).
                    """),
                .heading("What was tried"),
                .text(
                    """
                    CRIU 4.2.1, with cgroup v1 and v2, by apus itself and by systemd; a restore from the images alone after a \
                    reboot, and one on another host, with memory in advance and with memory that follows; Podman 5.8's \
                    `container checkpoint` and `restore` with `--export`, `--import`, `--keep`, `--pre-checkpoint` and \
                    `--with-previous`. \
                    `docker start --checkpoint` fails in dockerd itself, with runc too (bind-mount /proc/0/ns/net).
                    """),
            ])
    }
}
