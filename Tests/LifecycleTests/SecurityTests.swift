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
            try bundle.putLink(
                "dev", to: absolute ? canary.directory : "../../../../../../../../../..\(canary.directory)")
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
            bundle.expectNothingLeft()
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
            for number in 3...12 {
                let bundle = try Bundle.minimal { $0.run("/proc/self/fd/\(number)/tool", "report") }
                let tools = try bundle.hostDirectory("tools")
                try Files.copy("\(bundle.rootfs)/assert", to: "\(tools)/tool", mode: 0o755)
                bundle.descriptors = try (0..<6).map { _ in try Files.openDirectory(tools) }
                defer { bundle.descriptors.forEach(Files.close) }
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
            bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("runs from a read-only mount of its file"))
        func `a waiting container does not run from the runtime's file`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            let link = Files.target(ofLink: "/proc/\(bundle.pid ?? 0)/exe") ?? ""
            #expect(link.hasPrefix("/memfd:"), "\(link)")
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
            #expect(
                !seen.lists[place].contains("work") && !seen.lists[place].contains("boot"), "\(what)",
                sourceLocation: sourceLocation)
        }
        #expect(seen.descriptors.members.count == 3, "\(what)", sourceLocation: sourceLocation)
    }
}
