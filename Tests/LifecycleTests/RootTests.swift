import Harness
import Testing

extension Containers {
    /// The container's view of its files when nothing special is mounted: root, /dev, masked and read-only paths.
    @Suite struct RootTests {
        // MARK: The default container

        @Test func `mounts come in the configured order, on top of the root`() throws {
            let bundle = try Bundle.minimal { $0.unmount("/sys/fs/cgroup") }
            let mounts = try bundle.report().mounts.items
            let configured = bundle.config.mounts.items.map(\.destination)
            let order = mounts.map(\.destination).filter { $0 == "/" || configured.contains($0) }
            #expect(order == ["/"] + configured)
        }

        @Test func `the root is the bundle's rootfs and nothing of the host is left`() throws {
            let bundle = try Bundle.minimal()
            let mounts = try bundle.report().mounts.items
            // The kernel tells the path in its file system, which may be one for /tmp alone.
            let root = mounts[0].root.text ?? ""
            #expect(root.hasSuffix(bundle.rootfs) || (bundle.rootfs.hasSuffix(root) && root.contains(bundle.name)))
            #expect(mounts.count { $0.destination == "/" } == 1)
            #expect(!mounts.contains { $0.destination.text?.contains(bundle.workspace.tag) == true })
        }

        @Test func `each mount has the type and the flags that its options say`() throws {
            let seen = try Bundle.minimal().report()
            func flags(_ destination: String) -> Set<String> {
                Set(seen.mounted(at: destination).options.strings).subtracting(["relatime"])
            }
            #expect(seen.mounted(at: "/proc").type == "proc")
            #expect(flags("/proc") == ["rw"])
            #expect(seen.mounted(at: "/dev").type == "tmpfs")
            #expect(flags("/dev") == ["rw", "nosuid"])
            #expect(flags("/dev/pts") == ["rw", "nosuid", "noexec"])
            #expect(flags("/dev/shm") == ["rw", "nosuid", "nodev", "noexec"])
            #expect(seen.mounted(at: "/dev/mqueue").type == "mqueue")
            #expect(flags("/sys") == ["ro", "nosuid", "nodev", "noexec"])
        }

        @Test func `data options reach the file system`() throws {
            let seen = try Bundle.minimal().report()
            #expect(seen.mounted(at: "/dev").superOptions.contains("size=65536k"))
            #expect(seen.mounted(at: "/dev").superOptions.contains("mode=755"))
            let terminals = seen.mounted(at: "/dev/pts").superOptions
            #expect(terminals.contains("gid=5") && terminals.contains("mode=620") && terminals.contains("ptmxmode=666"))
        }

        @Test func `the default devices are there, for everybody`() throws {
            let seen = try Bundle.minimal().report().dev
            for (name, major, minor) in [
                ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
            ] {
                #expect(seen[name].type == "char", "\(name)")
                #expect(seen[name].major == Value(major) && seen[name].minor == Value(minor), "\(name)")
                #expect(seen[name].mode == "0666" && seen[name].uid == 0 && seen[name].gid == 0, "\(name)")
            }
        }

        @Test func `the links in dev are there`() throws {
            let seen = try Bundle.minimal().report().dev
            #expect(seen.fd.target == "/proc/self/fd")
            #expect(seen.stdin.target == "/proc/self/fd/0")
            #expect(seen.stdout.target == "/proc/self/fd/1")
            #expect(seen.stderr.target == "/proc/self/fd/2")
            #expect(seen.ptmx.target == "pts/ptmx")
        }

        @Test func `nothing else is in dev`() throws {
            let names = try Bundle.minimal().report().dev.members.keys.sorted()
            #expect(
                names.filter { $0 != "core" } == [
                    "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm",
                    "stderr", "stdin", "stdout", "tty", "urandom", "zero",
                ])
        }

