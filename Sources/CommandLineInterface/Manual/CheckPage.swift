/// What `check` looks at, and from where it knows.
struct CheckSubject {
    let name: String
    let text: String

    init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
    }

    /// In the order in which they are looked at: that of the configuration.
    static var all: [CheckSubject] {
        [
            CheckSubject("host", "The kernel is new enough."),
            CheckSubject(
                "config.json",
                """
                It is JSON, has what the specification requires, and no value that it forbids. Properties that the \
                specification does not know are warnings: they have no effect. So are annotations that crun obeys \
                and `\(programName)` does not, and values whose meaning depends on `ociVersion`.
                """),
            CheckSubject(
                "root.path",
                """
                The directory is there and may be looked into. A bundle without one is checked as far as that goes, \
                and a warning says so.
                """),
            CheckSubject(
                "process.args[0]",
                """
                The program is in the image, found by the PATH of the container as it would be when everything is \
                mounted; the process may execute it; it is for this processor, and its interpreter is there too.
                """),
            CheckSubject(
                "process.cwd",
                """
                It is inside the root file system, a directory that the process may enter; what is missing is made.
                """),
            CheckSubject("process.user", "The ids are mapped, if there is a user namespace."),
            CheckSubject("process.capabilities", "This kernel has them, and the caller can give them."),
            CheckSubject("process.rlimits, process.scheduler", "The caller may raise what has to be raised."),
            CheckSubject("process.apparmorProfile, process.selinuxLabel", "The host has the security module."),
            CheckSubject(
                "mounts",
                """
                The kernel knows the file system and takes its options; sources of bind mounts and layers of an \
                overlay are there, and fit what they are mounted on; mount points can be made; a remount finds its \
                mount.
                """),
            CheckSubject(
                "hooks",
                "The programs are there and executable: on the host, those of startContainer in the image."),
            CheckSubject(
                "linux.namespaces",
                "Those that are named by a path are there, and of the kind; the kernel has the others."),
            CheckSubject(
                "linux.uidMappings, linux.gidMappings",
                "/etc/subuid and /etc/subgid grant them to an ordinary user."),
            CheckSubject(
                "linux.devices",
                """
                No path twice, none hidden by a mount, none with the numbers of another one; the caller may make \
                them.
                """),
            CheckSubject("linux.netDevices", "The host has them."),
            CheckSubject(
                "linux.resources",
                "The cgroup can be made, has the controllers that the limits need, and takes the values."),
            CheckSubject("linux.sysctl", "The kernel has the parameter, and a namespace of the container holds it."),
            CheckSubject(
                "linux.seccomp",
                """
                The profile compiles, and permits what starting the program takes; unknown system calls are named; \
                its agent listens.
                """),
            CheckSubject("linux.intelRdt", "The file system resctrl is mounted."),
            CheckSubject(
                "the plan",
                """
                What was found good is compiled into a plan; its steps that can be tried without anybody noticing \
                are tried, in namespaces of their own, in which nothing is attached to the host's.
                """),
        ]
    }
}

extension Chapter {
    static var check: Chapter {
        Chapter(
            name: "check", summary: "what \"\(programName) check\" looks at",
            parts: [
                .heading("Description"),
                .text(
                    """
                    `apus check` says everything that is wrong with a bundle on this host, and changes nothing. A \
                    problem is a line: the place in config.json, what is wrong, and in brackets what helps. An error \
                    means that `create` or `start` would fail; a warning, that something has no effect or could not be \
                    looked at.
                    """),
                .example(
                    """
                    process.args[0]: there is no ash in the PATH of the container (correct the name or PATH, or add the program to the image)
                    """),
                .heading("What is looked at"),
            ] + CheckSubject.all.map { .term("`\($0.name)`", $0.text) } + [
                .heading("What is not"),
                .text(
                    """
                    What only the running program finds out: its configuration, the network, and whether what it \
                    writes to may be written to. An ordinary user may not look at everything, and is told what was \
                    left out.
                    """),
            ])
    }
}
