import OCI
import Testing

/// What `mounts add` and `mounts remove` read.
@Suite struct MountListTests {
    private static func add(_ text: String, _ linux: Linux = Linux()) throws(SpecError) -> [Mount] {
        try Mount.decodeAdded(Array(text.utf8), for: linux).mounts
    }

    @Test func aListIsReadAsInAConfiguration() throws {
        let mounts = try Self.add(
            #"[{"destination": "/a", "source": "/s", "options": ["rbind", "ro"]}, {"destination": "b", "type": "tmpfs"}]"#
        )
        #expect(mounts.map { $0.destination } == ["/a", "/b"])
        #expect(mounts[0].isRecursiveBind && mounts[0].attributes.set == .readOnly)
        #expect(mounts[1].type == "tmpfs")
    }

    @Test func allThatIsWrongIsSaidAtOnce() {
        let text = #"""
            [{"destination": "/", "type": "tmpfs"}, {"destination": "/dev/", "type": "tmpfs"},
             {"destination": "/proc/x/../y", "type": "tmpfs"}, {"destination": "/sys", "source": "/", "options": ["bind"]},
             {"destination": "/a", "type": "cgroup2"}, {"destination": "/a", "options": ["remount"]},
             {"destination": "/a", "type": "tmpfs", "options": ["tmpcopyup"]}, {"type": "tmpfs"}, 7]
            """#
        #expect {
            _ = try Self.add(text)
        } throws: { error in
            "\(error)".split(separator: "\n").map { $0.prefix { $0 != ":" } }.map { String($0) } == [
                "mounts[0].destination", "mounts[1].destination", "mounts[2].destination", "mounts[3].destination",
                "mounts[4].type", "mounts[5].options", "mounts[6].options", "mounts[7].destination", "mounts[8]",
            ]
        }
    }

    @Test(arguments: [
        (#"{"mounts": []}"#, "mounts: not an array: {...}"), ("null", "mounts: not an array: null"),
        ("[", "the text ends here"), (#"[null]"#, "mounts[0]: null"),
    ])
    func whatIsNoListIsRefused(text: String, message: String) {
        #expect {
            _ = try Self.add(text)
        } throws: { error in
            "\(error)".contains(message)
        }
        #expect {
            _ = try Mount.decodeDestinations(Array(text.utf8))
        } throws: { error in
            "\(error)".contains(message)
        }
    }

    @Test func idMappingsByTheWordAloneNeedAUserNamespace() throws {
        let text = #"[{"destination": "/a", "source": "/s", "options": ["bind", "idmap"]}]"#
        #expect(throws: SpecError.self) { _ = try Self.add(text) }
        #expect(try Self.add(text, Linux(namespaces: [Namespace(.user)]))[0].idMap?.usesContainerMappings == true)
    }

    @Test func forARemovalOnlyTheDestinationsCount() throws {
        let text = #"[{"destination": "/a", "type": 7, "options": {}}, {"destination": "b"}]"#
        #expect(try Mount.decodeDestinations(Array(text.utf8)) == ["/a", "/b"])
    }
}
