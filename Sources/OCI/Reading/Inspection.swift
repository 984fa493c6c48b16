internal import JSON

extension Spec {
    /// Reads as much of a `config.json` as can be read, and says everything that is wrong with it.
    /// Properties that the specification does not know are among the warnings.
    /// - Returns: `spec` is nil if the document is none, or lacks what every configuration has. What is wrong is
    ///   missing from it.
    public static func inspect(_ bytes: [UInt8]) -> (spec: Spec?, problems: [Problem], warnings: [Problem]) {
        do throws(SpecError) {
            let (spec, reader) = try Reader.read(bytes) { reader, root in
                let spec = reader.spec(root)
                KnownProperties.warn(about: root, &reader)
                return spec
            }
            return (spec, reader.error?.problems ?? [], reader.warnings)
        } catch {
            return (nil, error.problems, [])
        }
    }
}
