import Harness
import Testing

extension Containers {
    /// Who has CAP_MKNOD and may make no device all the same gets the host's, in which nothing can be changed.
    @Suite struct RefusedDeviceTests {
        enum Refusal: CaseIterable {
            /// The device cgroup of the caller.
            case cgroup
            /// A filter that the caller has, as a service of systemd may.
            case filter

            static var present: [Refusal] {
                allCases.filter { refusal in
                    switch refusal {
                    case .cgroup: Host.hierarchies["devices"] != nil
                    case .filter: Host.has("python3")
                    }
                }
            }
        }

        private static let devices = ["null", "zero", "full", "random", "urandom", "tty"]

        private func refusing(_ refusal: Refusal, _ change: (inout Value) throws -> Void) throws -> Bundle {
            let bundle = try Bundle.minimal {
                $0.grant(["CAP_CHOWN", "CAP_FOWNER", "CAP_DAC_OVERRIDE"])
                try change(&$0)
            }
            switch refusal {
            case .cgroup:
                let hierarchy = try #require(Host.hierarchies["devices"])
                let parent = "\(hierarchy)/\(bundle.workspace.tag)"
                bundle.wrapper = [
                    "/bin/sh", "-ec",
                    """
                    mkdir -p \(parent)/caller
                    echo 'c *:* m' >\(parent)/devices.deny; echo 'b *:* m' >\(parent)/devices.deny
                    echo $$ >\(parent)/caller/cgroup.procs
                    if mknod \(bundle.workspace.directory)/tried c 1 3 2>/dev/null; then exit 99; fi
                    "$@" || status=$?
                    echo $$ >\(hierarchy)/cgroup.procs
                    rmdir \(parent)/caller; rmdir \(parent) 2>/dev/null || :
                    exit $status
                    """, "sh",
                ]
            case .filter: bundle.wrapper = ["/usr/bin/env", "python3", "-c", Self.filter]
            }
            return bundle
        }

        /// mknodat(2) of a device: EPERM.
        private static let filter = """
            import ctypes, os, platform, struct, sys
            number = {"x86_64": 259, "aarch64": 33}[platform.machine()]
            code = [(0x20, 0, 0, 0), (0x15, 0, 5, number), (0x20, 0, 0, 32), (0x54, 0, 0, 0o170000),
                    (0x15, 1, 0, 0o020000), (0x15, 0, 1, 0o060000), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7fff0000)]
            filter = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
            program = struct.pack("@HP", len(code), ctypes.addressof(filter))
            libc = ctypes.CDLL(None, use_errno=True)
            assert libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
            try:
                os.mknod("/refused", 0o020600, os.makedev(1, 3))
                os.unlink("/refused")
                sys.exit("no refusal")
            except PermissionError:
                os.execv(sys.argv[1], sys.argv[1:])
            """

        /// What anybody could see of the host's own nodes.
        private func hostNodes() -> [String] {
            Self.devices.map { name in
                guard let status = Files.status("/dev/\(name)") else { return "\(name) is missing" }
                return "\(name) \(status.st_mode) \(status.st_uid):\(status.st_gid) \(status.st_mtim.tv_sec)"
            }
        }

        @Test(arguments: Refusal.present, [false, true])
        func `the default devices are the host's, in which nothing can be changed`(
            refusal: Refusal, isMapped: Bool
        ) throws {
            let bundle = try refusing(refusal) {
                if isMapped { $0.mapUsers() }
                $0.shell(
                    """
                    cd /dev; echo x >null && head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c
                    for d in \(Self.devices.joined(separator: " ")); do
                      stat -c '%n %t:%T' $d; grep " /dev/$d ro,nosuid,noexec" /proc/self/mountinfo | wc -l
                      chmod 600 $d; chown 1:1 $d; touch -d 2000-01-01 $d; rm $d
                    done 2>/dev/null
                    chmod 600 /proc/self/fd/0 || echo the stream too
                    """)
            }
            let before = hostNodes()
            let outcome = try bundle.run().ok()
            let numbers = ["1:3", "1:5", "1:7", "1:8", "1:9", "5:0"]
            let seen = zip(Self.devices, numbers).flatMap { ["\($0) \($1)", "1"] }
            #expect(outcome.output.split(separator: "\n").map(String.init) == ["4", "4"] + seen + ["the stream too"])
            #expect(hostNodes() == before)
            bundle.expectNothingLeft()
        }

