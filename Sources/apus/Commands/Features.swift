internal import CommandLineInterface
internal import Kernel
internal import OCI
internal import Runtime
internal import Seccomp

/// What this build is.
enum Version {
    static let number = "0.1.0"
}

extension Command {
    /// `features`: the document that engines read.
    static func features() throws(RuntimeError) {
        let seccomp = Features.SeccompSupport(
            enabled: true, architectures: SeccompSupport.architectures, supportedFlags: SeccompSupport.flags)
        let features = Features(
            cgroup: .init(v1: true, v2: true, systemd: true, systemdUser: true, rdma: true), seccomp: seccomp,
            apparmor: true, selinux: true, intelRdt: .init(enabled: true, schemata: true, monitoring: true),
            memoryPolicy: true, idmap: true, netDevices: true, annotations: annotations,
            potentiallyUnsafeConfigAnnotations: Features.obeyedAnnotations)
        try Output.standard(features.json() + [UInt8(ascii: "\n")])
    }

    private static var annotations: [Annotation] {
        var list = [Annotation(key: "io.github.apus.version", value: Version.number)]
        if let commit = Version.commit { list.append(Annotation(key: "io.github.apus.commit", value: commit)) }
        // dockerd and podman look for this one.
        list.append(Annotation(key: "org.opencontainers.runc.checkpoint.enabled", value: "true"))
        list.append(Annotation(key: "io.github.seccomp.libseccomp.version", value: SeccompSupport.libraryVersion))
        return list
    }

    static func version() throws(RuntimeError) {
        let text = VersionText(
            version: Version.number, commit: Version.commit, specification: Spec.currentVersion,
            libseccomp: SeccompSupport.libraryVersion)
        do { try text.write { part throws(SystemError) in try Streams.write(part, to: 1) } } catch {
            throw .system(error, field: "")
        }
    }

    static func help(_ command: CommandLineInterface.Command?) throws(RuntimeError) {
        let colour = Output.hasColour(1)
        try Output.standard(command.map { Help.command($0, colour: colour) } ?? Help.program(colour: colour))
    }
}
