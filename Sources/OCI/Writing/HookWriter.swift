public import JSON

extension Hooks {
    /// Writes the hooks as an object, in the form of `config.json`; kinds without a hook are left out.
    public func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            for kind in HookKind.allCases where !self[kind].isEmpty {
                writer.member(
                    kind.rawValue,
                    array: { writer in
                        for hook in self[kind] { hook.encode(to: &writer) }
                    })
            }
        }
    }
}

extension Hook {
    func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("path", path)
            if !args.isEmpty { writer.member("args", args) }
            if let env { writer.member("env", env) }
            if let timeout { writer.member("timeout", timeout) }
        }
    }
}

extension Annotation {
    /// Writes annotations as an object, sorted by key.
    public static func encode(_ annotations: [Annotation], to writer: inout JSONWriter) {
        writer.object { writer in
            for annotation in annotations.sorted(by: { $0.key < $1.key }) {
                writer.member(annotation.key, annotation.value)
            }
        }
    }
}
