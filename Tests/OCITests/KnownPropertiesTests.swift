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

    @Test func partsOfAConfigurationAreLookedAtToo() throws {
        let limits = try Resources.inspect(Array(#"{"memory": {"limt": 5}, "pids": {"limit": 1, "limit": 2}}"#.utf8))
        #expect(
            limits.warnings.map(\.located) == [
                "memory.limt: unknown property, which has no effect; did you mean limit?"
            ])
        #expect(limits.resources.pids?.limit == 2)
        let process = try Process.decode(
            Array(#"{"args": ["a"], "cwd": "/", "cwd": "/x", "user": {"uid": 0, "gid": 0}, "trminal": 1}"#.utf8))
        #expect(
            process.warnings.map(\.located) == [
                "trminal: unknown property, which has no effect; did you mean terminal?"
            ])
        // The last of two counts, and to say so would take a second look at the whole text.
        #expect(process.process.cwd == "/x")
    }

    @Test func problemsKnowTheirPlaceInTheText() throws {
        let text = "{\n  \"ociVersion\": 1,\n  \"root\": {\"path\": \"r\", \"readonly\": 1},\n  \"process\": {}\n}"
        do throws(SpecError) {
            _ = try Spec.decode(Array(text.utf8))
            Issue.record("it was accepted")
        } catch {
            #expect(
                error.problems.map(\.located) == [
                    "ociVersion: not a string: 1 (line 2, column 17)",
                    "root.readonly: not true or false: 1 (line 3, column 37)",
                    "process.args: missing (line 4, column 14)", "process.cwd: missing (line 4, column 14)",
                ])
        }
        let inspected = Spec.inspect(Array(text.utf8))
        #expect(inspected.problems.allSatisfy { $0.place != nil })
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
