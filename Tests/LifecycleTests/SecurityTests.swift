import Harness
import Testing

extension Containers {
    /// The deterministic form of the holes that were published for container runtimes. A container may be refused or
    /// may run; what must not happen is that the host changes or shows.
    @Suite struct SecurityTests {
        // MARK: Links in the image that lead to the host

        @Test(.beyondRunc("CVE-2026-41579: makes the links of /dev on the host"), arguments: [true, false])
        func `a dev that links to the host stays without nodes and links`(absolute: Bool) throws {
            let bundle = try Bundle.minimal { $0.removeDev() }
            let canary = try Canary(bundle)
            try bundle.putLink("dev", to: absolute ? canary.directory : "../../../../../../../../../..\(canary.directory)")
            try bundle.run()
            canary.expectUntouched()
        }

        @Test(arguments: ["proc", "sys"], ["/tmp/elsewhere", "tmp/elsewhere", "/absent", ".", "chain"])
        func `a proc or sys that is a link is refused and named`(name: String, target: String) throws {
            let bundle = try Bundle.minimal()
            try bundle.putDirectory("tmp/elsewhere")
            try bundle.putLink("chain", to: "tmp/elsewhere")
            try bundle.putLink(name, to: target)
            expectFailure(try bundle.run(), saying: "/\(name)")
            #expect(bundle.leftovers() == [])
        }

        @Test(arguments: ["a", "a/b", "a/b/c"])
        func `a directory destination that links to the host stays inside`(path: String) throws {
            let bundle = try Bundle.minimal { $0.mount("tmpfs", at: "/\(path)/made") }
            let canary = try Canary(bundle)
            try bundle.putLink(path, to: canary.directory)
            try bundle.run()
            canary.expectUntouched()
        }

        @Test(arguments: ["file", "absent", "directory"])
        func `a file destination that links to the host stays inside`(target: String) throws {
            let bundle = try Bundle.minimal()
            let canary = try Canary(bundle)
            bundle.config.bind(try bundle.hostFile("hosts", "bound"), to: "/etc/hosts")
            try bundle.putLink("etc/hosts", to: "\(canary.directory)/\(target)")
            try bundle.run()
            canary.expectUntouched()
        }

