import Glibc
import Harness
import Testing

extension Containers {
    /// `mounts add` and `mounts remove`, seen from inside.
    @Suite(.beyondRunc("has no such command"))
    struct AddedMountTests {
        // MARK: What is added

        @Test func `mounts are added in order, with their options, and taken away again`() throws {
            let bundle = try Bundle.running { $0.root.readonly = false }
            let source = try bundle.hostDirectory("data")
            try Files.write("here", to: "\(source)/file")
            try Files.makeDirectory("\(source)/sub")
            let mounts: Value = [
                bound(source, "/deep/er/data", "ro", "nosuid"),
                [
                    "destination": "/deep/er/data/sub", "type": "tmpfs", "source": "mine",
                    "options": ["size=64k", "mode=710"],
                ],
                bound("\(source)/file", "/deep/file"),
            ]
            try bundle.mounts("add", mounts).ok()
            #expect(try bundle.inside("cat /deep/er/data/file /deep/file") == "herehere")
            #expect(try bundle.inside("echo x 2>/dev/null >/deep/er/data/x || echo no") == "no\n")
            #expect(
                try bundle.inside("stat -c %a /deep/er/data/sub; echo x >/deep/er/data/sub/x; ls /deep/er/data/sub")
                    == "710\nx\n")
            let lines = try bundle.table()
            #expect(lines.first { $0.point == "/deep/er/data" }?.options.hasPrefix("ro,nosuid") == true)
            try bundle.mounts("remove", [["destination": "/deep/file"], mounts[1], mounts[0]]).ok()
            #expect(try bundle.table().filter { $0.point.hasPrefix("/deep") }.isEmpty)
            #expect(Files.list("\(source)/sub").isEmpty)
            #expect(Files.read("\(source)/file") == "here")
        }

        @Test func `what runs already sees it at once`() throws {
            let bundle = try Bundle.running {
                $0.root.readonly = false
                $0.shell(
                    "while ! cat /data/file 2>/dev/null; do sleep 0.05; done; while cat /data/file >/dev/null 2>&1;"
                        + " do sleep 0.05; done; echo gone")
            }
            let source = try bundle.hostDirectory("data")
            try Files.write("\"seen\"\n", to: "\(source)/file")
            try bundle.mounts("add", [bound(source, "/data")]).ok()
            #expect(try bundle.line() == "seen")
            try bundle.mounts("remove", [["destination": "/data"]]).ok()
            #expect(eventually { bundle.output.hasSuffix("gone\n") })
        }

        @Test func `a container that is paused gets them too`() throws {
            let bundle = try Bundle.running { $0.root.readonly = false }
            try bundle.command(["pause", bundle.id]).run().ok()
            try bundle.mounts("add", [temporary("/data")]).ok()
            try bundle.command(["resume", bundle.id]).run().ok()
            #expect(try bundle.table().contains { $0.point == "/data" })
        }

        @Test func `a tmpfs has the mode of the directory that it covers, and may be read-only`() throws {
            let bundle = try Bundle.running()
            try bundle.mounts("add", [["destination": "/bin", "type": "tmpfs", "source": "t", "options": ["ro"]]]).ok()
            let line = try #require(try bundle.table(from: "host").first { $0.point == "/bin" })
            #expect(line.options.hasPrefix("ro,"))
            #expect(Files.status("/proc/\(try #require(bundle.pid))/root/bin")?.st_mode == S_IFDIR | 0o755)
        }

        @Test func `the layers of an overlay may be long`() throws {
            let bundle = try Bundle.running { $0.root.readonly = false }
            let layers = try (0..<3).map { number in
                let path = try bundle.hostDirectory("layer-\(number)-" + String(repeating: "x", count: 120))
                try Files.write("\(number)", to: "\(path)/\(number)")
                return path
            }
            try bundle.mounts(
                "add",
                [
                    [
                        "destination": "/data", "type": "overlay", "source": "overlay",
                        "options": [.string("lowerdir=\(layers.joined(separator: ":"))")],
                    ]
                ]
            ).ok()
            #expect(try bundle.inside("ls /data") == "0\n1\n2\n")
        }

