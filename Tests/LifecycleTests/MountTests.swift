import Harness
import Testing

extension Containers {
    @Suite struct MountTests {
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
            #expect(mounts[0].root.text?.hasSuffix(bundle.rootfs) == true)
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
            for (name, major, minor) in [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)] {
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
            #expect(names.filter { $0 != "core" } == ["fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm",
                "stderr", "stdin", "stdout", "tty", "urandom", "zero"])
        }

        @Test func `the default container can write only where it may`() throws {
            let tries = try Bundle.minimal {
                $0.ask("--try-create", "/new", "--try-create", "/dev/shm/new")
                $0.ask("--try-write", "/proc/sys/kernel/hostname", "--try-write", "/proc/self/comm")
                $0.ask("--try-mount", "/dev/shm", "--try-mknod", "/dev/shm/null")
            }.report().tries
            #expect(tries == [
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

        @Test func `no-pivot gives the same view`() throws {
            let bundle = try Bundle.minimal { $0.ask("--list", "/", "--try-create", "/new") }
            let seen = try bundle.run("--no-pivot").report
            #expect(seen.lists["/"].contains("assert"))
            #expect(!seen.lists["/"].contains("etc"))
            #expect(seen.tries == ["create /new": "EROFS"])
        }

        @Test(arguments: ["private", "rprivate", "slave", "rslave"])
        func `the root is private in itself`(kind: String) throws {
            #expect(try Bundle.minimal { $0.linux.rootfsPropagation = .string(kind) }.report().mounts[0].propagation == [])
        }

        @Test(.beyondRunc("fixed in 1.3.1"), arguments: [("shared", "shared:"), ("unbindable", "unbindable")])
        func `the root can be shared or unbindable`(kind: String, mark: String) throws {
            let seen = try Bundle.minimal { $0.linux.rootfsPropagation = .string(kind) }.report()
            #expect(seen.mounts[0].propagation.strings.contains { $0.hasPrefix(mark) })
        }

        @Test func `an unknown propagation of the root is refused`() throws {
            expectFailure(try Bundle.minimal { $0.linux.rootfsPropagation = "sideways" }.create(), saying: "sideways")
        }

        // MARK: Bind mounts

        @Test func `a directory is bound, its mount point made`() throws {
            let bundle = try Bundle.minimal { $0.ask("--list", "/deep/er/data", "--try-create", "/deep/er/data/new") }
            let source = try bundle.hostDirectory("data")
            try Files.write("here", to: "\(source)/file")
            bundle.config.bind(source, to: "/deep/er/data")
            let seen = try bundle.report()
            #expect(seen.lists["/deep/er/data"] == ["file"])
            #expect(seen.tries == ["create /deep/er/data/new": "ok"])
            #expect(Files.exists("\(source)/new"))
        }

        @Test func `a file is bound, its mount point made`() throws {
            let bundle = try Bundle.minimal { $0.ask("--read", "/etc/conf/file", "--stat", "/etc/conf") }
            bundle.config.bind(try bundle.hostFile("file", "content"), to: "/etc/conf/file")
            let seen = try bundle.report()
            #expect(seen.contents["/etc/conf/file"] == "content")
            #expect(seen.paths["/etc/conf"].mode == "0755")
            #expect(Files.read("\(bundle.rootfs)/etc/conf/file") == "")
        }

        @Test func `a file is bound over a file of the rootfs without changing it`() throws {
            let bundle = try Bundle.minimal { $0.ask("--read", "/etc/hosts") }
            try bundle.put("etc/hosts", "original")
            bundle.config.bind(try bundle.hostFile("hosts", "bound"), to: "/etc/hosts")
            #expect(try bundle.report().contents["/etc/hosts"] == "bound")
            #expect(Files.read("\(bundle.rootfs)/etc/hosts") == "original")
        }

        @Test func `a relative source is relative to the bundle`() throws {
            let bundle = try Bundle.minimal {
                $0.bind("data", to: "/data")
                $0.ask("--list", "/data")
            }
            try Files.makeDirectory("\(bundle.directory)/data/inner")
            #expect(try bundle.report().lists["/data"] == ["inner"])
        }

        @Test func `a device node can be bound`() throws {
            let seen = try Bundle.minimal {
                $0.bind("/dev/null", to: "/dev/other")
                $0.ask("--try-write", "/dev/other")
            }.report()
            #expect(seen.dev.other.type == "char")
            #expect(seen.tries == ["write /dev/other": "ok"])
        }

        @Test func `a missing source is refused and named`() throws {
            expectFailure(try Bundle.minimal { $0.bind("/absent/source", to: "/data") }.create(), saying: "/absent/source", "no such file")
        }

        @Test func `a read-only bind mount cannot be written`() throws {
            let bundle = try Bundle.minimal { $0.ask("--try-create", "/data/new") }
            bundle.config.bind(try bundle.hostDirectory("data"), to: "/data", "bind", "ro")
            #expect(try bundle.report().tries == ["create /data/new": "EROFS"])
        }

        @Test func `a bind mount keeps the flags that its source has`() throws {
            let bundle = try BoundTree("mount -t tmpfs -o nosuid,nodev,noexec,ro none $source").bundle("bind")
            let flags = try bundle.report().mounted(at: "/data").options
            for flag in ["ro", "nosuid", "nodev", "noexec"] { #expect(flags.contains(.string(flag)), "\(flag)") }
        }

        @Test func `bind leaves the mounts below the source out, rbind brings them`() throws {
            let tree = BoundTree("mkdir $source/sub; mount -t tmpfs none $source/sub")
            #expect(try tree.bundle("bind").report().mounted(at: "/data/sub").isNull)
            #expect(try tree.bundle("rbind").report().mounted(at: "/data/sub").type == "tmpfs")
        }

        @Test func `ro is for the top mount only, rro for all below it`() throws {
            let tree = BoundTree("mkdir $source/sub; mount -t tmpfs none $source/sub")
            let tries = ["create /data/new", "create /data/sub/new"]
            let plain = try tree.bundle("rbind", "ro", asking: tries).report().tries
            #expect(plain == ["create /data/new": "EROFS", "create /data/sub/new": "ok"])
            let recursive = try tree.bundle("rbind", "rro", asking: tries).report().tries
            #expect(recursive == ["create /data/new": "EROFS", "create /data/sub/new": "EROFS"])
        }

        @Test(arguments: [("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"), ("rnodiratime", "nodiratime"),
            ("rnoatime", "noatime"), ("rro", "ro")])
        func `a recursive attribute reaches every mount below`(option: String, flag: String) throws {
            let tree = BoundTree("mkdir $source/sub; mount -t tmpfs none $source/sub")
            let seen = try tree.bundle("rbind", option).report()
            #expect(seen.mounted(at: "/data").options.contains(.string(flag)))
            #expect(seen.mounted(at: "/data/sub").options.contains(.string(flag)))
        }

        @Test(arguments: [("rrw", "ro"), ("rsuid", "nosuid"), ("rdev", "nodev"), ("rexec", "noexec")])
        func `a recursive attribute is cleared again`(option: String, flag: String) throws {
            let tree = BoundTree("mkdir $source/sub; mount -t tmpfs -o \(flag) none $source/sub")
            #expect(try tree.bundle("rbind").report().mounted(at: "/data/sub").options.contains(.string(flag)))
            #expect(try tree.bundle("rbind", option).report().mounted(at: "/data/sub").options.contains(.string(flag)) == false)
        }

        @Test(.beyondRunc("knows no nosymfollow"), arguments: ["nosymfollow", "rnosymfollow"])
        func `links on a mount can be forbidden`(option: String) throws {
            let bundle = try Bundle.minimal { $0.ask("--try-read", "/data/link") }
            let source = try bundle.hostDirectory("data")
            try Files.write("", to: "\(source)/file")
            try Files.symlink(to: "file", at: "\(source)/link")
            bundle.config.bind(source, to: "/data", "rbind", option)
            #expect(try bundle.report().tries == ["read /data/link": "ELOOP"])
        }

        @Test(arguments: [("private", ""), ("rprivate", ""), ("shared", "shared"), ("rshared", "shared"), ("slave", "master"),
            ("rslave", "master"), ("unbindable", "unbindable")])
        func `a mount's propagation is the configured one`(option: String, mark: String) throws {
            // The runtime's mounts and the source are shared, as on a host with systemd.
            let tree = BoundTree("mount --bind $source $source; mount --make-rshared /")
            let seen = try tree.bundle("bind", option, rootPropagation: "rslave").report().mounted(at: "/data").propagation.strings
            let marks = Set(seen.map { String($0.prefix { $0 != ":" }) }).subtracting(["propagate_from"])
            // A shared mount may be a slave of the source's group as well.
            #expect(marks.subtracting(mark == "shared" ? ["master"] : []) == (mark.isEmpty ? [] : [mark]))
        }

        // MARK: Other file systems

        @Test func `a tmpfs starts empty over what the rootfs has`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "size=1m")
                $0.ask("--list", "/data", "--try-create", "/data/new")
            }
            try bundle.put("data/file")
            let seen = try bundle.report()
            #expect(seen.lists["/data"] == [])
            #expect(seen.tries == ["create /data/new": "ok"])
        }

        @Test func `a tmpfs has the configured mode`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "mode=1730")
                $0.ask("--stat", "/data")
            }
            #expect(try bundle.report().paths["/data"].mode == "1730")
        }

        @Test func `tmpcopyup copies what the rootfs has, with modes, owners and links`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "tmpcopyup")
                $0.ask("--read", "/data/sub/file", "--stat", "/data/sub/file", "--stat", "/data/link")
            }
            try bundle.put("data/sub/file", "content", mode: 0o604)
            try Files.changeOwner("\(bundle.rootfs)/data/sub/file", uid: 7, gid: 8)
            try bundle.putLink("data/link", to: "sub/file")
            let seen = try bundle.report()
            #expect(seen.mounted(at: "/data").type == "tmpfs")
            #expect(seen.contents["/data/sub/file"] == "content")
            #expect(seen.paths["/data/sub/file"].mode == "0604")
            #expect(seen.paths["/data/sub/file"].uid == 7)
            #expect(seen.paths["/data/link"].target == "sub/file")
        }

        @Test func `a read-only tmpfs with tmpcopyup has its content`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "tmpcopyup", "ro")
                $0.ask("--read", "/data/file", "--try-create", "/data/new")
            }
            try bundle.put("data/file", "content")
            let seen = try bundle.report()
            #expect(seen.contents["/data/file"] == "content")
            #expect(seen.tries == ["create /data/new": "EROFS"])
        }

        @Test func `an overlay is mounted with its options`() throws {
            let bundle = try Bundle.minimal { $0.ask("--read", "/data/file", "--try-create", "/data/new") }
            let lower = try bundle.hostDirectory("lower"), upper = try bundle.hostDirectory("upper")
            let work = try bundle.hostDirectory("work")
            try Files.write("lower", to: "\(lower)/file")
            bundle.config.mount("overlay", at: "/data", "lowerdir=\(lower)", "upperdir=\(upper)", "workdir=\(work)")
            let seen = try bundle.report()
            #expect(seen.contents["/data/file"] == "lower")
            #expect(seen.tries == ["create /data/new": "ok"])
            #expect(Files.list(upper) == ["new"])
        }

        @Test(arguments: [("noexec", "exec /data/busybox", "EACCES"), ("nodev", "read /data/null", "EACCES"), ("ro", "create /data/new", "EROFS")])
        func `a flag has its effect`(flag: String, attempt: String, expected: String) throws {
            let words = attempt.split(separator: " ").map(String.init)
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "tmpcopyup", flag)
                $0.ask("--try-\(words[0])", words[1])
            }
            try bundle.putDirectory("data")
            try Files.copy("\(bundle.rootfs)/bin/busybox", to: "\(bundle.rootfs)/data/busybox", mode: 0o755)
            bundle.config.linux.devices = [["path": "/data/null", "type": "c", "major": 1, "minor": 3, "fileMode": 438]]
            #expect(try bundle.report().tries[attempt] == .string(expected))
        }

        @Test(arguments: [("noatime", "noatime"), ("relatime", "relatime"), ("nodiratime", "nodiratime"), ("nosuid", "nosuid"),
            ("nodev", "nodev"), ("noexec", "noexec")])
        func `a flag is on the mount`(option: String, flag: String) throws {
            let seen = try Bundle.minimal { $0.mount("tmpfs", at: "/data", option) }.report()
            #expect(seen.mounted(at: "/data").options.contains(.string(flag)))
        }

        @Test func `strictatime has neither relatime nor noatime`() throws {
            let flags = try Bundle.minimal { $0.mount("tmpfs", at: "/data", "strictatime") }.report().mounted(at: "/data").options
            #expect(flags == ["rw"])
        }

        @Test(arguments: [("sync", "sync"), ("dirsync", "dirsync")])
        func `a flag is on the file system`(option: String, flag: String) throws {
            let seen = try Bundle.minimal { $0.mount("tmpfs", at: "/data", option) }.report()
            #expect(seen.mounted(at: "/data").superOptions.contains(.string(flag)))
        }

        @Test func `the later of two contrary options wins`() throws {
            let seen = try Bundle.minimal { $0.mount("tmpfs", at: "/data", "ro", "rw", "noexec", "exec") }.report()
            #expect(seen.mounted(at: "/data").options.contains("rw"))
            #expect(!seen.mounted(at: "/data").options.contains("noexec"))
        }

        @Test func `a later mount covers an earlier one`() throws {
            let bundle = try Bundle.minimal { $0.ask("--list", "/data") }
            let first = try bundle.hostDirectory("first")
            try Files.write("", to: "\(first)/file")
            bundle.config.bind(first, to: "/data")
            bundle.config.mount("tmpfs", at: "/data")
            #expect(try bundle.report().lists["/data"] == [])
        }

        @Test func `a mount point inside an earlier mount is made there`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data")
                $0.mount("tmpfs", at: "/data/inner/most", "size=4k")
            }
            let seen = try bundle.report()
            #expect(seen.mounted(at: "/data/inner/most").superOptions.contains("size=4k"))
            #expect(Files.list("\(bundle.rootfs)/data") == [])
        }

        @Test func `a destination is resolved inside the rootfs, link by link`() throws {
            let bundle = try Bundle.minimal { $0.mount("tmpfs", at: "/one/data") }
            try bundle.putDirectory("real")
            try bundle.putLink("one", to: "/two")
            try bundle.putLink("two", to: "../../../../real")
            #expect(try bundle.report().mounted(at: "/real/data").type == "tmpfs")
        }

        @Test func `a relative destination is taken from the root`() throws {
            #expect(try Bundle.minimal { $0.mount("tmpfs", at: "data") }.report().mounted(at: "/data").type == "tmpfs")
        }

        @Test func `an unknown file system is refused and its place named`() throws {
            expectFailure(try Bundle.minimal { $0.mount("moonfs", at: "/data") }.create(), saying: "moonfs", "/data")
        }

        @Test func `an option that the file system does not know is refused`() throws {
            expectFailure(try Bundle.minimal { $0.mount("tmpfs", at: "/data", "flavour=sweet") }.create(), saying: "/data")
        }

        @Test(.beyondRunc("needs /proc inside"))
        func `without proc the container runs too`() throws {
            let bundle = try Bundle.minimal {
                $0.mounts = []
                $0.linux.maskedPaths = []
                $0.linux.readonlyPaths = []
                $0.root.readonly = false
            }
            #expect(try bundle.report().pid == 1)
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
                $0.ask("--read", "/fixed/below", "--try-write", "/fixed/below", "--try-create", "/fixed/new", "--try-write", "/file")
            }
            try bundle.put("fixed/below", "content")
            try bundle.put("file")
            let seen = try bundle.report()
            #expect(seen.contents["/fixed/below"] == "content")
            #expect(seen.tries == ["write /fixed/below": "EROFS", "create /fixed/new": "EROFS", "write /file": "EROFS"])
        }

        @Test func `missing masked and read-only paths are passed over`() throws {
            try Bundle.minimal {
                $0.linux.maskedPaths = ["/absent", "/absent/below"]
                $0.linux.readonlyPaths = ["/absent", "/absent/below"]
            }.run().ok()
        }

        @Test func `the kernel's own secrets are masked by default`() throws {
            let seen = try Bundle.minimal { $0.ask("--read", "/proc/kcore", "--read", "/proc/keys", "--list", "/sys/firmware") }.report()
            for path in ["/proc/kcore", "/proc/keys"] where Files.exists(path) { #expect(seen.contents[path] == "", "\(path)") }
            if Files.exists("/sys/firmware") { #expect(seen.lists["/sys/firmware"] == []) }
        }

        // MARK: Devices

        @Test func `configured devices are made with mode and owner, in dev and elsewhere`() throws {
            let seen = try Bundle.minimal {
                $0.linux.devices = [
                    ["path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 3, "gid": 4],
                    ["path": "/dev/sub/disk", "type": "b", "major": 8, "minor": 1, "fileMode": 0o600],
                    ["path": "/dev/pipe", "type": "p", "fileMode": 0o622],
                    ["path": "/elsewhere/raw", "type": "u", "major": 1, "minor": 3],
                ]
                $0.ask("--stat", "/dev/sub/disk", "--stat", "/elsewhere/raw")
            }.report()
            #expect(seen.dev.fuse == ["type": "char", "major": 10, "minor": 229, "mode": "0640", "uid": 3, "gid": 4, "size": 0])
            #expect(seen.paths["/dev/sub/disk"].type == "block")
            #expect(seen.paths["/dev/sub/disk"].minor == 1)
            #expect(seen.dev.pipe.type == "fifo")
            #expect(seen.dev.pipe.mode == "0622")
            #expect(seen.paths["/elsewhere/raw"].type == "char")
        }

        @Test func `a device of an unknown type is refused`() throws {
            expectFailure(try Bundle.minimal {
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

/// Bundles that bind a host directory to /data, after shell commands in a mount namespace of the runtime's own.
private struct BoundTree {
    let preparation: String
    init(_ preparation: String) { self.preparation = preparation }

    func bundle(_ options: String..., asking tries: [String] = [], rootPropagation: String? = nil) throws -> Bundle {
        let bundle = try Bundle.minimal {
            for attempt in tries.map({ $0.split(separator: " ").map(String.init) }) { $0.ask("--try-\(attempt[0])", attempt[1]) }
            if let rootPropagation { $0.linux.rootfsPropagation = .string(rootPropagation) }
        }
        let source = try bundle.hostDirectory("data")
        bundle.wrapper = [
            "/usr/bin/unshare", "--mount", "/bin/sh", "-ec", "source=\(source); \(preparation); exec \"$@\"", "sh",
        ]
        bundle.config.mounts.append([
            "destination": "/data", "type": "bind", "source": .string(source), "options": Value(options),
        ])
        return bundle
    }
}
