import Glibc
import Kernel
import OCI
import Testing

@testable import Cgroups

/// Everything that makes cgroups, one test after the other.
@Suite(.serialized, .needsCgroups) struct HostTests {}

extension HostTests {
    @Suite struct LifeTests {
        @Test func `a cgroup is made in every hierarchy, and removed without its parents`() throws {
            let location = try Ground.location()
            let cgroup = try location.create()
            #expect(cgroup.directories == location.directories)
            #expect(cgroup.directories.allSatisfy { Files.exists("\($0.path)/cgroup.procs") })
            try Cgroup(restoring: location.stateText).remove()
            #expect(cgroup.directories.allSatisfy { !Files.exists($0.path) })
            #expect(cgroup.directories.allSatisfy { Files.exists(parent(of: $0.path)) })
            try cgroup.remove()  // What is gone is gone.
            try cgroup.discard()
            #expect(cgroup.directories.allSatisfy { !Files.exists(parent(of: $0.path)) })
        }

        @Test func `a failed creation leaves nothing, and what was there as it was`() throws {
            let location = try Ground.location()
            let kept = location.directories[0].path
            try Files.makeDirectory(parent(of: kept), mode: 0o755)
            let impossible = Resources(cpu: .init(cpus: "900"))
            let error = #expect(throws: CgroupError.self) { try location.create(impossible) }
            #expect(error.map { "\($0)" }?.hasPrefix("linux.resources.cpu.cpus: write \"900\" to /") == true)
            #expect(error.map { "\($0)" }?.contains("cpuset.cpus: numerical result out of range") == true)
            #expect(location.directories.allSatisfy { !Files.exists($0.path) })
            #expect(location.directories.dropFirst().allSatisfy { !Files.exists(parent(of: $0.path)) })
            try Files.removeDirectory(parent(of: kept))
        }

        @Test func `an existing empty cgroup is used, and kept if the creation fails`() throws {
            let location = try Ground.location()
            let first = try location.create(Resources(pids: .init(limit: 55)))
            defer { Ground.cleanUp(first) }
            #expect(throws: CgroupError.self) { try location.create(Resources(cpu: .init(cpus: "900"))) }
            #expect(first.directories.allSatisfy { Files.exists($0.path) })
            _ = try location.create()
            #expect(Ground.read(first, "pids", "pids.max") == "55")
        }

        @Test func `a cgroup with processes is refused, and they stay`() throws {
            let location = try Ground.location()
            let cgroup = try location.create()
            defer { Ground.cleanUp(cgroup) }
            let process = try Ground.shell(in: cgroup, "exec sleep 60")
            // It goes into one hierarchy after the other.
            #expect(Ground.eventually { isEverywhere(process.pid, in: cgroup) })
            #expect(throws: CgroupError.self) { try location.requireUnused() }
            let error = #expect(throws: CgroupError.self) { try location.create() }
            #expect(error.map { "\($0)" }?.contains("container's cgroup is not empty: 1 process(es) found") == true)
            #expect(try process.poll() == nil)
            try cgroup.killAll()
            #expect(try process.wait() == .killed(signal: 9))
        }

        @Test func `a frozen cgroup is refused`() throws {
            let location = try Ground.location()
            let cgroup = try location.create()
            defer { Ground.cleanUp(cgroup) }
            try cgroup.freeze()
            let error = #expect(throws: CgroupError.self) { try location.create() }
            #expect(error.map { "\($0)" }?.contains("container's cgroup unexpectedly frozen") == true)
            try cgroup.thaw()
            try location.requireUnused()
        }

        @Test func `the first process goes in by itself, everywhere`() throws {
            try Ground.withCgroup { cgroup in
                let lines = try Ground.run(in: cgroup, "cat /proc/self/cgroup").output.split(separator: "\n")
                let name = cgroup.directories[0].path.split(separator: "/").suffix(2).joined(separator: "/")
                for directory in cgroup.directories {
                    let line = lines.first { $0.contains(":\(directory.label):") }
                    #expect(line?.hasSuffix(name) == true, "\(directory.label): \(line ?? "none")")
                }
            }
        }

        @Test func `another process is moved in with its threads`() throws {
            try Ground.withCgroup { cgroup in
                let process = try Spawn(.path("/bin/busybox"), arguments: ["busybox", "sleep", "60"]).start()
                try cgroup.add(process.pid)
                #expect(try cgroup.processes() == [process.pid])
                try cgroup.killAll()
                _ = try process.wait()
            }
        }

        @Test func `a child of the cgroup must exist and cannot be outside`() throws {
            try Ground.withCgroup { cgroup in
                #expect(throws: CgroupError.self) { try cgroup.child("missing") }
                #expect(throws: CgroupError.self) { try cgroup.child("../\(cgroup.directories[0].path)") }
                for directory in cgroup.directories { try Files.makeDirectory("\(directory.path)/inner", mode: 0o755) }
                #expect(
                    try cgroup.child("inner").directories.map(\.path) == cgroup.directories.map { "\($0.path)/inner" })
            }
        }

