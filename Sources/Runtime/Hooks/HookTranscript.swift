internal import Kernel
internal import OCI

/// The files to which hooks write (`run.oci.hooks.stdout`, `run.oci.hooks.stderr`), opened to be appended to.
///
/// Hooks of the host get them as they are. Hooks inside a container, of which some are programs of the image, never get
/// a file of the host: what they write into memory is copied.
struct HookTargets: ~Copyable {
    /// nil: it goes where it always goes.
    private(set) var output: Descriptor?
    private(set) var errors: Descriptor?

    init(_ annotations: [Annotation]) throws(RuntimeError) {
        let annotations = CrunAnnotations(annotations)
        output = try Self.open(annotations.hookOutput, CrunAnnotations.hookOutputField)
        errors = try Self.open(annotations.hookErrors, CrunAnnotations.hookErrorsField)
    }

    private static func open(_ path: String?, _ field: String) throws(RuntimeError) -> Descriptor? {
        guard let path else { return nil }
        do {
            return try Descriptor.open(path, [.writeOnly, .append, .create, .noControllingTerminal], mode: 0o600)
        } catch {
            throw .system(error, field: field)
        }
    }

    mutating func takeOutput() -> Descriptor? {
        var taken: Descriptor?
        swap(&taken, &output)
        return taken
    }

    mutating func takeErrors() -> Descriptor? {
        var taken: Descriptor?
        swap(&taken, &errors)
        return taken
    }

    var outputNumber: Int32? {
        switch output {
        case .some(let file): file.number
        case .none: nil
        }
    }

    var errorNumber: Int32? {
        switch errors {
        case .some(let file): file.number
        case .none: nil
        }
    }
}

/// A memory file on its way into a file of the host.
final class HookTranscript {
    /// A hook of the image may write without end, or leave holes: so much of it is copied, in bytes.
    private static let most: Int64 = 16 << 20
    private static let part = 64 << 10

    private let target: Descriptor
    private var done: Int64 = 0

    /// nil: there is nothing to copy to.
    init?(into target: consuming Descriptor?) {
        switch consume target {
        case .some(let target): self.target = target
        case .none: return nil
        }
    }

    /// Copies what was written since the last time. Whatever goes wrong with the target does not end the hook.
    func copy(from source: borrowing Descriptor) {
        guard let size = try? source.status().size else { return }
        while done < min(size, Self.most) {
            let count = Int(min(Int64(Self.part), min(size, Self.most) - done))
            guard let bytes = try? source.read(atMost: count, from: done), !bytes.isEmpty else { return }
            done += Int64(bytes.count)
            do { try target.write(bytes) } catch {
                done = Self.most
                return
            }
        }
    }
}
