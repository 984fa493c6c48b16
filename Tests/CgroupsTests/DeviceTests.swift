import Kernel
import OCI
import Testing

@testable import Cgroups

extension HostTests {
    /// Devices on this host's kernel, by the version that is in charge.
    @Suite struct DeviceTests {
        private let kmsg = Rule(allow: true, kind: .character, major: 1, minor: 11)
        /// Opens devices for reading, which changes nothing.
        private let script = "for d in null zero kmsg; do if (: < /dev/$d) 2>/dev/null; then echo $d; fi; done"

        @Test func `a container gets the standard devices and no other`() throws {
            try Ground.withCgroup { cgroup in
                let output = try Ground.run(in: cgroup, script).output
                #expect(output == "null\nzero\n")
            }
        }

        @Test func `rules allow and deny`() throws {
            try Ground.withCgroup(Resources(devices: [Rule(allow: false), kmsg])) { cgroup in
                #expect(try Ground.run(in: cgroup, script).output == "null\nzero\nkmsg\n")
                // An update without rules leaves them, one with rules replaces them.
                _ = try cgroup.apply(Resources(pids: .init(limit: 50)), .update)
                #expect(try Ground.run(in: cgroup, script).output == "null\nzero\nkmsg\n")
                _ = try cgroup.apply(Resources(devices: [Rule(allow: false)]), .update)
                #expect(try Ground.run(in: cgroup, script).output == "null\nzero\n")
                _ = try cgroup.apply(Resources(devices: [Rule(allow: true)]), .update)
                #expect(try Ground.run(in: cgroup, script).output == "null\nzero\nkmsg\n")
            }
        }

        @Test func `everything can be allowed, but for an exception`() throws {
            try Ground.withCgroup(Resources(devices: [Rule(allow: true)])) { cgroup in
                #expect(try Ground.run(in: cgroup, script).output == "null\nzero\nkmsg\n")
                var denied = kmsg
                denied.allow = false
                _ = try cgroup.apply(Resources(devices: [Rule(allow: true), denied]), .update)
                #expect(try Ground.run(in: cgroup, script).output == "null\nzero\n")
            }
        }

        @Test(.needsV1("devices")) func `the kernel's list is the wanted one`() throws {
            try Ground.withCgroup(Resources(devices: [Rule(allow: false), kmsg])) { cgroup in
                let list = Ground.read(cgroup, "devices", "devices.list")
                #expect(
                    list?.split(separator: "\n").sorted() == [
                        "b *:* m", "c *:* m", "c 10:200 rwm", "c 136:* rwm", "c 1:11 rwm", "c 1:3 rwm", "c 1:5 rwm",
                        "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm",
                    ])
            }
        }

        @Test(.needsV1("devices")) func `with cgroups below, only what differs is written`() throws {
            try Ground.withCgroup(Resources(devices: [kmsg])) { cgroup in
                try Files.makeDirectory("\(cgroup.v1("devices") ?? "")/inner", mode: 0o755)
                _ = try cgroup.apply(Resources(devices: [Rule(allow: false, kind: .character, major: 4)]), .update)
                #expect(Ground.read(cgroup, "devices", "devices.list")?.contains("1:11") == false)
                let error = #expect(throws: CgroupError.self) {
                    try cgroup.apply(Resources(devices: [Rule(allow: true)]), .update)
                }
                #expect(
                    error.map { "\($0)" }?.hasSuffix(
                        "(the cgroup has cgroups below it, which keep what they are allowed)") == true)
            }
        }

        @Test(.needsV1("devices")) func `what a list cannot express is an error, not something else`() throws {
            let rules = [
                Rule(allow: true, kind: .character, major: 1, access: .read),
                Rule(allow: false, kind: .character, major: 1, minor: 3, access: .read),
            ]
            let error = #expect(throws: CgroupError.self) { try Ground.withCgroup(Resources(devices: rules)) { _ in } }
            #expect(
                error.map { "\($0)" }
                    == #"linux.resources.devices[1]: cgroup v1 cannot except "c 1:3 r" from "c 1:* r""#)
        }

        @Test(.needsV2Alone) func `an update replaces our program and no other`() throws {
            try Ground.withCgroup { cgroup in
                let directory = try Descriptor.open(cgroup.unified ?? "", [.readOnly, .directory])
                let other = try BPF.loadDeviceProgram(DeviceProgram.compile([Rule(allow: true)]), name: "another")
                try BPF.attachDeviceProgram(other, to: directory)
                #expect(try BPF.devicePrograms(of: directory).count == 2)
                for _ in 0..<3 { _ = try cgroup.apply(Resources(devices: [kmsg]), .update) }
                var names: [String] = []
                for id in try BPF.devicePrograms(of: directory) {
                    names.append(try BPF.name(of: BPF.openProgram(id: id)))
                }
                #expect(names.sorted() == ["another", "apus_devices"])
            }
        }

        /// The kernel's verifier looks at a program of every shape, also on a host whose v1 hierarchy does the work.
        @Test(.needsUnified) func `the kernel accepts every program`() throws {
            var random = SystemRandomNumberGenerator()
            for _ in 0..<60 {
                let rules = (0..<Int.random(in: 0...12, using: &random)).map { _ in Rule.random(using: &random) }
                _ = try BPF.loadDeviceProgram(DeviceProgram.compile(rules), name: "apus_test")
            }
            let many = (0..<600).map { Rule(allow: $0 % 2 == 0, kind: .character, major: $0, minor: $0, access: .read) }
            _ = try BPF.loadDeviceProgram(DeviceProgram.compile(many), name: "apus_test")
        }
    }
}
