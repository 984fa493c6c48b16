import Harness
import Testing

extension Containers {
    /// Ids, numbers and texts that were used against container runtimes, and the traces that runtimes leave for others.
    @Suite struct HostileInputTests {
        // MARK: Ids and identities

        @Test(arguments: [
            "../x", "a/b", "/a", ".", "..", "", "a b", "a:b", "$(id)", "a\nb", "ä", String(repeating: "x", count: 1030),
        ])
        func `an id that could be a path or worse is refused`(id: String) throws {
            let bundle = try Bundle.minimal()
            let validID = bundle.id
            bundle.id = id
            defer { bundle.id = validID }
            let before = Files.list(bundle.workspace.directory).filter { $0 != "root" }
            let outcome = try bundle.create()
            #expect(outcome.status != 0)
            #expect(Files.list(bundle.workspace.directory).filter { $0 != "root" } == before)
            #expect(Files.list(bundle.workspace.root) == [])
        }

        @Test(arguments: [["state"], ["delete", "--force"], ["kill"], ["start"]])
        func `a bad id is refused by every command`(words: [String]) throws {
            let bundle = try Bundle.minimal()
            try Files.makeDirectory("\(bundle.workspace.directory)/victim")
            try Files.makeDirectory(bundle.workspace.root)
            _ = try bundle.command(words + ["../victim"]).run()
            #expect(Files.exists("\(bundle.workspace.directory)/victim"))
        }

        @Test(arguments: ["uid", "gid"], ["4294967295", "4294967296", "-1", "1e3", "1.5", "\"0\"", "true"])
        func `a user or group that is no id is refused`(member: String, text: String) throws {
            let bundle = try Bundle.minimal()
            bundle.config.process.user[member] = try Value(parsing: text)
            expectFailure(try bundle.run())
        }

        @Test(arguments: ["4294967295", "4294967296", "-1", "\"0\""])
        func `an additional group that is no id is refused`(text: String) throws {
            let bundle = try Bundle.minimal()
            bundle.config.process.user.additionalGids = [try Value(parsing: text)]
            expectFailure(try bundle.run())
        }

        @Test(.needs("setpriv")) func `the caller's groups do not reach the container`() throws {
            let bundle = try Bundle.minimal()
            bundle.wrapper = ["/usr/bin/setpriv", "--groups", "10,20"]
            #expect(try bundle.report().groups == [])
        }

        // MARK: Traces on the host

        @Test(.beyondRunc("leaves a world-writable FIFO"))
        func `the state is for nobody else, whatever the umask`() throws {
            let bundle = try Bundle.sleeping()
            bundle.prepare("umask 0")
            try bundle.create().ok()
            for path in [bundle.workspace.root] + Files.tree(bundle.workspace.root) {
                let mode = Files.status(path)?.st_mode ?? 0
                #expect(mode & 0o077 == 0, "\(path) has mode \(String(mode & 0o7777, radix: 8))")
            }
        }

        @Test func `no abstract socket is opened`() throws {
            let abstract = {
                Set(
                    (Files.read("/proc/net/unix") ?? "").split(separator: "\n").compactMap { line in
                        line.split(separator: " ").last.flatMap { $0.hasPrefix("@") ? String($0) : nil }
                    })
            }
            let before = abstract()
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            // Other programs of this machine may have one for a moment; the container stays.
            #expect(eventually { abstract().subtracting(before).isEmpty }, "\(abstract().subtracting(before))")
        }

        // MARK: Configuration as data

        @Test(arguments: [65_535, 65_536, 65_537, 131_072])
        func `long texts do not spill into other settings`(length: Int) throws {
            let bundle = try Bundle.minimal {
                $0.annotations["long"] = .string(String(repeating: "a", count: length))
                $0.process.env.append(.string("LONG=" + String(repeating: "b", count: length - 6)))
                $0.hostname = "short"
            }
            let outcome = try bundle.run()
            guard outcome.succeeded else { return }
            let seen = try outcome.report
            for kind in ["pid", "net", "ipc", "uts", "mnt"] {
                #expect(seen.namespaces[kind] != Host.namespace(kind), "\(kind)")
            }
            #expect(seen.hostname == "short")
        }

