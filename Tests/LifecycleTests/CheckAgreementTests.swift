import Glibc
import Harness
import Testing

extension Containers {
    /// `check` and what makes containers say the same of a bundle, and one mistake is told once.
    @Suite(.beyondRunc("has no such command")) struct CheckAgreementTests {
        /// The errors that it tells.
        private func errors(in bundle: Bundle) throws -> [String] {
            try bundle.save()
            let command = try bundle.command(["check", "--format", "json", bundle.directory]).run()
            return try Value(parsing: command.output).items.filter { $0.severity == "error" }
                .map { "\($0.field.text ?? ""): \($0.message.text ?? "")" }
        }

        /// One error if the container cannot be made, none if it can.
        private func expectAgreement(_ bundle: Bundle, _ name: String) throws {
            let errors = try errors(in: bundle)
            let outcome = try bundle.run()
            #expect(errors.count == (outcome.status == 0 ? 0 : 1), "\(name): \(errors); \(outcome.errors)")
        }

        // MARK: Descriptors

        @Test(arguments: [("Sn", 1024), ("n", 200)])
        func `more mounts than descriptors are no mistake`(limit: String, number: Int) throws {
            let bundle = try Bundle.minimal {
                $0.process.rlimits = []
                for index in 0..<1500 { $0.bind("/etc", to: "/tmp/\(index)", "ro") }
            }
            try bundle.save()
            bundle.prepare("ulimit -\(limit) \(number)")
            var command = bundle.command(["check", bundle.directory])
            command.arguments = bundle.wrapper + command.arguments
            #expect(try command.run().ok().output == "\(bundle.directory): good on this host\n")
            try bundle.run().ok()
        }

        /// Where there are too few descriptors for the container, `check` says so, and not before.
        @Test(arguments: [0, 100]) func `too few descriptors are what create has too few of`(mounts: Int) throws {
            let bundle = try Bundle.minimal {
                $0.process.rlimits = []
                if mounts > 0 { $0.mapUsers() }
                for index in 0..<mounts { $0.bind("/etc", to: "/tmp/\(index)", "ro") }
            }
            try bundle.save()
            let wrapper = bundle.wrapper
            for limit in stride(from: mounts + 10, through: mounts + 44, by: 2) {
                bundle.wrapper = wrapper
                bundle.prepare("ulimit -n \(limit)")
                var check = bundle.command(["check", bundle.directory])
                check.arguments = bundle.wrapper + check.arguments
                let checked = try check.run()
                let ran = try bundle.run()
                #expect((checked.status == 0) == (ran.status == 0), "\(limit): \(checked.output) \(ran.errors)")
            }
        }

        // MARK: Namespaces

        private static let good: Value = ["containerID": 0, "hostID": 100_000, "size": 65536]

        /// Each is one mistake in a bundle in which much depends on the namespaces.
        private static var mistakes: [(name: String, change: (inout Value) -> Void)] {
            func entry(_ entry: Value) -> (inout Value) -> Void {
                { config in
                    config.linux.namespaces.removeAll { $0.type == entry.type }
                    config.linux.namespaces.append(entry)
                }
            }
            func maps(_ mapping: Value) -> [(name: String, change: (inout Value) -> Void)] {
                [
                    ("users \(mapping)", { $0.linux.uidMappings = mapping }),
                    ("groups \(mapping)", { $0.linux.gidMappings = mapping }),
                ]
            }
            var all: [(name: String, change: (inout Value) -> Void)] = [
                ("no object", { $0.linux.namespaces.append("pid") }),
                ("twice", { $0.linux.namespaces.append(["type": "user"]) }),
                ("no array", { $0.linux.namespaces = "pid" }),
                ("user", { $0.process.user.uid = 70_000 }), ("group", { $0.process.user.gid = 70_000 }),
                ("groups", { $0.process.user.additionalGids = [70_000] }),
                ("clock", { $0.linux.timeOffsets = ["bogus": ["secs": 1]] }),
                ("seconds", { $0.linux.timeOffsets = ["monotonic": ["secs": "x"]] }),
                ("nanoseconds", { $0.linux.timeOffsets = ["monotonic": ["nanosecs": 1_000_000_000]] }),
                ("offsets", { $0.linux.timeOffsets = [] }),
            ]
            for kind in ["pid", "ipc", "uts", "mount", "network", "cgroup", "time", "user"] {
                all.append(("path of \(kind), number", entry(["type": .string(kind), "path": 7])))
                all.append(("path of \(kind), relative", entry(["type": .string(kind), "path": "x"])))
                all.append(
                    (
                        "type of \(kind)",
                        { config in
                            config.linux.namespaces.removeAll { $0.type == .string(kind) }
                            config.linux.namespaces.append(["type": .string("\(kind)x")])
                        }
                    ))
            }
            let single = (0..<341).map { index -> Value in
                ["containerID": Value(index), "hostID": Value(index + 100_000), "size": 1]
            }
            let mappings: [Value] = [
                [["containerID": 0, "hostID": 100_000, "size": 0]],
                [["containerID": 0, "hostID": 100_000, "size": "x"]], [["containerID": 0, "size": 9]],
                [["containerID": 0, "hostID": 4_294_967_290, "size": 65536]], ["x"], "x",
                [good, ["containerID": 70_000, "hostID": 100_000, "size": 1]],
                [["containerID": 5, "hostID": 100_000, "size": 65536]], .array(single),
            ]
            return all + mappings.flatMap { maps($0) }
        }

        @Test func `one mistake in namespaces or ids is one error`() throws {
            let bundle = try Bundle.minimal {
                $0.mapUsers()
                $0.unshare("time")
                $0.hostname = "box"
                $0.domainname = "domain"
                $0.linux.timeOffsets = ["monotonic": ["secs": 1]]
                $0.linux.sysctl = ["net.ipv4.ip_forward": "1", "kernel.msgmax": "65536"]
                $0.linux.devices = [["type": "c", "path": "/dev/x", "major": 1, "minor": 3, "uid": 5]]
                $0.mount("mqueue", at: "/dev/mqueue")
                $0.process.rlimits = [["type": "RLIMIT_CORE", "soft": 0, "hard": 0]]
            }
            // Only who is mapped to its owner may go there.
            try bundle.put("closed/tool", "#!/bin/sh\n", mode: 0o700)
            chmod("\(bundle.rootfs)/closed", 0o700)
            for path in ["closed", "closed/tool"] {
                try Files.changeOwner("\(bundle.rootfs)/\(path)", uid: 100_000, gid: 100_000)
            }
            bundle.config.run("/closed/tool")
            try expectAgreement(bundle, "no mistake")
            let config = bundle.config
            for (name, change) in Self.mistakes {
                bundle.config = config
                change(&bundle.config)
                let errors = try errors(in: bundle)
                #expect(errors.count == 1, "\(name): \(errors)")
            }
        }

        // MARK: Overlays

        @Test func `layers of an overlay are named as the kernel reads them`() throws {
            let bundle = try Bundle.minimal()
            let place = "\(bundle.directory)/layers"
            try Files.makeDirectory(place)
            // What is behind a colon counts from the bundle.
            try Files.makeDirectory("\(bundle.directory)/d")
            for name in ["a", "b", "c:d", "e,f", "g\\h", "data", "up", "work", "u:p", "w,k", "up2"] {
                try Files.makeDirectory("\(place)/\(name)")
            }
            try Files.write("", to: "\(place)/file")
            let long = String(repeating: "/.", count: 130)
            let sets: [[String]] = [
                ["lowerdir=@a:@b"], ["ro", "lowerdir=@c\\:d:@b"], ["lowerdir=@c:d:@b"], ["lowerdir=@e\\,f:@b"],
                ["lowerdir=@g\\\\h:@b"], ["lowerdir=@g\\h:@b"], ["lowerdir=@a\\:absent:@b"], ["lowerdir=@a:@absent"],
                ["lowerdir=@a:@file"], ["lowerdir=@a:@b::@data", "metacopy=on"], ["lowerdir=@a:@b::@absent"],
                ["lowerdir=@a::@b:@data"], ["lowerdir=@a:::@b"], ["lowerdir=@a:"], ["lowerdir=:@a"], ["lowerdir="],
                ["lowerdir=@a"], ["lowerdir=@a:@a"], ["lowerdir=@b", "lowerdir=@a:@b"],
                ["lowerdir=@absent", "lowerdir=@a:@b"],
                ["lowerdir+=@a", "lowerdir+=@b"], ["lowerdir+=@c:d", "lowerdir+=@b"],
                ["lowerdir+=@c\\:d", "lowerdir+=@b"],
                ["lowerdir+=@absent", "lowerdir+=@b"], ["lowerdir+=@file", "lowerdir+=@b"],
                ["lowerdir+=@a", "datadir+=@data", "metacopy=on"], ["lowerdir+=@a", "datadir+=@absent", "metacopy=on"],
                ["datadir+=@data"], ["lowerdir=@a", "upperdir=@up", "workdir=@work"],
                ["lowerdir=@a", "upperdir=@u\\:p", "workdir=@w\\,k"],
                ["lowerdir=@a", "upperdir=@absent", "workdir=@work"],
                ["lowerdir=@a", "upperdir=@up2"], ["upperdir=@up2", "workdir=@work"],
                ["lowerdir=@a:@b", "workdir=@work"],
                ["lowerdir=@a\(long):@c\\:d"], ["lowerdir=@e\\,f\(long):@b"], ["lowerdir=@a\(long):@absent"],
                ["lowerdir=@a\(long)"], ["lowerdir=%a:@b"], ["lowerdir=%a:%absent"], ["lowerdir+=%a", "lowerdir+=%b"],
                ["lowerdir+=%a", "lowerdir+=%c\\:d"], ["lowerdir=%a", "upperdir=%up", "workdir=%work"],
                ["lowerdir=%a", "upperdir=%up", "workdir=%absent"],
                ["lowerdir=@a", "upperdir=%absent", "workdir=@work"],
                ["lowerdir=%a\(long):%c\\:d"],
            ]
            let config = bundle.config
            for options in sets {
                bundle.config = config
                let paths = options.map { $0.replacing("@", with: "\(place)/").replacing("%", with: "layers/") }
                bundle.config.mounts.append([
                    "destination": "/mnt", "type": "overlay", "source": "overlay", "options": Value(paths),
                ])
                try expectAgreement(bundle, "\(options)")
            }
        }

        // MARK: Programs

        @Test(arguments: 4...7) func `scripts whose interpreters are scripts`(links: Int) throws {
            let bundle = try Bundle.minimal { $0.run("/bin/s\(links)") }
            for link in 1...links {
                try bundle.put("bin/s\(link)", "#!/bin/\(link == 1 ? "sh" : "s\(link - 1)")\n", mode: 0o755)
            }
            try expectAgreement(bundle, "\(links)")
            #expect(try errors(in: bundle).isEmpty == (links <= 5))
        }

        @Test(arguments: [
            "#!/bin/sh", "#! \t/bin/sh -e\n", "#!/bin/sh\0", "#!bin/sh\n", "#!\n", "#! \n", "#!/bin/\0sh\n",
            "#!/\(String(repeating: "./", count: 120))bin/sh\n", "#!/\(String(repeating: "./", count: 124))bin/sh\n",
            "#!\(String(repeating: " ", count: 300))/bin/sh\n", "#!/bin/sh\(String(repeating: " ", count: 300))\n",
        ])
        func `the first line of a script as exec reads it`(line: String) throws {
            let bundle = try Bundle.minimal { $0.run("/bin/script") }
            try bundle.put("bin/script", line, mode: 0o755)
            try expectAgreement(bundle, "\(line)")
        }

        @Test(arguments: [
            (22, 2, 2, "s390x"), (21, 2, 2, "ppc64"), (21, 2, 1, "ppc64le"), (8, 1, 2, "mips"), (8, 2, 1, "mips64el"),
            (183, 2, 2, "aarch64_be"), (43, 2, 2, "sparc64"), (243, 2, 1, "riscv64"), (4711, 2, 2, "ELF machine 4711"),
        ])
        func `a program for another processor is told by its name`(
            machine: Int, width: UInt8, order: UInt8, name: String
        ) throws {
            let bundle = try Bundle.minimal { $0.run("/bin/foreign") }
            var header = [UInt8](repeating: 0, count: 64)
            header.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, width, order, 1])
            let isBig = order == 2
            header[isBig ? 17 : 16] = 2
            header[18] = UInt8(isBig ? machine >> 8 : machine & 255)
            header[19] = UInt8(isBig ? machine & 255 : machine >> 8)
            try Files.write(
                String(decoding: header.map { $0 < 128 ? $0 : 0 }, as: UTF8.self), to: "\(bundle.rootfs)/bin/foreign",
                mode: 0o755)
            let descriptor = try Files.openForWriting("\(bundle.rootfs)/bin/foreign")
            defer { Files.close(descriptor) }
            #expect(pwrite(descriptor, header, header.count, 0) == header.count)
            #expect(try errors(in: bundle) == ["process.args[0]: /bin/foreign is for another processor, \(name)"])
            #expect(try bundle.run().status != 0)
        }
    }
}
