import Glibc
import Kernel
import OCI
import Synchronization
import Testing

@testable import Cgroups

/// What the tests that make cgroups have in common. They need root and a cgroup file system; what a host lacks, v1 or
/// v2 or a controller, is said where a test is skipped.
enum Ground {
    static let isRoot = geteuid() == 0
    static let layout: CgroupLayout = (try? .gather()) ?? .none

    static var isUsable: Bool { isRoot && layout != .none }
    /// Whether cgroup v2 alone is in charge.
    static var isV2: Bool { if case .v2 = layout { true } else { false } }

    static var unifiedRoot: Hierarchy? {
        switch layout {
        case .v2(let unified): unified
        case .v1(_, let unified): unified
        case .none: nil
        }
    }

    /// Whether a v1 hierarchy has a controller here.
    static func isV1(_ controller: String) -> Bool {
        guard case .v1(let hierarchies, _) = layout else { return false }
        return hierarchies.contains { CgroupDirectory(label: $0.label, path: "/").has(controller) }
    }

    /// Whether cgroup2 has a controller here, and has it enabled already: a test changes nothing for the whole host.
    static func isV2(_ controller: String) -> Bool {
        guard let unifiedRoot, let text = try? Files.readText("\(unifiedRoot.mountPoint)/cgroup.subtree_control") else {
            return false
        }
        return text.split(separator: " ").contains(Substring(controller))
    }

    private static let count = Mutex(0)

    /// A path that nobody else uses.
    static func uniquePath(_ name: String = "c") -> String {
        let number = count.withLock { count in
            count += 1
            return count
        }
        return "/apus-cgroups-test-\(getpid())-\(number)/\(name)"
    }

    static func location(_ name: String = "c") throws(CgroupError) -> CgroupLocation {
        try CgroupLocation(CgroupPath(uniquePath(name), id: "i"), in: layout)
    }

    /// Makes a cgroup, lends it, and removes every trace of it.
    static func withCgroup(_ resources: Resources? = nil, _ body: (Cgroup) throws -> Void) throws {
        let cgroup = try location().create(resources)
        defer { cleanUp(cgroup) }
        try body(cgroup)
    }

    static func cleanUp(_ cgroup: Cgroup) {
        do {
            try cgroup.killAll()
            try cgroup.discard(within: 30_000)
        } catch {
            Issue.record("cannot clean up: \(error)")
        }
    }

    /// The content of a file of the cgroup: that of a v1 controller if there is one, else of cgroup2.
    static func read(_ cgroup: Cgroup, _ controller: String, _ file: String, v2 other: String? = nil) -> String? {
        let path = cgroup.v1(controller).map { "\($0)/\(file)" } ?? "\(cgroup.unified ?? "")/\(other ?? file)"
        return try? Files.readText(path)
    }

    static func write(_ cgroup: Cgroup, _ controller: String, _ file: String, _ value: String, v2 other: String) throws
    {
        try Files.writeExisting(
            cgroup.v1(controller).map { "\($0)/\(file)" } ?? "\(cgroup.unified ?? "")/\(other)", value)
    }

    /// A shell that goes into the cgroup as a container's first process does, and then runs a script.
    static func shell(in cgroup: Cgroup, _ script: String, output: Int32? = nil) throws -> Kernel.Process {
        var table = DescriptorTable()
        var numbers: [Int32] = []
        for index in cgroup.directories.indices where !cgroup.directories[index].isUnified {
            numbers.append(table.add(try cgroup.openTasks(index)))
        }
        let moves = numbers.map { "echo 0 >&\($0); exec \($0)>&-; " }.joined()
        var spawn = Spawn(.path("/bin/busybox"), arguments: ["busybox", "sh", "-c", moves + script])
        spawn.environment = ["PATH=/bin:/usr/bin"]
        spawn.kept = numbers
        spawn.standardOutput = output
        if let unified = try cgroup.openUnified() { spawn.cgroup = table.add(unified) }
        let process = try spawn.start()
        _ = consume table
        return process
    }

    /// Runs a script in the cgroup to its end; its exit status and what it prints.
    static func run(in cgroup: Cgroup, _ script: String) throws -> (status: Int32, output: String) {
        let pipe = try Descriptor.pipe()
        let process = try shell(in: cgroup, script, output: pipe.second.number)
        // The reader sees the end only when nobody can write any more.
        let reader = try pipe.first.duplicate()
        _ = consume pipe
        let output = String(decoding: try reader.readAll(limit: 1 << 20), as: UTF8.self)
        return (try process.wait().shellStatus, output)
    }

    /// Waits for something that another process does, on a machine that may have much else to do.
    static func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        let end = Clock.monotonic + 30_000_000_000
        while try !condition() {
            if Clock.monotonic > end { return false }
            usleep(1000)
        }
        return true
    }
}

extension Trait where Self == ConditionTrait {
    static var needsCgroups: Self { .enabled(if: Ground.isUsable, "needs root and a cgroup file system") }
    static func needsV1(_ controller: String) -> Self {
        .enabled(if: Ground.isUsable && Ground.isV1(controller), "no v1 hierarchy of this host has \(controller)")
    }
    static var needsUnified: Self {
        .enabled(if: Ground.isUsable && Ground.unifiedRoot != nil, "this host has no cgroup2")
    }
    static var needsV2Alone: Self { .enabled(if: Ground.isUsable && Ground.isV2, "this host has not cgroup v2 alone") }
}