        @Test(arguments: Refusal.present) func `each hook runs once`(refusal: Refusal) throws {
            let hooks = try Hooks(on: refusing(refusal) { $0.run("/bin/true") })
            let kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
            for kind in kinds { try hooks.add(kind) }
            try hooks.bundle.run().ok()
            #expect(hooks.order.sorted() == kinds.sorted())
        }

        @Test(arguments: Refusal.present, [false, true])
        func `a device of the configuration is found by its numbers`(refusal: Refusal, isMapped: Bool) throws {
            let bundle = try refusing(refusal) {
                if isMapped { $0.mapUsers() }
                $0.linux.devices = [["path": "/dev/a/mine", "type": "c", "major": 1, "minor": 5, "uid": 7]]
                $0.shell("stat -c %t:%T /dev/a/mine; grep -c ' /dev/a/mine ro,nosuid,noexec' /proc/self/mountinfo")
            }
            try bundle.create().ok()
            #expect(try bundle.state().status == "created")
            try bundle.delete("--force").ok()
            let outcome = try bundle.run().ok()
            #expect(outcome.output == "1:5\n1\n")
            #expect(
                outcome.errors.count(of: "linux.devices[0]: the host's device is bound, with its mode and owner") == 1)
        }

        @Test(arguments: Refusal.present)
        func `one that the host does not have either is refused, and nothing is left`(refusal: Refusal) throws {
            let bundle = try refusing(refusal) {
                $0.linux.devices = [["path": "/dev/mine", "type": "c", "major": 511, "minor": 5]]
            }
            expectFailure(
                try bundle.create(), saying: "linux.devices[0]", "/dev/mine", "no such file",
                "no device can be made here")
            bundle.expectNothingLeft()
        }

        /// What is at a path may be another one than the numbers say.
        @Test func `a device of the host's with other numbers is not bound`() throws {
            let bundle = try refusing(.filter) {
                $0.linux.devices = [["path": "/dev/zero", "type": "c", "major": 511, "minor": 5]]
            }
            expectFailure(try bundle.create(), saying: "linux.devices[0]", "c 511:5", "no such device")
            bundle.expectNothingLeft()
        }

        /// Nothing tells before the hooks have run that no device can be made.
        @Test(arguments: Refusal.present)
        func `a file is masked with an empty one where dev is the host's`(refusal: Refusal) throws {
            let bundle = try refusing(refusal) {
                $0.unmount("/dev/pts")
                $0.unmount("/dev/shm")
                $0.unmount("/dev/mqueue")
                $0.unmount("/dev")
                $0.bind("/dev", to: "/dev", "rbind")
                $0.linux.maskedPaths = ["/secret"]
                $0.shell(
                    "cat /secret; { echo x >/secret; } 2>/dev/null || echo refused; chmod 777 /secret || echo kept")
            }
            try bundle.put("secret", "told")
            let hooks = try Hooks(on: bundle)
            try hooks.add("createRuntime")
            #expect(try bundle.run().ok().output == "refused\nkept\n")
            #expect(hooks.order == ["createRuntime"])
        }

        @Test(.needs("setpriv"))
        func `an owner that cannot be given is not taken for a device that cannot be made`() throws {
            let bundle = try Bundle.minimal {
                $0.linux.devices = [["path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "uid": 7]]
            }
            bundle.wrapper = ["/usr/bin/setpriv", "--bounding-set", "-chown", "--inh-caps", "-chown"]
            expectFailure(try bundle.create(), saying: "linux.devices[0]", "mknod", "chown", "not permitted")
            bundle.expectNothingLeft()
        }
    }
}

extension String {
    /// How often a text is in it.
    fileprivate func count(of text: String) -> Int { ranges(of: text).count }
}
