import Harness
import Testing

@testable import OCI

/// Every property of the specification: what apus does with it and what shows that, and what is said of mistakes.
///
/// `spec-fixtures/properties/table.txt` is the table that people read; `make test` prints it.
@Suite struct PropertyTests {
    private static let root = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))
    private static let fixtures = "\(root)/spec-fixtures"

    /// Sections for other platforms.
    private static let others = ["freebsd", "solaris", "vm", "windows", "zos"]

    private static func lines(_ path: String) -> [String] {
        (Files.read("\(fixtures)/\(path)") ?? "").split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }

    // MARK: The table

    private struct Row {
        let place: String
        let effect: String
        /// Suites and functions, `Suite/function`.
        let tests: [String]
        let ran: String
    }

    private static let table: [Row] = lines("properties/table.txt").compactMap { line in
        let columns = line.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmed }
        guard columns.count == 4 else { return nil }
        return Row(
            place: columns[0], effect: columns[1], tests: columns[2].split(separator: ";").map { $0.trimmed },
            ran: columns[3])
    }

    @Test func `the schemas name no property that is not known, and the other way round`() throws {
        let schema = try Schema("config-schema.json", in: "\(Self.fixtures)/schema")
        let named = try schema.properties { Self.others.contains($0) }.map { place in
            let parts = place.split(separator: ".").map(String.init)
            // Six kinds of hooks and two clocks have the same members.
            if parts.count == 3, parts[0] == "hooks" { return "hooks.*[].\(parts[2])" }
            if place.hasPrefix("linux.timeOffsets."), parts.count == 4 { return "linux.timeOffsets.*.\(parts[3])" }
            return place
        }
        #expect(Set(named).subtracting(KnownProperties.places).sorted() == [])
        #expect(Set(KnownProperties.places).subtracting(named).sorted() == [])
    }

    @Test func `every property has its row, and every row its property`() {
        #expect(Self.table.count == Self.lines("properties/table.txt").count, "a row has not four columns")
        let rows = Self.table.map(\.place)
        #expect(Set(rows).count == rows.count)
        #expect(Set(KnownProperties.places).subtracting(rows).sorted() == [])
        #expect(Set(rows).subtracting(KnownProperties.places).sorted() == [])
        #expect(rows == rows.sorted())
    }

    @Test func `every row says what happens, where, and names tests that there are`() throws {
        var sources: [String: String] = [:]
        for file in Files.tree("\(Self.root)/Tests") where file.hasSuffix(".swift") || file.hasSuffix(".py") {
            let name = Files.name(of: file)
            sources[String(name.prefix(while: { $0 != "." })), default: ""] += Files.read(file) ?? ""
        }
        for row in Self.table {
            #expect(!row.effect.isEmpty && !row.tests.isEmpty, "\(row.place)")
            #expect(
                ["here", "guest", "layout", "plan", "here, guest"].contains(row.ran), "\(row.place): ran \(row.ran)")
            for test in row.tests {
                let parts = test.split(separator: "/", maxSplits: 1).map(String.init)
                let source = parts.count == 2 ? sources[parts[0]] ?? "" : ""
                let isThere = ["func `\(parts.last ?? "")`(", "func \(parts.last ?? "")(", "def \(parts.last ?? "")("]
                    .contains { source.contains($0) }
                #expect(isThere, "\(row.place): no test \(test)")
            }
        }
    }

    // MARK: A configuration with all of them

    @Test func `a configuration with every property is accepted, and what has no effect is told`() throws {
        let text = try #require(Files.read("\(Self.fixtures)/properties/every.json"))
        let value = try Value(parsing: text)
        var forLinux = value
        for name in Self.others { forLinux.remove(name) }
        #expect(try Schema("config-schema.json", in: "\(Self.fixtures)/schema").problems(with: forLinux) == [])
        var present: Set<String> = []
        collect(value, "", &present)
        #expect(Set(KnownProperties.places).subtracting(present).sorted() == [])
        let spec = try Spec.decode(Array(text.utf8))
        #expect(
            spec.warnings.map(\.description).sorted() == [
                "freebsd: no effect: this is for FreeBSD, and not for Linux",
                "process.commandLine: no effect: this is for Windows, and not for Linux",
                "process.user.username: no effect: this is for Windows, and not for Linux",
                "solaris: no effect: this is for Solaris, and not for Linux",
                "vm: no effect: this is for virtual machines, and not for Linux",
                "windows: no effect: this is for Windows, and not for Linux",
                "zos: no effect: this is for z/OS, and not for Linux",
            ])
    }

    /// The places of all members, those of any member of a map under `*`.
    private func collect(_ value: Value, _ place: String, _ places: inout Set<String>) {
        for (name, member) in value.members {
            let isData = ["linux.netDevices", "linux.resources.rdma"].contains(place)
            let isSame = place == "linux.timeOffsets"
            let inner = place.isEmpty ? name : "\(place).\(name)"
            if !isData { places.insert(inner) }
            let below = isData || isSame ? "\(place).*" : place == "hooks" ? "hooks.*" : inner
            collect(member, below, &places)
        }
        for element in value.items { collect(element, "\(place)[]", &places) }
    }

    // MARK: Mistakes

    private struct Mistake {
        let kind: String
        let changes: [(place: String, value: Value?)]
        let text: String
    }

    private func mistakes() throws -> [Mistake] {
        try Self.lines("invalid/properties.tsv").map { line in
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            try #require(columns.count == 3, "\(line)")
            let changes = try columns[1].parts(" // ").map { change in
                let place = String(change.prefix { $0 != "=" })
                let value = change.dropFirst(place.count + 1)
                return (place: place, value: value.isEmpty ? Value?.none : .some(try Value(parsing: value)))
            }
            return Mistake(
                kind: columns[0], changes: changes, text: columns[2].replacing(" // ", with: "\n"))
        }
    }

    @Test func `every mistake with a property is told in these words`() throws {
        let base = try Value(parsing: Files.read("\(Self.fixtures)/properties/every.json") ?? "")
        for mistake in try mistakes() {
            var value = base
            for change in mistake.changes { value.put(change.value, at: Path(change.place)[...]) }
            let text = failure(of: Array("\(value)".utf8)) ?? "no error"
            let what = mistake.changes.map { "\($0.place)=\($0.value.map { "\($0)" } ?? "")" }
            #expect(text == mistake.text, "\(what)")
        }
    }

    /// Properties of which every value of the right type is right.
    private static let anyValue: Set<String> = [
        "annotations", "hooks", "linux", "linux.intelRdt", "linux.personality", "linux.seccomp", "linux.timeOffsets",
        "mounts", "process", "process.capabilities", "process.consoleSize", "process.execCPUAffinity",
        "process.ioPriority", "process.scheduler", "process.user", "root", "freebsd", "solaris", "vm", "windows", "zos",
        "process.terminal", "process.noNewPrivileges", "process.apparmorProfile", "process.selinuxLabel",
        "process.user.username", "process.commandLine", "linux.mountLabel", "linux.personality.flags",
        "linux.intelRdt.enableMonitoring", "linux.intelRdt.l3CacheSchema", "linux.seccomp.listenerMetadata",
        "linux.memoryPolicy", "hooks.*[].args", "linux.resources", "linux.resources.blockIO", "linux.resources.cpu",
        "linux.resources.memory", "linux.resources.network", "linux.resources.pids",
        "linux.resources.memory.checkBeforeUpdate", "linux.resources.memory.disableOOMKiller",
        "linux.resources.memory.useHierarchy", "linux.resources.network.priorities", "linux.resources.rdma",
        "linux.resources.blockIO.throttleReadBpsDevice", "linux.resources.blockIO.throttleWriteBpsDevice",
        "linux.resources.blockIO.throttleReadIOPSDevice", "linux.resources.blockIO.throttleWriteIOPSDevice",
        // An unknown capability is a warning (config.md, "Linux Process").
        "process.capabilities.ambient", "process.capabilities.bounding", "process.capabilities.inheritable",
        "process.capabilities.permitted",
        // What is wrong is wrong with a member or an element.
        "hooks.createContainer", "hooks.createRuntime", "hooks.poststart", "hooks.poststop", "hooks.prestart",
        "hooks.startContainer", "linux.resources.devices", "linux.seccomp.syscalls[].args",
        "linux.timeOffsets.boottime", "linux.timeOffsets.monotonic",
    ]

    @Test func `every property has a wrong type and a wrong value among the mistakes`() throws {
        var typed: Set<String> = []
        var wrong: Set<String> = []
        for mistake in try mistakes() {
            for change in mistake.changes {
                var path = Path(change.place)
                // A list or a map with something wrong in it counts for the list.
                while let last = path.last {
                    let place = path.place
                    if mistake.kind == "type" { typed.insert(place) } else { wrong.insert(place) }
                    if case .member = last { break }
                    path.removeLast()
                }
            }
        }
        #expect(Set(KnownProperties.places).subtracting(typed).sorted() == [])
        #expect(Set(KnownProperties.places).subtracting(wrong).subtracting(Self.anyValue).sorted() == [])
    }
}