        // MARK: cgroup v2

        @Test(.needsV2Alone) func `below a threaded cgroup there is no container`() throws {
            try Ground.withCgroup { outer in
                let directory = outer.unified ?? ""
                try Files.makeDirectory("\(directory)/threads", mode: 0o755)
                try Files.writeExisting("\(directory)/threads/cgroup.type", "threaded")
                let error = #expect(throws: CgroupError.self) { try inner("threads/c", of: outer).create() }
                #expect(error.map { "\($0)" } == "linux.cgroupsPath: below a threaded cgroup: \(directory)/threads/c")
                #expect(!Files.exists("\(directory)/threads/c"))
            }
        }

        /// The kernel names a controller in `cgroup.controllers` before its files are there.
        @Test(.needsV2Alone) func `neighbours that enable controllers for each other get their limits`() async throws {
            for _ in 0..<25 {
                let path = Ground.uniquePath("fresh")
                let failures = await withTaskGroup(of: String?.self) { group in
                    for task in 0..<8 {
                        group.addTask {
                            do {
                                let place = try CgroupPath("\(path)/\(task)", id: "i")
                                let resources = Resources(pids: .init(limit: 7))
                                try CgroupLocation(place, in: Ground.layout).create(resources).discard()
                                return nil
                            } catch {
                                return "\(error)"
                            }
                        }
                    }
                    return await group.reduce(into: [String]()) { if let text = $1 { $0.append(text) } }
                }
                #expect(failures == [])
                for directory in try CgroupLocation(CgroupPath(path, id: "i"), in: Ground.layout).directories {
                    if Files.exists(directory.path) { try Files.removeDirectory(directory.path) }
                }
            }
        }

        @Test(.needsV2Alone) func `where processes are no controller is enabled, and no cgroup becomes threaded`()
            throws
        {
            try Ground.withCgroup { outer in
                let process = try Ground.shell(in: outer, "exec sleep 60")
                let place = try inner("c", of: outer)
                let limits = Resources(memory: .init(limit: 64 << 20))
                let error = #expect(throws: CgroupError.self) { try place.create(limits) }
                let text = error.map { "\($0)" } ?? ""
                #expect(text.hasPrefix("linux.resources.memory.limit: the memory controller is not available: "))
                #expect(text.hasSuffix("/cgroup.subtree_control: processes are in that cgroup itself"))
                let cgroup = try place.create()
                #expect(try Ground.run(in: cgroup, "true").status == 0)
                #expect(try Files.readText("\(outer.unified ?? "")/cgroup.type") == "domain")
                try cgroup.discard()
                try outer.killAll()
                _ = try process.wait()
            }
        }

        private func inner(_ path: String, of outer: Cgroup) throws -> CgroupLocation {
            let root = Ground.unifiedRoot?.mountPoint ?? ""
            let place = (outer.unified ?? "").dropFirst(root.count)
            return try CgroupLocation(CgroupPath("\(place)/\(path)", id: "i"), in: Ground.layout)
        }

        // MARK: Removal

        @Test func `cgroups that the container made go with it`() throws {
            try Ground.withCgroup { cgroup in
                for directory in cgroup.directories {
                    for name in ["a", "a/b", "a/b/c", "d"] {
                        try Files.makeDirectory("\(directory.path)/\(name)", mode: 0o755)
                    }
                }
                try cgroup.remove()
                #expect(cgroup.directories.allSatisfy { !Files.exists($0.path) })
            }
        }

        @Test func `removal waits for those who were killed, and kills nobody`() throws {
            try Ground.withCgroup { cgroup in
                let process = try Ground.shell(in: cgroup, "for i in 1 2 3 4 5 6 7 8; do sleep 60 & done; wait")
                #expect(try Ground.eventually { try cgroup.processes().count == 9 })
                let error = #expect(throws: CgroupError.self) { try cgroup.remove(within: 50) }
                #expect(error.map { "\($0)" }?.contains("device or resource busy (processes ") == true)
                #expect(try process.poll() == nil)
                try cgroup.killAll()
                try cgroup.remove(within: 30_000)
                _ = try process.wait()
                #expect(cgroup.directories.allSatisfy { !Files.exists($0.path) })
            }
        }

        @Test func `the root of a hierarchy is never removed, nor what is in it`() throws {
            let roots: [Hierarchy] =
                switch Ground.layout {
                case .v2(let unified): [unified]
                case .v1(let hierarchies, let unified): hierarchies + (unified.map { [$0] } ?? [])
                case .none: []
                }
            for root in roots {
                // Asked for as the tree walk sees it, so that nothing of this host can be hit even if the guard fails.
                #expect(!Files.exists("\(parent(of: root.mountPoint))/cgroup.procs"))
            }
            #expect(throws: CgroupError.self) { try CgroupPath("/", id: "i") }
        }