        @Test func `a bind mount on a link to the host is seen inside and nowhere else`() throws {
            let bundle = try Bundle.minimal { $0.ask("--list", "/inside") }
            let canary = try Canary(bundle)
            let source = try bundle.hostDirectory("source")
            try Files.write("", to: "\(source)/bound")
            bundle.config.bind(source, to: "/link")
            try bundle.putDirectory("inside")
            try bundle.putLink("link", to: "/inside")
            try bundle.putLink("other", to: canary.directory)
            bundle.config.bind(source, to: "/other")
            let outcome = try bundle.run()
            if outcome.succeeded { #expect(try outcome.report.lists["/inside"] == ["bound"]) }
            canary.expectUntouched()
        }

        @Test(arguments: [true, false], ["absent", "file"])
        func `a dev console that links to the host stays inside`(readonly: Bool, target: String) throws {
            let bundle = try Bundle.minimal {
                $0.removeDev()
                $0.process.terminal = true
                $0.root.readonly = .bool(readonly)
            }
            let canary = try Canary(bundle)
            try bundle.putLink("dev/console", to: "\(canary.directory)/\(target)")
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            if try bundle.create("--console-socket", socket.path).succeeded { try bundle.start() }
            canary.expectUntouched()
        }

        @Test func `a dev null that links to the host is not given to the user`() throws {
            let bundle = try Bundle.minimal {
                $0.removeDev()
                $0.process.user = ["uid": 1000, "gid": 1000]
            }
            let canary = try Canary(bundle)
            try bundle.putLink("dev/null", to: "\(canary.directory)/file")
            try bundle.run()
            canary.expectUntouched()
        }

        @Test(.beyondRunc("CVE-2025-31133: binds what the link leads to"))
        func `a dev null that links elsewhere does not become the mask`() throws {
            let bundle = try Bundle.minimal {
                $0.removeDev()
                $0.root.readonly = false
                $0.linux.maskedPaths = ["/secret"]
                $0.ask("--read", "/secret", "--try-write", "/secret")
            }
            let canary = try Canary(bundle)
            let dev = try bundle.hostDirectory("dev")
            try Files.symlink(to: "/target", at: "\(dev)/null")
            bundle.config.bind(dev, to: "/dev")
            try bundle.put("secret", "hidden")
            try bundle.put("target", "not a device")
            let outcome = try bundle.run()
            if outcome.succeeded { #expect(try outcome.report.contents["/secret"] == "") }
            canary.expectUntouched()
        }

        @Test func `a missing dev null does not leave a path unmasked`() throws {
            let bundle = try Bundle.minimal {
                $0.removeDev()
                $0.linux.maskedPaths = ["/secret"]
                $0.ask("--read", "/secret")
            }
            bundle.config.bind(try bundle.hostDirectory("dev"), to: "/dev")
            try bundle.put("secret", "hidden")
            let outcome = try bundle.run()
            if outcome.succeeded { #expect(try outcome.report.contents["/secret"] == "") }
        }

        @Test func `terminals that are links are not bound to dev console`() throws {
            let bundle = try Bundle.minimal {
                $0.unmount("/dev/pts")
                $0.process.terminal = true
                $0.ask("--stat", "/dev/console", "--read", "/dev/console")
            }
            let canary = try Canary(bundle)
            let terminals = try bundle.hostDirectory("pts")
            for number in 0..<10 { try Files.symlink(to: "/proc/sys/kernel/hostname", at: "\(terminals)/\(number)") }
            bundle.config.bind(terminals, to: "/dev/pts")
            let socket = try ConsoleSocket(in: bundle.workspace.directory)
            if try bundle.create("--console-socket", socket.path).succeeded, let terminal = try? socket.receive() {
                try bundle.start()
                terminal.readToEnd(within: 1)
                if let seen = terminal.reports.first { #expect(seen.paths["/dev/console"].type != "file") }
            }
            canary.expectUntouched()
        }

        @Test func `a device is not made behind a link to the host`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.devices = [["path": "/elsewhere/null", "type": "c", "major": 1, "minor": 3]]
            }
            let canary = try Canary(bundle)
            try bundle.putLink("elsewhere", to: canary.directory)
            try bundle.run()
            canary.expectUntouched()
        }

        @Test func `a working directory is not made behind a link to the host`() throws {
            let bundle = try Bundle.minimal()
            let canary = try Canary(bundle)
            bundle.config.process.cwd = "/link/made"
            try bundle.putLink("link", to: canary.directory)
            try bundle.run()
            canary.expectUntouched()
        }

        @Test func `masked and read-only links do not reach the host`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.maskedPaths = ["/masked"]
                $0.linux.readonlyPaths = ["/fixed"]
            }
            let canary = try Canary(bundle)
            try bundle.putLink("masked", to: canary.directory)
            try bundle.putLink("fixed", to: canary.directory)
            try bundle.run()
            canary.expectUntouched()
            #expect(Files.exists("\(canary.directory)/file"))
        }

        @Test func `nothing but mount points is written into the rootfs`() throws {
            let bundle = try Bundle.minimal()
            let before = Set(Files.tree(bundle.rootfs))
            try bundle.run().ok()
            let made = Set(Files.tree(bundle.rootfs)).subtracting(before).map { $0.dropFirst(bundle.rootfs.count) }
            #expect(Set(made).isSubset(of: ["/proc", "/dev", "/sys"]), "\(made)")
        }

        // MARK: Files of the image that the runtime reads

        @Test func `a user of passwd cannot change the numeric user`() throws {
            let bundle = try Bundle.minimal { $0.process.user = ["uid": 1000, "gid": 1000] }
            try bundle.put("etc/passwd", "1000:x:0:0:x:/root:/bin/sh\n")
            try bundle.put("etc/group", "1000:x:0:1000\n")
            let seen = try bundle.report()
            #expect(seen.uid.effective == 1000)
            #expect(seen.gid.effective == 1000)
            #expect(seen.groups == [])
        }

