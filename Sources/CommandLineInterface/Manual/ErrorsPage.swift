/// How to read an error, and what the kernel means by its answers here.
struct ErrnoMeaning {
    let name: String
    /// What it usually is about in a runtime, and what helps.
    let text: String

    init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
    }

    /// Those that a runtime gets, in alphabetical order.
    static var all: [ErrnoMeaning] {
        [
            ErrnoMeaning(
                "E2BIG", "Arguments and environment are together longer than the kernel passes on: shorten process.env."
            ),
            ErrnoMeaning(
                "EACCES",
                """
                A directory of the path may not be searched, or a file not be opened or executed by this user. Of a \
                program: `chmod +x`, or its file system is mounted noexec. Of /sys/fs/cgroup: it is not delegated to \
                the caller.
                """),
            ErrnoMeaning(
                "EBUSY",
                """
                Something is in use: a cgroup with processes in it, a mount point, a device number. Of a real-time or \
                deadline policy: the CPUs have no room left.
                """),
            ErrnoMeaning("EEXIST", "There is one of that name: choose another id, or delete the container."),
            ErrnoMeaning(
                "EINVAL",
                """
                The kernel does not take a value: an option that the file system does not know, a limit below what is \
                used, CPUs that the host or the cgroup above does not have. dmesg often says which.
                """),
            ErrnoMeaning(
                "ELOOP",
                "A link is where none may be: destinations of proc and sysfs are real directories (CVE-2019-19921)."),
            ErrnoMeaning("EMFILE", "This process has too many files open: `ulimit -n`."),
            ErrnoMeaning(
                "ENODEV", "No such file system, or its module is not loaded; a bind mount needs the option bind."),
            ErrnoMeaning(
                "ENOENT",
                """
                A component of the path is missing. Of a program that is there: its interpreter is not, the one that \
                its first line or its ELF header names.
                """),
            ErrnoMeaning(
                "ENOEXEC",
                "The program is for another processor, or a script without a first line that names its shell."),
            ErrnoMeaning("ENOMEM", "The container's memory limit is too small to start it, or the host has none left."),
            ErrnoMeaning(
                "ENOSPC",
                "A limit on namespaces is reached (/proc/sys/user), a file system is full, or a cgroup has no CPUs to give."
            ),
            ErrnoMeaning(
                "ENOSYS", "This kernel is too old for the call, or a seccomp filter around \(programName) hides it."),
            ErrnoMeaning("ENOTDIR", "A component of the path is a file; or a directory is to be mounted on one."),
            ErrnoMeaning(
                "EPERM",
                """
                It takes a capability that the caller lacks, or what is asked for is locked: in a user namespace, \
                flags of mounts that were inherited. A filter or a security module may say the same.
                """),
            ErrnoMeaning("EROFS", "The file system is read-only; also /sys/fs/cgroup in most containers."),
            ErrnoMeaning("ESRCH", "The process has ended meanwhile."),
            ErrnoMeaning("ETXTBSY", "Somebody has the program open for writing: wait until it is copied."),
        ]
    }
}

extension Chapter {
    static var errors: Chapter {
        Chapter(
            name: "errors", summary: "what errors say, and what the kernel means by them",
            parts: [
                .heading("Description"),
                .text(
                    """
                    An error is one line on standard error, and tells the place in config.json, what was done, on \
                    which file, what the kernel answered, and often what helps:
                    """),
                .example(
                    "error: mounts[3]: move_mount to /data: no such file or directory (make it, or correct the path)"),
                .text(
                    """
                    On a terminal it begins with `error:`, elsewhere it has runc's form, `time="..." level=error \
                    msg="..."`. All problems of a configuration are told at once, one on a line. After a failure \
                    nothing is left: no process, mount, cgroup or state.
                    """),
                .text(
                    """
                    With `--log-format json` it is an object with `level`, `msg` and `time`, and as far as they are \
                    known `op` (what was done), `path`, `errno` (its name), `field` (the place in config.json, or a \
                    flag), `hint`, and `problems`, an array of objects with `path` and `message`.
                    """),
                .text(
                    """
                    A step of the container's first process is named as `apus plan` shows it. What a step was for can \
                    be looked up there by its place. `apus check` finds most errors before they happen; `--debug` \
                    follows a command part by part, with times, and is what a report of a problem should have.
                    """),
                .heading("Answers of the kernel"),
            ] + ErrnoMeaning.all.map { .term("`\($0.name)`", $0.text) } + [
                .heading("Exit status"), .text("See `apus`(8). Engines decode the JSON form: see `apus-engines`(7)."),
            ])
    }
}
