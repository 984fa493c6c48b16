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
                if let spec {
                    explainMeaning(in: spec.ociVersion, of: root, &reader)
                    warnOfAnnotations(spec, root, &reader)
                }
                return spec
            }
            return (
                spec, (reader.error?.problems ?? []).located(in: bytes),
                reader.warnings.located(in: bytes) + Reader.repetitions(in: bytes)
            )
        } catch {
            return (nil, error.problems, [])
        }
    }

    /// What crun would do for an annotation, and apus does not.
    private static func warnOfAnnotations(_ spec: Spec, _ root: JSONNode, _ reader: inout Reader) {
        guard let node = root["annotations"] else { return }
        for annotation in spec.annotations where CrunAnnotations.isUnavailable(annotation.key) {
            reader.warn(node, member: annotation.key, "has an effect in crun, and none in apus")
        }
    }

    /// Says what is meant by a value that has another meaning in another version of the specification.
    private static func explainMeaning(in version: String, of root: JSONNode, _ reader: inout Reader) {
        guard let pids = root["linux"]?["resources"]?["pids"], (try? pids["limit"]?.integer(Int64.self)) == 0 else {
            return
        }
        reader.warn(
            pids, "limit",
            Resources.takesZeroForNoLimit(version)
                ? "0 means no limit in a configuration of version \(version), and a limit from 1.3.0 on;"
                    + " -1 is no limit in all"
                : "0 is a limit since version 1.3.0: the first process, and no other beside it; -1 is no limit")
    }
}

extension Reader {
    /// The members of a document whose name an earlier one has too: only the last one counts.
    static func repetitions(in bytes: [UInt8]) -> [Problem] {
        TextPlaces.repeatedNames(in: bytes, atMost: limit).map { path, place in
            var problem = Problem(path: path, message: "given twice, and the last one counts")
            problem.place = place
            return problem
        }
    }
}
