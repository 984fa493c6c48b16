import Harness
import Testing

extension Containers {
    @Suite struct NamespaceTests {
        @Test func `listed namespaces are new, the others are the caller's`() throws {
            let seen = try Bundle.minimal().report().namespaces
            for kind in ["pid", "net", "ipc", "uts", "mnt"] { #expect(seen[kind] != Host.namespace(kind), "\(kind)") }
            for kind in ["user", "cgroup", "time"] { #expect(seen[kind] == Host.namespace(kind), "\(kind)") }
        }

        @Test(arguments: [("network", "net"), ("ipc", "ipc"), ("uts", "uts")])
        func `a namespace that is not listed is the caller's`(kind: String, file: String) throws {
            let seen = try Bundle.minimal {
                $0.share(kind)
                $0.remove("hostname")
                // mqueue belongs to the ipc namespace, sysfs to the network namespace's owner.
                $0.unmount("/dev/mqueue")
            }.report()
            #expect(seen.namespaces[file] == Host.namespace(file))
        }

        @Test func `without a pid namespace the container sees the host's process ids`() throws {
            let bundle = try Bundle.sleeping { $0.share("pid") }
            try bundle.create().ok()
            try bundle.start().ok()
            let seen = try bundle.line()
            #expect(seen.pid.integer.map(Int32.init) == bundle.pid)
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
        }

        @Test func `all eight kinds can be new at once`() throws {
            let seen = try Bundle.minimal {
                $0.mapUsers()
                $0.unshare("cgroup")
                if Runtime.underTest?.isRunc != true { $0.unshare("time") }
            }.report().namespaces
            for kind in ["pid", "net", "ipc", "uts", "mnt", "user", "cgroup"] {
                #expect(seen[kind] != Host.namespace(kind), "\(kind)")
            }
            if Runtime.underTest?.isRunc != true { #expect(seen.time != Host.namespace("time")) }
        }

        // MARK: Joining

        @Test(arguments: [
            ("network", "net", "--net"), ("ipc", "ipc", "--ipc"), ("uts", "uts", "--uts"),
            ("cgroup", "cgroup", "--cgroup"),
        ])
        func `a namespace with a path is joined`(kind: String, file: String, option: String) throws {
            let bundle = try Bundle.minimal { $0.remove("hostname") }
            let holder = try bundle.workspace.holdNamespaces(option)
            bundle.config.join(kind, "/proc/\(holder)/ns/\(file)")
            #expect(try bundle.report().namespaces[file] == Host.namespace(file, of: "\(holder)"))
        }

        @Test func `a pid namespace is joined as another process than 1`() throws {
            let bundle = try Bundle.minimal()
            let holder = try bundle.workspace.holdNamespaces("--pid", "--fork", "--kill-child")
            bundle.config.join("pid", "/proc/\(holder)/ns/pid_for_children")
            let seen = try bundle.report()
            #expect(seen.pid != 1)
            #expect(seen.namespaces.pid == Host.namespace("pid_for_children", of: "\(holder)"))
        }

        @Test func `the end of a container in a joined pid namespace is seen`() throws {
            let bundle = try Bundle.sleeping()
            let holder = try bundle.workspace.holdNamespaces("--pid", "--fork", "--kill-child")
            bundle.config.join("pid", "/proc/\(holder)/ns/pid_for_children")
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            try bundle.kill("TERM").ok()
            #expect(bundle.waitForExit() == 0)
            #expect(bundle.status == "stopped")
            try bundle.delete().ok()
        }

        @Test(.beyondRunc("wants mappings also for a user namespace that has them"))
        func `a user namespace is joined`() throws {
            // Only root is mapped there, so devpts cannot have a group.
            let bundle = try Bundle.minimal { $0.unmount("/dev/pts") }
            let holder = try bundle.workspace.holdNamespaces("--user", "--map-root-user")
            bundle.config.join("user", "/proc/\(holder)/ns/user")
            #expect(try bundle.report().namespaces.user == Host.namespace("user", of: "\(holder)"))
        }

        @Test(.beyondRunc("knows no time namespace"))
        func `a time namespace is joined`() throws {
            let bundle = try Bundle.minimal()
            let holder = try bundle.workspace.holdNamespaces("--time", "--monotonic", "777", "--fork", "--kill-child")
            bundle.config.join("time", "/proc/\(holder)/ns/time_for_children")
            #expect(try bundle.report().namespaces.time == Host.namespace("time_for_children", of: "\(holder)"))
        }

        @Test func `a joined namespace of the wrong kind is refused`() throws {
            let bundle = try Bundle.minimal()
            let holder = try bundle.workspace.holdNamespaces("--uts")
            bundle.config.join("network", "/proc/\(holder)/ns/uts")
            expectFailure(try bundle.create())
            bundle.expectNothingLeft()
        }

        @Test func `a missing namespace file is refused and named`() throws {
            expectFailure(
                try Bundle.minimal { $0.join("network", "/absent/ns/net") }.create(), saying: "/absent/ns/net")
        }

        @Test(.beyondRunc("does not name the path"))
        func `a path that is no namespace is refused and named`() throws {
            let outcome = try Bundle.minimal { $0.join("network", "/etc/passwd") }.create()
            expectFailure(outcome, saying: "/etc/passwd|linux.namespaces[4]")
        }

        @Test func `a namespace listed twice is refused`() throws {
            expectFailure(try Bundle.minimal { $0.unshare("ipc") }.create(), saying: "ipc")
        }

        @Test func `an unknown namespace is refused and named`() throws {
            expectFailure(try Bundle.minimal { $0.unshare("moon") }.create(), saying: "moon")
        }

        // MARK: User namespace

        @Test func `a user namespace maps the ids as configured`() throws {
            let seen = try Bundle.minimal { $0.mapUsers(to: 100_000, size: 1001) }.report()
            #expect(seen.uid.real == 0)
            #expect(seen.uidMap.text?.split(separator: " ").joined(separator: " ") == "0 100000 1001\n")
            #expect(seen.gidMap.text?.split(separator: " ").joined(separator: " ") == "0 100000 1001\n")
            #expect(seen.setgroups == "allow\n")
        }

        @Test func `several mappings are kept in order`() throws {
            let seen = try Bundle.minimal {
                $0.mapUsers(to: 100_000, size: 10)
                $0.linux.uidMappings.append(["containerID": 1000, "hostID": 200_000, "size": 5])
                $0.linux.gidMappings.append(["containerID": 1000, "hostID": 200_000, "size": 5])
                $0.process.user = ["uid": 1000, "gid": 1001, "additionalGids": [1002]]
            }.report()
            #expect(seen.uid.effective == 1000)
            #expect(seen.groups == [1002])
        }

        @Test func `the process has the mapped id on the host`() throws {
            let bundle = try Bundle.sleeping { $0.mapUsers(to: 123_000) }
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            let owner = Files.read("/proc/\(bundle.pid ?? 0)/status")?.split(separator: "\n").first {
                $0.hasPrefix("Uid:")
            }
            #expect(owner == "Uid:\t123000\t123000\t123000\t123000")
        }

        @Test func `files of unmapped owners belong to nobody inside`() throws {
            let bundle = try Bundle.minimal {
                $0.mapUsers()
                $0.ask("--stat", "/bin/busybox", "--stat", "/tmp")
            }
            try bundle.putDirectory("tmp")
            try Files.changeOwner("\(bundle.rootfs)/tmp", uid: 100_005, gid: 100_006)
            let seen = try bundle.report().paths
            #expect(seen["/bin/busybox"].uid == 65534)
            #expect(seen["/tmp"].uid == 5)
            #expect(seen["/tmp"].gid == 6)
        }

        @Test func `the default devices work in a user namespace`() throws {
            let seen = try Bundle.minimal {
                $0.mapUsers()
                $0.ask("--try-write", "/dev/null", "--try-read", "/dev/zero", "--try-read", "/dev/urandom")
            }.report()
            #expect(seen.dev["null"].type == "char")
            #expect(seen.dev["null"].minor == 3)
            #expect(seen.tries == ["write /dev/null": "ok", "read /dev/zero": "ok", "read /dev/urandom": "ok"])
        }

        @Test func `capabilities in a user namespace are the configured ones`() throws {
            let seen = try Bundle.minimal {
                $0.mapUsers()
                $0.grant(["CAP_SYS_ADMIN", "CAP_CHOWN"], in: ["bounding", "effective", "permitted"])
            }.report().capabilities
            #expect(seen.effective == ["CAP_CHOWN", "CAP_SYS_ADMIN"])
        }

        @Test func `a user that has no mapping is refused`() throws {
            expectFailure(
                try Bundle.minimal {
                    $0.mapUsers(size: 10)
                    $0.process.user.uid = 1000
                }.create())
        }

        // MARK: What namespaces hold

        @Test func `the hostname is the configured one`() throws {
            #expect(try Bundle.minimal { $0.hostname = "elsewhere" }.report().hostname == "elsewhere")
        }

        @Test func `a hostname needs a uts namespace of its own`() throws {
            expectFailure(try Bundle.minimal { $0.share("uts") }.create(), saying: "uts")
        }

        @Test(.beyondRunc("knows no domainname"))
        func `the domain name is the configured one`() throws {
            #expect(try Bundle.minimal { $0.domainname = "example.org" }.report().domainname == "example.org")
        }

        @Test func `the loopback interface of a new network namespace is up`() throws {
            #expect(try Bundle.minimal().report().interfaces == ["lo": ["up": true]])
        }

        @Test func `a cgroup namespace has the container's cgroup as its root`() throws {
            let seen = try Bundle.minimal { $0.unshare("cgroup") }.report()
            #expect(Set(seen.cgroups.members.values) == ["/"])
        }

        @Test(arguments: [
            ("net.ipv4.ip_forward", "1"), ("kernel.shm_rmid_forced", "1"), ("fs.mqueue.msg_max", "17"),
            ("net/ipv4/ip_unprivileged_port_start", "80"),
        ])
        func `a sysctl of a namespace is set`(name: String, value: String) throws {
            let seen = try Bundle.minimal {
                $0.linux.sysctl[name] = .string(value)
                $0.ask("--sysctl", name)
            }.report()
            #expect(seen.sysctls[name] == .string(value))
        }

        @Test(arguments: ["vm.swappiness", "kernel.core_pattern", "fs.file-max"])
        func `a sysctl of the whole host is refused and named`(name: String) throws {
            expectFailure(try Bundle.minimal { $0.linux.sysctl[name] = "1" }.create(), saying: name)
        }

        @Test(arguments: [("net.ipv4.ip_forward", "network"), ("kernel.shmmax", "ipc")])
        func `a sysctl needs its namespace`(name: String, kind: String) throws {
            expectFailure(
                try Bundle.minimal {
                    $0.share(kind)
                    $0.unmount("/dev/mqueue")
                    $0.linux.sysctl[name] = "1"
                }.create(), saying: name)
        }

        @Test(.beyondRunc("knows no time namespace"))
        func `the clocks of a time namespace are moved`() throws {
            let seen = try Bundle.minimal {
                $0.unshare("time")
                $0.linux.timeOffsets = [
                    "monotonic": ["secs": 1_000_000], "boottime": ["secs": 2_000_000, "nanosecs": 5],
                ]
            }.report()
            #expect(seen.clocks.monotonic.integer ?? 0 >= 1_000_000)
            #expect(seen.clocks.boottime.integer ?? 0 >= 2_000_000)
            let offsets = (seen.timeOffsets.text ?? "").split(whereSeparator: \.isWhitespace)
            #expect(offsets == ["monotonic", "1000000", "0", "boottime", "2000000", "5"])
        }

        @Test(.beyondRunc("knows no time namespace"))
        func `time offsets need a time namespace`() throws {
            expectFailure(
                try Bundle.minimal { $0.linux.timeOffsets = ["monotonic": ["secs": 1]] }.create(), saying: "time")
        }
    }
}