        @Test func `many containers come and go below one parent`() async throws {
            let path = Ground.uniquePath("parent")
            let failures = await withTaskGroup(of: String?.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        do {
                            for round in 0..<10 {
                                let place = try CgroupPath("\(path)/\(task)-\(round)", id: "i")
                                let cgroup = try CgroupLocation(place, in: Ground.layout).create()
                                try cgroup.discard()
                            }
                            return nil
                        } catch {
                            return "\(error)"
                        }
                    }
                }
                return await group.reduce(into: [String]()) { if let text = $1 { $0.append(text) } }
            }
            #expect(failures == [])
            for directory in try CgroupLocation(CgroupPath(path, id: "i"), in: Ground.layout).directories {
                for leftover in [directory.path, parent(of: directory.path)] where Files.exists(leftover) {
                    try Files.removeDirectory(leftover)
                }
            }
        }

        // MARK: Processes

        @Test func `processes of cgroups below count, and a signal reaches them`() throws {
            try Ground.withCgroup { cgroup in
                for directory in cgroup.directories {
                    try Files.makeDirectory("\(directory.path)/inner", mode: 0o755)
                    if directory.has("cpuset") { try CpusetV1.inherit("\(directory.path)/inner", isNew: true) }
                }
                let inner = try cgroup.child("inner")
                let one = try Ground.shell(in: inner, "exec sleep 60")
                let two = try Ground.shell(in: cgroup, "exec sleep 60")
                // Each goes into one hierarchy after the other.
                #expect(Ground.eventually { isEverywhere(one.pid, in: inner) && isEverywhere(two.pid, in: cgroup) })
                #expect(try Set(cgroup.processes()) == [one.pid, two.pid])
                #expect(try inner.processes() == [one.pid])
                try cgroup.signalAll(15)
                #expect(try one.wait() == .killed(signal: 15))
                #expect(try two.wait() == .killed(signal: 15))
                #expect(try !cgroup.isFrozen())
                #expect(try cgroup.processes() == [])
            }
        }

        @Test func `a cgroup that is gone has no processes`() throws {
            let gone = Cgroup(restoring: try Ground.location().stateText)
            #expect(try gone.processes() == [])
            #expect(try !gone.isFrozen())
            try gone.killAll()
            try gone.remove()
            #expect(gone.oomKills() == nil)
        }

        private func isEverywhere(_ pid: Int32, in cgroup: Cgroup) -> Bool {
            cgroup.directories.allSatisfy { directory in
                (try? Files.readText("\(directory.path)/cgroup.procs"))?.split(separator: "\n").contains("\(pid)")
                    == true
            }
        }

        @Test func `those who never stop forking are killed completely`() throws {
            try Ground.withCgroup(Resources(pids: .init(limit: 90))) { cgroup in
                let process = try Ground.shell(
                    in: cgroup, "for i in $(seq 20); do (while :; do sleep 0.001; done) & done; wait")
                #expect(try Ground.eventually { try cgroup.processes().count > 20 })
                try cgroup.killAll()
                #expect(try process.hasEnded(within: 30_000))
                try cgroup.remove(within: 30_000)
                _ = try process.wait()
            }
        }

        @Test func `a process that ended and was not reaped holds nothing up`() throws {
            try Ground.withCgroup { cgroup in
                let process = try Ground.shell(in: cgroup, "exit 3")
                #expect(try process.hasEnded(within: 30_000))
                try cgroup.remove(within: 100)
                #expect(try process.wait() == .exited(3))
            }
        }

        @Test func `freezing stops, thawing resumes, and the frozen can be killed`() throws {
            try Ground.withCgroup { cgroup in
                let process = try Ground.shell(in: cgroup, "while :; do :; done")
                #expect(try Ground.eventually { try cgroup.processes() == [process.pid] })
                #expect(try !cgroup.isFrozen())
                try cgroup.freeze()
                #expect(try cgroup.isFrozen())
                let before = try time(of: process.pid)
                usleep(200_000)
                // The kernel may book the last tick a little after the process has come to a stand.
                #expect(try time(of: process.pid) <= before + 1)
                try cgroup.thaw()
                #expect(try !cgroup.isFrozen())
                #expect(try Ground.eventually { try time(of: process.pid) > before })
                try cgroup.freeze()
                try cgroup.killAll()
                #expect(try process.hasEnded(within: 30_000))
                _ = try process.wait()
            }
        }

        /// Clock ticks that a process has run (fields 14 and 15 of proc(5)).
        private func time(of pid: Int32) throws -> Int {
            let fields = try Files.readText("/proc/\(pid)/stat").split(separator: " ")
            return (Int(fields[13]) ?? 0) + (Int(fields[14]) ?? 0)
        }

        @Test func `a process that the kernel kills for want of memory is counted`() throws {
            try Ground.withCgroup(Resources(memory: .init(limit: 16 << 20, swap: 16 << 20))) { cgroup in
                #expect(!cgroup.hasRunOutOfMemory())
                _ = try Ground.run(in: cgroup, "head -c 60m /dev/zero | tail -c 50m | wc -c")
                #expect(cgroup.hasRunOutOfMemory())
                #expect((cgroup.oomKills() ?? 0) >= 1)
            }
        }
    }
}
