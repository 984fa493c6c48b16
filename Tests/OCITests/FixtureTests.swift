import Foundation
import OCI
import Testing

@Suite struct FixtureTests {
    @Test(arguments: Fixtures.names(in: "invalid"))
    func invalidConfigurationsAreRefusedWithTheExactText(name: String) throws {
        let expected = String(decoding: try Fixtures.bytes("invalid/\(name).txt"), as: UTF8.self)
        let text = try #require(failure(of: try Fixtures.bytes("invalid/\(name).json")))
        #expect(text + "\n" == expected)
    }

    @Test func thereAreEnoughOfThem() {
        #expect(Fixtures.names(in: "invalid").count >= 45)
        #expect(Fixtures.names(in: "configs").count >= 14)
    }

    @Test(arguments: Fixtures.names(in: "configs"))
    func validConfigurationsAreAccepted(name: String) throws {
        let spec = try Spec.decode(try Fixtures.bytes("configs/\(name).json"))
        #expect(spec.ociVersion.hasPrefix("1."))
        #expect(!spec.root.path.isEmpty)
    }

    @Test func onlyTheseHaveWarnings() throws {
        var warnings: [String] = []
        for name in Fixtures.names(in: "configs") {
            let spec = try Spec.decode(try Fixtures.bytes("configs/\(name).json"))
            warnings += spec.warnings.map { "\(name): \($0)" }
        }
        #expect(
            warnings == [
                #"mounts: mounts[21].destination: not absolute, taken as "/relative": "relative""#,
                #"process: process.capabilities.bounding[3]: unknown capability, ignored: "CAP_FROM_THE_FUTURE""#,
                "process: process.capabilities.ambient: "
                    + "CAP_NET_BIND_SERVICE ignored, it is not in both permitted and inheritable",
            ])
    }

    /// Every property that the fixtures show, replaced by a value of a wrong type, is an error at its place.
    @Test(arguments: Fixtures.names(in: "configs"))
    func aWrongTypeAnywhereIsAnErrorThere(name: String) throws {
        let data = Data(try Fixtures.bytes("configs/\(name).json"))
        let document = try JSONSerialization.jsonObject(with: data)
        var places: [[Step]] = []
        collect(document, [], &places)
        for place in places {
            let changed = replacing(document, at: place[...])
            let bytes = [UInt8](try JSONSerialization.data(withJSONObject: changed, options: .fragmentsAllowed))
            let text = failure(of: bytes) ?? "no error"
            let lines = text.split(separator: "\n")
            let path = pathText(place)
            #expect(Set(lines).count == lines.count, "\(path): \(text)")
            #expect(
                lines.contains { $0.hasPrefix(path.isEmpty ? "not an object" : path + ": ") },
                "\(path): \(text)")
        }
    }

    private enum Step {
        case member(String)
        case element(Int)
    }

    /// The places of all values; of a long list of texts the first one stands for all.
    private func collect(_ value: Any, _ place: [Step], _ places: inout [[Step]]) {
        places.append(place)
        if let object = value as? [String: Any] {
            for (name, member) in object where !(member is NSNull) {
                collect(member, place + [.member(name)], &places)
            }
        } else if let list = value as? [Any] {
            for (index, element) in list.enumerated() where index == 0 || !(element is String) {
                collect(element, place + [.element(index)], &places)
            }
        }
    }

    private func replacing(_ value: Any, at place: ArraySlice<Step>) -> Any {
        switch place.first {
        case nil: return value is String || value is NSNumber ? ["wrong": 1] as [String: Any] : 1.5
        case .member(let name):
            guard var object = value as? [String: Any], let member = object[name] else { return value }
            object[name] = replacing(member, at: place.dropFirst())
            return object
        case .element(let index):
            guard var list = value as? [Any] else { return value }
            list[index] = replacing(list[index], at: place.dropFirst())
            return list
        }
    }

    private func pathText(_ place: [Step]) -> String {
        var path = ""
        for step in place {
            switch step {
            case .element(let index): path += "[\(index)]"
            case .member(let name):
                let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
                path += isPlain ? (path.isEmpty ? name : ".\(name)") : "[\"\(name)\"]"
            }
        }
        return path
    }

    /// Whatever bytes come: an error or a value, never a crash.
    @Test(arguments: Fixtures.names(in: "configs"))
    func damagedDocumentsDoNoHarm(name: String) throws {
        let original = try Fixtures.bytes("configs/\(name).json")
        var random = SplitMix(state: UInt64(name.utf8.reduce(7) { $0 &* 31 &+ Int($1) }.magnitude))
        for _ in 0..<60 {
            var bytes = original
            for _ in 0...(random.next() % 4) {
                let position = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: position)
                case 2: bytes.insert(Array("{}[],:\"0-e.\\ntf".utf8)[Int(random.next() % 15)], at: position)
                default: bytes.removeSubrange(position...)
                }
                if bytes.isEmpty { break }
            }
            _ = failure(of: bytes)
        }
    }

    private struct SplitMix {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
