internal import CommandLineInterface
internal import Kernel
internal import OCI
internal import Runtime

extension Command {
    /// `spec`: a configuration to begin with, in a new `config.json`.
    static func spec(_ options: SpecOptions) throws(RuntimeError) {
        let rootless =
            options.rootless
            ? SpecTemplate.Rootless(uid: ThisProcess.effectiveUser, gid: ThisProcess.effectiveGroup) : nil
        let template = SpecTemplate(rootless: rootless, cgroupNamespace: HostFeatures.isPureCgroup2)
        let isThere = options.bundle == "." || options.file.hasPrefix("/")
        let path = isThere ? options.file : "\(options.bundle)/\(options.file)"
        do {
            let file = try Descriptor.open(path, [.writeOnly, .create, .exclusive], mode: 0o666)
            try file.write(template.json())
        } catch {
            if error.errno == .exists { throw .usage("File \(path) exists. Remove it first") }
            throw .system(error, field: "--bundle")
        }
    }
}