        @Test(.beyondRunc("hangs"), arguments: [0, 1000])
        func `a passwd that is a FIFO does not hold up create`(uid: Int) throws {
            let bundle = try Bundle.minimal { $0.process.user.uid = Value(uid) }
            try bundle.putDirectory("etc")
            try Files.makeFIFO("\(bundle.rootfs)/etc/passwd")
            #expect(try bundle.report().uid.effective == Value(uid))
        }

        @Test(.beyondRunc("reads it to the end"))
        func `a passwd that is an endless device does not hold up create`() throws {
            let bundle = try Bundle.minimal { $0.process.user.uid = 1000 }
            try bundle.putLink("etc/passwd", to: "/dev/zero")
            #expect(try bundle.report().uid.effective == 1000)
        }

        @Test(.beyondRunc("takes a long line for an error"))
        func `a passwd that is a directory or one long line is no failure`() throws {
            let bundle = try Bundle.minimal { $0.process.user.uid = 1000 }
            try bundle.put("etc/passwd", String(repeating: "x", count: 3_000_000))
            #expect(try bundle.report().env.contains("HOME=/"))
            let other = try Bundle.minimal { $0.process.user.uid = 1000 }
            try other.putDirectory("etc/passwd")
            try other.run().ok()
        }

        @Test func `a passwd that links to the host is not read there`() throws {
            let bundle = try Bundle.minimal { $0.process.user.uid = 1000 }
            let file = try bundle.hostFile("passwd", "user:x:1000:1000::/from-the-host:/bin/sh\n")
            try bundle.putLink("etc/passwd", to: file)
            #expect(try !bundle.report().env.strings.contains("HOME=/from-the-host"))
        }

        // MARK: Descriptors and the working directory

        @Test func `a working directory behind a descriptor does not lead to the host`() throws {
            let directories = try (0..<6).map { _ in try Files.openDirectory("/") }
            defer { directories.forEach(Files.close) }
            for number in 0...16 {
                let bundle = try Bundle.minimal { $0.process.cwd = "/proc/self/fd/\(number)" }
                bundle.descriptors = directories
                try bundle.expectHostHidden("cwd of descriptor \(number)")
            }
        }

        @Test func `a link to a descriptor as the working directory does not lead to the host`() throws {
            let directories = try (0..<6).map { _ in try Files.openDirectory("/") }
            defer { directories.forEach(Files.close) }
            for number in 3...12 {
                let bundle = try Bundle.minimal { $0.process.cwd = "/work" }
                try bundle.putLink("work", to: "/proc/self/fd/\(number)")
                bundle.descriptors = directories
                try bundle.expectHostHidden("link to descriptor \(number)")
            }
        }

        @Test func `a program behind a descriptor is not one of the host`() throws {
            let directories = try (0..<6).map { _ in try Files.openDirectory("/") }
            defer { directories.forEach(Files.close) }
            for number in 3...12 {
                let bundle = try Bundle.minimal { $0.run("/proc/self/fd/\(number)/bin/ls", "/") }
                bundle.descriptors = directories
                let outcome = try bundle.run()
                #expect(!outcome.succeeded, "descriptor \(number): \(outcome)")
            }
        }

        // MARK: The runtime's own program

        @Test(arguments: [["/proc/self/exe"], ["/proc/self/exe", "init"], ["/script"], ["/proc/1/exe", "--help"]])
        func `a container that executes proc self exe does not get at the runtime`(arguments: [String]) throws {
            let bundle = try Bundle.minimal { $0.process.args = Value(arguments) }
            try bundle.put("script", "#!/proc/self/exe\n", mode: 0o755)
            let before = Files.bytes(bundle.runtime.path)
            let outcome = try bundle.run()
            #expect(!outcome.isLate)
            #expect(Files.bytes(bundle.runtime.path) == before)
            #expect(bundle.leftovers() == [])
        }