        @Test func `the default container can write only where it may`() throws {
            let tries = try Bundle.minimal {
                $0.ask("--try-create", "/new", "--try-create", "/dev/shm/new")
                $0.ask("--try-write", "/proc/sys/kernel/hostname", "--try-write", "/proc/self/comm")
                $0.ask("--try-mount", "/dev/shm", "--try-mknod", "/dev/shm/null")
            }.report().tries
            #expect(
                tries == [
                    "create /new": "EROFS", "create /dev/shm/new": "ok",
                    "write /proc/sys/kernel/hostname": "EROFS", "write /proc/self/comm": "ok",
                    "mount /dev/shm": "EPERM", "mknod /dev/shm/null": "EPERM",
                ])
        }

        // MARK: Root

        @Test func `a root that is not read-only can be written`() throws {
            let bundle = try Bundle.minimal {
                $0.root.readonly = false
                $0.ask("--try-create", "/new")
            }
            #expect(try bundle.report().tries == ["create /new": "ok"])
            #expect(Files.exists("\(bundle.rootfs)/new"))
        }

        @Test func `the root may be an absolute path`() throws {
            let bundle = try Bundle.minimal()
            bundle.config.root.path = .string(bundle.rootfs)
            try bundle.run().ok()
        }

        @Test func `a missing root is refused and named`() throws {
            expectFailure(try Bundle.minimal { $0.root.path = "absent" }.create(), saying: "absent")
        }

        @Test(.flag("run --no-pivot")) func `no-pivot gives the same view`() throws {
            let bundle = try Bundle.minimal { $0.ask("--list", "/", "--try-create", "/new") }
            let seen = try bundle.run("--no-pivot").report
            #expect(seen.lists["/"].contains("assert"))
            #expect(!seen.lists["/"].contains("etc"))
            #expect(seen.tries == ["create /new": "EROFS"])
        }

        @Test(arguments: ["private", "rprivate", "slave", "rslave"])
        func `the root is private in itself`(kind: String) throws {
            #expect(
                try Bundle.minimal { $0.linux.rootfsPropagation = .string(kind) }.report().mounts[0].propagation == [])
        }

        @Test(.beyondRunc("fixed in 1.3.1"), arguments: [("shared", "shared:"), ("unbindable", "unbindable")])
        func `the root can be shared or unbindable`(kind: String, mark: String) throws {
            let seen = try Bundle.minimal { $0.linux.rootfsPropagation = .string(kind) }.report()
            #expect(seen.mounts[0].propagation.strings.contains { $0.hasPrefix(mark) })
        }

        @Test func `an unknown propagation of the root is refused`() throws {
            expectFailure(try Bundle.minimal { $0.linux.rootfsPropagation = "sideways" }.create(), saying: "sideways")
        }

        // MARK: Masked and read-only paths

        @Test func `a masked file reads as empty and swallows writes`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.maskedPaths = ["/secret"]
                $0.ask("--read", "/secret", "--stat", "/secret")
            }
            try bundle.put("secret", "hidden")
            let seen = try bundle.report()
            #expect(seen.contents["/secret"] == "")
            #expect(seen.paths["/secret"].type == "char")
            #expect(seen.paths["/secret"].major == 1 && seen.paths["/secret"].minor == 3)
        }

        @Test func `a masked directory is empty and cannot be written`() throws {
            let bundle = try Bundle.minimal {
                $0.root.readonly = false
                $0.linux.maskedPaths = ["/secrets"]
                $0.ask("--list", "/secrets", "--try-create", "/secrets/new")
            }
            try bundle.put("secrets/file", "hidden")
            let seen = try bundle.report()
            #expect(seen.lists["/secrets"] == [])
            #expect(seen.tries == ["create /secrets/new": "EROFS"])
        }

        @Test func `a read-only path stays visible and cannot be written, nor what is below`() throws {
            let bundle = try Bundle.minimal {
                $0.root.readonly = false
                $0.linux.readonlyPaths = ["/fixed", "/file"]
                $0.ask(
                    "--read", "/fixed/below", "--try-write", "/fixed/below", "--try-create", "/fixed/new",
                    "--try-write", "/file")
            }
            try bundle.put("fixed/below", "content")
            try bundle.put("file")
            let seen = try bundle.report()
            #expect(seen.contents["/fixed/below"] == "content")
            #expect(
                seen.tries == ["write /fixed/below": "EROFS", "create /fixed/new": "EROFS", "write /file": "EROFS"])
        }

        @Test func `missing masked and read-only paths are passed over`() throws {
            try Bundle.minimal {
                $0.linux.maskedPaths = ["/absent", "/absent/below"]
                $0.linux.readonlyPaths = ["/absent", "/absent/below"]
            }.run().ok()
        }

        @Test func `the kernel's own secrets are masked by default`() throws {
            let seen = try Bundle.minimal {
                $0.ask("--read", "/proc/kcore", "--read", "/proc/keys", "--list", "/sys/firmware")
            }.report()
            for path in ["/proc/kcore", "/proc/keys"] where Files.exists(path) {
                #expect(seen.contents[path] == "", "\(path)")
            }
            if Files.exists("/sys/firmware") { #expect(seen.lists["/sys/firmware"] == []) }
        }

        // MARK: Devices

        @Test(arguments: [false, true])
        func `configured devices are made with mode and owner, in dev and elsewhere`(isMapped: Bool) throws {
            let seen = try Bundle.minimal {
                if isMapped { $0.mapUsers() }
                $0.linux.devices = [
                    [
                        "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 3,
                        "gid": 4,
                    ],
                    ["path": "/dev/sub/disk", "type": "b", "major": 8, "minor": 1, "fileMode": 0o600],
                    ["path": "/dev/pipe", "type": "p", "fileMode": 0o622],
                    ["path": "/elsewhere/raw", "type": "u", "major": 1, "minor": 3],
                ]
                $0.ask("--stat", "/dev/sub/disk", "--stat", "/elsewhere/raw")
            }.report()
            #expect(
                seen.dev.fuse == [
                    "type": "char", "major": 10, "minor": 229, "mode": "0640", "uid": 3, "gid": 4, "size": 0,
                ])
            #expect(seen.paths["/dev/sub/disk"].type == "block")
            #expect(seen.paths["/dev/sub/disk"].minor == 1)
            #expect(seen.dev.pipe.type == "fifo")
            #expect(seen.dev.pipe.mode == "0622")
            #expect(seen.paths["/elsewhere/raw"].type == "char")
            for path in ["/dev/null", "/dev/tty", "/dev/fuse", "/elsewhere/raw"] where isMapped {
                let options = seen.mounted(at: path).options.strings
                #expect(options.contains("nosuid") && options.contains("noexec"), "\(path) \(options)")
            }
        }

        @Test func `a device of an unknown type is refused`() throws {
            expectFailure(
                try Bundle.minimal {
                    $0.linux.devices = [["path": "/dev/x", "type": "z", "major": 1, "minor": 1]]
                }.create())
        }

        @Test func `dev that is bound from the host is left as it is`() throws {
            let bundle = try Bundle.minimal {
                for below in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { $0.unmount(below) }
                $0.linux.maskedPaths = []
            }
            let source = try bundle.hostDirectory("dev")
            bundle.config.bind(source, to: "/dev")
            bundle.config.bind("/dev/null", to: "/dev/null")
            try bundle.run().ok()
            #expect(Files.list(source) == ["null"])
        }
    }
}
