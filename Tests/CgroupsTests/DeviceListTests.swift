import OCI
import Testing

@testable import Cgroups

typealias Rule = Resources.DeviceRule

/// cgroup v1's list of devices.
@Suite struct DeviceListTests {
    private let denyAll = Rule(allow: false)
    private let allowAll = Rule(allow: true)

    private func list(_ rules: [Rule]) throws -> DeviceList {
        var list = DeviceList()
        for rule in rules { try list.apply(rule) }
        return list
    }

    @Test func `a container begins with nothing allowed, and gets the standard devices`() throws {
        let list = try list(DeviceRules.complete([]))
        #expect(!list.allowsByDefault)
        #expect(
            list.exceptions.map(\.line).sorted() == [
                "b *:* m", "c *:* m", "c 10:200 rwm", "c 136:* rwm", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
                "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm",
            ])
    }

    @Test func `the last rule for a device decides`() throws {
        let fuse = Rule(allow: true, kind: .character, major: 10, minor: 229)
        let unfuse = Rule(allow: false, kind: .character, major: 10, minor: 229, access: [.write, .mknod])
        #expect(try list([denyAll, fuse]).exceptions.map(\.line) == ["c 10:229 rwm"])
        #expect(try list([denyAll, fuse, unfuse]).exceptions.map(\.line) == ["c 10:229 r"])
        #expect(try list([fuse, denyAll]) == DeviceList())
        #expect(try list([denyAll, fuse, Rule(allow: false, kind: .character, major: 10)]) == DeviceList())
        let open = try list([allowAll, unfuse])
        #expect(open.allowsByDefault)
        #expect(open.exceptions.map(\.line) == ["c 10:229 wm"])
        #expect(try list([allowAll, unfuse, fuse]).exceptions.isEmpty)
    }

    @Test func `a rule for all kinds of devices with some access is one for each kind`() throws {
        #expect(try list([Rule(allow: true, access: .read)]).exceptions.map(\.line) == ["b *:* r", "c *:* r"])
    }

    @Test func `an exception from an exception cannot be expressed`() {
        let wide = Rule(allow: true, kind: .character, major: 1, access: [.read, .write])
        let narrow = Rule(allow: false, kind: .character, major: 1, minor: 3, access: .write)
        #expect(throws: DeviceList.Inexpressible(rule: "c 1:3 w", exception: "c 1:* rw")) {
            try list([denyAll, wide, narrow])
        }
        #expect(throws: DeviceList.Inexpressible.self) {
            try list([denyAll, wide, Rule(allow: false, kind: .character, minor: 3, access: .write)])
        }
        #expect(throws: Never.self) {
            try list([denyAll, wide, Rule(allow: false, kind: .character, major: 1, minor: 3, access: .mknod)])
        }
    }

    @Test func `the kernel wants one exception for reading and writing`() throws {
        let list = try list([
            Rule(allow: true, kind: .character, access: .mknod),
            Rule(allow: true, kind: .character, major: 10, access: .read),
            Rule(allow: true, kind: .character, major: 10, minor: 229, access: .write),
        ])
        #expect(list.decisive.exceptions.map(\.line) == ["c *:* m", "c 10:* r", "c 10:229 rw"])
    }

    @Test func `the kernel's list is read back`() {
        let list = DeviceList(text: "c 1:3 rwm\nb *:* m\nc 136:* rw\n")
        #expect(!list.allowsByDefault)
        #expect(list.exceptions.map(\.line) == ["c 1:3 rwm", "b *:* m", "c 136:* rw"])
        #expect(DeviceList(text: "a *:* rwm\n").allowsByDefault)
    }

    @Test(arguments: [
        ("c 1:3 rwm", "c 1:3 rw"), ("c 136:* wm", "c 136:* w"), ("b *:* m", nil), ("c 1:3 r", nil), ("a", nil),
    ])
    func `a device can be used without being made`(line: String, use: String?) {
        #expect(DeviceList.Change(allow: true, line: line).withoutMaking == use)
    }

    // MARK: From one list to another

    private func changes(_ list: DeviceList, from current: String?) -> [String] {
        list.changes(from: current.map { DeviceList(text: $0) }).map { ($0.allow ? "allow " : "deny ") + $0.line }
    }

    @Test func `a new list is written as a whole`() throws {
        let rules = [denyAll, Rule(allow: true, kind: .character, major: 1, minor: 3)]
        #expect(changes(try list(rules), from: nil) == ["deny a", "allow c 1:3 rwm"])
        #expect(changes(try list(rules), from: "a *:* rwm\n") == ["deny a", "allow c 1:3 rwm"])
        #expect(changes(try list([allowAll]), from: "c 1:3 rwm\n") == ["allow a"])
        #expect(
            changes(try list([allowAll, Rule(allow: false, kind: .block, major: 8)]), from: "c 1:3 rwm\n")
                == ["allow a", "deny b 8:* rwm"])
    }

    @Test func `what both lists allow is allowed all the time`() throws {
        let rules = [
            Rule(allow: true, kind: .character, major: 1, minor: 3), Rule(allow: true, kind: .block, access: .mknod),
            Rule(allow: true, kind: .character, major: 10, minor: 229),
        ]
        #expect(
            changes(try list(rules), from: "c 1:3 rwm\nb *:* rm\nc 4:* rwm\n")
                == ["deny b *:* r", "deny c 4:* rwm", "allow c 10:229 rwm"])
        #expect(changes(try list(rules), from: "c 1:3 rwm\nb *:* m\nc 10:229 rwm\n") == [])
    }
}
