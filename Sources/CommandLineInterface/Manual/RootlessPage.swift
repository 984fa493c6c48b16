extension Chapter {
    static var rootless: Chapter {
        Chapter(
            name: "rootless", summary: "containers of an ordinary user",
            parts: [
                .heading("Description"),
                .text(
                    """
                    An ordinary user runs containers in user namespaces of his own; `apus spec --rootless` writes a \
                    configuration to begin with. More ids than his own are mapped by newuidmap(1) and newgidmap(1), as \
                    far as /etc/subuid and /etc/subgid grant them. An engine that calls apus as root of a user \
                    namespace, as rootless Podman does, works as well.
                    """),
                .heading("User namespace"),
                .text(
                    """
                    A configuration without one gets one, and one that is not mapped is mapped as crun does it: root \
                    in there is the caller, and what /etc/subuid and /etc/subgid grant follows; a process that is to \
                    be another user is the caller instead. A warning says so.
                    """),
                .heading("Cgroups"),
                .text(
                    """
                    Where a part of cgroup v2 is delegated to the user (a unit with `Delegate=yes`, or a session of a \
                    user manager), limits work as for root. Of several hierarchies those are used that are delegated, \
                    and a warning names the others. Elsewhere a container without limits goes without a cgroup; a \
                    limit that cannot be set is an error, and so is a `cgroupsPath` that cannot be made.
                    """),
                .text(
                    """
                    `--rootless=true` asks for that as root too, for hosts whose cgroups are read-only or not mounted; \
                    but device rules then have to go from the configuration, since a root that can make devices is not \
                    to be without them. `--rootless=false` makes every missing permission an error.
                    """),
                .heading("What the container sees"),
                .text(
                    """
                    A container without a cgroup of its own sees an empty read-only /sys/fs/cgroup, and a read-only \
                    bind mount of /sys is read-only all the way down (CVE-2023-25809). A sysfs for a network namespace \
                    that is not the container's becomes a read-only bind mount of the host's.
                    """),
                .heading("State"),
                .text(
                    """
                    It is in $XDG_RUNTIME_DIR/apus, with the sticky bit that keeps it from being cleaned up. `podman \
                    run --cgroups=disabled` wants the runtime in `runtime_supports_nocgroup` of containers.conf (Podman \
                    takes it without the s that containers.conf(5) has).
                    """),
            ])
    }
}
