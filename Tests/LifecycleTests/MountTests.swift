import Harness
import Testing

extension Containers {
    @Suite struct MountTests {
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
            expectFailure(
                try Bundle.minimal { $0.bind("/absent/source", to: "/data") }.create(), saying: "/absent/source",
                "no such file")
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

        @Test(arguments: [
            ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"), ("rnodiratime", "nodiratime"),
            ("rnoatime", "noatime"), ("rro", "ro"),
        ])
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
            #expect(
                try tree.bundle("rbind", option).report().mounted(at: "/data/sub").options.contains(.string(flag))
                    == false)
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

        @Test(arguments: [
            ("private", ""), ("rprivate", ""), ("shared", "shared"), ("rshared", "shared"), ("slave", "master"),
            ("rslave", "master"), ("unbindable", "unbindable"),
        ])
        func `a mount's propagation is the configured one`(option: String, mark: String) throws {
            // The runtime's mounts and the source are shared, as on a host with systemd.
            let tree = BoundTree("mount --bind $source $source; mount --make-rshared /")
            let seen = try tree.bundle("bind", option, rootPropagation: "rslave").report().mounted(at: "/data")
                .propagation.strings
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
            let lower = try bundle.hostDirectory("lower")
            let upper = try bundle.hostDirectory("upper")
            let work = try bundle.hostDirectory("work")
            try Files.write("lower", to: "\(lower)/file")
            bundle.config.mount("overlay", at: "/data", "lowerdir=\(lower)", "upperdir=\(upper)", "workdir=\(work)")
            let seen = try bundle.report()
            #expect(seen.contents["/data/file"] == "lower")
            #expect(seen.tries == ["create /data/new": "ok"])
            #expect(Files.list(upper) == ["new"])
        }

        /// As bind mounts' do, whoever calls from where; and what `check` says of them is true.
        @Test(arguments: [false, true])
        func `relative paths of an overlay count from the bundle`(hasUserNamespace: Bool) throws {
            let bundle = try Bundle.minimal {
                $0.ask("--read", "/data/file", "--try-create", "/data/new")
                if hasUserNamespace { $0.mapUsers() }
                $0.mount("overlay", at: "/data", "lowerdir=lower", "upperdir=./upper", "workdir=work")
            }
            for name in ["lower", "upper", "work"] { try Files.makeDirectory("\(bundle.directory)/\(name)") }
            try Files.write("lower", to: "\(bundle.directory)/lower/file")
            for name in ["upper", "work"] where hasUserNamespace {
                try Files.changeOwner("\(bundle.directory)/\(name)", uid: 100_000, gid: 100_000)
            }
            try bundle.save()
            let checked = try bundle.command(["check", bundle.directory]).run().ok().output
            #expect(checked == "\(bundle.directory): good on this host\n")
            let seen = try bundle.report()
            #expect(seen.contents["/data/file"] == "lower")
            #expect(seen.tries == ["create /data/new": "ok"])
            #expect(Files.list("\(bundle.directory)/upper") == ["new"])
        }

        @Test(arguments: [
            ("noexec", "exec /data/busybox", "EACCES"), ("nodev", "read /data/null", "EACCES"),
            ("ro", "create /data/new", "EROFS"),
        ])
        func `a flag has its effect`(flag: String, attempt: String, expected: String) throws {
            let words = attempt.split(separator: " ").map(String.init)
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "tmpcopyup", flag)
                $0.ask("--try-\(words[0])", words[1])
            }
            try bundle.putDirectory("data")
            try Files.copy("\(bundle.rootfs)/bin/busybox", to: "\(bundle.rootfs)/data/busybox", mode: 0o755)
            bundle.config.linux.devices = [
                ["path": "/data/null", "type": "c", "major": 1, "minor": 3, "fileMode": 438]
            ]
            #expect(try bundle.report().tries[attempt] == .string(expected))
        }

        @Test(arguments: [
            ("noatime", "noatime"), ("relatime", "relatime"), ("nodiratime", "nodiratime"), ("nosuid", "nosuid"),
            ("nodev", "nodev"), ("noexec", "noexec"),
        ])
        func `a flag is on the mount`(option: String, flag: String) throws {
            let seen = try Bundle.minimal { $0.mount("tmpfs", at: "/data", option) }.report()
            #expect(seen.mounted(at: "/data").options.contains(.string(flag)))
        }

        @Test func `strictatime has neither relatime nor noatime`() throws {
            let flags = try Bundle.minimal { $0.mount("tmpfs", at: "/data", "strictatime") }.report().mounted(
                at: "/data"
            ).options
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
            expectFailure(
                try Bundle.minimal { $0.mount("moonfs", at: "/data") }.create(), saying: "moonfs", "/data|mounts[7]")
        }

        @Test func `an option that the file system does not know is refused`() throws {
            expectFailure(
                try Bundle.minimal { $0.mount("tmpfs", at: "/data", "flavour=sweet") }.create(), saying: "flavour")
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
    }
}

/// Bundles that bind a host directory to /data, after shell commands in a mount namespace of the runtime's own.
private struct BoundTree {
    let preparation: String
    init(_ preparation: String) { self.preparation = preparation }

    func bundle(_ options: String..., asking tries: [String] = [], rootPropagation: String? = nil) throws -> Bundle {
        let bundle = try Bundle.minimal {
            for attempt in tries.map({ $0.split(separator: " ").map(String.init) }) {
                $0.ask("--try-\(attempt[0])", attempt[1])
            }
            if let rootPropagation { $0.linux.rootfsPropagation = .string(rootPropagation) }
        }
        let source = try bundle.hostDirectory("data")
        bundle.wrapper = ["/usr/bin/unshare", "--mount"]
        bundle.prepare("source=\(source); \(preparation)")
        bundle.config.mounts.append([
            "destination": "/data", "type": "bind", "source": .string(source), "options": Value(options),
        ])
        return bundle
    }
}
