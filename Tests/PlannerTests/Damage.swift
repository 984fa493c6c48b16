import Planner
import Testing

/// Where in a record a slot stands.
struct SlotPlace: Sendable, CustomTestStringConvertible {
    let operation: Planner.Operation
    let offset: Int
    /// Whether 0xffff stands for the working directory, or for none.
    let mayBeNone: Bool

    init(_ operation: Planner.Operation, _ offset: Int, mayBeNone: Bool = false) {
        self.operation = operation
        self.offset = offset
        self.mayBeNone = mayBeNone
    }

    var testDescription: String { "\(operation), byte \(offset)" }

    static let all: [SlotPlace] = [
        SlotPlace(.joinCgroup(.root), 8), SlotPlace(.enter(.root), 8), SlotPlace(.detachOldRoot(.root), 8),
        SlotPlace(.joinNamespace(.root, flag: 0), 16),
        SlotPlace(.moveMount(.mount, to: .target), 8), SlotPlace(.moveMount(.mount, to: .target), 10),
        SlotPlace(.unmount(.mount), 8), SlotPlace(.unmount(.mount), 10),
        SlotPlace(.meet(.ready), 12, mayBeNone: true), SlotPlace(.meet(.ready, count: 1), 14),
        SlotPlace(.handOver(.listener, through: nil), 18, mayBeNone: true),
        SlotPlace(.loadSeccomp(FilterProgram(instructions: [6, 0, 0, 0, 0, 0, 0, 0], flags: 0)), 20),
        SlotPlace(.writeFile(.procfs, path: "a", value: ""), 32, mayBeNone: true),
        SlotPlace(.openPath(.root, path: "a", flags: 0, into: .target), 32, mayBeNone: true),
        SlotPlace(.openPath(.root, path: "a", flags: 0, into: .target), 34),
        SlotPlace(.openTree(.root, path: "a", flags: 0, into: .target), 20, mayBeNone: true),
        SlotPlace(.openTree(.root, path: "a", flags: 0, into: .target), 22),
        SlotPlace(.openFileSystem(type: "a", into: .fileSystem), 16),
        SlotPlace(.configure(.fileSystem, .create), 28),
        SlotPlace(.createMount(.fileSystem, attributes: 0, into: .mount), 16),
        SlotPlace(.createMount(.fileSystem, attributes: 0, into: .mount), 18),
        SlotPlace(.setMountAttributes(.mount), 44, mayBeNone: true),
        SlotPlace(.setMountAttributes(.mount), 46, mayBeNone: true),
        SlotPlace(.makeTarget(root: .root, path: "a", .file, into: .target), 24),
        SlotPlace(.makeTarget(root: .root, path: "a", .file, into: .target), 26),
        SlotPlace(.makeTarget(root: .root, path: "a", .file, into: .target), 28),
        SlotPlace(.chooseMask(for: .target, file: .root, directory: .root, into: .mount), 8),
        SlotPlace(.chooseMask(for: .target, file: .root, directory: .root, into: .mount), 10),
        SlotPlace(.chooseMask(for: .target, file: .root, directory: .root, into: .mount), 12),
        SlotPlace(.chooseMask(for: .target, file: .root, directory: .root, into: .mount), 14),
        SlotPlace(.copyLink(source: "a", directory: .parent, name: "b"), 24),
        SlotPlace(.verifyDevice(.mount, mode: 0, major: 0, minor: 0), 8),
        SlotPlace(.makeNode(.devices, name: "a", mode: 0, major: 0, minor: 0, uid: 0, gid: 0), 36),
        SlotPlace(.makeLink(.devices, name: "a", target: "b"), 24),
        SlotPlace(.remove(.devices, name: "a"), 16),
        SlotPlace(.setWindow(.terminal, rows: 0, columns: 0), 8),
        SlotPlace(.setOwner(.standardInput, uid: 0, gid: 0), 16),
        SlotPlace(.duplicate(.terminalPeer, number: 0), 8),
        SlotPlace(.waitAtGate(receive: .hookInput, count: 1), 8),
        SlotPlace(.waitAtGate(receive: .hookInput, count: 1), 10),
        SlotPlace(.waitAtGate(receive: .hookInput, count: 1), 12), SlotPlace(.close(.root), 8),
        SlotPlace(.runHook(path: "a", arguments: [], environment: [], timeout: 0), 36),
        SlotPlace(.runHook(path: "a", arguments: [], environment: [], timeout: 0), 38),
        SlotPlace(.runHook(path: "a", arguments: [], environment: [], timeout: 0), 54),
        SlotPlace(.copyTree(from: .target, to: .mount), 8), SlotPlace(.copyTree(from: .target, to: .mount), 10),
        SlotPlace(.copyTree(from: .target, to: .mount), 12), SlotPlace(.findHome(uid: 0), 28),
        SlotPlace(.reopen(.target, flags: 0, into: .parent), 8),
        SlotPlace(.reopen(.target, flags: 0, into: .parent), 10),
        SlotPlace(.reopen(.target, flags: 0, into: .parent), 12),
    ]
}

/// Where in a record an offset and a length stand.
struct RangePlace: Sendable, CustomTestStringConvertible {
    enum Kind: Sendable {
        case text
        case list
        case bytes
    }

