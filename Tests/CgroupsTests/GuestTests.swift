import Glibc
import Kernel
import Testing

@testable import Cgroups

/// The same tests on other kinds of hosts: a virtual machine with cgroup v2 alone, as it is and with some controllers
/// taken out into v1 hierarchies.
@Suite(
    .serialized,
    .enabled(if: Guest.program != nil, "APUS_VM does not name a program that runs a command in a virtual machine"))
struct GuestTests {
    @Test func `everything holds with cgroup v2 alone`() throws { try Guest.runTests() }

    @Test func `everything holds with cgroup2 beside v1 hierarchies`() throws {
        try Guest.runTests(
            after: """
                mount --make-rprivate /; mount -t tmpfs -o mode=755 none /sys/fs/cgroup; cd /sys/fs/cgroup
                mkdir unified; mount -t cgroup2 none unified
                for c in freezer devices net_cls,net_prio; do mkdir $c; mount -t cgroup -o $c none $c; done
                mkdir systemd; mount -t cgroup -o none,name=test none systemd
                """)
    }
}

private enum Guest {
    /// `APUS_VM`: called as `PROGRAM run --share DIRECTORY... -- COMMAND...`.
    static var program: String? { ThisProcess.environment("APUS_VM").flatMap { $0.isEmpty ? nil : $0 } }

    /// Runs this very program in the virtual machine, in a mount namespace of its own after a script.
    static func runTests(after preparation: String = "true") throws {
        let tests = try Files.readLink("/proc/self/exe")
        var arguments = [program ?? "", "run", "--timeout", "900", "--share", parent(of: tests)]
        for library in try libraryDirectories() where library != parent(of: tests) {
            arguments += ["--share", library]
        }
        let command = "\(tests) --testing-library swift-testing --filter CgroupsTests"
        arguments += ["--", "unshare", "-m", "sh", "-ec", "\(preparation)\nexec \(command)"]
        var spawn = Spawn(.path("/usr/bin/env"), arguments: ["env"] + arguments)
        // The suite of the guest, its packages and what else is said about it.
        spawn.environment = (try Files.readText("/proc/self/environ")).split(separator: "\0").map(String.init).filter {
            $0.hasPrefix("PATH=") || $0.hasPrefix("HOME=") || $0.hasPrefix("APUS_VM_")
        }
        let pipe = try Descriptor.pipe()
        spawn.standardOutput = pipe.second.number
        spawn.standardError = pipe.second.number
        let process = try spawn.start()
        let reader = try pipe.first.duplicate()
        _ = consume pipe
        let output = String(decoding: try reader.readAll(limit: 16 << 20), as: UTF8.self)
        let status = try process.wait().shellStatus
        let failures = output.split(separator: "\n").filter {
            !$0.contains(" passed after ") && !$0.contains(" started")
        }
        #expect(output.contains("Suite HostTests passed"))
        #expect(status == 0, "\(failures.joined(separator: "\n"))")
    }

    /// Where the libraries of Swift are that this program uses.
    private static func libraryDirectories() throws -> Set<String> {
        var found: Set<String> = []
        for line in try Files.readText("/proc/self/maps").split(separator: "\n") {
            guard let slash = line.firstIndex(of: "/"), line.contains("/libswift") else { continue }
            found.insert(parent(of: String(line[slash...])))
        }
        return found
    }
}