        @Test(arguments: [65_535, 65_536, 65_537, 131_072])
        func `a long namespace path is refused`(length: Int) throws {
            expectFailure(
                try Bundle.minimal { $0.join("network", "/" + String(repeating: "n", count: length - 1)) }.create())
        }

        @Test(arguments: [1_000, 100_000])
        func `deep nesting is no crash`(depth: Int) throws {
            let bundle = try Bundle.minimal()
            let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            bundle.configText = "\(bundle.config)".replacing("\"hostname\"", with: "\"unknown\":\(nested),\"hostname\"")
            let outcome = try bundle.run()
            #expect(outcome.status < 128 && !outcome.isLate, "\(outcome)")
        }

        @Test(arguments: ["destination", "argument", "program", "cwd", "annotation"])
        func `a text with a NUL is refused or harmless`(place: String) throws {
            let text = "/x\u{0}/../../etc"
            let bundle = try Bundle.minimal {
                switch place {
                case "destination": $0.mount("tmpfs", at: text)
                case "argument": $0.process.args.append(.string(text))
                case "program": $0.process.args = [.string(text)]
                case "cwd": $0.process.cwd = .string(text)
                default: $0.annotations["key"] = .string(text)
                }
            }
            let outcome = try bundle.run()
            #expect(place == "annotation" || outcome.status != 0)
        }

        @Test(.beyondRunc("sets it as it is")) func `a hostname with a NUL is refused`() throws {
            expectFailure(try Bundle.minimal { $0.hostname = "a\u{0}b" }.run(), saying: "hostname")
        }

        @Test(arguments: [
            "net/../kernel/hostname", "net.ipv4/../../kernel/hostname", "kernel/../net/../kernel/hostname",
            "/kernel/hostname",
        ])
        func `a sysctl name cannot leave its place`(name: String) throws {
            expectFailure(try Bundle.minimal { $0.linux.sysctl[name] = "reached" }.run())
        }

        @Test(arguments: ["/proc/self/attr", "/proc/sys", "/proc/sys/kernel/hostname", "/proc/1", "/proc/absent"])
        func `mounts inside proc are refused`(destination: String) throws {
            let bundle = try Bundle.minimal()
            bundle.config.bind(try bundle.hostDirectory("fake"), to: destination)
            expectFailure(try bundle.create(), saying: "/proc")
        }

        @Test(arguments: ["/proc/cpuinfo", "/proc/meminfo", "/proc/uptime", "/proc/loadavg", "/proc/stat"])
        func `the files of proc that may be replaced can be`(destination: String) throws {
            let bundle = try Bundle.minimal { $0.ask("--read", destination) }
            bundle.config.bind(try bundle.hostFile("replacement", "replaced"), to: destination)
            #expect(try bundle.report().contents[destination] == "replaced")
        }

        @Test func `a proc bound from a directory is refused`() throws {
            let bundle = try Bundle.minimal { $0.unmount("/proc") }
            bundle.config.bind(try bundle.hostDirectory("fake"), to: "/proc")
            expectFailure(try bundle.create(), saying: "/proc")
        }

        @Test func `a cgroup path cannot leave its hierarchy`() throws {
            let bundle = try Bundle.sleeping()
            bundle.config.linux.cgroupsPath =
                "/\(bundle.workspace.tag)/../../../../../..\(bundle.workspace.directory)/escaped"
            _ = try bundle.create()
            #expect(!Files.exists("\(bundle.workspace.directory)/escaped"))
        }

        @Test(arguments: ["..", ".", "a\u{0}b"])
        func `cgroup file names are checked`(name: String) throws {
            let neighbour = try Bundle.sleeping()
            try neighbour.create().ok()
            let before = neighbour.limit("pids", "pids.max")
            let bundle = try Bundle.minimal { $0.linux.resources.unified["\(name)/\(neighbour.name)/pids.max"] = "3" }
            let outcome = try bundle.run()
            #expect(neighbour.limit("pids", "pids.max") == before)
            if !Containers.CgroupTests.isV1 { expectFailure(outcome) }
        }
    }
}
