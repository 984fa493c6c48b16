internal import CommandLineInterface
internal import Kernel
internal import OCI
internal import Runtime
internal import Spelling

extension Command {
    /// `spec`: a configuration to begin with, in a new `config.json`.
    static func spec(_ options: SpecOptions, _ log: Log) throws(RuntimeError) {
        let rootless =
            options.rootless
            ? SpecTemplate.Rootless(uid: ThisProcess.effectiveUser, gid: ThisProcess.effectiveGroup) : nil
        var template = SpecTemplate(rootless: rootless, cgroupNamespace: HostFeatures.isPureCgroup2)
        if !options.hasTerminal { template.leaveOutTerminal() }
        var root: String?
        if let given = options.rootfs {
            root = try ImageFiles.root(given, bundle: options.bundle)
            template.root.path = given
        }
        if let path = options.imageConfig {
            try take(path, in: root, command: options.command, into: &template, log)
        } else if !options.command.isEmpty {
            template.process.args = options.command
        }
        guard template.process.args.first?.isEmpty != true else {
            throw .usage("the program has no name: give one behind --, as in \(programName) spec ... -- sh")
        }
        try write(template, options)
    }

    private static func take(
        _ path: String, in root: String?, command: [String], into template: inout SpecTemplate, _ log: Log
    ) throws(RuntimeError) {
        let image = try ImageFiles.config(at: path)
        template.take(image, command: command)
        if template.process.args.isEmpty {
            throw .usage("\(path): the image names no program: give one behind --, as in \(programName) spec ... -- sh")
        }
        if template.process.args[0].isEmpty, command.isEmpty {
            throw .usage("\(path): config.Cmd[0]: empty: give a program behind --, as in \(programName) spec ... -- sh")
        }
        if let user = image.user { template.process.user = try ImageFiles.identity(of: user, in: root, config: path) }
        for key in image.refusedLabels {
            log.write(
                .warning,
                "\(path): config.Labels[\(Quoting.quoted(key))] is left out: an image does not decide about the runtime"
            )
        }
    }

    private static func write(_ template: SpecTemplate, _ options: SpecOptions) throws(RuntimeError) {
        let isThere = options.bundle == "." || options.file.isAbsolute
        let path = isThere ? options.file : "\(options.bundle)/\(options.file)"
        let document = template.json()
        // What nobody could create a container of is not written.
        do { _ = try Spec.decode(document) } catch { throw .config(path: path, error) }
        do {
            let file = try Descriptor.open(path, [.writeOnly, .create, .exclusive], mode: 0o666)
            try file.write(document)
        } catch {
            if error.errno == .exists { throw .usage("File \(path) exists. Remove it first") }
            throw .system(error, field: "--bundle")
        }
    }
}