        @Test func `relative layers of an overlay count from the bundle`() throws {
            let bundle = try Bundle.running { $0.root.readonly = false }
            for name in ["one", "two"] {
                try Files.makeDirectory("\(bundle.directory)/\(name)")
                try Files.write("", to: "\(bundle.directory)/\(name)/\(name)")
            }
            let entry: Value = [
                "destination": "/data", "type": "overlay", "source": "overlay", "options": ["lowerdir=one:./two"],
            ]
            try bundle.mounts("add", [entry]).ok()
            #expect(try bundle.inside("ls /data") == "one\ntwo\n")
        }

        @Test func `ids are mapped as an option says`() throws {
            let bundle = try Bundle.running { $0.root.readonly = false }
            let source = try bundle.hostDirectory("data")
            try Files.write("", to: "\(source)/file")
            try Files.changeOwner("\(source)/file", uid: 1000, gid: 2000)
            try bundle.mounts("add", [bound(source, "/data", "idmap=uids=1000-7-1;gids=2000-8-1")]).ok()
            #expect(try bundle.inside("stat -c %u:%g /data/file") == "7:8\n")
        }

        @Test func `nothing reaches the host, whatever its mounts share`() throws {
            let bundle = try Bundle.running { $0.root.readonly = false }
            try bundle.workspace.expectSameMounts {
                try bundle.mounts("add", [temporary("/one"), bound(bundle.directory, "/two")]).ok()
                try bundle.mounts("add", [temporary("/two/rootfs")]).ok()
            }
        }

        /// A file system of the container's own, of which nobody ever says anything.
        @Test(.enabled(if: Files.exists("/dev/fuse"), "this kernel has no FUSE"))
        func `a server of the container's that does not answer holds up nobody`() throws {
            let bundle = try Bundle.minimal {
                $0.serveInSilence(at: "/own")
            }
            try bundle.create().ok()
            try bundle.start().ok()
            #expect(try bundle.line() == "mounted")
            expectFailure(
                try bundle.mounts("remove", [["destination": "/own"]]), saying: "mounts[0].destination",
                "not what the configuration mounted there")
            expectFailure(try bundle.mounts("add", [temporary("/own/below")]), saying: "no answer within 10 s")
            // Nobody holds the lock.
            try bundle.command(["pause", bundle.id]).run().ok()
            try bundle.command(["resume", bundle.id]).run().ok()
            try bundle.command(["delete", "--force", bundle.id]).run().ok()
        }

        // MARK: User namespaces, ordinary users