    let operation: Planner.Operation
    let offset: Int
    let kind: Kind

    init(_ operation: Planner.Operation, _ offset: Int, _ kind: Kind = .text) {
        self.operation = operation
        self.offset = offset
        self.kind = kind
    }

    var testDescription: String { "\(operation), byte \(offset)" }

    private static let filtered = HookConfinement(
        filter: FilterProgram(instructions: [6, 0, 0, 0, 0, 0, 0, 0], flags: 0))

    static let all: [RangePlace] = [
        RangePlace(.setHostName("a"), 8), RangePlace(.joinSessionKeyring(name: "a", permissions: 0), 8),
        RangePlace(.writeFile(.procfs, path: "a", value: "b"), 8),
        RangePlace(.writeFile(.procfs, path: "a", value: "b"), 16),
        RangePlace(.openPath(.root, path: "a", flags: 0, into: .target), 8),
        RangePlace(.openTree(.root, path: "a", flags: 0, into: .target), 8),
        RangePlace(.openFileSystem(type: "a", into: .fileSystem), 8),
        RangePlace(.configure(.fileSystem, .text(key: "a", value: "b")), 8),
        RangePlace(.configure(.fileSystem, .text(key: "a", value: "b")), 16),
        RangePlace(.setMountAttributes(nil, path: "a"), 8),
        RangePlace(.makeTarget(root: .root, path: "a", .file, into: .target), 8),
        RangePlace(.copyLink(source: "a", directory: .parent, name: "b"), 8),
        RangePlace(.copyLink(source: "a", directory: .parent, name: "b"), 16),
        RangePlace(.makeNode(.devices, name: "a", mode: 0, major: 0, minor: 0, uid: 0, gid: 0), 8),
        RangePlace(.makeLink(.devices, name: "a", target: "b"), 8),
        RangePlace(.makeLink(.devices, name: "a", target: "b"), 16),
        RangePlace(.remove(.devices, name: "a"), 8),
        RangePlace(.runHook(path: "a", arguments: ["b"], environment: ["c"], timeout: 0), 8),
        RangePlace(.runHook(path: "a", arguments: ["b"], environment: ["c"], timeout: 0), 16, .list),
        RangePlace(.runHook(path: "a", arguments: ["b"], environment: ["c"], timeout: 0), 24, .list),
        RangePlace(.findExecutable(name: "a", path: "/b"), 8), RangePlace(.findExecutable(name: "a", path: "/b"), 16),
        RangePlace(.runHook(path: "a", arguments: [], environment: [], timeout: 0, confinement: filtered), 40, .bytes),
        RangePlace(.findHome(uid: 0), 8, .list), RangePlace(.findHome(uid: 0), 16, .bytes),
        RangePlace(.tellPID(variable: "A"), 8, .list), RangePlace(.tellPID(variable: "A"), 16, .bytes),
        RangePlace(.execute(arguments: ["a"], environment: ["b"]), 8, .list),
        RangePlace(.execute(arguments: ["a"], environment: ["b"]), 16, .list),
        RangePlace(.setGroups([1]), 8, .bytes),
        RangePlace(.setAffinity(cpus: [1, 0, 0, 0, 0, 0, 0, 0]), 8, .bytes),
        RangePlace(.setMemoryPolicy(mode: 0, nodes: [1, 0, 0, 0, 0, 0, 0, 0]), 16, .bytes),
        RangePlace(.loadSeccomp(FilterProgram(instructions: [6, 0, 0, 0, 0, 0, 0, 0], flags: 0)), 8, .bytes),
    ]
}

/// The same numbers in every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number that may matter where another one stands: next to it, inside the plan, or anything.
    mutating func number(near value: Int, below limit: Int) -> Int {
        switch next() % 5 {
        case 0: value + Int(next() % 65) - 32
        case 1: Int(next() % UInt64(limit)) & ~7
        case 2: Int(next() % UInt64(limit + 16))
        case 3: [0, 1, 2, 8, 255, 256, 0xffff, 0x7fff_ffff, 0xffff_ffff][Int(next() % 9)]
        default: Int(truncatingIfNeeded: next() & 0xffff_ffff)
        }
    }
}

extension Blob {
    /// One to four changes: a byte, a bit, a number of 16 or 32 bits, or a piece of the plan put elsewhere.
    mutating func change(_ seed: UInt64, _ random: inout SplitMix, in range: Range<Int>) {
        for _ in 0...(seed % 4) {
            let place = range.lowerBound + Int(random.next() % UInt64(range.count - 8))
            let word = place & ~3
            switch random.next() % 5 {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes[place] ^= 1 << UInt8(random.next() % 8)
            case 2:
                let number = random.number(near: self.word(word) & 0xffff, below: bytes.count)
                bytes[place & ~1] = UInt8(truncatingIfNeeded: number)
                bytes[place | 1] = UInt8(truncatingIfNeeded: number >> 8)
            case 3: setWord(word, random.number(near: self.word(word), below: bytes.count))
            default:
                let from = range.lowerBound + Int(random.next() % UInt64(range.count - 8)) & ~7
                bytes.replaceSubrange((place & ~7)..<(place & ~7) + 8, with: Array(bytes[from..<(from + 8)]))
            }
        }
    }
}
