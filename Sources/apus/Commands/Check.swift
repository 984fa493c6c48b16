internal import Cgroups
internal import CommandLineInterface
internal import OCI
internal import Runtime
internal import Spelling

extension Command {
    /// `check`: everything that is wrong with a bundle on this host; 1 if there is an error.
    static func check(
        _ options: CheckOptions, _ manager: CgroupManager, _ rootless: RootlessMode
    ) throws(RuntimeError) -> Int32 {
        let findings = BundleCheck.findings(
            bundle: options.bundle, config: options.config, manager: manager, rootless: rootless)
        let errors = findings.count { $0.severity == .error }
        switch options.format {
        case .json: try Output.standard(CheckDocument.json(of: findings))
        case .text:
            var text = ""
            for finding in findings {
                text += Quoting.line(Excerpt.of("\(finding)"))
                for line in finding.excerpt.components(between: "\n") { text += Quoting.line(line) }
            }
            if errors == 0 {
                text += Quoting.line(
                    "\(options.bundle): good on this host" + (findings.isEmpty ? "" : ", with warnings"))
            }
            try Output.standard(text)
        }
        return errors == 0 ? 0 : 1
    }
}
