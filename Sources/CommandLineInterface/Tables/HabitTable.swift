/// What users of Docker and Podman type out of habit, and how the same is said here. Each text follows an error, behind a
/// semicolon.
enum Habit {
    /// What may have been meant by a command that is not there.
    static func hint(command name: String) -> String? {
        commands.first { $0.names.contains(name) }?.text
    }

    /// What may have been meant by a flag that a command does not have.
    static func hint(flag name: String, of command: Command) -> String? {
        flags.first { $0.commands.contains(command) && ($0.names.contains(name) || $0.names.isEmpty) }?.text
    }

    /// What may have been meant by a number of arguments that a command does not take.
    static func hint(arguments count: Int, of command: Command) -> String? {
        switch command {
        case .run, .create:
            count > 1
                ? "the program is process.args of config.json: \"\(programName) spec -- COMMAND\" writes one" : nil
        case .ps: count == 0 ? "\"\(programName) list\" lists the containers" : nil
        case .delete, .state, .start, .pause, .resume, .wait: count > 1 ? "one container at a time" : nil
        default: nil
        }
    }

    private static let engine = "an engine such as Podman or Docker does that, and calls \(programName) for it"

    private static var commands: [(names: [String], text: String)] {
        [
            (["ls"], "\"\(programName) list\" lists the containers"),
            (["rm", "remove"], "\"\(programName) delete ID\" deletes a container, with --force also one that runs"),
            (
                ["stop"],
                "\"\(programName) kill ID\" asks a container to end, \"\(programName) wait ID\" waits until it has, and "
                    + "\"\(programName) delete ID\" removes it"
            ),
            (
                ["restart"],
                "\"\(programName) delete --force ID\" ends a container, and \"\(programName) run\" makes it anew"
            ),
            (
                ["inspect"],
                "\"\(programName) state ID\" shows a container, with --cgroup also its limits; the rest is in config.json "
                    + "in its bundle"
            ),
            (["top"], "\"\(programName) ps ID\" lists the processes of a container"),
            (["stats"], "\"\(programName) events --format table ID\" shows what a container uses"),
            (
                ["logs"],
                "nothing is kept: what a container writes goes to the standard output and error of \"\(programName) run\" "
                    + "or \"\(programName) create\""
            ),
            (["attach"], "\"\(programName) exec -t ID sh\" opens a shell in a container"),
            (["enter", "shell", "sh", "bash"], "\"\(programName) exec -t ID sh\" opens a shell in a container"),
            (["unpause"], "\"\(programName) resume ID\" lets a paused container run again"),
            (
                ["container", "containers"],
                "the word is left out: \"\(programName) list\", \"\(programName) delete ID\" and so on"
            ),
            (["info"], "\"\(programName) features\" says what this build supports"),
            (["validate", "lint"], "\"\(programName) check\" says what is wrong with a bundle"),
            (["init", "generate"], "\"\(programName) spec\" writes a configuration to begin with"),
            (["rename"], "a container keeps its id: \"\(programName) delete ID\", and make it anew"),
            (["mount"], "\"\(programName) mounts add\" mounts something in a container that runs"),
            (
                ["cp", "diff", "export"],
                "the files of a container are in its root file system: \"rootfs\" in the output of "
                    + "\"\(programName) state ID\""
            ),
            (
                [
                    "images", "image", "pull", "push", "build", "tag", "rmi", "save", "load", "import", "history",
                    "search",
                    "commit", "manifest", "login", "logout",
                ],
                "\(programName) runs bundles and knows no images: \(engine); by hand, \"\(programName) spec "
                    + "--from-image-config FILE\" makes a configuration for an unpacked image"
            ),
            (["network", "port", "volume", "compose", "up", "down", "pod", "swarm", "service", "system"], engine),
        ]
    }

    private static let standardInput = "standard input is the caller's anyway"

    private static var flags: [(commands: [Command], names: [String], text: String)] {
        let made: [Command] = [.run, .create]
        return [
            (
                made, ["t", "tty", "it", "ti"],
                "process.terminal of config.json gives a container a terminal, as \"\(programName) spec\" writes it"
            ),
            (made, ["i", "interactive"], standardInput),
            (made, ["rm"], "run deletes the container when its process has ended, unless --detach or --keep is given"),
            (made, ["name"], "the name is the argument: \"\(programName) run NAME\""),
            (made, ["e", "env", "env-file"], "the environment is process.env of config.json"),
            (made, ["v", "volume", "mount", "tmpfs"], "what is mounted is in mounts of config.json"),
            (made, ["entrypoint"], "the program is process.args of config.json"),
            (made, ["w", "workdir"], "the working directory is process.cwd of config.json"),
            (made, ["u", "user", "group-add"], "who the process is, is process.user of config.json"),
            (made, ["hostname"], "the name is hostname of config.json"),
            (made, ["l", "label", "annotation"], "labels are annotations of config.json"),
            (
                made, ["device"],
                "devices are linux.devices of config.json, and who may use them linux.resources.devices"
            ),
            (made, ["read-only"], "that is root.readonly of config.json"),
            (
                made, ["privileged", "cap-add", "cap-drop"],
                "what the process may do is process.capabilities of config.json"
            ),
            (
                made, ["security-opt"],
                "see process.noNewPrivileges, linux.seccomp, process.apparmorProfile of config.json"
            ),
            (
                made, ["net", "network", "ipc", "pid", "uts", "userns"],
                "namespaces are linux.namespaces of config.json"
            ),
            (made, ["p", "publish", "P", "dns", "add-host"], "networks are set up by hooks, or by an engine"),
            (
                made,
                ["m", "memory", "memory-swap", "c", "cpus", "cpu-shares", "cpuset-cpus", "pids-limit", "blkio-weight"],
                "limits are linux.resources of config.json; \"\(programName) update\" changes those of a container"
            ),
            (made, ["restart"], "nobody starts a container anew: a service manager can, with \"\(programName) run\""),
            (made, ["ulimit"], "these limits are process.rlimits of config.json"),
            ([.exec], ["i", "interactive"], standardInput),
            ([.exec], ["it", "ti"], "-t gives the process a terminal, and \(standardInput)"),
            ([.exec], ["w", "workdir"], "that is --cwd"),
            ([.exec], ["privileged"], "--cap CAP adds a capability"),
            ([.kill], ["s", "signal"], "the signal is the second argument: \"\(programName) kill ID SIGNAL\""),
            ([.start], ["a", "attach", "i", "interactive", "ai"], "its streams are those that create was given"),
            ([.list], ["a", "all"], "all containers are listed anyway"),
            (
                [.list], ["all-roots"],
                "a root is known to who chose it: --root DIR, before the command, names another one"
            ),
            (
                [.ps], ["a", "all", "q", "quiet", "n", "last", "l", "latest"],
                "\"\(programName) list\" lists the containers"
            ),
            ([.ps], [], "options of ps(1) go behind the ID"),
            ([.delete], ["a", "all"], "--regex . means every container"),
            ([.update], ["cpus"], "--cpu-period 100000 --cpu-quota 200000 are two CPUs"),
            ([.update], ["m"], "that is --memory"),
            ([.update], ["cpu-shares"], "that is --cpu-share"),
            ([.events], ["no-stream"], "that is --stats"),
            ([.state], ["f", "format"], "the state always is JSON"),
        ]
    }
}
