import Harness
import Testing

extension Containers {
    /// Mounts mean what mount(8) and runc mean by them, whatever way they are written.
    @Suite struct MountMeaningTests {
        // MARK: The kinds of both ends

        @Test func `a file does not go onto a directory, and both are named`() throws {
            let bundle = try Bundle.minimal()
            try bundle.putDirectory("data")
            let file = try bundle.hostFile("file", "")
            bundle.config.bind(file, to: "/data")
            expectFailure(try bundle.create(), saying: "mounts[7]: mount \(file) to /data: not a directory")
        }

        @Test func `a directory does not go onto a file, and both are named`() throws {
            let bundle = try Bundle.minimal()
            try bundle.put("data")
            let directory = try bundle.hostDirectory("directory")
            bundle.config.bind(directory, to: "/data")
            expectFailure(try bundle.create(), saying: "mounts[7]: mount \(directory) to /data: not a directory")
        }

        @Test func `a file system does not go onto a file`() throws {
            let bundle = try Bundle.minimal { $0.mount("tmpfs", at: "/data") }
            try bundle.put("data")
            expectFailure(try bundle.create(), saying: "mounts[7]: mount tmpfs to /data: not a directory")
        }

        @Test func `in a user namespace the error is the same`() throws {
            let bundle = try Bundle.minimal { $0.mapUsers() }
            try bundle.putDirectory("data")
            let file = try bundle.hostFile("file", "")
            bundle.config.bind(file, to: "/data")
            expectFailure(try bundle.create(), saying: "mounts[7]: mount \(file) to /data: not a directory")
        }

        // MARK: How options are written

