import OCI
import Testing

@Suite struct KnownPropertiesTests {
    private func unknown(in bytes: [UInt8]) -> [Problem] {
        Spec.inspect(bytes).warnings.filter { $0.message.hasPrefix("unknown property") }
    }

    @Test(arguments: Fixtures.names(in: "configs"))
    func whatTheSpecificationNamesIsKnown(name: String) throws {
        #expect(unknown(in: try Fixtures.bytes("configs/\(name).json")) == [])
    }

    @Test func whatItDoesNotNameIsToldWithWhatMayHaveBeenMeant() throws {
        let bytes = try document {
            $0["procces"] = ["args": 1]
            $0["root"] = ["path": "rootfs", "readOnly": true]
            $0["mounts"] = [["destination": "/a"], ["destination": "/b", "optoins": ["ro"]]]
            $0["hooks"] = ["poststop": [["path": "/x", "timout": 3]]]
            $0["linux"] = [
                "resources": ["memory": ["limt": 5], "rdma": ["mlx": ["hcaHandle": 1]], "devices": [["alow": true]]],
                "timeOffsets": ["monotonic": ["sec": 1]],
                "frobnicate": [1],
            ]
        }
        let found = unknown(in: bytes).map(\.description).sorted()
        let text = "unknown property, which has no effect"
        #expect(
            found == [
                "hooks.poststop[0].timout: \(text); did you mean timeout?",
                "linux.frobnicate: \(text)",
                "linux.resources.devices[0].alow: \(text); did you mean allow?",
                "linux.resources.memory.limt: \(text); did you mean limit?",
                "linux.resources.rdma.mlx.hcaHandle: \(text); did you mean hcaHandles?",
                "linux.timeOffsets.monotonic.sec: \(text); did you mean secs?",
                "mounts[1].optoins: \(text); did you mean options?",
                "procces: \(text); did you mean process?",
                "root.readOnly: \(text); did you mean readonly?",
            ])
    }

    @Test func namesThatAreDataAndOtherPlatformsAreLeftAlone() throws {
        let bytes = try document {
            $0["annotations"] = ["org.example.anything": "x"]
            $0["windows"] = ["layerFolders": ["x"], "whatever": ["y": 1]]
            $0["linux"] = ["sysctl": ["kernel.shmmax": "1"], "resources": ["unified": ["memory.high": "1"]]]
        }
        #expect(unknown(in: bytes) == [])
    }

    /// Who runs a container is not told: the specification wants such properties to be ignored.
    @Test func runningSaysNothing() throws {
        #expect(try decode { $0["procces"] = 1 }.warnings == [])
    }
}