        @Test func `in a user namespace they are its own, and what restricts a source is locked`() throws {
            let bundle = try Bundle.running {
                $0.root.readonly = false
                $0.mapUsers()
                $0.grant(["CAP_SYS_ADMIN"])
            }
            let source = try bundle.hostDirectory("data")
            try Files.write("", to: "\(source)/file")
            try bundle.mounts(
                "add", [temporary("/data"), bound(source, "/here", "ro", "nosuid"), bound("/proc/version", "/version")]
            ).ok()
            #expect(try bundle.inside("stat -c %u:%g /data; touch /data/new && stat -c %u /data/new") == "0:0\n0\n")
            #expect(
                try bundle.inside("mount -o remount,bind,rw /here 2>/dev/null; echo $?; umount /here; echo $?")
                    == "0\n0\n")
            // The host's own mounts are what the container could not lift.
            let flags = try #require(try bundle.table().first { $0.point == "/version" }).options
            let host = try #require(try bundle.table(from: "here").first { $0.point == "/proc" }).options
            for flag in ["nosuid", "nodev", "noexec"] where host.contains(flag) {
                #expect(flags.contains(flag))
                let wish = flag == "nosuid" ? "suid" : flag == "nodev" ? "dev" : "exec"
                #expect(try bundle.inside("mount -o remount,bind,\(wish) /version 2>/dev/null; echo $?") != "0\n")
            }
            try bundle.mounts("remove", [["destination": "/data"]]).ok()
        }

        @Test func `ids of a user namespace are mapped by the word alone`() throws {
            let bundle = try Bundle.running {
                $0.root.readonly = false
                $0.mapUsers()
            }
            let source = try bundle.hostDirectory("data")
            try Files.write("", to: "\(source)/file")
            try Files.changeOwner("\(source)/file", uid: 5, gid: 6)
            try bundle.mounts("add", [bound(source, "/data", "idmap")]).ok()
            #expect(try bundle.inside("stat -c %u:%g /data/file") == "5:6\n")
        }

        @Test(.needs("setpriv")) func `an ordinary user adds them to what is his`() throws {
            let bundle = try Bundle.rootless {
                $0.run("/assert", "sleep")
                $0.root.readonly = false
            }
            try bundle.create().ok()
            try bundle.byUser("start").ok()
            _ = try bundle.line()
            let source = try bundle.hostDirectory("data")
            try Files.write("here", to: "\(source)/file")
            try bundle.writeMounts([bound(source, "/data", "ro"), temporary("/tmp")])
            try bundle.commandByUser(["mounts", "add", bundle.id, bundle.mountsFile]).run().ok()
            #expect(
                try bundle.byUser("exec", "/bin/sh", "-c", "cat /data/file; touch /tmp/x; ls /tmp").ok().output
                    == "herex\n")
            try bundle.commandByUser(["mounts", "remove", bundle.id, bundle.mountsFile]).run().ok()
            #expect(try bundle.byUser("exec", "/bin/sh", "-c", "ls /data").ok().output == "")
        }

        // MARK: All or nothing

        @Test(arguments: ["/absent/source", "/assert"])
        func `a failure undoes what was mounted before`(third: String) throws {
            let bundle = try Bundle.running { $0.root.readonly = false }
            try Files.write("", to: "\(bundle.directory)/file")
            let before = try bundle.table().map { $0.point }
            // The source is missing on the host, or the place is a file in the container.
            let last = third == "/assert" ? temporary("/assert") : bound(third, "/three")
            let outcome = try bundle.mounts("add", [temporary("/one"), bound(bundle.directory, "/two"), last])
            expectFailure(outcome, saying: "mounts[2]", third, "no such file|not a directory")
            #expect(try bundle.table().map { $0.point } == before)
            expectFailure(
                try bundle.mounts("remove", [["destination": "/one"]]), saying: "nothing is mounted|no such file")
            #expect(!(Files.read(bundle.stateFile) ?? "").contains("addedMounts"))
        }

        @Test func `one that was killed half-way leaves what can be removed`() throws {
            let bundle = try Bundle.running { $0.root.readonly = false }
            // As it is before it is known which mount it is.
            try bundle.mounts("add", [temporary("/one")]).ok()
            let text = try #require(Files.read(bundle.stateFile))
            let mount = try #require(try Value(parsing: text).addedMounts[0].mount.integer)
            try Files.write(
                text.replacing("\"mount\":\(mount)", with: "\"mount\":0"), to: bundle.stateFile, mode: 0o600)
            try bundle.mounts("remove", [["destination": "/one"]]).ok()
            #expect(!(Files.read(bundle.stateFile) ?? "").contains("addedMounts"))
        }

        @Test func `what is wrong with the command or its file is said`() throws {
            let bundle = try Bundle.running { $0.root.readonly = false }
            try bundle.mounts("add", []).ok()
            expectFailure(try bundle.mounts("add", [["destination": "/x"]]), saying: "mounts[0].type", "missing")
            expectFailure(try bundle.mounts("add", ["mounts": []]), saying: "mounts", "not an array")
            expectFailure(
                try bundle.command(["mounts", "add", bundle.id, "/absent"]).run(), saying: "/absent", "no such file")
            expectFailure(
                try bundle.command(["mounts", "more", bundle.id, "/absent"]).run(), saying: "add or remove", "more")
        }

        @Test func `a root that is read-only has places, and makes none`() throws {
            let bundle = try Bundle.running()
            try bundle.mounts("add", [temporary("/bin")]).ok()
            try bundle.mounts("remove", [["destination": "/bin"]]).ok()
            expectFailure(
                try bundle.mounts("add", [temporary("/bin"), temporary("/new")]), saying: "mounts[1]", "/new",
                "read-only")
            #expect(try bundle.inside("ls /bin/sh") == "/bin/sh\n")
        }

        // MARK: What is not the container's to get or to lose

        @Test(arguments: [
            ("/", "root"), ("/../..", "root"), ("/dev", "devices"), ("/proc", "/proc"), ("/proc/meminfo", "/proc"),
            ("/sys/fs", "/sys"), ("/links/root", "busy|not the root"), ("/links/proc", "not permitted"),
            ("/links/cgroups/new", "not permitted"), ("/links/mask", "/proc"), ("/secret", "masked"),
            ("/fixed", "read-only"),
            ("/links/secret", "masked"), ("/dev/pts/new", "not permitted"), ("/secret/below", "read-only|masked"),
        ])
        func `nothing is mounted on what protects a container`(place: String, word: String) throws {
            let bundle = try Bundle.protected()
            let before = try bundle.table().map { $0.point }
            expectFailure(try bundle.mounts("add", [temporary("/one"), temporary(place)]), saying: "mounts[1]", word)
            #expect(try bundle.table().map { $0.point } == before)
            #expect(try bundle.inside("ls /sys/fs/cgroup /links/cgroups/ | grep -c new; true") == "0\n")
        }

        @Test(
            arguments: [
                ["type": "proc"], ["type": "sysfs"], ["type": "cgroup"], ["type": "mqueue"],
                ["type": "tmpfs", "options": ["remount"]], ["type": "tmpfs", "options": ["tmpcopyup"]],
                ["source": "/", "options": ["bind", "copy-symlink"]],
            ] as [Value])
        func `what belongs to a new container is refused`(entry: Value) throws {
            let bundle = try Bundle.running()
            var entry = entry
            entry.destination = "/bin"
            expectFailure(try bundle.mounts("add", [entry]), saying: "mounts[0].")
        }

        @Test(arguments: [
            ("/", "root"), ("/links/root", "root"), ("/dev", "devices"), ("/proc", "/proc"), ("/sys/fs/cgroup", "/sys"),
            ("/secret", "stays"), ("/links/secret", "stays"), ("/fixed", "stays"),
            ("/dev/console", "no such file|nothing"),
            ("/absent", "no such file"), ("/bin", "nothing is mounted"), ("/data/sub", "not what"),
            ("/outer", "/outer/secret"), ("/data", "/data/sub"),
        ])
        func `only what is the container's own is removed`(place: String, word: String) throws {
            let bundle = try Bundle.protected()
            let before = try bundle.table().map { $0.point }
            if place == "/data" { try bundle.mounts("add", [temporary("/data/sub")]).ok() }
            if place == "/data/sub" { try bundle.inside("mount -t tmpfs none /data/sub") }
            expectFailure(
                try bundle.mounts("remove", [["destination": "/own"], ["destination": .string(place)]]),
                saying: "mounts[1]", word)
            #expect(try bundle.table().map { $0.point }.filter { $0 != "/data/sub" } == before)
        }

        @Test func `what the configuration has mounted is removed, if it is what is there`() throws {
            let bundle = try Bundle.protected()
            try bundle.mounts("remove", [["destination": "/own"], ["destination": "/links/data"]]).fails()
            try bundle.mounts("remove", [["destination": "/own"], ["destination": "/data"]]).ok()
            #expect(try bundle.inside("ls /own /data") == "/data:\n\n/own:\n")
            expectFailure(try bundle.mounts("remove", [["destination": "/own"]]), saying: "nothing is mounted there")
        }

        @Test(arguments: [("hidden", "stays"), ("other", "not what")])
        func `a mount that the container has moved to the place of another one stays`(
            parent: String, word: String
        ) throws {
            let bundle = try Bundle.protected()
            // Parents of mount points may be renamed, without any right.
            try bundle.inside("mv /place /away; mv /\(parent) /place")
            let before = try bundle.table().count
            expectFailure(try bundle.mounts("remove", [["destination": "/place/own"]]), saying: "mounts[0]", word)
            #expect(try bundle.table().count == before)
            try bundle.inside("mv /place /\(parent); mv /away /place")
            try bundle.mounts("remove", [["destination": "/place/own"]]).ok()
        }

        // MARK: States

        @Test func `a container that does not run gets none`() throws {
            let bundle = try Bundle.sleeping()
            expectFailure(try bundle.mounts("add", [temporary("/bin")]), saying: "does not exist")
            try bundle.create().ok()
            expectFailure(try bundle.mounts("add", [temporary("/bin")]), saying: "not been started")
            try bundle.start().ok()
            _ = try bundle.line()
            bundle.killFromOutside()
            #expect(bundle.waitForExit() == 137)
            expectFailure(try bundle.mounts("add", [temporary("/bin")]), saying: "not running")
            expectFailure(try bundle.mounts("remove", [["destination": "/bin"]]), saying: "not running")
        }

        @Test func `a mount namespace of others stays theirs`() throws {
            let bundle = try Bundle.running {
                $0.share("mount")
                $0.mounts = []
                $0.linux.maskedPaths = []
                $0.linux.readonlyPaths = []
                $0.root.readonly = false
            }
            expectFailure(try bundle.mounts("add", [temporary("/bin")]), saying: "no mount namespace of its own")
        }
    }
}