/// A place in a document: `linux.rdma["a b"].x[3]`.
private typealias Path = [Step]

private enum Step {
    case member(String)
    case element(Int)
}

extension [Step] {
    fileprivate init(_ text: String) {
        self = []
        var rest = text[...]
        while let first = rest.first {
            if first == "." { rest.removeFirst() }
            if rest.hasPrefix("[\"") {
                let name = rest.dropFirst(2).prefix { $0 != "\"" }
                append(.member(String(name)))
                rest = rest.dropFirst(name.count + 4)
            } else if rest.first == "[" {
                let digits = rest.dropFirst().prefix { $0 != "]" }
                append(.element(Int(digits) ?? -1))
                rest = rest.dropFirst(digits.count + 2)
            } else {
                let name = rest.prefix { $0 != "." && $0 != "[" }
                append(.member(String(name)))
                rest = rest.dropFirst(name.count)
            }
        }
    }

    /// Which property it is: `linux.resources.rdma.*.hcaHandles`.
    fileprivate var place: String {
        var text = ""
        for step in self {
            switch step {
            case .element: text += "[]"
            case .member(let name):
                let isAny =
                    ["linux.netDevices", "linux.resources.rdma", "linux.timeOffsets"].contains(text) && count > 3
                    || (text == "hooks" && count > 2)
                text += text.isEmpty ? name : isAny ? ".*" : ".\(name)"
            }
        }
        return text
    }
}

extension Value {
    /// - Parameter value: nil removes what is there.
    fileprivate mutating func put(_ value: Value?, at path: ArraySlice<Step>) {
        switch (path.first, value) {
        case (nil, let value): self = value ?? .null
        case (.member(let name), .none) where path.count == 1: remove(name)
        case (.element(let index), .none) where path.count == 1:
            self = .array(items.enumerated().filter { $0.offset != index }.map(\.element))
        case (.member(let name), _): self[name].put(value, at: path.dropFirst())
        case (.element(let index), _): self[index].put(value, at: path.dropFirst())
        }
    }
}

extension StringProtocol {
    fileprivate var trimmed: String { String(self.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }

    fileprivate func parts(_ separator: String) -> [String] {
        String(self).replacing(separator, with: "\u{1}").split(separator: "\u{1}").map(String.init)
    }
}