        @Test(.beyondRunc("runs from a read-only mount of its file"))
        func `a waiting container does not run from the runtime's file`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let link = Files.target(ofLink: "/proc/\(bundle.pid ?? 0)/exe") ?? ""
            #expect(link.hasPrefix("/memfd:"), "\(link)")
        }

        // MARK: Ids and identities

        @Test(arguments: ["../x", "a/b", "/a", ".", "..", "", "a b", "a:b", "$(id)", "a\nb", "ä", String(repeating: "x", count: 1030)])
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
            bundle.wrapper = ["/bin/sh", "-c", "umask 0; exec \"$@\"", "sh"]
            try bundle.create().ok()
            for path in [bundle.workspace.root] + Files.tree(bundle.workspace.root) {
                let mode = Files.status(path)?.st_mode ?? 0
                #expect(mode & 0o077 == 0, "\(path) has mode \(String(mode & 0o7777, radix: 8))")
            }
        }

        @Test func `no abstract socket is opened`() throws {
            let abstract = { Set((Files.read("/proc/net/unix") ?? "").split(separator: "\n").compactMap { line in
                line.split(separator: " ").last.flatMap { $0.hasPrefix("@") ? String($0) : nil }
            }) }
            let before = abstract()
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            #expect(abstract().subtracting(before) == [])
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
            for kind in ["pid", "net", "ipc", "uts", "mnt"] { #expect(seen.namespaces[kind] != Host.namespace(kind), "\(kind)") }
            #expect(seen.hostname == "short")
        }

        @Test(arguments: [65_535, 65_536, 65_537, 131_072])
        func `a long namespace path is refused`(length: Int) throws {
            expectFailure(try Bundle.minimal { $0.join("network", "/" + String(repeating: "n", count: length - 1)) }.create())
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

        @Test(arguments: ["net/../kernel/hostname", "net.ipv4/../../kernel/hostname", "kernel/../net/../kernel/hostname", "/kernel/hostname"])
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
            bundle.config.linux.cgroupsPath = "/\(bundle.workspace.tag)/../../../../../..\(bundle.workspace.directory)/escaped"
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

/// A host directory that a container must not change. Compared by names, modes, owners, sizes and contents.
private struct Canary {
    let directory: String
    private let before: [String]

    init(_ bundle: Bundle) throws {
        directory = try bundle.hostDirectory("canary")
        try Files.write("content", to: "\(directory)/file")
        try Files.write("terminals", to: "\(directory)/ptmx")
        try Files.makeDirectory("\(directory)/directory")
        before = Canary.fingerprint(directory)
    }

    func expectUntouched(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(Canary.fingerprint(directory) == before, sourceLocation: sourceLocation)
    }

    private static func fingerprint(_ directory: String) -> [String] {
        ([directory] + Files.tree(directory)).map { path in
            guard let info = Files.status(path) else { return "\(path) is gone" }
            let content = Files.isRegular(path) ? Files.read(path) : nil
            return "\(path) \(info.st_mode) \(info.st_uid) \(info.st_gid) \(info.st_rdev) \(info.st_ino) \(content ?? "")"
        }
    }
}

extension Value {
    /// A container whose /dev is the image's own directory.
    fileprivate mutating func removeDev() {
        for destination in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { self.unmount(destination) }
        self.linux.maskedPaths = []
    }
}

extension Bundle {
    /// The container is refused, or its working directory is inside and no descriptor leads out.
    fileprivate func expectHostHidden(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        config.ask("--list", ".", "--list", "..")
        let outcome = try run()
        guard outcome.succeeded else { return }
        let seen = try outcome.report
        for place in [".", ".."] {
            #expect(!seen.lists[place].contains("work") && !seen.lists[place].contains("boot"), "\(what)", sourceLocation: sourceLocation)
        }
        #expect(seen.descriptors.members.count == 3, "\(what)", sourceLocation: sourceLocation)
    }
}
