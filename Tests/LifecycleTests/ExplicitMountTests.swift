import Harness
import Testing

extension Containers {
    /// What the configuration says wins over what every container gets.
    @Suite struct ExplicitMountTests {
        @Test(arguments: [false, true])
        func `a device that is mounted over a default one stays`(isMapped: Bool) throws {
            let bundle = try Bundle.minimal {
                if isMapped { $0.mapUsers() }
                $0.bind("/dev/urandom", to: "/dev/random")
                $0.shell("stat -c %t:%T /dev/random; grep -c ' /dev/random ' /proc/self/mountinfo")
            }
            #expect(try bundle.run().ok().output == "1:9\n1\n")
        }

        @Test(arguments: [false, true])
        func `a file that is mounted on the null device stays`(isMapped: Bool) throws {
            let bundle = try Bundle.minimal {
                if isMapped { $0.mapUsers() }
                $0.ask("--read", "/dev/null")
            }
            bundle.config.bind(try bundle.hostFile("null", "mine"), to: "/dev/null")
            #expect(try bundle.report().contents["/dev/null"] == "mine")
        }

        @Test func `a file that an image without a mount on dev has there stays`() throws {
            let bundle = try Bundle.minimal {
                for point in ["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"] { $0.unmount(point) }
                $0.root.readonly = false
                $0.ask("--read", "/dev/null", "--stat", "/dev/zero")
            }
            try bundle.put("dev/null", "of the image")
            let seen = try bundle.report()
            #expect(seen.contents["/dev/null"] == "of the image")
            #expect(seen.paths["/dev/zero"].type == "char")
        }

        @Test func `a mount wins over a device of the configuration, and that is said`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.devices = [["path": "/dev/mine", "type": "c", "major": 1, "minor": 5]]
                $0.bind("/dev/urandom", to: "/dev/mine")
                $0.shell("stat -c %t:%T /dev/mine")
            }
            let outcome = try bundle.run().ok()
            #expect(outcome.output == "1:9\n")
            #expect(outcome.errors.contains("linux.devices[0]: not made, since mounts[7] is there"))
        }

        @Test func `what is mounted on ptmx stays`() throws {
            let bundle = try Bundle.minimal {
                $0.bind("/dev/urandom", to: "/dev/ptmx")
                $0.shell("stat -c %t:%T /dev/ptmx")
            }
            #expect(try bundle.run().ok().output == "1:9\n")
        }

        @Test(arguments: [["/proc/keys", "/proc/keys"], ["/proc/keys", "/proc//keys", "/proc/./keys"]])
        func `a path that is masked twice is covered once`(paths: [String]) throws {
            let seen = try Bundle.minimal {
                $0.linux.maskedPaths = Value(paths)
                $0.linux.readonlyPaths = ["/proc/sys", "/proc/sys/"]
            }.report()
            #expect(seen.mounts.items.filter { $0.destination == "/proc/keys" }.count == 1)
            #expect(seen.mounts.items.filter { $0.destination == "/proc/sys" }.count == 1)
        }

        @Test func `of many paths, too, each is covered once`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.maskedPaths = Value((0..<80).map { "/masked/\($0 % 40)" })
            }
            for index in 0..<40 { try bundle.put("masked/\(index)", "secret") }
            let seen = try bundle.report()
            #expect(seen.mounts.items.filter { $0.destination.text?.hasPrefix("/masked/") == true }.count == 40)
        }

        // MARK: Devices that cannot be made

        /// Without CAP_MKNOD, as root of some hosts is.
        private func withoutNodes(_ change: (inout Value) -> Void) throws -> Bundle {
            let bundle = try Bundle.minimal { change(&$0) }
            bundle.wrapper = ["/usr/bin/setpriv", "--bounding-set", "-mknod", "--inh-caps", "-mknod"]
            return bundle
        }

        @Test(.needs("setpriv"))
        func `root without CAP_MKNOD gives the host's devices, in which nothing can be changed`() throws {
            let bundle = try withoutNodes {
                $0.shell("echo >/dev/null && chmod 600 /dev/null 2>/dev/zero; grep ' /dev/null ' /proc/self/mountinfo")
            }
            let line = try bundle.run().ok().output
            #expect(line.contains(" ro,nosuid,noexec"), "\(line)")
        }

        @Test(.needs("setpriv"), arguments: [false, true])
        func `a device that the host has elsewhere is found by its numbers`(isMapped: Bool) throws {
            let bundle = try withoutNodes {
                if isMapped { $0.mapUsers() }
                $0.linux.devices = [["path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "uid": 7]]
                $0.shell("stat -c %t:%T /dev/mine; grep ' /dev/mine ' /proc/self/mountinfo")
            }
            let outcome = try bundle.run().ok()
            #expect(outcome.output.hasPrefix("1:5\n"))
            #expect(outcome.output.contains(" ro,nosuid,noexec"))
            #expect(outcome.errors.contains("linux.devices[0]: the host's device is bound, with its mode and owner"))
        }

        @Test(.needs("setpriv"))
        func `a device that the host does not have is refused by name`() throws {
            let bundle = try withoutNodes {
                $0.linux.devices = [["path": "/dev/mine", "type": "c", "major": 511, "minor": 5]]
            }
            expectFailure(try bundle.create(), saying: "linux.devices[0]", "/dev/mine", "no such file")
        }

        // MARK: Cgroups

        @Test func `something can be mounted where a container without a cgroup sees none`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.remove("resources")
                $0.linux.remove("cgroupsPath")
                $0.ask("--list", "/sys/fs/cgroup/systemd", "--try-create", "/sys/fs/cgroup/new")
            }
            bundle.globalFlags = ["--cgroup-manager", "disabled"]
            let source = try bundle.hostDirectory("systemd")
            try Files.write("", to: "\(source)/file")
            bundle.config.bind(source, to: "/sys/fs/cgroup/systemd")
            let seen = try bundle.report()
            #expect(seen.lists["/sys/fs/cgroup/systemd"] == ["file"])
            #expect(seen.tries == ["create /sys/fs/cgroup/new": "EROFS"])
        }
    }
}