        @Test func `options that commas join are taken apart`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "size=64k,mode=700", "nosuid,nodev,ro")
                $0.ask("--stat", "/data")
            }
            let seen = try bundle.report()
            #expect(seen.paths["/data"].mode == "0700")
            #expect(seen.mounted(at: "/data").superOptions.contains("size=64k"))
            for flag in ["ro", "nosuid", "nodev"] {
                #expect(seen.mounted(at: "/data").options.contains(.string(flag)), "\(flag)")
            }
        }

        @Test func `a bind mount takes joined options too`() throws {
            let bundle = try Bundle.minimal()
            bundle.config.mounts.append([
                "destination": "/data", "source": .string(try bundle.hostDirectory("data")),
                "options": ["rbind,ro,noexec"],
            ])
            let options = try bundle.report().mounted(at: "/data").options
            #expect(options.contains("ro") && options.contains("noexec"))
        }

        @Test(arguments: ["lowerdir=%a,upperdir=%b,workdir=%c", "lowerdir=%a\\,,upperdir=%b", "lowerdir=%a:%b"])
        func `an overlay takes joined options, and commas in its paths`(options: String) throws {
            let bundle = try Bundle.minimal { $0.ask("--list", "/data") }
            let lower = try bundle.hostDirectory(options.contains("\\") ? "lower," : "lower")
            try Files.write("", to: "\(lower)/file")
            let upper = try bundle.hostDirectory("upper")
            let work = try bundle.hostDirectory("work")
            let written = options.replacing("%a", with: lower.replacing(",", with: "")).replacing("%b", with: upper)
                .replacing("%c", with: work)
            bundle.config.mount("overlay", at: "/data", written)
            if options.contains("\\") { bundle.config.mounts[7].options.append("workdir=\(work)") }
            #expect(try bundle.report().lists["/data"] == ["file"])
        }

        @Test(arguments: [3, 40])
        func `an overlay of many layers is mounted`(count: Int) throws {
            let bundle = try Bundle.minimal { $0.ask("--list", "/data", "--try-create", "/data/new") }
            var layers: [String] = []
            for index in 1...count {
                let layer = try bundle.hostDirectory("layer-\(index)-" + String(repeating: "x", count: 30))
                try Files.write("", to: "\(layer)/file-\(index)")
                layers.append(layer)
            }
            let upper = try bundle.hostDirectory("upper")
            let work = try bundle.hostDirectory("work")
            bundle.config.mount(
                "overlay", at: "/data", "lowerdir=\(layers.joined(separator: ":"))", "upperdir=\(upper)",
                "workdir=\(work)", "nosuid", "nodev")
            let seen = try bundle.report()
            #expect(Set(seen.lists["/data"].strings) == Set((1...count).map { "file-\($0)" }))
            #expect(seen.tries == ["create /data/new": "ok"])
            #expect(seen.mounted(at: "/data").type == "overlay")
            #expect(seen.mounted(at: "/data").options.contains("nosuid"))
            #expect(seen.mounts.items.filter { $0.type == "overlay" }.count == 1)
        }

        @Test func `long options work in a user namespace`() throws {
            let bundle = try Bundle.minimal {
                $0.mapUsers()
                $0.ask("--list", "/data")
            }
            let long = try bundle.hostDirectory(String(repeating: "x", count: 230))
            try Files.write("", to: "\(long)/file")
            bundle.config.mount("overlay", at: "/data", "lowerdir=\(long):\(try bundle.hostDirectory("other"))")
            #expect(try bundle.report().lists["/data"] == ["file"])
        }

        @Test func `options longer than the kernel takes are refused, and their place is named`() throws {
            let layers = (1...100).map { "/layer-\($0)-" + String(repeating: "x", count: 40) }.joined(separator: ":")
            let bundle = try Bundle.minimal { $0.mount("overlay", at: "/data", "lowerdir=\(layers)") }
            expectFailure(
                try bundle.create(),
                saying: "mounts[7].options: \(layers.utf8.count + 9) bytes, and the kernel takes 4095 (mount(2))")
        }

        @Test func `a long option is not changed by remount`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "remount", "x=" + String(repeating: "y", count: 300))
            }
            expectFailure(
                try bundle.create(),
                saying: "mounts[7].options: an option of more than 255 bytes cannot be changed by remount")
        }

        // MARK: The mode of a tmpfs

        @Test(arguments: [("missing", "1777"), ("there", "0750")])
        func `a tmpfs takes its mode from the directory that is there, and has its own elsewhere`(
            name: String, mode: String
        ) throws {
            let bundle = try Bundle.minimal {
                $0.process.user.uid = 1000
                $0.mount("tmpfs", at: "/\(name)")
                $0.ask("--stat", "/\(name)")
            }
            try bundle.putDirectory("there", mode: 0o750)
            #expect(try bundle.report().paths["/\(name)"].mode == .string(mode))
        }

        @Test func `anybody may write in a tmpfs whose directory was not there`() throws {
            let seen = try Bundle.minimal {
                $0.process.user.uid = 1000
                $0.mount("tmpfs", at: "/new/tmp")
                $0.ask("--try-create", "/new/tmp/file")
            }.report()
            #expect(seen.tries == ["create /new/tmp/file": "ok"])
        }

        // MARK: The root

        /// A bundle with another root file system in a directory of the host, which is bound to `destination`.
        private func withOtherRoot(
            at destination: String, _ options: String..., change: (inout Value) -> Void = { _ in }
        ) throws -> Bundle {
            let bundle = try Bundle.minimal {
                $0.root.readonly = false
                change(&$0)
            }
            let other = try bundle.hostDirectory("other")
            for name in ["bin", "proc", "dev", "sys"] { try Files.makeDirectory("\(other)/\(name)") }
            try Files.copy("\(bundle.rootfs)/assert", to: "\(other)/assert", mode: 0o755)
            try Files.copy("\(bundle.rootfs)/bin/busybox", to: "\(other)/bin/busybox", mode: 0o755)
            try Files.symlink(to: "busybox", at: "\(other)/bin/cat")
            try Files.write("of the other root", to: "\(other)/which")
            try bundle.put("which", "of the bundle")
            if bundle.config.linux.uidMappings != .null { try Files.changeOwner(other, uid: 100_000, gid: 100_000) }
            let rest = bundle.config.mounts.items
            bundle.config.mounts = []
            bundle.config.mounts.append([
                "destination": .string(destination), "source": .string(other), "options": Value(["bind"] + options),
            ])
            bundle.config.mounts.append(contentsOf: rest)
            return bundle
        }

        @Test(arguments: ["/", "//", "/.", "/bin/..", "/self"])
        func `what is mounted on the root is the root`(destination: String) throws {
            let bundle = try withOtherRoot(at: destination, "nosuid") {
                $0.ask("--read", "/which", "--stat", "/dev/null", "--list", "/..")
            }
            try bundle.putLink("self", to: ".")
            let seen = try bundle.report()
            #expect(seen.contents["/which"] == "of the other root")
            #expect(seen.paths["/dev/null"].type == "char")
            #expect(seen.mounted(at: "/").options.contains("nosuid"))
            #expect(seen.mounts.items.filter { $0.destination == "/" }.count == 1)
            #expect(seen.lists["/.."].contains("which"))
            #expect(seen.mounted(at: "/proc").type == "proc")
        }

        @Test func `exec, too, is in what is mounted on the root`() throws {
            let bundle = try withOtherRoot(at: "/") { $0.run("/assert", "sleep") }
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(
                try bundle.command(["exec", bundle.id, "/bin/cat", "/which"]).run().ok().output == "of the other root")
            try bundle.delete("--force").ok()
        }

        @Test func `a root that is mounted can be read-only, and in a user namespace`() throws {
            let seen = try withOtherRoot(at: "/") {
                $0.mapUsers()
                $0.root.readonly = true
                $0.ask("--read", "/which", "--try-create", "/new")
            }.report()
            #expect(seen.contents["/which"] == "of the other root")
            #expect(seen.tries == ["create /new": "EROFS"])
        }

        // MARK: Paths of the host

        @Test(arguments: ["", "/data"])
        func `a destination below the root file system's path is one inside`(rest: String) throws {
            let bundle = try withOtherRoot(at: "/nowhere") { $0.ask("--read", "\(rest)/which") }
            bundle.config.mounts[0].destination = .string(bundle.rootfs + rest)
            #expect(try bundle.report().contents["\(rest)/which"] == "of the other root")
            #expect(!Files.list(bundle.rootfs).contains("tmp"))
        }

        @Test func `a path of the host gets past no rule`() throws {
            let bundle = try Bundle.minimal()
            bundle.config.mount("tmpfs", at: "\(bundle.rootfs)/proc")
            expectFailure(
                try bundle.create(), saying: "mounts[7].type: only procfs may be mounted on /proc: \"tmpfs\"")
        }

        @Test(arguments: ["", "user", "idmap", "user idmap"])
        func `a source in what was mounted before is found there`(kind: String) throws {
            let bundle = try Bundle.minimal {
                if kind.contains("user") { $0.mapUsers() }
                $0.ask("--list", "/n")
            }
            let source = try bundle.hostDirectory("source")
            try Files.makeDirectory("\(source)/a")
            try Files.write("", to: "\(source)/a/file")
            bundle.config.bind(source, to: "/m")
            bundle.config.bind("\(bundle.rootfs)/m/a", to: "/n")
            if kind.contains("idmap") {
                let mapping: Value = [["containerID": 0, "hostID": kind.contains("user") ? 100_000 : 5, "size": 10]]
                bundle.config.mounts[8].uidMappings = mapping
                bundle.config.mounts[8].gidMappings = mapping
                bundle.config.ask("--stat", "/n/file")
            }
            let seen = try bundle.report()
            #expect(seen.lists["/n"] == ["file"])
            if kind.contains("idmap") { #expect(seen.paths["/n/file"].uid == (kind.contains("user") ? 0 : 5)) }
            #expect(Files.list("\(bundle.rootfs)/m") == [])
        }

        @Test func `a source in the root is not looked for outside of it`() throws {
            let bundle = try Bundle.minimal { $0.ask("--list", "/n") }
            let source = try bundle.hostDirectory("source")
            try Files.symlink(to: "/inner", at: "\(source)/a")
            try bundle.put("inner/mine")
            bundle.config.bind(source, to: "/m")
            bundle.config.bind("\(bundle.rootfs)/m/a", to: "/n")
            #expect(try bundle.report().lists["/n"] == ["mine"])
        }

        // MARK: Restrictions of sources

        @Test(arguments: ["idmap", "ridmap", "mappings"])
        func `an id-mapped source keeps its restrictions in a user namespace`(kind: String) throws {
            let bundle = try Bundle.minimal {
                $0.mapUsers()
                $0.ask("--stat", "/data/file")
            }
            let source = try bundle.hostDirectory("source")
            bundle.wrapper = ["/usr/bin/unshare", "--mount"]
            bundle.prepare("mount -t tmpfs -o nosuid,nodev none \(source); echo >\(source)/file")
            bundle.config.bind(source, to: "/data", "rbind")
            if kind == "mappings" {
                let mapping: Value = [["containerID": 0, "hostID": 100_007, "size": 10]]
                bundle.config.mounts[7].uidMappings = mapping
                bundle.config.mounts[7].gidMappings = mapping
            } else {
                bundle.config.mounts[7].options.append(.string(kind))
            }
            let seen = try bundle.report()
            #expect(seen.paths["/data/file"].uid == (kind == "mappings" ? 7 : 0))
            let options = seen.mounted(at: "/data").options
            #expect(options.contains("nosuid") && options.contains("nodev"))
        }

        // MARK: Copies

        @Test func `tmpcopyup makes FIFOs, sockets and devices anew`() throws {
            let bundle = try Bundle.minimal {
                $0.mount("tmpfs", at: "/data", "tmpcopyup")
                $0.ask("--stat", "/data/fifo", "--stat", "/data/null", "--stat", "/data/socket")
            }
            try bundle.putDirectory("data")
            bundle.wrapper = [
                "/bin/sh", "-ec",
                """
                cd \(bundle.rootfs)/data; mkfifo -m 640 fifo; mknod -m 604 null c 1 3; chown 5:6 fifo
                python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'; cd /; exec "$@"
                """, "sh",
            ]
            let seen = try bundle.report()
            #expect(seen.paths["/data/fifo"].type == "fifo" && seen.paths["/data/fifo"].mode == "0640")
            #expect(seen.paths["/data/fifo"].uid == 5)
            #expect(seen.paths["/data/null"].type == "char" && seen.paths["/data/null"].mode == "0604")
            #expect(seen.paths["/data/socket"].type == "socket")
        }

        @Test func `tmpcopyup makes no device that the image has in vain`() throws {
            let bundle = try Bundle.minimal { $0.mount("tmpfs", at: "/data", "tmpcopyup") }
            try bundle.putDirectory("data")
            bundle.wrapper = ["/usr/bin/unshare", "--mount"]
            bundle.prepare(
                "mknod \(bundle.rootfs)/data/disk b 7 0; mount --bind \(bundle.rootfs) \(bundle.rootfs);"
                    + " mount -o remount,bind,nodev \(bundle.rootfs)")
            expectFailure(
                try bundle.create(), saying: "mounts[7]: copy tree target to", "disk: operation not permitted")
        }
    }
}
