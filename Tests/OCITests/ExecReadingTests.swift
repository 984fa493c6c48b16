import OCI
import Testing

/// What `exec` reads of a container's own configuration.
@Suite struct ExecReadingTests {
    private static let document = """
        {"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "hostname": "h",
         "process": {"args": ["a"], "cwd": "/", "capabilities": {"bounding": ["CAP_KILL"]}},
         "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
         "hooks": {"poststop": [{"path": "/h"}]},
         "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "network", "path": "/n"}],
                   "seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}, "personality": {"domain": "LINUX32"},
                   "maskedPaths": ["/proc/kcore"], "sysctl": {"net.ipv4.ip_forward": "1"}}}
        """

    @Test func whatAProcessDependsOnIsRead() throws {
        let spec = try Spec.decodeForExec(Array(Self.document.utf8))
        #expect(spec.process?.args == ["a"])
        #expect(spec.process?.capabilities?.bounding == CapabilitySet([.kill]))
        #expect(spec.linux.namespaces.map(\.kind) == [.pid, .mount, .network])
        #expect(spec.linux.namespace(.network)?.path == "/n")
        #expect(spec.linux.seccomp?.defaultAction == .allow)
        #expect(spec.linux.personality == .linux32)
    }

    @Test func whatTheContainerIsMadeOfIsLeftOut() throws {
        let spec = try Spec.decodeForExec(Array(Self.document.utf8))
        #expect(spec.mounts.isEmpty)
        #expect(spec.hooks == Hooks())
        #expect(spec.hostname == nil)
        #expect(spec.linux.maskedPaths.isEmpty)
        #expect(spec.linux.sysctl.isEmpty)
    }

    @Test(arguments: [
        ("{}", "ociVersion"), ("[]", ""), ("", ""),
        (
            "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"r\"}, \"process\": {\"args\": [], \"cwd\": \"/\"}}",
            "process.args"
        ),
    ])
    func whatIsWrongIsToldWithItsPlace(document: String, place: String) {
        let error = #expect(throws: SpecError.self) { try Spec.decodeForExec(Array(document.utf8)) }
        #expect(error?.problems.first?.path == place)
    }
}