private func bound(_ source: String, _ destination: String, _ options: String...) -> Value {
    [
        "destination": .string(destination), "type": "bind", "source": .string(source),
        "options": Value(["bind"] + options),
    ]
}

private func temporary(_ destination: String) -> Value {
    ["destination": .string(destination), "type": "tmpfs", "source": "added"]
}

extension Bundle {
    /// A container that runs.
    fileprivate static func running(_ change: (inout Value) throws -> Void = { _ in }) throws -> Bundle {
        let bundle = try sleeping(change)
        try bundle.create().ok()
        try bundle.start().ok()
        if bundle.config.process.args[0] == "/assert" { _ = try bundle.line() }
        return bundle
    }

    /// One with everything that is to stay as it is: masks and read-only paths of its own, mounts of its own with
    /// others below them, and links to all of these.
    fileprivate static func protected() throws -> Bundle {
        let bundle = try minimal {
            $0.root.readonly = false
            $0.grant(["CAP_SYS_ADMIN"])
            $0.linux.maskedPaths.append(contentsOf: ["/secret", "/outer/secret", "/hidden/own"])
            $0.linux.readonlyPaths.append("/fixed")
            $0.mount("tmpfs", at: "/own", source: "own")
            $0.mount("tmpfs", at: "/place/own", source: "place")
            $0.mount("tmpfs", at: "/other/own", source: "other")
            $0.unmount("/sys/fs/cgroup")
            $0.unshare("cgroup")
            $0.mount("cgroup", at: "/sys/fs/cgroup", "nosuid", "noexec", "nodev")
            $0.run("/assert", "sleep")
        }
        let data = try bundle.hostDirectory("data")
        try Files.makeDirectory("\(data)/sub")
        let outer = try bundle.hostDirectory("outer")
        try Files.makeDirectory("\(outer)/secret")
        bundle.config.bind(data, to: "/data")
        bundle.config.bind(outer, to: "/outer")
        for directory in ["secret", "fixed", "place", "hidden/own"] { try bundle.putDirectory(directory) }
        for (name, target) in [
            ("root", "/"), ("proc", "/proc"),
            ("cgroups", Host.hierarchies["pids"] == nil ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids"),
            ("mask", "/proc/acpi"),
            ("secret", "/secret"),
            ("data", "/data"),
        ] { try bundle.putLink("links/\(name)", to: target) }
        try bundle.create().ok()
        try bundle.start().ok()
        _ = try bundle.line()
        return bundle
    }

    fileprivate var mountsFile: String { "\(directory)/mounts.json" }
    fileprivate var stateFile: String { "\(workspace.root)/\(id)/state.json" }

    fileprivate func writeMounts(_ mounts: Value) throws { try Files.write("\(mounts)", to: mountsFile) }

    @discardableResult
    fileprivate func mounts(_ action: String, _ mounts: Value) throws -> Outcome {
        try writeMounts(mounts)
        return try command(["mounts", action, id, mountsFile]).run()
    }

    /// What a shell in the container prints.
    @discardableResult
    fileprivate func inside(_ script: String) throws -> String {
        try command(["exec", id, "/bin/sh", "-c", script]).run().ok().output
    }

    fileprivate struct Mounted {
        var point: String
        var options: String
    }

    /// What is mounted, as the container's first process sees it; `here`: as this one does.
    fileprivate func table(from whom: String = "container") throws -> [Mounted] {
        let who = whom == "here" ? "self" : "\(pid ?? 0)"
        return (Files.read("/proc/\(who)/mountinfo") ?? "").split(separator: "\n").map { line in
            let fields = line.split(separator: " ")
            return Mounted(point: String(fields[4]), options: String(fields[5]))
        }
    }
}

extension Outcome {
    fileprivate func fails() throws { if status == 0 { throw HarnessError("should have failed: \(self)") } }
}

extension Workspace {
    /// The host's mounts are the same after something was done.
    fileprivate func expectSameMounts(_ body: () throws -> Void) rethrows {
        let before = Files.read("/proc/self/mountinfo")
        try body()
        #expect(Files.read("/proc/self/mountinfo") == before)
    }
}
